#include "glassbox/devices.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>
#include <utility>

#include "build_facts.h"
#include "engine/core/cuda.h"
#include "engine/core/error.h"
#include "engine/core/threads.h"
#include "glassbox/usage_error.h"

namespace glassbox {

namespace {

// "model name\t: AMD EPYC" -> {"model name", "AMD EPYC"}
std::pair<std::string, std::string> split(const std::string& line) {
  const auto trim = [](std::string text) {
    text.erase(0, text.find_first_not_of(" \t"));
    text.erase(text.find_last_not_of(" \t") + 1);
    return text;
  };
  const std::size_t colon = line.find(':');
  if (colon == std::string::npos) return {};
  return {trim(line.substr(0, colon)), trim(line.substr(colon + 1))};
}

std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> result;
  std::istringstream in(text);
  for (std::string word; in >> word;) result.push_back(word);
  return result;
}

std::string text_of(const char* path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// The kernel's words for what the flags of a build are called by.
constexpr std::pair<const char*, const char*> known_sets[] = {
    {"sse2", "SSE2"}, {"sse4_2", "SSE4.2"},   {"avx", "AVX"},           {"avx2", "AVX2"},
    {"fma", "FMA"},   {"avx512f", "AVX512F"}, {"avx512bw", "AVX512BW"}, {"avx512vl", "AVX512VL"},
};

std::string join(const std::vector<std::string>& list) {
  return list.empty() ? "unknown" : fmt::format("{}", fmt::join(list, " "));
}

}  // namespace

CpuInfo read_cpu_info(const std::string& cpuinfo, const std::string& meminfo) {
  CpuInfo cpu;
  std::set<std::pair<std::string, std::string>> cores;  // package and core
  std::string package, line;
  std::istringstream processors(cpuinfo);
  while (std::getline(processors, line)) {
    const auto [name, value] = split(line);
    if (name == "processor") ++cpu.threads;
    if (name == "model name" && cpu.model.empty()) cpu.model = value;
    if (name == "physical id") package = value;
    if (name == "core id") cores.emplace(package, value);
    if (name == "flags" && cpu.sets.empty()) {
      const std::vector<std::string> flags = words(value);
      for (const auto& [flag, set] : known_sets) {
        if (std::count(flags.begin(), flags.end(), flag)) cpu.sets.emplace_back(set);
      }
    }
  }
  if (cpu.model.empty()) cpu.model = "unknown";
  cpu.cores = static_cast<int>(cores.size());
  std::istringstream memory(meminfo);
  while (std::getline(memory, line)) {
    const auto [name, value] = split(line);
    double kib = 0;
    std::istringstream(value) >> kib;
    if (name == "MemTotal") cpu.memory_gib = kib / (1 << 20);
    if (name == "MemAvailable") cpu.available_gib = kib / (1 << 20);
  }
  return cpu;
}

CpuInfo cpu_info() {
  CpuInfo cpu = read_cpu_info(text_of("/proc/cpuinfo"), text_of("/proc/meminfo"));
  if (cpu.threads == 0) cpu.threads = static_cast<int>(std::thread::hardware_concurrency());
  return cpu;
}

namespace {

std::string cuda_text() {
  if (!cuda::is_available()) return fmt::format("cuda    none: {}\n", cuda::why_not());
  std::string text;
  for (int i = 0; i < cuda::device_count(); ++i) {
    const cuda::DeviceProperties p = cuda::properties(i);
    const auto row = [&text](const char* name, const std::string& value) {
      text += fmt::format("        {:<13} {}\n", name, value);
    };
    text += fmt::format("cuda:{}  {}\n", i, p.name);
    row("capability",
        fmt::format("{}.{}, {} multiprocessors", p.major, p.minor, p.multiprocessors));
    row("memory",
        fmt::format("{:.1f} GiB, {:.1f} GiB free", static_cast<double>(p.total_memory) / (1u << 30),
                    static_cast<double>(p.free_memory) / (1u << 30)));
  }
  std::string built;
  for (const int a : cuda::architectures()) built += fmt::format(" {}.{}", a / 10, a % 10);
  return text + fmt::format("        {:<13} {}\n        {:<13}{}\n", "libraries", cuda::versions(),
                            "kernels for", built);
}

}  // namespace

std::string devices_text(const CpuInfo& cpu) {
  std::string text = fmt::format("cpu     {}\n", cpu.model);
  const auto row = [&text](const char* name, const std::string& value) {
    text += fmt::format("        {:<13} {}\n", name, value);
  };
  row("cores", cpu.cores ? fmt::format("{}, {} threads; kernels use {}", cpu.cores, cpu.threads,
                                       num_threads())
                         : fmt::format("{} threads; kernels use {}", cpu.threads, num_threads()));
  row("instructions", join(cpu.sets));
  row("kernels use", fmt::format("{} ({})", build::cpu_sets, build::cpu_level));
  std::vector<std::string> lacking;
  for (const std::string& set : words(build::cpu_sets)) {
    if (!cpu.sets.empty() && !std::count(cpu.sets.begin(), cpu.sets.end(), set))
      lacking.push_back(set);
  }
  if (!lacking.empty()) {
    row("", fmt::format("this processor lacks {}: training would stop with an illegal instruction;",
                        join(lacking)));
    row("", "build with -DGLASSBOX_CPU=native or baseline");
  } else if (build::cpu_level == std::string("baseline") && cpu.sets.size() > 1) {
    row("", "a build with -DGLASSBOX_CPU=native would use them all");
  }
  if (cpu.memory_gib > 0) {
    row("memory",
        fmt::format("{:.1f} GiB, {:.1f} GiB available", cpu.memory_gib, cpu.available_gib));
  }
  return text + cuda_text();
}

Device device_of(const std::string& text) {
  if (text == "auto") {
    const char* const usual = std::getenv("GLASSBOX_DEVICE");
    if (usual && *usual && std::string_view(usual) != "auto") return device_of(usual);
    return cuda::is_available() ? Device::cuda(0) : Device::cpu();
  }
  Device device = Device::cpu();
  try {
    device = Device(text);
  } catch (const Error&) {
    device = Device::meta();  // refused below
  }
  if (device.is_meta()) {
    throw UsageError(fmt::format("--device {}: give auto, cpu, cuda or cuda:N", text));
  }
  if (!device.is_cuda()) return device;
  if (!cuda::is_available()) {
    throw UsageError(fmt::format("--device {}: {}", text, cuda::why_not()));
  }
  if (device.index() >= cuda::device_count()) {
    throw UsageError(fmt::format("--device {}: this machine has {} GPU{}, counted from 0", text,
                                 cuda::device_count(), cuda::device_count() == 1 ? "" : "s"));
  }
  return device;
}

}  // namespace glassbox
