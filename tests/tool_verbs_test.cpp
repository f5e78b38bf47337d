// --version and the verbs that need no model: devices, new, completion.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

#include "glassbox/devices.h"
#include "glassbox/new_project.h"
#include "layers/layers.h"
#include "tests/cli_run.h"
#include "tests/skip.h"
#include "tests/temp_folder.h"

namespace glassbox::test {
namespace {

namespace fs = std::filesystem;

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Another working folder while it lives.
class InFolder {
 public:
  explicit InFolder(const std::string& folder) : before_(fs::current_path()) {
    fs::current_path(folder);
  }
  ~InFolder() { fs::current_path(before_); }
  InFolder(const InFolder&) = delete;
  InFolder& operator=(const InFolder&) = delete;

 private:
  fs::path before_;
};

CliResult run_in(const std::string& folder, const std::vector<std::string>& arguments) {
  const InFolder there(folder);
  return run_cli(arguments);
}

TEST_CASE("--version says what the build has and what it lacks") {
  const CliResult result = run_cli({"--version"});
  CHECK(result.code == 0);
  CHECK(result.err.empty());
  CHECK(result.out.starts_with("glassbox 0."));
  for (const std::string fact : {"build", "libraries", "CPU kernels", "OpenMP", "CUDA", "recorder"})
    CHECK_MESSAGE(has(result.out, fact), fact);
}

constexpr const char* two_cores = R"(processor	: 0
model name	: Some CPU @ 2 GHz: fast
flags		: fpu sse sse2 sse4_2 avx avx2 fma
physical id	: 0
core id		: 0

processor	: 1
physical id	: 0
core id		: 0
processor	: 2
physical id	: 0
core id		: 1
processor	: 3
physical id	: 0
core id		: 1
)";

TEST_CASE("devices reads the processor and its memory from the kernel's text") {
  const CpuInfo cpu =
      read_cpu_info(two_cores, "MemTotal:  16777216 kB\nMemAvailable: 8388608 kB\n");
  CHECK(cpu.model == "Some CPU @ 2 GHz: fast");
  CHECK(cpu.cores == 2);
  CHECK(cpu.threads == 4);
  CHECK(cpu.sets == std::vector<std::string>{"SSE2", "SSE4.2", "AVX", "AVX2", "FMA"});
  CHECK(cpu.memory_gib == 16);
  CHECK(cpu.available_gib == 8);
  const std::string text = devices_text(cpu);
  CHECK(text.starts_with("cpu     Some CPU @ 2 GHz: fast\n"));
  CHECK(has(text, "2, 4 threads"));
  CHECK(has(text, "16.0 GiB, 8.0 GiB available"));
  CHECK(has(text, "\ncuda"));

  const CpuInfo unknown = read_cpu_info("", "MemTotal\n: \n");
  CHECK(unknown.model == "unknown");
  CHECK(unknown.sets.empty());
  CHECK(has(devices_text(unknown), "instructions  unknown"));
  const std::string processor = devices_text(unknown);
  CHECK_FALSE(has(processor.substr(0, processor.find("\ncuda")), "GiB"));

  const CliResult result = run_cli({"devices"});
  CHECK(result.code == 0);
  CHECK(result.out.starts_with("cpu     " + cpu_info().model + "\n"));
}

TEST_CASE("new writes a project whole") {
  const TempFolder folder;
  const CliResult result = run_in(folder.path(), {"new", "my-net"});
  CHECK(result.code == 0);
  CHECK(result.err.empty());
  CHECK(result.out.starts_with("wrote my-net: the model is in my-net/my_net.h\n"));
  CHECK(names_in(folder.path()) == std::vector<std::string>{"my-net"});
  CHECK(names_in(folder / "my-net") == std::vector<std::string>{".gitignore", "CMakeLists.txt",
                                                                "README.md", "main.cpp",
                                                                "my_net.h"});
  CHECK(has(read_bytes(folder / "my-net/my_net.h"),
            "struct MyNet : glassbox::layers::Module<MyNet>"));
  CHECK(has(read_bytes(folder / "my-net/main.cpp"), "#include \"my_net.h\""));
  CHECK(has(read_bytes(folder / "my-net/main.cpp"), "{{\"my-net\", \"my network\""));
  CHECK(has(read_bytes(folder / "my-net/CMakeLists.txt"), "add_executable(my-net main.cpp)"));
  for (const std::string& file : names_in(folder / "my-net"))
    CHECK_FALSE(has(read_bytes(folder / "my-net/" + file), "@"));
  CHECK(type_name("mynet") == "Mynet");
  CHECK(type_name("my_2nd-net") == "My2ndNet");
  CHECK(type_name("FILE") == "FILENet");
}

TEST_CASE("new refuses names that do not serve, and leaves nothing") {
  const TempFolder folder;
  const std::vector<std::string> wrong{
      "",    "2net",  "-net",         "_net", "my net",
      "a/b", "../up", "nett\xc3\xa4", "a.b",  std::string(65, 'a')};
  for (const std::string& name : wrong) {
    CAPTURE(name);
    const CliResult result = run_in(folder.path(), {"new", "--", name});
    CHECK(result.code == 2);
    CHECK(result.out.empty());
    CHECK(result.err.starts_with("glassbox: "));
  }
  CHECK(
      has(run_in(folder.path(), {"new", "2net"}).err, "letters, digits, - and _, a letter first"));
  for (const std::string name : {"test", "all", "install", "glassbox"}) {
    const CliResult result = run_in(folder.path(), {"new", name});
    CHECK(result.code == 2);
    CHECK(has(result.err, "the name \"" + name + "\" is taken"));
  }
  CHECK(run_in(folder.path(), {"new"}).code == 2);
  CHECK(names_in(folder.path()).empty());
}

TEST_CASE("new leaves alone what exists, and says when it may not write") {
  const TempFolder folder;
  fs::create_directory(folder / "old");
  write_bytes(folder / "file", "mine");
  for (const std::string name : {"old", "file"}) {
    const CliResult result = run_in(folder.path(), {"new", name});
    CHECK(result.code == 2);
    CHECK(result.err == "glassbox: " + name + ": exists already; choose another name\n");
  }
  CHECK(names_in(folder.path()) == std::vector<std::string>{"file", "old"});
  CHECK(names_in(folder / "old").empty());
  CHECK(read_bytes(folder / "file") == "mine");

  fs::permissions(folder / "old", fs::perms(0555));
  // Why in this order: the way back may need root's rights.
  const InFolder there(folder / "old");
  const WithoutRights without;
  if (!without.works(folder / "old")) return skip("needs to give up the rights of root");
  const CliResult result = run_cli({"new", "mynet"});
  CHECK(result.code == 1);
  CHECK(result.err == "glassbox: mynet: cannot make this folder: Permission denied\n");
  CHECK(names_in(folder / "old").empty());
}

struct OwnNet : layers::Module<OwnNet> {
  layers::Linear fc{8, 2};
  Tensor forward(const Tensor& x) { return fc(x); }
  void fields(layers::Fields& f) { f("fc", fc); }
};

TEST_CASE("completion has a script for each shell, with one's own models") {
  const std::vector<models::Entry> own{{"ownnet", "own net", models::make<OwnNet>}};
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    CAPTURE(shell);
    const CliResult result = run_cli({"completion", shell}, own);
    CHECK(result.code == 0);
    CHECK(result.err.empty());
    for (const std::string word : {"summary", "vgg11_bn@2019", "ownnet", "completion"})
      CHECK_MESSAGE(has(result.out, word), word);
    CHECK(has(result.out, shell == "fish" ? "-l batch-size" : "--batch-size"));
  }
  const CliResult wrong = run_cli({"completion", "csh"});
  CHECK(wrong.code == 2);
  CHECK(has(wrong.err, "bash"));
}

// What bash offers for a line, with spaces between.
std::string offered(const std::string& line) {
  const TempFolder folder;
  write_bytes(folder / "script", run_cli({"completion", "bash"}).out +
                                     "COMP_LINE=$1 COMP_POINT=${#1}\n_glassbox\n"
                                     "echo \"${COMPREPLY[*]}\"\n");
  const std::string call =
      "bash -u '" + (folder / "script") + "' '" + line + "' > '" + (folder / "out") + "'";
  CHECK(std::system(call.c_str()) == 0);
  const std::string out = read_bytes(folder / "out");
  return out.substr(0, out.find('\n'));
}

TEST_CASE("completion: bash offers verbs, options and models") {
  if (std::system("bash -c true 2>/dev/null") != 0) return skip("needs bash");
  CHECK(offered("glassbox tr") == "train");
  CHECK(offered("glassbox --v") == "--version");
  CHECK(has(offered("glassbox "), "summary"));
  CHECK(offered("glassbox summary ci") == "cifar");
  CHECK(offered("glassbox train --ep") == "--epochs");
  CHECK(offered("glassbox train --model ci") == "cifar");
  CHECK(offered("glassbox train --model=ci") == "cifar");
  // bash replaces what follows the last @ or =.
  CHECK(offered("glassbox summary vgg11_bn@") == "2019");
  CHECK(offered("glassbox train --model=vgg11_bn@2") == "2019");
  CHECK(offered("glassbox completion z") == "zsh");
  CHECK(offered("glassbox graph cifar -o ").empty());  // files
  CHECK(offered("glassbox nonsense x").empty());
}

}  // namespace
}  // namespace glassbox::test
