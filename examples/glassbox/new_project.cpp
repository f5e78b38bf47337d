#include "glassbox/new_project.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "engine/core/error.h"
#include "engine/io/file.h"
#include "glassbox/usage_error.h"

namespace glassbox {

namespace fs = std::filesystem;

namespace {

// In each text @NAME@ stands for the project, @FILE@ for the header's stem, @TYPE@ for the model.

constexpr const char* cmake_lists = R"(cmake_minimum_required(VERSION 3.22)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type")
endif()
project(@NAME@ LANGUAGES CXX)

find_package(glassbox 0.1 REQUIRED)

add_executable(@NAME@ main.cpp)
target_link_libraries(@NAME@ PRIVATE glassbox::cli)
)";

constexpr const char* model_header =
    R"(// The network: its layers, how they are called, and their names.
#pragma once
#include <glassbox/glassbox.h>

struct @TYPE@ : glassbox::layers::Module<@TYPE@> {
  static constexpr int classes = 10;

  glassbox::layers::Conv2d conv1{3, 16, 3, {.padding = 1}};
  glassbox::layers::BatchNorm2d norm1{16};
  glassbox::layers::Conv2d conv2{16, 32, 3, {.padding = 1}};
  glassbox::layers::BatchNorm2d norm2{32};
  glassbox::layers::Linear fc{32 * 4 * 4, classes};

  // x [N, 3, H, W] -> logits [N, classes]; any H and W from 8 on.
  glassbox::Tensor forward(const glassbox::Tensor& x) {
    glassbox::Tensor y = max_pool2d(relu(norm1(conv1(x))), {.kernel_size = 2});
    y = max_pool2d(relu(norm2(conv2(y))), {.kernel_size = 2});
    return fc(adaptive_avg_pool2d(y, {.output_size = 4}).flatten(1));
  }
  void fields(glassbox::layers::Fields& f) {
    f("conv1", conv1);
    f("norm1", norm1);
    f("conv2", conv2);
    f("norm2", norm2);
    f("fc", fc);
  }
  // One image, without the batch: what `summary` and `graph` show.
  static glassbox::Shape input_shape() { return {3, 32, 32}; }
};
)";

constexpr const char* main_source = R"(#include <glassbox/cli.h>

#include "@FILE@.h"

int main(int argc, char** argv) {
  return glassbox::cli(argc, argv, {{"@NAME@", "my network", glassbox::models::make<@TYPE@>}});
}
)";

constexpr const char* readme = R"(# @NAME@

A network of its own, in `@FILE@.h`, with every verb of Glassbox:

```sh
cmake -B build
cmake --build build
./build/@NAME@ summary @NAME@
./build/@NAME@ graph @NAME@ -o @NAME@.dot
./build/@NAME@ train --model @NAME@ --data synthetic --epochs 3
./build/@NAME@ evaluate runs/@NAME@-1
./build/@NAME@ --help
```

`--data FOLDER` trains on images of your own: FOLDER holds one folder of PNG or JPEG files per class, and `classes` in
`@FILE@.h` is at least their number.

If Glassbox is not installed under `/usr` or `/usr/local`, say where: `cmake -B build
-DCMAKE_PREFIX_PATH=/where/it/is`.
)";

constexpr const char* gitignore = "/build/\n/runs/\n/data/\n";

std::string replaced(std::string text, const std::string& word, const std::string& with) {
  for (std::size_t at = 0; (at = text.find(word, at)) != std::string::npos; at += with.size())
    text.replace(at, word.size(), with);
  return text;
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

void check_name(const std::string& name) {
  constexpr std::size_t longest = 64;
  const bool fits = !name.empty() && name.size() <= longest && is_letter(name[0]) &&
                    std::all_of(name.begin(), name.end(), [](char c) {
                      return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-';
                    });
  if (!fits) {
    throw UsageError(cat("new: \"", name, "\" is no name for a program and a type\n(give at most ",
                         longest, " letters, digits, - and _, a letter first)"));
  }
  // Targets that CMake makes itself, and what would stand in the way of `glassbox`.
  for (const char* taken :
       {"all", "clean", "help", "install", "test", "package", "package_source", "depend",
        "edit_cache", "rebuild_cache", "list_install_components", "glassbox", "main"}) {
    if (name == taken) throw UsageError("new: the name \"" + name + "\" is taken; choose another");
  }
}

// A folder that is removed again unless it gets its name.
class NewFolder {
 public:
  explicit NewFolder(std::string path)
      : path_(std::move(path)), temporary_(cat(".", path_, ".", ::getpid())) {
    refuse_existing();
    std::error_code error;
    if (!fs::create_directory(temporary_, error) && !error)
      error = std::make_error_code(std::errc::file_exists);
    if (error) {
      made_ = false;
      fail(path_, "cannot make this folder: " + error.message());
    }
  }
  ~NewFolder() {
    std::error_code ignored;
    if (made_) fs::remove_all(temporary_, ignored);
  }
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;

  void write(const std::string& name, const std::string& text) {
    io::write_file(temporary_ + "/" + name, text);
  }
  void commit() {
    refuse_existing();  // rename would replace an empty folder
    std::error_code error;
    fs::rename(temporary_, path_, error);
    if (error) fail(path_, "cannot make this folder: " + error.message());
    made_ = false;
  }

 private:
  void refuse_existing() const {
    std::error_code error;
    if (fs::exists(fs::symlink_status(path_, error)))
      throw UsageError(path_ + ": exists already; choose another name");
  }
  std::string path_, temporary_;
  bool made_ = true;
};

}  // namespace

std::string file_stem(const std::string& name) { return replaced(name, "-", "_"); }

std::string type_name(const std::string& name) {
  std::string type;
  bool begins = true;
  for (const char c : name) {
    const bool joint = c == '-' || c == '_';
    if (!joint) type += begins && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    begins = joint;
  }
  // Why: words in capitals alone, like FILE and EOF, are the C library's.
  if (std::none_of(type.begin(), type.end(), [](char c) { return c >= 'a' && c <= 'z'; }))
    type += "Net";
  return type;
}

void new_project(const std::string& name) {
  check_name(name);
  const std::vector<std::pair<std::string, const char*>> files = {
      {"CMakeLists.txt", cmake_lists}, {file_stem(name) + ".h", model_header},
      {"main.cpp", main_source},       {"README.md", readme},
      {".gitignore", gitignore},
  };
  NewFolder folder(name);
  for (const auto& [file, text] : files) {
    std::string filled = replaced(text, "@NAME@", name);
    filled = replaced(filled, "@FILE@", file_stem(name));
    folder.write(file, replaced(filled, "@TYPE@", type_name(name)));
  }
  folder.commit();
}

}  // namespace glassbox
