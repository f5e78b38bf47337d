// Reads every #include of the libraries and holds it against the arrows of the design:
//
//   datasets -> engine <- layers <- viz
//   engine: core <- op.h <- {autograd, graph} <- apply.h <- ops <- {optim, io, cpu, cuda}
//
// Nothing outside a backend includes it, and no third-party type is in a public header.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace fs = std::filesystem;
using std::string_view_literals::operator""sv;

namespace {

struct Part {
  std::string_view path;                   // a folder, or a file without its extension
  std::vector<std::string_view> includes;  // the parts it may include, beside itself
};

// One row per part. A path belongs to the longest row that begins it.
const std::vector<Part>& parts() {
  static const std::vector<Part> rows = [] {
    const std::vector<std::string_view> ops = {"engine/core",  "engine/op",    "engine/autograd",
                                               "engine/graph", "engine/apply", "engine/ops"};
    std::vector<std::string_view> cuda = ops;
    cuda.push_back("engine/cuda_library");  // what it exports
    std::vector<std::string_view> engine = ops;
    engine.insert(engine.end(), {"engine/optim", "engine/io"});
    std::vector<std::string_view> layers = engine;
    layers.push_back("layers");
    return std::vector<Part>{
        {"engine/core", {}},
        {"engine/op", {"engine/core"}},
        {"engine/autograd", {"engine/core", "engine/op", "engine/graph"}},
        {"engine/graph", {"engine/core", "engine/op", "engine/autograd"}},
        {"engine/apply", {"engine/core", "engine/op", "engine/autograd", "engine/graph"}},
        {"engine/ops", ops},
        {"engine/cuda_library", ops},
        {"engine/optim", ops},
        {"engine/io", ops},
        {"engine/cpu", ops},
        {"engine/cuda", cuda},
        {"engine/engine", engine},  // all of it in one header, for programs
        {"layers", engine},
        {"viz", layers},
        {"datasets", engine},
    };
  }();
  return rows;
}

// Sources that go against an arrow their header follows: FILE may include what begins with HEADER.
struct Exception {
  std::string_view file, header;
};
constexpr Exception exceptions[] = {
    {"engine/apply.cpp", "engine/cpu/context.h"},         // the one place that calls a backend
    {"engine/autograd/tape.cpp", "engine/ops/"},          // gradients are added up by ops
    {"engine/autograd/gradcheck.cpp", "engine/ops/"},     // and weighted by them
    {"engine/autograd/gradcheck.cpp", "engine/apply.h"},  // it runs the op that it checks
    {"viz/jupyter.h", "nlohmann/json.hpp"},               // for notebooks, whose kernel has it
};

// Headers that stay inside one folder, by how their names begin.
struct Confined {
  std::string_view header, folder;
};
constexpr Confined confined[] = {
    {"Eigen/", "engine/cpu/"},      {"omp.h", "engine/cpu/"},   {"cuda", "engine/cuda/"},
    {"cudnn", "engine/cuda/"},      {"cublas", "engine/cuda/"}, {"nvrtc", "engine/cuda/"},
    {"nvToolsExt", "engine/cuda/"},
};

const Part* part_of(std::string_view path) {
  const Part* best = nullptr;
  for (const Part& part : parts()) {
    const bool inside = path.starts_with(part.path) && path.size() > part.path.size() &&
                        "/."sv.find(path[part.path.size()]) != std::string_view::npos;
    if (inside && (!best || part.path.size() > best->path.size())) best = &part;
  }
  return best;
}

bool is_public_header(std::string_view path) {
  return path.ends_with(".h") && !path.starts_with("engine/cpu/") &&
         !path.starts_with("engine/cuda/");
}

// Why this include may not be; empty if it may.
std::string check_include(std::string_view file, std::string_view header, bool quoted) {
  const Part* from = part_of(file);
  if (!from) return "this folder has no row in the table of arrows";
  for (const Exception& e : exceptions)
    if (file == e.file && header.starts_with(e.header)) return {};
  for (const Confined& c : confined)
    if (header.starts_with(c.header) && !file.starts_with(c.folder))
      return "only " + std::string(c.folder) + " may include it";

  if (const Part* to = part_of(header)) {
    if (to == from || std::ranges::count(from->includes, to->path)) return {};
    std::string allowed(from->path);
    for (std::string_view part : from->includes) allowed.append(", ").append(part);
    return std::string(from->path) + " may include only " + allowed;
  }
  if (quoted || header.starts_with("glassbox/"))
    return "it is in no part of the libraries (paths begin at the root of the repository)";
  // The standard library's own headers have neither a folder nor an extension.
  if (is_public_header(file) && header.find_first_of("/.") != std::string_view::npos)
    return "a public header may include only the libraries' and the standard library's headers";
  return {};
}

// One line per include that may not be.
std::vector<std::string> check_includes(std::string_view file, std::string_view text) {
  std::vector<std::string> wrong;
  std::istringstream lines{std::string(text)};
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    std::istringstream words(line);
    char hash = 0, open = 0;
    std::string word, header;
    // Reads `#include <x>`, `# include "x"` and `#include"x"`.
    if (!(words >> hash) || hash != '#') continue;
    words >> std::ws;
    while (std::islower(words.peek())) word += static_cast<char>(words.get());
    if (word != "include" || !(words >> open) || (open != '<' && open != '"')) continue;
    std::getline(words, header, open == '<' ? '>' : '"');
    const std::string why = check_include(file, header, open == '"');
    if (why.empty()) continue;
    std::ostringstream message;
    message << file << ':' << number << " includes " << header << "; " << why;
    wrong.push_back(message.str());
  }
  return wrong;
}

std::string read(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("includes follow the arrows") {
  const fs::path root = GLASSBOX_SOURCE_DIR;
  int files = 0;
  for (const char* folder : {"engine", "layers", "viz", "datasets"}) {
    if (!fs::exists(root / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      if (!entry.is_regular_file()) continue;
      const std::string extension = entry.path().extension().string();
      if (extension != ".h" && extension != ".cpp" && extension != ".cu" && extension != ".cuh")
        continue;
      ++files;
      const std::string file = fs::relative(entry.path(), root).generic_string();
      for (const std::string& line : check_includes(file, read(entry.path()))) FAIL_CHECK(line);
    }
  }
  CHECK(files > 0);
}

TEST_CASE("the check of the arrows sees what is wrong") {
  const auto allowed = [](std::string_view file, std::string_view line) {
    return check_includes(file, line).empty();
  };
  CHECK(allowed("engine/core/tensor.h", "#include <vector>"));
  CHECK(allowed("engine/core/tensor.h", "#include \"engine/core/shape.h\""));
  CHECK(allowed("engine/op.h", "#include \"engine/core/shape.h\""));
  CHECK(allowed("engine/ops/conv.h", "#include \"engine/apply.h\""));
  CHECK(allowed("engine/apply.cpp", "#include \"engine/cpu/context.h\""));
  CHECK(allowed("engine/cpu/conv.cpp", "#include <Eigen/Core>"));
  CHECK(allowed("engine/cpu/conv.cpp", "#include \"engine/ops/conv.h\""));
  CHECK(allowed("engine/io/safetensors.cpp", "#include <nlohmann/json.hpp>"));
  CHECK(allowed("layers/models/vgg.cpp", "#include \"layers/conv.h\""));
  CHECK(allowed("viz/summary.cpp", "#include \"layers/module.h\""));
  CHECK(allowed("engine/core/tensor.h", "// #include \"viz/summary.h\""));
  CHECK(allowed("engine/core/tensor.h", "#define include"));
  CHECK(allowed("engine/engine.h", "#include \"engine/optim/sgd.h\""));

  CHECK_FALSE(allowed("engine/core/tensor.h", "#include \"engine/op.h\""));
  CHECK_FALSE(allowed("layers/conv.h", "#include \"engine/engine.h\""));
  CHECK_FALSE(allowed("engine/op.h", "#include \"engine/ops/conv.h\""));
  CHECK_FALSE(allowed("engine/op.h", "#include \"engine/apply.h\""));
  CHECK_FALSE(allowed("engine/autograd/tape.h", "#include \"engine/apply.h\""));
  CHECK_FALSE(allowed("engine/apply.h", "#include \"engine/ops/conv.h\""));
  CHECK_FALSE(allowed("engine/apply.h", "#include \"engine/cpu/context.h\""));
  CHECK_FALSE(allowed("engine/apply.cpp", "#include \"engine/cpu/conv.h\""));
  CHECK_FALSE(allowed("engine/ops/conv.cpp", "#include \"engine/cpu/context.h\""));
  CHECK_FALSE(allowed("engine/ops/conv.cpp", "#include \"engine/optim/sgd.h\""));
  CHECK_FALSE(allowed("engine/optim/sgd.cpp", "#include \"engine/io/safetensors.h\""));
  CHECK_FALSE(allowed("engine/cpu/conv.cpp", "#include \"engine/cuda/context.h\""));
  CHECK_FALSE(allowed("engine/cuda/conv.cpp", "#include \"engine/cpu/context.h\""));
  CHECK_FALSE(allowed("engine/new/thing.h", "#include <vector>"));
  CHECK_FALSE(allowed("layers/conv.h", "#include \"viz/summary.h\""));
  CHECK_FALSE(allowed("layers/conv.h", "#include <viz/summary.h>"));
  CHECK_FALSE(allowed("layers/conv.cpp", "#include \"engine/cpu/context.h\""));
  CHECK_FALSE(allowed("datasets/cifar10.cpp", "#include \"layers/module.h\""));
  CHECK_FALSE(allowed("viz/summary.cpp", "#include \"datasets/cifar10.h\""));
  CHECK_FALSE(allowed("viz/summary.cpp", "#include <glassbox/glassbox.h>"));
  CHECK_FALSE(allowed("layers/conv.h", "#include \"conv_detail.h\""));

  CHECK_FALSE(allowed("engine/ops/conv.cpp", "#include <Eigen/Core>"));
  CHECK_FALSE(allowed("engine/core/threads.cpp", "#include <omp.h>"));
  CHECK_FALSE(allowed("engine/cpu/conv.cpp", "#include <cuda_runtime.h>"));
  CHECK_FALSE(allowed("layers/conv.h", "#include <fmt/format.h>"));
  CHECK_FALSE(allowed("viz/summary.h", "  #  include <nlohmann/json.hpp>"));
  CHECK_FALSE(allowed("viz/summary.h", "#include<CLI/CLI.hpp>"));

  CHECK(check_includes("layers/conv.h", "#pragma once\n\n#include \"viz/summary.h\"\n").at(0) ==
        "layers/conv.h:3 includes viz/summary.h; layers may include only layers, engine/core, "
        "engine/op, engine/autograd, engine/graph, engine/apply, engine/ops, engine/optim, "
        "engine/io");
}
