// What a program says of a machine's GPUs, and how it trains there: the program itself, over the
// emulated runtime with the driver's answers that real machines give.
#include <doctest/doctest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "tests/small_mnist.h"
#include "tests/temp_folder.h"

namespace glassbox::test {
namespace {

#if defined(GLASSBOX_PROGRAM) && defined(GLASSBOX_CUDA_EMULATED)

struct Output {
  int code = -1;
  std::string text;  // stdout and stderr
};

// `arguments` after the program's name, with variables before it.
Output run(const std::string& variables, const std::string& arguments) {
  const std::string command =
      "env -u GLASSBOX_DEVICE " + variables + " '" GLASSBOX_PROGRAM "' " + arguments + " 2>&1";
  Output out;
  std::FILE* const pipe = popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> buffer;
  for (std::size_t n; (n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    out.text.append(buffer.data(), n);
  out.code = pclose(pipe) / 256;
  return out;
}

std::string emulated(const std::string& settings) {
  return "GLASSBOX_CUDA_LIBRARY='" GLASSBOX_CUDA_EMULATED "' GLASSBOX_EMULATOR='" + settings + "'";
}

void check_has(const Output& out, const std::string& part) {
  CHECK_MESSAGE(out.text.find(part) != std::string::npos, out.text);
}

TEST_CASE("cuda devices: why there is no GPU, in the driver's cases") {
  struct Case {
    const char *settings, *says;
  };
  constexpr Case cases[] = {
      {"count_error=35 driver=0",
       "cuda    none: no NVIDIA driver answers (CUDA error 35). Install"},
      {"count_error=35 driver=12040",
       "too old (CUDA error 35): it is for CUDA 12.4, this build needs 13.0, that is driver 580 or "
       "newer"},
      {"count_error=34", "stub of libcuda is found before the driver's (CUDA error 34)"},
      {"count_error=100", "finds no NVIDIA GPU (CUDA error 100)"},
      {"devices=0", "finds no NVIDIA GPU (CUDA error 100)"},
      {"count_error=803", "restart the machine after an update of the driver"},
      {"count_error=46", "CUDA error 46: "},
      {"capability=70",
       "Emulated GPU has compute capability 7.0; Emulated GPU has compute capability 7.0, and this "
       "build has kernels for 80 90"},
  };
  for (const Case& c : cases) {
    INFO(c.settings);
    const Output devices = run(emulated(c.settings), "devices");
    CHECK(devices.code == 0);
    check_has(devices, c.says);
    // A training says it too, when it was asked for a GPU; else it runs on the CPU.
    const Output train = run(emulated(c.settings), "train --model cifar --device cuda");
    CHECK(train.code == 2);
    check_has(train, std::string("--device cuda: "));
  }
}

TEST_CASE("cuda devices: those that there are") {
  const Output out = run(emulated("devices=2"), "devices");
  CHECK(out.code == 0);
  check_has(out, "cuda:0  Emulated GPU\n");
  check_has(out, "cuda:1  Emulated GPU\n");
  check_has(out, "capability    9.0, 4 multiprocessors");
  check_has(out, "memory        2.0 GiB, 2.0 GiB free");
  check_has(out, "kernels for   8.0 9.0");
  check_has(run(emulated("devices=2"), "train --model cifar --device cuda:2"),
            "--device cuda:2: this machine has 2 GPUs, counted from 0");
  // A newer one of the same generation, and a newer generation by portable code.
  check_has(run(emulated("capability=89"), "devices"), "cuda:0  Emulated GPU");
  check_has(run(emulated("capability=121"), "devices"), "cuda:0  Emulated GPU");
}

TEST_CASE("cuda devices: a library that is none") {
  const Output missing = run("GLASSBOX_CUDA_LIBRARY=/nowhere/libglassbox_cuda.so", "devices");
  CHECK(missing.code == 0);
  check_has(missing, "cuda    none: this installation has no CUDA backend");
  check_has(run("GLASSBOX_CUDA_LIBRARY=libm.so.6", "devices"),
            "cuda    none: libm.so.6 is not a Glassbox CUDA library");
}

TEST_CASE("cuda devices: a training on the GPU from end to end, and on the CPU from its run") {
  const TempFolder folder;
  make_small_mnist(folder / "data", 96, 40);
  const std::string common = " --model mnist --dataset mnist --data '" + (folder / "data") +
                             "' --batch-size 16 --log-every 2 --seed 4 --epochs ";
  const std::string gpu = folder / "gpu";
  const Output first = run(emulated(""), "train" + common + "1 --device auto --run '" + gpu + "'");
  CHECK_MESSAGE(first.code == 0, first.text);
  check_has(first, "with cuda:0 (Emulated GPU)");
  const auto result = nlohmann::json::parse(std::ifstream(gpu + "/result.json"));
  CHECK(result.at("device") == "cuda:0");
  CHECK(result.at("epochs").size() == 1);
  CHECK(std::filesystem::exists(gpu + "/report.html"));
  // The run goes on, on the CPU.
  const Output second = run("", "train --resume '" + gpu + "' --epochs 2 --device cpu");
  CHECK_MESSAGE(second.code == 0, second.text);
  CHECK(nlohmann::json::parse(std::ifstream(gpu + "/result.json")).at("epochs").size() == 2);
  // The first epoch is the CPU's but for rounding.
  const std::string cpu = folder / "cpu";
  REQUIRE(run("", "train" + common + "1 --device cpu --run '" + cpu + "'").code == 0);
  const auto on_cpu = nlohmann::json::parse(std::ifstream(cpu + "/result.json"));
  const double a = result.at("epochs").at(0).at("loss"), b = on_cpu.at("epochs").at(0).at("loss");
  CHECK(a == doctest::Approx(b).epsilon(1e-3));
}

TEST_CASE("cuda devices: a batch that is too large is answered with one to try, until it fits") {
  const TempFolder folder;
  make_small_mnist(folder / "data", 64, 8);
  const std::string common = "train --model mnist --dataset mnist --data '" + (folder / "data") +
                             "' --device cuda --epochs 1 --log-every 0 --batch-size ";
  // The first convolution's output, 1.4 MiB, asks for a segment of 20 MiB; below 1 MiB one of 2
  // does.
  int batch = 64, tries = 0;
  for (;; ++tries) {
    const std::string run_folder = folder / ("run" + std::to_string(tries));
    const Output out = run(emulated("memory_mib=8"),
                           common + std::to_string(batch) + " --run '" + run_folder + "'");
    if (out.code == 0) break;
    CHECK(out.code == 1);
    check_has(out, "out of memory on cuda:0: asked for ");
    check_has(out, " bytes in Net.conv1 while ");
    check_has(out, "Net's parameters and buffers ");  // who holds what
    check_has(out, "A step of mnist with --batch-size " + std::to_string(batch) + " takes about ");
    constexpr std::string_view advice = "try --batch-size ";
    const std::size_t at = out.text.find(advice);
    REQUIRE_MESSAGE(at != std::string::npos, out.text);
    const int smaller = std::atoi(out.text.c_str() + at + advice.size());
    REQUIRE_MESSAGE(smaller < batch, out.text);
    REQUIRE_MESSAGE(smaller > 0, out.text);
    batch = smaller;
  }
  CHECK(tries >= 1);
  CHECK(tries <= 3);
}

#endif

}  // namespace
}  // namespace glassbox::test
