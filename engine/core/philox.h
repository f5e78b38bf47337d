// Philox4x32-10, the counter-based generator of Salmon et al., "Parallel random numbers: as easy as
// 1, 2, 3" (SC 2011). Four 32-bit words from a 128-bit counter and a 64-bit key; any word can be
// computed on any thread or device, so random numbers are the same everywhere.
#pragma once
#include <array>
#include <cstdint>

#include "engine/core/hd.h"

namespace glassbox {

struct Philox {
  using Words = std::array<std::uint32_t, 4>;

  GLASSBOX_HD static constexpr Words words(std::uint64_t key, std::uint64_t counter_low,
                                           std::uint64_t counter_high) {
    Words c{std::uint32_t(counter_low), std::uint32_t(counter_low >> 32),
            std::uint32_t(counter_high), std::uint32_t(counter_high >> 32)};
    std::uint32_t k0 = std::uint32_t(key), k1 = std::uint32_t(key >> 32);
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t p0 = std::uint64_t(0xD2511F53) * c[0];
      const std::uint64_t p1 = std::uint64_t(0xCD9E8D57) * c[2];
      c = {std::uint32_t(p1 >> 32) ^ c[1] ^ k0, std::uint32_t(p1),
           std::uint32_t(p0 >> 32) ^ c[3] ^ k1, std::uint32_t(p0)};
      k0 += 0x9E3779B9;
      k1 += 0xBB67AE85;
    }
    return c;
  }

  // [0, 1) with 24 (float) or 32 (double) random bits: exact on every device.
  GLASSBOX_HD static constexpr float uniform(std::uint32_t word) {
    return float(word >> 8) * 0x1p-24f;
  }
  GLASSBOX_HD static constexpr double uniform_double(std::uint32_t word) {
    return double(word) * 0x1p-32;
  }
};

}  // namespace glassbox
