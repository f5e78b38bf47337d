// TensorDataset, Subset, random_split, and describe.
#include "datasets/subset.h"

#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "datasets/describe.h"
#include "datasets/loader.h"
#include "engine/ops/create.h"

namespace glassbox::datasets {
namespace {

using Indices = std::vector<std::int64_t>;

// Image i holds the byte i throughout and has the label 3 i.
ImageDataset counted(std::int64_t n) {
  ImageDataset set;
  std::vector<std::uint8_t> bytes;
  Indices labels;
  for (std::int64_t i = 0; i < n; ++i) {
    bytes.insert(bytes.end(), 12, static_cast<std::uint8_t>(i));
    labels.push_back(3 * i);
  }
  set.images = from(bytes, {n, 3, 2, 2}, Device::cpu());
  set.labels = from(labels, {n}, Device::cpu());
  set.classes = {"a", "b"};
  set.transform = {transforms::ToTensor{}};
  return set;
}

TEST_CASE("a tensor data set gives the i-th of each tensor") {
  const Tensor x = from(std::vector<float>{1, 2, 3, 4, 5, 6}, {3, 2}, Device::cpu());
  const Tensor y = from(Indices{7, 8, 9}, {3}, Device::cpu());
  const TensorDataset set({x, y});
  CHECK(set.size() == 3);
  CHECK(set[1][0].to_vector<int>() == std::vector<int>{3, 4});
  CHECK(set[1][1].item<int>() == 8);
  const Tensors chosen = set.gather(Indices{2, 0, 2});
  CHECK(chosen[0].to_vector<int>() == std::vector<int>{5, 6, 1, 2, 5, 6});
  CHECK(chosen[0].shape() == Shape{3, 2});
  CHECK(chosen[1].to_vector<int>() == std::vector<int>{9, 7, 9});
  CHECK(set.gather(Indices{})[0].shape() == Shape{0, 2});
  CHECK_THROWS_WITH_AS(set[3], "TensorDataset: index 3 is outside a set of 3", Error);
  CHECK_THROWS_WITH_AS(set.gather(Indices{-1}), "TensorDataset: index -1 is outside a set of 3",
                       Error);
  CHECK_THROWS_WITH_AS(TensorDataset({}), "TensorDataset: needs at least one tensor", Error);
  CHECK_THROWS_WITH_AS(TensorDataset({x, from(Indices{1}, {1}, Device::cpu())}),
                       "TensorDataset: the tensors' first sizes must be equal: [3,2] f32, [1] i64",
                       Error);
  CHECK_THROWS_AS(TensorDataset({x, from(Indices{1}, {}, Device::cpu())}), Error);
}

TEST_CASE("a loader takes a tensor data set of inputs and labels") {
  const TensorDataset set({from<float>({1, 2, 3}, {3, 1}), from<std::int64_t>({4, 5, 6}, {3})});
  DataLoader loader(set, {.batch_size = 2});
  std::vector<std::int64_t> labels;
  for (auto& batch : loader) {
    CHECK(batch.inputs.dim() == 2);
    for (const auto v : batch.labels.to_vector<std::int64_t>()) labels.push_back(v);
  }
  CHECK(labels == std::vector<std::int64_t>{4, 5, 6});
  DataLoader one(TensorDataset({ones({3})}));
  CHECK_THROWS_WITH_AS(one.begin(), doctest::Contains("has 1 tensors; a DataLoader takes two"),
                       Error);
}

TEST_CASE("a subset has the chosen images with their labels") {
  const ImageDataset all = counted(10);
  const Subset subset(all, {7, 2, 2});
  CHECK(subset.indices == Indices{7, 2, 2});
  CHECK(subset.size() == 3);
  CHECK(subset.labels.to_vector<int>() == std::vector<int>{21, 6, 6});
  CHECK(subset.images[0].to_vector<int>() == std::vector<int>(12, 7));
  CHECK(subset.classes == all.classes);
  DataLoader loader(subset, {.batch_size = 3});
  CHECK((*loader.begin()).inputs.shape() == Shape{3, 3, 2, 2});
  CHECK(Subset(all, {}).size() == 0);
  CHECK_THROWS_WITH_AS(Subset(all, {0, 10}), "Subset: index 10 is outside a set of 10", Error);
  CHECK(Subset(Subset(all, {5, 6, 7}), {2}).labels.to_vector<int>() == std::vector<int>{21});
}

TEST_CASE("a random split takes every image once") {
  const ImageDataset all = counted(50);
  const std::vector<Subset> parts = random_split(all, {30, 15, 5}, 3);
  REQUIRE(parts.size() == 3);
  std::set<std::int64_t> seen;
  for (const Subset& part : parts) {
    for (std::int64_t i = 0; i < part.size(); ++i) {
      const std::int64_t index = part.indices[static_cast<std::size_t>(i)];
      seen.insert(index);
      CHECK(part.labels[i].item<std::int64_t>() == 3 * index);
      CHECK(part.images[i][0][0][0].item<std::int64_t>() == index);
    }
  }
  CHECK(seen.size() == 50);
  CHECK(parts[1].size() == 15);
  CHECK(random_split(all, {30, 15, 5}, 3)[0].indices == parts[0].indices);
  CHECK(random_split(all, {30, 15, 5}, 4)[0].indices != parts[0].indices);
  // A loader with the seed of the split draws another order.
  Indices order = random_permutation(50, 3, 0);
  order.resize(30);
  CHECK(parts[0].indices != order);
}

TEST_CASE("fractions are PyTorch's: floors, and the rest to the first parts") {
  const auto lengths = [](std::int64_t n, std::vector<double> fractions) {
    return split_lengths(n, fractions);
  };
  CHECK(lengths(10, {0.5, 0.5}) == Indices{5, 5});
  CHECK(lengths(11, {0.5, 0.5}) == Indices{6, 5});
  CHECK(lengths(10, {0.33, 0.33, 0.34}) == Indices{4, 3, 3});
  CHECK(lengths(3, {0.2, 0.2, 0.2, 0.2, 0.2}) == Indices{1, 1, 1, 0, 0});
  CHECK(lengths(50'000, {0.9, 0.1}) == Indices{45'000, 5'000});
  CHECK(lengths(0, {0.9, 0.1}) == Indices{0, 0});
  CHECK(lengths(7, {1.0}) == Indices{7});
  CHECK(random_split(counted(11), {0.5, 0.5})[0].size() == 6);
  CHECK_THROWS_WITH_AS(lengths(10, {0.5, 0.4}),
                       "random_split: the fractions add up to 0.9, not to 1", Error);
  CHECK_THROWS_WITH_AS(lengths(10, {1.5, -0.5}),
                       "random_split: fraction 1.5 is not between 0 and 1", Error);
  CHECK_THROWS_AS(lengths(10, {NAN, 1.0}), Error);
  CHECK_THROWS_AS(lengths(10, {}), Error);
}

TEST_CASE("a random split refuses lengths that do not add up") {
  const ImageDataset all = counted(10);
  CHECK_THROWS_WITH_AS(random_split(all, {5, 4}),
                       "random_split: the lengths add up to 9, the set has 10 items", Error);
  CHECK_THROWS_WITH_AS(random_split(all, {5, 6}),
                       "random_split: length 6 does not fit: 5 of the set's 10 items are left",
                       Error);
  CHECK_THROWS_AS(random_split(all, {11, -1}), Error);
}

TEST_CASE("describe prints the article's lines") {
  ImageDataset set;
  set.images = empty({50'000, 3, 32, 32}, DType::u8, Device::cpu());
  for (auto& byte : set.images.mutable_data<std::uint8_t>()) byte = 7;
  set.images.mutable_data<std::uint8_t>()[3] = 0;
  set.images.mutable_data<std::uint8_t>()[5] = 255;
  Indices labels(50'000);
  const Indices first{6, 9, 9, 4, 1, 1, 2, 7, 8, 3};
  std::copy(first.begin(), first.end(), labels.begin());
  set.labels = from(labels, {50'000}, Device::cpu());
  CHECK(describe("train_dataset", set) ==
        "train_dataset.data\tTensor  uint8 (50000, 32, 32, 3)  min: 0.000  max: 255.000\n"
        "train_dataset.labels\tlist    len: 50000  [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]");
  CHECK(describe("x", ImageDataset{}) == "x.data\tTensor  undefined\nx.labels\tlist    undefined");
}

TEST_CASE("describe knows every kind of tensor, and NaN") {
  const auto of = [](const Tensor& x) { return describe("x", x).substr(2); };
  CHECK(of(tensor({1.5f, -2.25f})) == "Tensor  float32 (2,)  min: -2.250  max: 1.500");
  CHECK(of(tensor({1.5f, -2.25f}).to(DType::f16)) ==
        "Tensor  float16 (2,)  min: -2.250  max: 1.500");
  CHECK(of(tensor({1.5f, -2.25f}).to(DType::bf16)) ==
        "Tensor  bfloat16 (2,)  min: -2.250  max: 1.500");
  CHECK(of(from(std::vector<double>{1e-4}, {1, 1}, Device::cpu())) ==
        "Tensor  float64 (1, 1)  min: 0.000  max: 0.000");
  CHECK(of(tensor({std::int64_t(3)})) == "Tensor  int64 (1,)  min: 3.000  max: 3.000");
  CHECK(of(tensor({0.f, 1.f}).to(DType::boolean)) == "Tensor  bool (2,)  min: 0.000  max: 1.000");
  CHECK(of(from({2.f}, {}, Device::cpu())) == "Tensor  float32 ()  min: 2.000  max: 2.000");
  CHECK(of(tensor({1.f, NAN, 3.f, NAN})) == "Tensor  float32 (4,)  min: 1.000  max: 3.000  nan: 2");
  CHECK(of(tensor({NAN})) == "Tensor  float32 (1,)  min: nan  max: nan  nan: 1");
  CHECK(of(tensor({-INFINITY, 0.f})) == "Tensor  float32 (2,)  min: -inf  max: 0.000");
  CHECK(of(empty({0, 3}, DType::f32, Device::cpu())) == "Tensor  float32 (0, 3)  empty");
  CHECK(of(empty({2, 3}, DType::f32, Device::meta())) == "Tensor  float32 (2, 3)  no data");
  CHECK(of(Tensor{}) == "Tensor  undefined");
  CHECK(describe("x", empty({2, 3, 4, 5}, DType::f32, Device::meta()), Layout::channels_last) ==
        "x\tTensor  float32 (2, 4, 5, 3)  no data");
}

TEST_CASE("describe prints lists as Python does") {
  CHECK(describe("x", std::vector<int>{}) == "x\tlist    len: 0  []");
  CHECK(describe("x", std::vector<std::uint8_t>{1, 2}) == "x\tlist    len: 2  [1, 2]");
  CHECK(describe("x", std::vector<int>(11, 5)) ==
        "x\tlist    len: 11  [5, 5, 5, 5, 5, 5, 5, 5, 5, 5]");
  CHECK(describe("x", std::vector<double>{0.5, 1, NAN, -INFINITY, 1e30}) ==
        "x\tlist    len: 5  [0.5, 1.0, nan, -inf, 1e+30]");
  CHECK(describe("x", std::vector<bool>{true, false}) == "x\tlist    len: 2  [True, False]");
  CHECK(describe("x", std::vector<std::string>{"cat", "dog"}) ==
        "x\tlist    len: 2  ['cat', 'dog']");
}

}  // namespace
}  // namespace glassbox::datasets
