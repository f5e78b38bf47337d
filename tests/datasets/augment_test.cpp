// The augmentation op against plain loops, its draws, and what it refuses.
#include "engine/ops/augment.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <numeric>

#include "engine/core/threads.h"
#include "engine/ops/create.h"

namespace glassbox {
namespace {

using ops::Augment;

// Bytes without a pattern that a crop or a flip would keep.
Tensor noise_images(const Shape& shape, std::uint64_t seed = 1) {
  Tensor images = empty(shape, DType::u8, Device::cpu());
  std::uint64_t i = 0;
  for (std::uint8_t& byte : images.mutable_data<std::uint8_t>()) {
    byte = static_cast<std::uint8_t>(Philox::words(seed, i++, 0)[0]);
  }
  return images;
}

Tensor list(const std::vector<std::int64_t>& values) {
  return from(values, {static_cast<std::int64_t>(values.size())});
}
Tensor up_to(std::int64_t n) {
  std::vector<std::int64_t> values(static_cast<std::size_t>(n));
  std::iota(values.begin(), values.end(), 0);
  return list(values);
}
Tensor counter(std::int64_t seed, std::int64_t epoch) { return list({seed, epoch}); }

// The op as its header describes it, one pixel at a time.
std::vector<float> reference(const Augment& op, const Tensor& images, const Tensor& indices,
                             std::uint64_t seed, std::uint64_t epoch) {
  const Shape& x = images.shape();
  const std::int64_t rows = x[2] + 2 * op.padding, columns = x[3] + 2 * op.padding;
  const std::int64_t h = op.crop.h ? op.crop.h : rows, w = op.crop.w ? op.crop.w : columns;
  std::vector<float> y;
  for (const std::int64_t index : indices.data<std::int64_t>()) {
    const Philox::Words words = Philox::words(seed, static_cast<std::uint64_t>(index), epoch);
    const auto place = [](std::uint32_t word, std::int64_t range) {
      return static_cast<std::int64_t>(std::uint64_t(word) * std::uint64_t(range) >> 32);
    };
    const std::int64_t top = place(words[0], rows - h + 1), left = place(words[1], columns - w + 1);
    const bool flipped = words[2] < op.flip * 0x1p32;
    for (std::int64_t c = 0; c < x[1]; ++c) {
      for (std::int64_t i = 0; i < h; ++i) {
        for (std::int64_t j = 0; j < w; ++j) {
          const std::int64_t row = top + i - op.padding;
          const std::int64_t column = left + (flipped ? w - 1 - j : j) - op.padding;
          const bool inside = row >= 0 && row < x[2] && column >= 0 && column < x[3];
          const std::int64_t at = ((index * x[1] + c) * x[2] + row) * x[3] + column;
          float v = inside ? images.data<std::uint8_t>()[static_cast<std::size_t>(at)] : 0;
          if (op.scale) v = v / 255.0f;
          if (!op.mean.empty()) {
            const auto k = static_cast<std::size_t>(c);
            v = (v - static_cast<float>(op.mean[k])) / static_cast<float>(op.std[k]);
          }
          y.push_back(v);
        }
      }
    }
  }
  return y;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

const std::vector<double> mean{0.4914, 0.4822, 0.4465}, deviation{0.2023, 0.1994, 0.2010};

TEST_CASE("augment is the plain loops to the bit, with every part on and off") {
  int cases = 0;
  for (const Shape& shape : {Shape{11, 3, 7, 5}, Shape{11, 3, 32, 32}, Shape{11, 3, 1, 1}}) {
    const Tensor images = noise_images(shape);
    const Tensor indices = list({3, 10, 3, 0, 7, 9, 1, 2, 5, 4, 6, 8, 10});
    const int h = static_cast<int>(shape[2]), w = static_cast<int>(shape[3]);
    // Crops: none, of the image's size, smaller, one pixel.
    for (const Pair crop : {Pair(0), Pair(h, w), Pair((h + 1) / 2, w), Pair(1)}) {
      for (const int padding : {0, 1, 4}) {
        for (const double flip : {0.0, 0.5, 1.0}) {
          for (const int rest : {0, 1, 2, 3}) {
            Augment op{crop, padding, flip, rest % 2 == 1, {}, {}};
            if (rest >= 2) op.mean = mean, op.std = deviation;
            INFO(cat(to_string(shape), " ", to_string(crop), " ", padding, " ", flip, " ", rest));
            const Tensor y = augment(images, indices, counter(5, 9), op);
            CHECK(y.dtype() == DType::f32);
            CHECK(y.shape() == Shape{13, 3, crop.h ? crop.h : h + 2 * padding,
                                     crop.w ? crop.w : w + 2 * padding});
            CHECK(same_bits(y.to_vector<float>(), reference(op, images, indices, 5, 9)));
            ++cases;
          }
        }
      }
    }
  }
  CHECK(cases == 3 * 4 * 3 * 3 * 4);
}

TEST_CASE("augment with all of it off copies the bytes, and needs no counter") {
  const Tensor images = noise_images({3, 2, 4, 5});
  const Tensor y = augment(images, list({2, 0}), {}, {0, 0, 0, false, {}, {}});
  const auto bytes = images.to_vector<float>();
  std::vector<float> want(bytes.begin() + 80, bytes.end());
  want.insert(want.end(), bytes.begin(), bytes.begin() + 40);
  CHECK(y.to_vector<float>() == want);
}

TEST_CASE("augment of no images and of a batch of none") {
  const Augment op{2, 1, 0.5, true, {0.5}, {0.25}};
  CHECK(augment(noise_images({4, 1, 3, 3}), list({}), counter(0, 0), op).shape() ==
        Shape{0, 1, 2, 2});
  CHECK(augment(noise_images({0, 1, 3, 3}), list({}), counter(0, 0), op).shape() ==
        Shape{0, 1, 2, 2});
}

TEST_CASE("augment gives the same bits at 1, 2 and 3 threads") {
  const Tensor images = noise_images({61, 3, 9, 13});
  const Augment op{Pair(8, 11), 2, 0.5, true, mean, deviation};
  const std::vector<float> want = reference(op, images, up_to(61), 3, 4);
  for (const int threads : {1, 2, 3}) {
    CAPTURE(threads);
    const NumThreadsScope scope(threads);
    CHECK(same_bits(augment(images, up_to(61), counter(3, 4), op).to_vector<float>(), want));
  }
}

TEST_CASE("a draw depends on seed, epoch and index, not on the batch or the set") {
  const Tensor images = noise_images({40, 3, 8, 8});
  const Augment op{Pair(8), 4, 0.5};
  const auto run = [&](const Tensor& set, const Tensor& indices, std::int64_t seed,
                       std::int64_t epoch) {
    return augment(set, indices, counter(seed, epoch), op);
  };
  const Tensor all = run(images, up_to(40), 7, 2);
  const std::vector<std::int64_t> order{17, 39, 0, 17, 5};
  const Tensor some = run(images, list(order), 7, 2);
  for (std::size_t b = 0; b < order.size(); ++b) {
    const std::vector<float> one = all[order[b]].to_vector<float>();
    CHECK(some[static_cast<std::int64_t>(b)].to_vector<float>() == one);
    CHECK(run(images, list({order[b]}), 7, 2).to_vector<float>() == one);
  }
  // In a set that is cut off behind it, an image is drawn the same.
  const std::vector<std::uint8_t> bytes = images.to_vector<std::uint8_t>();
  const Tensor fewer = from(std::span(bytes).first(18 * 192), {18, 3, 8, 8});
  CHECK(run(fewer, list({17}), 7, 2).to_vector<float>() == all[17].to_vector<float>());

  CHECK(run(images, up_to(40), 8, 2).to_vector<float>() != all.to_vector<float>());
  CHECK(run(images, up_to(40), 7, 3).to_vector<float>() != all.to_vector<float>());
  // All 64 bits of a seed count.
  CHECK(run(images, up_to(40), 7 + (std::int64_t(1) << 62), 2).to_vector<float>() !=
        all.to_vector<float>());
}

TEST_CASE("draws are those of Philox4x32-10, on every machine and for good") {
  struct Known {
    std::uint64_t seed, epoch;
    std::int64_t index;
    int top, left;
    bool flipped;
  };
  // From an implementation in Python that gives Random123's known answers.
  const Known known[] = {{0, 0, 0, 3, 7, false},
                         {0, 0, 1, 8, 3, false},
                         {0, 1, 0, 4, 8, true},
                         {1, 0, 0, 8, 8, false},
                         {~std::uint64_t(0), 7, 49999, 0, 0, true},
                         {5, std::uint64_t(1) << 31, 12345, 3, 5, true}};
  for (const Known& k : known) {
    const ops::AugmentDraw draw = ops::draw_augment(k.seed, k.epoch, k.index, 9, 9, 0.5);
    CHECK(draw.top == k.top);
    CHECK(draw.left == k.left);
    CHECK(draw.flipped == k.flipped);
  }
}

// |k - n p| in standard deviations.
double deviations(std::int64_t k, std::int64_t n, double p) {
  const auto count = static_cast<double>(n);
  return std::fabs(static_cast<double>(k) - count * p) / std::sqrt(count * p * (1 - p));
}

TEST_CASE("flips have the probability asked for, apart in seeds, epochs and neighbours") {
  constexpr std::int64_t n = 20'000;
  Tensor images = zeros({n, 1, 1, 2}, DType::u8);
  for (std::int64_t i = 0; i < n; ++i)
    images.mutable_data<std::uint8_t>()[static_cast<std::size_t>(2 * i + 1)] = 1;
  const auto flips = [&](std::int64_t seed, std::int64_t epoch, double p) {
    const auto y =
        augment(images, up_to(n), counter(seed, epoch), {0, 0, p, false, {}, {}}).to_vector<int>();
    std::vector<bool> flipped;
    for (std::size_t i = 0; i < y.size(); i += 2) {
      CHECK_FALSE(y[i] == y[i + 1]);
      flipped.push_back(y[i] == 1);
    }
    return flipped;
  };
  for (const double p : {0.1, 0.5, 0.9}) {
    CAPTURE(p);
    const std::vector<bool> f = flips(0, 0, p);
    CHECK(deviations(std::count(f.begin(), f.end(), true), n, p) < 4);
  }
  const std::vector<bool> f = flips(0, 0, 0.5);
  const auto agree = [&](const std::vector<bool>& other, std::size_t shift) {
    std::int64_t equal = 0;
    for (std::size_t i = 0; i + shift < f.size(); ++i) equal += f[i] == other[i + shift];
    return deviations(equal, n - static_cast<std::int64_t>(shift), 0.5);
  };
  CHECK(agree(flips(0, 1, 0.5), 0) < 4);
  CHECK(agree(flips(1, 0, 0.5), 0) < 4);
  CHECK(agree(f, 1) < 4);
}

TEST_CASE("crops are uniform over all places, and independent of flips") {
  // Each pixel says its row and column; the middle of a crop is always inside the image.
  constexpr std::int64_t n = 25'000;
  Tensor images = empty({n, 2, 5, 5}, DType::u8);
  std::int64_t at = 0;
  for (std::uint8_t& v : images.mutable_data<std::uint8_t>()) {
    const std::int64_t i = at++ % 50;
    v = static_cast<std::uint8_t>(i < 25 ? i / 5 : i % 5);
  }
  const auto y =
      augment(images, up_to(n), counter(11, 0), {3, 1, 0, false, {}, {}}).to_vector<int>();
  std::vector<std::int64_t> places(50);
  for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
    const int top = y[18 * i + 4], left = y[18 * i + 13];
    const bool flipped = ops::draw_augment(11, 0, static_cast<std::int64_t>(i), 5, 5, 0.5).flipped;
    ++places[static_cast<std::size_t>(top * 10 + left * 2 + flipped)];
  }
  double chi_squared = 0;
  const double expected = n / 50.0;
  for (const std::int64_t k : places)
    chi_squared += std::pow(static_cast<double>(k) - expected, 2) / expected;
  CHECK(chi_squared < 49 + 4 * std::sqrt(2 * 49.0));
  CHECK(chi_squared > 49 - 4 * std::sqrt(2 * 49.0));
}

TEST_CASE("augment says what is wrong") {
  const Tensor images = noise_images({3, 3, 8, 6}), indices = list({0, 2}), count = counter(0, 0);
  const auto check = [&](const Augment& op, const std::string& message) {
    CHECK_THROWS_WITH_AS(augment(images, indices, count, op), message.c_str(), Error);
  };
  CHECK_THROWS_WITH_AS(augment(ones({3, 3, 8, 8}), indices, count, {}),
                       "augment: images must be [N,C,H,W] u8, got [3,3,8,8] f32", Error);
  CHECK_THROWS_WITH_AS(augment(zeros({3, 8, 8}, DType::u8), indices, count, {}),
                       "augment: images must be [N,C,H,W] u8, got [3,8,8] u8", Error);
  CHECK_THROWS_WITH_AS(augment(images, ones({2}), count, {}),
                       "augment: indices must be [B] i64, got [2] f32", Error);
  CHECK_THROWS_WITH_AS(augment(images, zeros({2, 1}, DType::i64), count, {}),
                       "augment: indices must be [B] i64, got [2,1] i64", Error);
  CHECK_THROWS_WITH_AS(augment(images, indices, {}, {.flip = 0.5}),
                       "augment: random crops and flips need a counter [2] i64, got none", Error);
  CHECK_THROWS_WITH_AS(augment(images, indices, list({1}), {.crop = 4}),
                       "augment: random crops and flips need a counter [2] i64, got [1] i64",
                       Error);
  check({.padding = -1}, "augment: crop 0x0 and padding -1 must not be negative");
  check({.crop = Pair(-2, 4)}, "augment: crop -2x4 and padding 0 must not be negative");
  check({.crop = Pair(0, 4)}, "augment: crop 0x4 has one size of 0; 0x0 is no crop");
  check({.flip = 1.5}, "augment: flip 1.5 is not a probability");
  check({.flip = -0.1}, "augment: flip -0.1 is not a probability");
  check({.flip = NAN}, "augment: flip nan is not a probability");
  check({.mean = {1, 2}, .std = {1, 2}}, "augment: mean has 2 and std 2 numbers for 3 channels");
  check({.mean = {1, 2, 3}}, "augment: mean has 3 and std 0 numbers for 3 channels");
  check({.std = {1, 2, 3}}, "augment: mean has 0 and std 3 numbers for 3 channels");
  check({.mean = {1, 2, 3}, .std = {1, 0, 1}}, "augment: std 0 must be above 0");
  check({.mean = {1, 2, 3}, .std = {1, 1, NAN}}, "augment: std nan must be above 0");
  check({.crop = Pair(9, 6)}, "augment: crop 9x6 is larger than the image 8x6 padded by 0");
  check({.crop = Pair(8, 9), .padding = 1},
        "augment: crop 8x9 is larger than the image 8x6 padded by 1");
  check({.crop = 1, .padding = 2'000'000'000},
        "augment: padding 2000000000 makes images of 4000000008x4000000006, larger than can be "
        "cropped");
  CHECK_THROWS_WITH_AS(augment(images, list({0, 3}), count, {}),
                       "augment: index 3 at position 1 is outside a set of 3 images", Error);
  CHECK_THROWS_WITH_AS(augment(images, list({-1}), count, {}),
                       "augment: index -1 at position 0 is outside a set of 3 images", Error);
}

}  // namespace
}  // namespace glassbox
