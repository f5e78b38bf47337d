// safetensors files that must be refused, each with the fact that is wrong, and what is made of a
// good file by chance.
#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

#include "engine/core/philox.h"
#include "engine/io/safetensors.h"
#include "tests/temp_folder.h"

namespace glassbox::io {
namespace {

// A file of that header, which gets no padding, and of so many bytes of data.
std::string file_of(const std::string& header, std::size_t data_bytes = 0) {
  std::string bytes(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(header.size() >> (8 * i));
  return bytes + header + std::string(data_bytes, '\1');
}
std::string entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

TEST_CASE("safetensors: what is broken is refused, with the fact") {
  const auto check = [](const std::string& bytes, const std::string& fact) {
    CHECK_THROWS_WITH_AS(parse_safetensors(bytes, "f"), ("f: " + fact).c_str(), Error);
  };
  const auto with = [&](const std::string& header, std::size_t data, const std::string& fact) {
    CAPTURE(header.substr(0, 200));
    check(file_of(header, data), fact);
  };
  // The length.
  check("", "has 0 bytes, too few for a safetensors file");
  check(std::string(7, '\0'), "has 7 bytes, too few for a safetensors file");
  check(std::string(8, '\xff') + "{}",
        "claims a header of 18446744073709551615 bytes in a file of 10");
  check(std::string("\xf8\xff\xff\xff\xff\xff\xff\xff", 8) + "{}",  // + 8 wraps to 0
        "claims a header of 18446744073709551608 bytes in a file of 10");
  check(std::string("\3\0\0\0\0\0\0\0{}", 10), "claims a header of 3 bytes in a file of 10");
  with(std::string(100'000'001, ' '), 0,
       "claims a header of 100000001 bytes in a file of 100000009");
  // The header's text.
  with("", 0, "the header does not begin with {");
  with(" {}", 0, "the header does not begin with {");
  with("[]", 0, "the header does not begin with {");
  for (const std::string bad : {"{", "{}x", "{} {}", "{\"a\"}", "{\"a\":}", "{a:1}", "{'a':1}",
                                "{\"\xff\":{}}", "{\"a\":{\"dtype\":\"F32\",", "{},"}) {
    CAPTURE(bad);
    CHECK_THROWS_WITH_AS(parse_safetensors(file_of(bad), "f"),
                         doctest::Contains("f: the header is not valid JSON"), Error);
  }
  with("{\"a\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}", 0,
       "the header is nested too deeply");
  std::string deep;
  for (int i = 0; i < 5'000; ++i) deep += "{\"a\":";
  with(deep, 0, "the header is nested too deeply");
  const std::string f32 = entry("F32", "[1]", "[0,4]");
  with("{\"a\":" + f32 + ",\"a\":" + f32 + "}", 4, "the header names \"a\" twice");
  with("{\"a\":" + f32 + ",\"\\u0061\":" + entry("F32", "[1]", "[4,8]") + "}", 8,
       "the header names \"a\" twice");
  with(R"({"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4,
       "the header names \"dtype\" twice");
  with(R"({"__metadata__":{"k":"1","k":"2"}})", 0, "the header names \"k\" twice");
  with(R"({"__metadata__":[]})", 0, "__metadata__ is not an object");
  with(R"({"__metadata__":{"k":1}})", 0, "__metadata__ \"k\" is not text");
  // The entries.
  for (const std::string bad : {"1", "[]", "{}", R"({"dtype":"F32","shape":[1]})",
                                R"({"dtype":1,"shape":[1],"data_offsets":[0,4]})",
                                R"({"dtype":"F32","shape":1,"data_offsets":[0,4]})",
                                R"({"dtype":"F32","shape":[1],"offsets":[0,4]})",
                                R"({"dtype":"F32","shape":[1],"data_offsets":[0]})",
                                R"({"dtype":"F32","shape":[1],"data_offsets":[0,4,8]})",
                                R"({"dtype":"F32","shape":[1],"data_offsets":4})",
                                R"({"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":0})"}) {
    with("{\"a\":" + bad + "}", 4, "entry \"a\" is not {dtype, shape, data_offsets: [begin, end]}");
  }
  const auto one = [&](const std::string& dtype, const std::string& shape,
                       const std::string& offsets, std::size_t data, const std::string& fact) {
    with("{\"a\":" + entry(dtype, shape, offsets) + "}", data, "\"a\" " + fact);
  };
  for (const std::string type : {"F8_E4M3", "U64", "C64", "f32", "", "I9"}) {
    one(type, "[1]", "[0,4]", 4, "has the type \"" + type + "\", which Glassbox does not have");
  }
  for (const std::string number :
       {"-1", "-0", "1.0", "1e0", "18446744073709551616", "null", "true", "\"1\"", "[1]"}) {
    one("F32", "[" + number + "]", "[0,4]", 4, "has a number that is not a size");
    one("F32", "[1]", "[" + number + ",4]", 4, "has a number that is not a size");
    one("F32", "[1]", "[0," + number + "]", 4, "has a number that is not a size");
  }
  one("F32", "[9223372036854775808]", "[0,0]", 0, "has a size beyond 63 bits");
  one("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]", 4, "has 9 dimensions, more than 8");
  // Shape against bytes; 2^32 x 2^32 x 4 is 0 in 64 bits.
  one("F32", "[2]", "[0,4]", 4, "[2] F32 does not match its bytes 0 to 4");
  one("F64", "[2,2]", "[0,16]", 16, "[2,2] F64 does not match its bytes 0 to 16");
  one("F32", "[1]", "[4,0]", 4, "[1] F32 does not match its bytes 4 to 0");
  one("U8", "[1]", "[18446744073709551615,0]", 4,
      "[1] U8 does not match its bytes 18446744073709551615 to 0");
  one("F32", "[4294967296,4294967296]", "[0,0]", 0,
      "[4294967296,4294967296] F32 does not match its bytes 0 to 0");
  one("F32", "[4611686018427387904]", "[0,0]", 0,
      "[4611686018427387904] F32 does not match its bytes 0 to 0");
  // The data: holes, overlaps, beyond the end, left over.
  one("F32", "[1]", "[4,8]", 8, "begins at byte 4 where 0 is expected");
  const auto two = [&](const std::string& a, const std::string& b, std::size_t data,
                       const std::string& fact) {
    with("{\"a\":" + entry("F32", "[1]", a) + ",\"b\":" + entry("F32", "[1]", b) + "}", data, fact);
  };
  two("[0,4]", "[8,12]", 12, "\"b\" begins at byte 8 where 4 is expected");
  two("[0,4]", "[2,6]", 6, "\"b\" begins at byte 2 where 4 is expected");
  two("[0,4]", "[0,4]", 4, "\"b\" begins at byte 0 where 4 is expected");
  two("[0,4]", "[4,8]", 7, "has 7 bytes of data where 8 are described");
  two("[0,4]", "[4,8]", 9, "has 9 bytes of data where 8 are described");
  with("{}", 1, "has 1 bytes of data where 0 are described");
  with("{\"a\":" + entry("F32", "[1099511627776]", "[0,4398046511104]") + "}", 16,
       "has 16 bytes of data where 4398046511104 are described");
}

TEST_CASE("safetensors: a boolean is 0 or 1") {
  const std::string file = file_of("{\"a\":" + entry("BOOL", "[3]", "[0,3]") + "}");
  CHECK(parse_safetensors(file + std::string("\1\0\1", 3), "f").at("a").to_vector<int>() ==
        std::vector<int>{1, 0, 1});
  CHECK_THROWS_WITH_AS(parse_safetensors(file + std::string("\1\0\2", 3), "f"),
                       "f: \"a\" holds a boolean of 2", Error);
}

TEST_CASE("safetensors: an error is short and printable, whatever the file holds") {
  const std::string name(1'000'000, 'x');
  for (const std::string& header :
       {"{\"" + name, "{\"" + name + "\":1}", "{\"" + name + "\":1,\"" + name + "\":1}",
        R"({"a\u001b[31m":1})" + std::string()}) {
    std::string message;
    try {
      parse_safetensors(file_of(header), "f");
    } catch (const Error& error) {
      message = error.what();
    }
    CHECK(message.size() > 20);
    CHECK(message.size() < 400);
    CHECK(message.find('\x1b') == std::string::npos);
  }
}

TEST_CASE("safetensors: what is unusual but right is read") {
  const std::string empty_huge = file_of(
      "{\"a\":" + entry("F32", "[4611686018427387904,0,4611686018427387904]", "[0,0]") + "}");
  CHECK(parse_safetensors(empty_huge, "f").at("a").numel() == 0);
  const std::string reordered =
      R"({"b":{"data_offsets":[1,2],"shape":[],"dtype":"U8"},"__metadata__":{},"":{"shape":[1],"dtype":"U8","data_offsets":[0,1]}}  )";
  const Safetensors loaded = parse_safetensors(file_of(reordered, 2), "f");
  CHECK(loaded.tensors.size() == 2);
  CHECK(loaded.tensors[0].first.empty());
}

// A file that is read is one whose tensors lie in it exactly once.
void check_survives(const std::string& bytes, int& accepted) {
  try {
    const Safetensors loaded = parse_safetensors(bytes, "f");
    std::size_t sum = 0;
    for (const auto& [name, tensor] : loaded.tensors) sum += tensor.spec().bytes();
    CHECK(sum < bytes.size());
    ++accepted;
  } catch (const Error&) {  // anything else ends the test
  }
}

TEST_CASE("safetensors: bytes changed, cut off, added and left out end in an Error at worst") {
  const std::string good =
      test::read_bytes(std::string(GLASSBOX_TEST_DATA) + "/io/types.safetensors");
  int accepted = 0, all = 0;
  const auto check = [&](const std::string& bytes) {
    check_survives(bytes, accepted);
    ++all;
  };
  for (std::size_t at = 0; at < good.size(); ++at) {
    check(good.substr(0, at));
    for (int bit = 0; bit < 8; ++bit) {
      std::string bytes = good;
      bytes[at] = static_cast<char>(bytes[at] ^ 1 << bit);
      check(bytes);
    }
  }
  // Several changes at once, of bytes that mean something in a header.
  constexpr std::string_view meaning = "0123456789[]{},:\"-.eE\\ \0\xff";
  for (std::uint64_t round = 0; round < 3000; ++round) {
    std::string bytes = good;
    for (std::uint64_t k = 0; k <= round % 4; ++k) {
      const Philox::Words w = Philox::words(round, k, 0);
      const std::size_t at = w[0] % 800;
      const char c = meaning[w[1] % meaning.size()];
      switch (w[2] % 3) {
        case 0:
          bytes[at] = c;
          break;
        case 1:
          bytes.insert(at, 1, c);
          break;
        default:
          bytes.erase(at, 1);
      }
    }
    check(bytes);
  }
  // Changes of the data alone, and of names, are all that can go unnoticed.
  CHECK(accepted > 500);
  CHECK(accepted < all / 2);
}

}  // namespace
}  // namespace glassbox::io
