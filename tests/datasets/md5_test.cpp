// MD5 against the vectors of RFC 1321.
#include "datasets/md5.h"

#include <doctest/doctest.h>

#include <utility>

#include "engine/core/error.h"
#include "tests/temp_folder.h"

namespace glassbox::datasets {
namespace {

std::string md5(std::string_view text) {
  Md5 sum;
  sum.update(text);
  return sum.hex();
}

TEST_CASE("MD5 gives the test suite of RFC 1321") {
  const std::pair<const char*, const char*> suite[] = {
      {"", "d41d8cd98f00b204e9800998ecf8427e"},
      {"a", "0cc175b9c0f1b6a831c399e269772661"},
      {"abc", "900150983cd24fb0d6963f7d28e17f72"},
      {"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
      {"abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"},
      {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
       "d174ab98d277d9f5a5611c2c9f419d9f"},
      {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
       "57edf4a22be3c955ac49da2e2107b67a"}};
  for (const auto& row : suite) CHECK(md5(row.first) == row.second);
  CHECK(md5(std::string(1'000'000, 'a')) == "7707d6ae4e027c70eea2a935c2296f21");
}

TEST_CASE("MD5 does not depend on how the bytes are cut, and goes on after a look") {
  std::string text;
  for (int i = 0; i < 300; ++i) text += static_cast<char>(i * 31);
  for (std::size_t n = 0; n <= text.size(); ++n) {
    for (const std::size_t piece : {1, 7, 63, 64, 65, 300}) {
      Md5 sum;
      for (std::size_t at = 0; at < n; at += piece) {
        sum.update(std::string_view(text).substr(at, std::min(piece, n - at)));
        sum.hex();
      }
      REQUIRE(sum.hex() == md5(std::string_view(text).substr(0, n)));
    }
  }
}

TEST_CASE("MD5 of a file") {
  const test::TempFolder folder;
  test::write_bytes(folder / "a", std::string(3'000'000, 'a'));
  CHECK(md5_of_file(folder / "a") == md5(std::string(3'000'000, 'a')));
  test::write_bytes(folder / "empty", "");
  CHECK(md5_of_file(folder / "empty") == "d41d8cd98f00b204e9800998ecf8427e");
  CHECK_THROWS_AS(md5_of_file(folder / "none"), Error);
}

}  // namespace
}  // namespace glassbox::datasets
