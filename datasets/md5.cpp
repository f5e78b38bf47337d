#include "datasets/md5.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "engine/io/file.h"

namespace glassbox::datasets {

namespace {

// RFC 1321, 3.4: the integer part of 2^32 |sin(i)|, i from 1, in radians.
std::array<std::uint32_t, 64> make_sines() {
  std::array<std::uint32_t, 64> sines;
  for (std::size_t i = 0; i < 64; ++i) {
    sines[i] = static_cast<std::uint32_t>(std::floor(std::abs(std::sin(double(i + 1))) * 0x1p32));
  }
  return sines;
}

constexpr int rotations[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

std::uint32_t little_endian(const std::byte* bytes) {
  return std::uint32_t(bytes[0]) | std::uint32_t(bytes[1]) << 8 | std::uint32_t(bytes[2]) << 16 |
         std::uint32_t(bytes[3]) << 24;
}

}  // namespace

void Md5::block(const std::byte* bytes) {
  static const std::array<std::uint32_t, 64> sines = make_sines();
  std::array<std::uint32_t, 16> x;
  for (std::size_t i = 0; i < 16; ++i) x[i] = little_endian(bytes + 4 * i);
  auto [a, b, c, d] = state_;
  for (std::size_t i = 0; i < 64; ++i) {
    std::uint32_t f = 0;
    std::size_t word = 0;
    switch (i / 16) {
      case 0:
        f = (b & c) | (~b & d);
        word = i;
        break;
      case 1:
        f = (b & d) | (c & ~d);
        word = (5 * i + 1) % 16;
        break;
      case 2:
        f = b ^ c ^ d;
        word = (3 * i + 5) % 16;
        break;
      default:
        f = c ^ (b | ~d);
        word = 7 * i % 16;
    }
    const std::uint32_t sum = a + f + x[word] + sines[i];
    a = d;
    d = c;
    c = b;
    b += std::rotl(sum, rotations[i / 16][i % 4]);
  }
  state_ = {state_[0] + a, state_[1] + b, state_[2] + c, state_[3] + d};
}

void Md5::update(std::span<const std::byte> bytes) {
  const std::size_t have = length_ % 64;
  length_ += bytes.size();
  if (have > 0) {
    const std::size_t take = std::min(bytes.size(), 64 - have);
    std::memcpy(rest_.data() + have, bytes.data(), take);
    bytes = bytes.subspan(take);
    if (have + take < 64) return;
    block(rest_.data());
  }
  for (; bytes.size() >= 64; bytes = bytes.subspan(64)) block(bytes.data());
  if (!bytes.empty()) std::memcpy(rest_.data(), bytes.data(), bytes.size());
}

std::string Md5::hex() const {
  Md5 end = *this;  // a one bit, zeros, and the length in bits
  std::string tail(1, '\x80');
  tail.append((119 - length_ % 64) % 64, '\0');
  for (int i = 0; i < 8; ++i) tail += static_cast<char>(length_ * 8 >> (8 * i));
  end.update(tail);
  std::string text;
  for (const std::uint32_t word : end.state_) {
    for (int nibble : {1, 0, 3, 2, 5, 4, 7, 6})
      text += "0123456789abcdef"[word >> (4 * nibble) & 15];
  }
  return text;
}

std::string md5_of_file(const std::string& path) {
  const io::InputFile file(path);
  std::vector<std::byte> buffer(std::size_t(1) << 20);
  Md5 md5;
  for (std::uint64_t at = 0; at < file.size();) {
    const std::size_t n = std::min<std::uint64_t>(buffer.size(), file.size() - at);
    file.read(at, std::span(buffer).first(n));
    md5.update(std::span<const std::byte>(buffer).first(n));
    at += n;
  }
  return md5.hex();
}

}  // namespace glassbox::datasets
