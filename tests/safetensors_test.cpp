// safetensors: round trips, files of the safetensors library itself, and files that must be
// refused.
#include "engine/io/safetensors.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>

#include "engine/ops/create.h"
#include "tests/skip.h"
#include "tests/temp_folder.h"

namespace glassbox::io {
namespace {

namespace fs = std::filesystem;
using test::names_in;
using test::read_bytes;
using test::TempFolder;
using test::write_bytes;

const std::string data_folder = std::string(GLASSBOX_TEST_DATA) + "/io";

std::string bytes_of(const Tensor& t) {
  return {reinterpret_cast<const char*>(t.raw()), t.spec().bytes()};
}

// Bytes that are valid for every type.
Tensor counted(const Shape& shape, DType dtype) {
  Tensor t = empty(shape, dtype, Device::cpu());
  for (std::size_t i = 0; i < t.spec().bytes(); ++i) {
    t.raw()[i] = std::byte(dtype == DType::boolean ? i % 2 : 37 * i + 1);
  }
  return t;
}

NamedTensors one_of_each() {
  NamedTensors tensors;
  for (const DType dtype : {DType::boolean, DType::u8, DType::f16, DType::bf16, DType::i32,
                            DType::f32, DType::f64, DType::i64}) {
    const std::string name(name_of(dtype));
    tensors.emplace_back(name, counted({3, 1, 5}, dtype));
    tensors.emplace_back(name + ".scalar", counted({}, dtype));
    tensors.emplace_back(name + ".empty", counted({0, 7}, dtype));
    tensors.emplace_back(name + ".8d", counted({1, 2, 1, 2, 1, 3, 1, 1}, dtype));
  }
  return tensors;
}

void check_equal(const Tensor& got, const Tensor& want) {
  CHECK(got.dtype() == want.dtype());
  CHECK(got.shape() == want.shape());
  CHECK(bytes_of(got) == bytes_of(want));
}

std::uint64_t header_length(const std::string& bytes) {
  std::uint64_t n = 0;
  std::memcpy(&n, bytes.data(), 8);
  return n;
}

TEST_CASE("safetensors: every type comes back, and numbers without dimensions or elements") {
  const TempFolder folder;
  const NamedTensors tensors = one_of_each();
  const std::map<std::string, std::string> metadata{{"", "empty name"}, {"a \"quoted\"\n", "ä"}};
  save_safetensors(folder / "all", tensors, metadata);
  CHECK(names_in(folder.path()) == std::vector<std::string>{"all"});
  const Safetensors loaded = load_safetensors(folder / "all");
  CHECK(loaded.metadata == metadata);
  CHECK(loaded.tensors.size() == tensors.size());
  for (const auto& [name, tensor] : tensors) {
    const std::string label = name;
    CAPTURE(label);
    REQUIRE(loaded.contains(name));
    check_equal(loaded.at(name), tensor);
  }
  CHECK_FALSE(loaded.contains("f99"));
  CHECK_THROWS_WITH_AS(loaded.at("f99"), "safetensors: no tensor is named \"f99\"", Error);

  // The same from memory.
  const Safetensors parsed = parse_safetensors(read_bytes(folder / "all"), "memory");
  CHECK(parsed.metadata == metadata);
  REQUIRE(parsed.tensors.size() == tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    CHECK(parsed.tensors[i].first == loaded.tensors[i].first);
    check_equal(parsed.tensors[i].second, loaded.tensors[i].second);
  }
}

TEST_CASE(
    "safetensors: wider types come first, then names, and the data begins at a multiple of 8") {
  const TempFolder folder;
  NamedTensors tensors = one_of_each();
  save_safetensors(folder / "a", tensors);
  std::vector<std::string> order;
  for (const auto& [name, tensor] : load_safetensors(folder / "a").tensors) order.push_back(name);
  std::vector<std::string> want;
  for (const std::string type : {"i64", "f64", "f32", "i32", "bf16", "f16", "u8", "bool"}) {
    want.insert(want.end(), {type, type + ".8d", type + ".empty", type + ".scalar"});
  }
  CHECK(order == want);
  // Neither the order given nor a second writing changes a byte.
  std::reverse(tensors.begin(), tensors.end());
  save_safetensors(folder / "b", tensors);
  save_safetensors(folder / "c", load_safetensors(folder / "a").tensors);
  CHECK(read_bytes(folder / "b") == read_bytes(folder / "a"));
  CHECK(read_bytes(folder / "c") == read_bytes(folder / "a"));
  for (std::size_t length = 1; length < 12; ++length) {
    save_safetensors(folder / "d", {{std::string(length, 'x'), ones({2})}});
    CHECK(header_length(read_bytes(folder / "d")) % 8 == 0);
  }
}

TEST_CASE("safetensors: files of the library itself are read, and written again to the byte") {
  const TempFolder folder;
  const std::string empty_file("\x08\0\0\0\0\0\0\0{}      ", 16);
  CHECK(read_bytes(data_folder + "/empty.safetensors") == empty_file);
  CHECK(load_safetensors(data_folder + "/empty.safetensors").tensors.empty());
  CHECK(parse_safetensors(empty_file, "memory").metadata.empty());
  save_safetensors(folder / "empty", {});
  CHECK(read_bytes(folder / "empty") == empty_file);

  const std::string types_file = data_folder + "/types.safetensors";
  const Safetensors loaded = load_safetensors(types_file);
  CHECK(loaded.metadata == std::map<std::string, std::string>{{"engine", "a \"value\""}});
  CHECK(loaded.tensors.size() == 12);
  const auto check = [&](const std::string& name, DType dtype, const Shape& shape,
                         const std::vector<double>& values) {
    CAPTURE(name);
    const Tensor& t = loaded.at(name);
    CHECK(t.dtype() == dtype);
    CHECK(t.shape() == shape);
    CHECK(t.to_vector<double>() == values);
  };
  check("f32", DType::f32, {2, 3},
        {0.5, -1.25, static_cast<double>(3e38f), 0x1p-149, INFINITY, -0.0});
  CHECK(std::signbit(loaded.at("f32").data<float>()[5]));
  check("f64", DType::f64, {3}, {0.1, -1e300, 5e-324});
  check("f16", DType::f16, {2, 1}, {1.5, -65504});
  check("bf16", DType::bf16, {2}, {1.5, -0x1p127});
  check("i32", DType::i32, {3}, {-2147483648.0, 2147483647, -2});
  CHECK(loaded.at("i64").shape() == Shape{1, 1, 2});
  CHECK(loaded.at("i64").to_vector<std::int64_t>() ==
        std::vector<std::int64_t>{std::numeric_limits<std::int64_t>::min(), 258});
  check("u8", DType::u8, {5}, {0, 127, 128, 255, 7});
  check("bool", DType::boolean, {3}, {1, 0, 1});
  check("scalar", DType::f32, {}, {2.75});
  check("empty", DType::f32, {0, 3}, {});
  check("layer.0.weight", DType::f32, {3, 2}, {0, 1, 2, 3, 4, 5});
  check("a \"quoted\" \\ n\u00e4me", DType::i64, {1}, {42});
  save_safetensors(folder / "types", loaded.tensors, loaded.metadata);
  CHECK(read_bytes(folder / "types") == read_bytes(types_file));
}

// No more bytes in a file than `bytes`, as if the disk were full, while it lives.
class DiskFull {
 public:
  explicit DiskFull(rlim_t bytes) : signal_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit now{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &now);
  }
  ~DiskFull() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, signal_);
  }
  DiskFull(const DiskFull&) = delete;
  DiskFull& operator=(const DiskFull&) = delete;

 private:
  void (*signal_)(int);
  rlimit before_{};
};

TEST_CASE("safetensors: a file is replaced whole or stays as it was") {
  const TempFolder folder;
  const std::string path = folder / "model";
  save_safetensors(path, {{"old", ones({3})}});
  const std::string before = read_bytes(path);
  const auto check = [&](const NamedTensors& tensors, const std::string& fact) {
    CHECK_THROWS_WITH_AS(save_safetensors(path, tensors), (path + ": " + fact).c_str(), Error);
    CHECK(read_bytes(path) == before);
    CHECK(names_in(folder.path()) == std::vector<std::string>{"model"});
  };
  SUBCASE("two of a name") {
    check({{"a", ones({1})}, {"a", ones({2})}}, "two tensors are named \"a\", or it is reserved");
  }
  SUBCASE("a reserved name") {
    check({{"__metadata__", ones({1})}},
          "two tensors are named \"__metadata__\", or it is reserved");
  }
  SUBCASE("no data") {
    check({{"a", empty({1}, DType::f32, Device::meta())}}, "\"a\" is on the meta device");
  }
  SUBCASE("a name that is not UTF-8") {
    CHECK_THROWS_WITH_AS(save_safetensors(path, {{"\xff", ones({1})}}),
                         doctest::Contains("not valid UTF-8"), Error);
    CHECK(read_bytes(path) == before);
  }
  SUBCASE("an undefined tensor") {
    CHECK_THROWS_AS(save_safetensors(path, {{"a", Tensor()}}), Error);
    CHECK(read_bytes(path) == before);
  }
  SUBCASE("a full disk") {
    const DiskFull full(1000);
    check({{"a", ones({10'000})}}, "cannot write: File too large");
  }
  SUBCASE("a folder that may not be written") {
    fs::permissions(folder.path(), fs::perms(0555));
    const test::WithoutRights without;
    if (without.works(folder.path())) {
      check({{"a", ones({1})}}, "cannot write: Permission denied");
    } else {
      test::skip("needs to give up the rights of root");
    }
  }
  SUBCASE("it works") {
    save_safetensors(path, {{"new", ones({1})}});
    CHECK(load_safetensors(path).contains("new"));
    CHECK(names_in(folder.path()) == std::vector<std::string>{"model"});
  }
}

TEST_CASE("safetensors: places that cannot be written or read") {
  const TempFolder folder;
  fs::create_directories(folder / "sub/full");
  const auto check = [](const auto& f, const std::string& message) {
    CHECK_THROWS_WITH_AS(f(), message.c_str(), Error);
  };
  const auto save = [&](const std::string& name) {
    return [&, name] { save_safetensors(folder / name, {}); };
  };
  const auto load = [&](const std::string& name) {
    return [&, name] { load_safetensors(folder / name); };
  };
  check(save("none/file"), (folder / "none/file") + ": cannot write: No such file or directory");
  check(save("sub"), (folder / "sub") + ": cannot rename: Is a directory");
  CHECK(names_in(folder.path()) == std::vector<std::string>{"sub"});
  check(load("none"), (folder / "none") + ": cannot read: No such file or directory");
  check(load("sub"), (folder / "sub") + ": is not a regular file");
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  check(load("pipe"), (folder / "pipe") + ": is not a regular file");
}

TEST_CASE("safetensors: a huge file is refused before memory is taken for it") {
  const TempFolder folder;
  const std::string path = folder / "huge";
  const auto check = [&](const std::string& begin, const std::string& fact) {
    write_bytes(path, begin);
    fs::resize_file(path, std::uintmax_t(1) << 40);  // a hole: it takes no room
    CHECK_THROWS_WITH_AS(load_safetensors(path), (path + ": " + fact).c_str(), Error);
  };
  check(std::string("\2\0\0\0\0\0\0\0{}", 10),
        "has 1099511627766 bytes of data where 0 are described");
  check(std::string("\0\0\0\0\0\1\0\0{}", 10),
        "claims a header of 1099511627776 bytes in a file of 1099511627776");
}

}  // namespace
}  // namespace glassbox::io
