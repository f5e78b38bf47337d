// MD5 (RFC 1321), for the checksums that data sets are published with. It tells damaged files from
// whole ones; against a forger it is worth nothing.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace glassbox::datasets {

class Md5 {
 public:
  void update(std::span<const std::byte> bytes);
  void update(std::string_view text) { update(std::as_bytes(std::span(text))); }
  // 32 lower-case hexadecimal digits, of what came so far.
  std::string hex() const;

 private:
  void block(const std::byte* bytes);
  std::array<std::uint32_t, 4> state_{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  std::array<std::byte, 64> rest_{};  // what is not a whole block yet: length_ % 64 bytes
  std::uint64_t length_ = 0;
};

// Of a file, read in pieces. Throws Error when it cannot be read.
std::string md5_of_file(const std::string& path);

}  // namespace glassbox::datasets
