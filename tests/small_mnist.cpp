#include "tests/small_mnist.h"

#include <filesystem>

#include "engine/core/philox.h"
#include "tests/temp_folder.h"

namespace glassbox::test {

namespace {

std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 255);
  return bytes;
}

void write_half(const std::string& folder, const std::string& name, std::int64_t n,
                std::uint64_t seed) {
  constexpr std::size_t side = 28;
  const auto count = static_cast<std::uint32_t>(n);
  std::string images = big_endian(0x803) + big_endian(count) + big_endian(28) + big_endian(28);
  std::string labels = big_endian(0x801) + big_endian(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::size_t digit = i % 10, top = digit / 5 * 14 + 2, left = digit % 5 * 5 + 1;
    for (std::size_t at = 0; at < side * side; ++at) {
      const std::size_t row = at / side, column = at % side;
      const bool lit = row >= top && row < top + 10 && column >= left && column < left + 5;
      const std::uint32_t noise = Philox::words(seed, i, at)[0] >> 25;
      images += static_cast<char>(noise + (lit ? 100 : 0));
    }
    labels += static_cast<char>(digit);
  }
  write_bytes(folder + "/" + name + "-images-idx3-ubyte", images);
  write_bytes(folder + "/" + name + "-labels-idx1-ubyte", labels);
}

}  // namespace

void make_small_mnist(const std::string& folder, std::int64_t train, std::int64_t test) {
  std::filesystem::create_directories(folder);
  write_half(folder, "train", train, 1);
  write_half(folder, "t10k", test, 2);
}

}  // namespace glassbox::test
