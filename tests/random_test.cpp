// The generator against its authors' test vectors, and what the random functions promise.
#include "engine/ops/random.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "engine/autograd/tape.h"
#include "engine/core/philox.h"
#include "engine/ops/pointwise.h"
#include "engine/ops/reduce.h"

namespace glassbox {
namespace {

// Draws from a generator of its own.
template <class Op>
Tensor draw(const Op& op, const Generator& generator) {
  return apply(op, generator.state())[0];
}

TEST_CASE("philox: the known answers of philox4x32-10") {
  // Random123's tests/kat_vectors: counter, key, result.
  struct Known {
    std::uint64_t low, high, key;
    Philox::Words words;
  };
  constexpr Known known[] = {
      {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {~0ull, ~0ull, ~0ull, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {0x85a308d3243f6a88,
       0x0370734413198a2e,
       0x299f31d0a4093822,
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (const Known& k : known) CHECK(Philox::words(k.key, k.low, k.high) == k.words);
}

TEST_CASE("random: a draw advances the generator, and its state brings it back") {
  Generator generator(7);
  const Tensor first = draw(ops::Uniform{.shape = {8}}, generator);
  CHECK(generator.state().to_vector<std::int64_t>() == std::vector<std::int64_t>{7, 1});
  const Tensor saved = generator.state().clone();
  const Tensor second = draw(ops::Normal{.shape = {8}}, generator);
  draw(ops::RandInt{{8}, 0, 5}, generator);
  generator.set_state(saved);
  CHECK(draw(ops::Normal{.shape = {8}}, generator).to_vector<float>() == second.to_vector<float>());
  generator.manual_seed(7);
  CHECK(draw(ops::Uniform{.shape = {8}}, generator).to_vector<float>() == first.to_vector<float>());
  CHECK_THROWS_WITH(generator.set_state(first), "Generator: state must be [2] i64, got [8] f32");
}

TEST_CASE("random: manual_seed seeds the default generator") {
  manual_seed(3);
  const auto a = randn({5}).to_vector<float>();
  CHECK(randn({5}).to_vector<float>() != a);
  manual_seed(3);
  CHECK(randn({5}).to_vector<float>() == a);
  manual_seed(4);
  CHECK(randn({5}).to_vector<float>() != a);
}

TEST_CASE("random: an f32 draw is the f64 draw rounded") {
  const Shape shape{1001};
  const auto pair = [&](const auto& op) {
    auto wide = op;
    wide.dtype = DType::f64;
    Generator a(11), b(11);
    const Tensor narrow = draw(op, a), rounded = cast(draw(wide, b), DType::f32);
    CHECK(narrow.to_vector<float>() == rounded.to_vector<float>());
  };
  pair(ops::Uniform{.shape = shape});
  pair(ops::Uniform{.shape = shape, .low = -0.3, .high = 0.7});
  pair(ops::Normal{.shape = shape, .mean = 1, .std = 3});
  // Exactly so in [0, 1): both have 24 random bits.
  Generator a(12), b(12);
  CHECK(draw(ops::Uniform{.shape = shape}, a).to_vector<double>() ==
        draw(ops::Uniform{.shape = shape, .dtype = DType::f64}, b).to_vector<double>());
}

TEST_CASE("random: a uniform number never reaches high") {
  // Rounded to f32, most of this range is 1e6 + 1.
  for (DType dtype : {DType::f32, DType::f64}) {
    Generator generator(1);
    const auto x =
        draw(ops::Uniform{{10000}, 1e6, 1e6 + 0.0625, dtype}, generator).to_vector<double>();
    CHECK(*std::max_element(x.begin(), x.end()) < 1e6 + 0.0625);
    CHECK(*std::min_element(x.begin(), x.end()) >= 1e6);
  }
}

TEST_CASE("random: the moments are right") {
  manual_seed(5);
  const std::int64_t n = 200000;
  const double error = 5 / std::sqrt(static_cast<double>(n));  // five standard deviations
  const Tensor u = uniform({n}, 2, 6, DType::f64);
  CHECK(std::abs(u.mean().item<double>() - 4) < 4 * error / std::sqrt(12));
  CHECK(std::abs(var(u).item<double>() - 16.0 / 12) < 16 * error / 12);
  const Tensor z = normal({n}, -1, 2, DType::f64);
  CHECK(std::abs(z.mean().item<double>() + 1) < 2 * error);
  CHECK(std::abs(var(z).item<double>() - 4) < 4 * error * std::sqrt(2.0));
  std::vector<int> count(7);
  for (std::int64_t v : randint({n}, -3, 4).to_vector<std::int64_t>()) ++count[std::size_t(v + 3)];
  for (int c : count) CHECK(std::abs(c - n / 7.0) < 5 * std::sqrt(n / 7.0));
}

TEST_CASE("random: wide ranges of integers do not overflow") {
  Generator generator(9);
  const auto x =
      draw(ops::RandInt{{1000}, INT64_MIN, INT64_MAX}, generator).to_vector<std::int64_t>();
  CHECK(*std::min_element(x.begin(), x.end()) < INT64_MIN / 2);
  CHECK(*std::max_element(x.begin(), x.end()) > INT64_MAX / 2);
}

TEST_CASE("dropout: the identity where nothing is dropped") {
  const Tensor x = randn({3, 5});
  CHECK(dropout(x, {.training = false}).same_as(x));
  CHECK(dropout(x, {.p = 0}).same_as(x));
  CHECK(dropout2d(x, {.training = false}).same_as(x));
  CHECK_THROWS_WITH(dropout(x, {.p = 1.5, .training = false}),
                    "dropout: p 1.5 is not a probability");
}

TEST_CASE("dropout: p = 1 gives zeros and zero gradients, of infinities too") {
  Tensor x = from({1.f, -INFINITY, NAN}, {3});
  x.set_requires_grad();
  const Tensor y = dropout(x, {.p = 1});
  CHECK(y.to_vector<float>() == std::vector<float>{0, 0, 0});
  y.sum().backward();
  CHECK(x.grad().to_vector<float>() == std::vector<float>{0, 0, 0});
}

TEST_CASE("dropout: backward has the mask of its own forward, whatever was drawn since") {
  manual_seed(6);
  Tensor x = from(std::vector<float>(1000, 1.f), {1000});
  x.set_requires_grad();
  const Tensor y = dropout(x, {.p = 0.3});
  rand({10});
  dropout(x);
  manual_seed(99);
  y.sum().backward();
  CHECK(x.grad().to_vector<float>() == y.to_vector<float>());
  const auto v = y.to_vector<float>();
  const auto dropped = std::count(v.begin(), v.end(), 0.f);
  CHECK(std::abs(static_cast<double>(dropped) - 300) < 5 * std::sqrt(1000 * 0.3 * 0.7));
}

TEST_CASE("dropout: f32 and f64 have the same mask") {
  manual_seed(8);
  const auto a = dropout(from(std::vector<float>(999, 1.f), {999})).to_vector<double>();
  manual_seed(8);
  CHECK(dropout(from(std::vector<double>(999, 1.0), {999})).to_vector<double>() == a);
}

TEST_CASE("dropout2d: channels are dropped whole") {
  manual_seed(2);
  const Tensor y = dropout2d(from(std::vector<float>(40 * 16, 1.f), {4, 10, 4, 4}));
  const auto v = y.to_vector<float>();
  int dropped = 0;
  for (std::size_t c = 0; c < 40; ++c) {
    CHECK(std::count(v.begin() + c * 16, v.begin() + (c + 1) * 16, v[c * 16]) == 16);
    dropped += v[c * 16] == 0;
  }
  CHECK(dropped > 0);
  CHECK(dropped < 40);
}

}  // namespace
}  // namespace glassbox
