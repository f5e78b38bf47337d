// DataLoader: which images come in which order. Compose: what it lowers to, and what it refuses.
#include "datasets/loader.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "engine/core/threads.h"

namespace glassbox::datasets {
namespace {

using namespace transforms;

using Indices = std::vector<std::int64_t>;

// Image i holds the byte i throughout and has the label 3 i.
ImageDataset counted(std::int64_t n) {
  ImageDataset set;
  set.images = empty({n, 1, 2, 2}, DType::u8, Device::cpu());
  set.labels = empty({n}, DType::i64, Device::cpu());
  for (std::int64_t i = 0; i < 4 * n; ++i) {
    set.images.mutable_data<std::uint8_t>()[static_cast<std::size_t>(i)] =
        static_cast<std::uint8_t>(i / 4);
  }
  for (std::int64_t i = 0; i < n; ++i)
    set.labels.mutable_data<std::int64_t>()[static_cast<std::size_t>(i)] = 3 * i;
  return set;
}

// One pass, as the images' indices batch by batch; images, labels and indices must agree.
std::vector<Indices> pass(DataLoader& loader) {
  std::vector<Indices> batches;
  for (auto at = loader.begin(); at != loader.end(); ++at) {
    const Indices indices = at.indices().to_vector<std::int64_t>();
    const auto n = static_cast<std::int64_t>(indices.size());
    CHECK((*at).inputs.shape() == Shape{n, 1, 2, 2});
    CHECK((*at).inputs.dtype() == DType::f32);
    CHECK((*at).labels.shape() == Shape{n});
    CHECK((*at).labels.dtype() == DType::i64);
    for (std::int64_t b = 0; b < n; ++b) {
      const std::int64_t index = indices[static_cast<std::size_t>(b)];
      CHECK((*at).labels[b].item<std::int64_t>() == 3 * index);
      CHECK((*at).inputs[b].to_vector<std::int64_t>() == Indices(4, index));
    }
    batches.push_back(indices);
  }
  CHECK(static_cast<std::int64_t>(batches.size()) == loader.size());
  return batches;
}

Indices joined(const std::vector<Indices>& batches) {
  Indices all;
  for (const Indices& batch : batches) all.insert(all.end(), batch.begin(), batch.end());
  return all;
}

TEST_CASE("without shuffling a loader gives the set in order, a short batch last") {
  DataLoader loader(counted(7), {.batch_size = 3});
  CHECK(loader.size() == 3);
  CHECK(loader.images() == 7);
  const std::vector<Indices> want{{0, 1, 2}, {3, 4, 5}, {6}};
  CHECK(pass(loader) == want);
  CHECK(pass(loader) == want);
  DataLoader exact(counted(6), {.batch_size = 3});
  CHECK(pass(exact) == std::vector<Indices>{{0, 1, 2}, {3, 4, 5}});
  DataLoader usual(counted(2));
  CHECK(pass(usual) == std::vector<Indices>{{0}, {1}});
}

TEST_CASE("a loader can drop the last batch, and stop at a limit") {
  const ImageDataset set = counted(7);
  DataLoader dropping(set, {.batch_size = 3, .drop_last = true});
  CHECK(pass(dropping) == std::vector<Indices>{{0, 1, 2}, {3, 4, 5}});
  DataLoader limited(set, {.batch_size = 3, .limit = 5});
  CHECK(limited.images() == 5);
  CHECK(pass(limited) == std::vector<Indices>{{0, 1, 2}, {3, 4}});
  DataLoader both(set, {.batch_size = 3, .drop_last = true, .limit = 5});
  CHECK(pass(both) == std::vector<Indices>{{0, 1, 2}});
  DataLoader beyond(set, {.batch_size = 7, .limit = 100});
  CHECK(beyond.images() == 7);
  CHECK(pass(beyond).size() == 1);
  // A limited set is shuffled within its limit.
  DataLoader shuffled(set, {.batch_size = 2, .shuffle = true, .limit = 5});
  Indices seen = joined(pass(shuffled));
  std::sort(seen.begin(), seen.end());
  CHECK(seen == Indices{0, 1, 2, 3, 4});
}

TEST_CASE("a batch may be larger than the set, and a set may be empty") {
  constexpr std::int64_t huge = std::numeric_limits<std::int64_t>::max();
  for (const std::int64_t batch_size : {std::int64_t(4), std::int64_t(100), huge}) {
    DataLoader loader(counted(3), {.batch_size = batch_size});
    CHECK(pass(loader) == std::vector<Indices>{{0, 1, 2}});
    DataLoader dropping(counted(3), {.batch_size = batch_size, .drop_last = true});
    CHECK(pass(dropping).empty());
    DataLoader none(counted(0), {.batch_size = batch_size, .shuffle = true});
    CHECK(none.size() == 0);
    CHECK(none.images() == 0);
    CHECK(pass(none).empty());
  }
}

TEST_CASE("shuffling depends on seed and epoch alone, and each pass is the next epoch") {
  const ImageDataset set = counted(50);
  DataLoader loader(set, {.batch_size = 8, .shuffle = true, .seed = 3});
  CHECK(loader.epoch() == 0);
  const Indices first = joined(pass(loader)), second = joined(pass(loader));
  CHECK(loader.epoch() == 2);
  CHECK(first == random_permutation(50, 3, 0));
  CHECK(second == random_permutation(50, 3, 1));
  CHECK(first != second);

  loader.set_epoch(1);
  CHECK(joined(pass(loader)) == second);
  CHECK(loader.epoch() == 2);
  DataLoader other(set, {.batch_size = 7, .shuffle = true, .seed = 3});
  const NumThreadsScope threads(3);
  CHECK(joined(pass(other)) == first);
  DataLoader another_seed(set, {.batch_size = 8, .shuffle = true, .seed = 4});
  CHECK(joined(pass(another_seed)) != first);
}

TEST_CASE("a pass that is left early is an epoch too") {
  DataLoader loader(counted(9), {.batch_size = 2, .shuffle = true});
  for (const Batch& batch : loader) {
    CHECK(batch.labels.size(0) == 2);
    break;
  }
  CHECK(loader.epoch() == 1);
  CHECK(joined(pass(loader)) == random_permutation(9, 0, 1));
}

TEST_CASE("a random permutation has every number once, at every place equally often") {
  for (const std::int64_t n : {0, 1, 2, 3, 10, 1000}) {
    Indices order = random_permutation(n, 1, 2);
    std::sort(order.begin(), order.end());
    Indices want(static_cast<std::size_t>(n));
    std::iota(want.begin(), want.end(), 0);
    CHECK(order == want);
  }
  CHECK(random_permutation(100, 1, 2) == random_permutation(100, 1, 2));
  CHECK(random_permutation(100, 1, 2) != random_permutation(100, 1, 3));
  CHECK(random_permutation(100, 1, 2) != random_permutation(100, 2, 2));
  // All 24 orders of four, over 24,000 epochs: chi squared with 23 degrees of freedom.
  std::vector<int> counts(256);
  for (std::uint64_t epoch = 0; epoch < 24'000; ++epoch) {
    const Indices o = random_permutation(4, 9, epoch);
    ++counts[static_cast<std::size_t>(o[0] + 4 * o[1] + 16 * o[2] + 64 * o[3])];
  }
  CHECK(std::count_if(counts.begin(), counts.end(), [](int k) { return k > 0; }) == 24);
  double chi_squared = 0;
  for (const int k : counts) chi_squared += k ? (k - 1000.0) * (k - 1000.0) / 1000 : 0;
  CHECK(chi_squared < 23 + 4 * std::sqrt(46.0));
}

TEST_CASE("a loader augments: each image by its index, each epoch anew") {
  ImageDataset set = counted(20);
  for (std::size_t i = 0; i < 80; ++i)
    set.images.mutable_data<std::uint8_t>()[i] = static_cast<std::uint8_t>(i);
  set.transform = {RandomCrop{2, {.padding = 1}}, RandomHorizontalFlip{}, ToTensor{}};
  const auto images = [&](const DataLoaderOptions& options, int epoch) {
    DataLoader loader(set, options);
    loader.set_epoch(epoch);
    std::vector<std::vector<float>> by_index(20);
    for (auto at = loader.begin(); at != loader.end(); ++at) {
      for (std::int64_t b = 0; b < at.indices().size(0); ++b) {
        by_index[at.indices()[b].item<std::size_t>()] = (*at).inputs[b].to_vector<float>();
      }
    }
    return by_index;
  };
  const auto want = images({.batch_size = 20, .seed = 5}, 0);
  CHECK(images({.batch_size = 3, .shuffle = true, .seed = 5}, 0) == want);
  CHECK(images({.batch_size = 20, .seed = 5}, 1) != want);
  CHECK(images({.batch_size = 20, .seed = 6}, 0) != want);
}

TEST_CASE("a loader refuses sizes that make no sense") {
  const ImageDataset set = counted(3);
  CHECK_THROWS_WITH_AS(DataLoader(set, {.batch_size = 0}),
                       "DataLoader: batch_size 0 must be at least 1", Error);
  CHECK_THROWS_WITH_AS(DataLoader(set, {.batch_size = -128}),
                       "DataLoader: batch_size -128 must be at least 1", Error);
  CHECK_THROWS_WITH_AS(DataLoader(set, {.limit = -1}), "DataLoader: limit -1 is negative", Error);
  CHECK_THROWS_AS(DataLoader(ImageDataset{}), Error);
  ImageDataset uneven = counted(3);
  uneven.labels = counted(4).labels;
  CHECK_THROWS_WITH_AS(DataLoader{uneven}, "dataset: 3 images have 4 labels", Error);
}

TEST_CASE("Compose lowers to one augmentation op") {
  using ops::Augment;
  CHECK(Compose{}.lower() == Augment{0, 0, 0, false, {}, {}});
  CHECK(Compose{ToTensor{}}.lower() == Augment{});
  CHECK(Compose{RandomCrop{32, {.padding = 4}}, RandomHorizontalFlip{}, ToTensor{},
                Normalize{cifar10_mean, cifar10_std}}
            .lower() == Augment{32, 4, 0.5, true, cifar10_mean, cifar10_std});
  CHECK(Compose{RandomCrop{{24, 28}}, ToTensor{}}.lower() == Augment{.crop = Pair(24, 28)});
  CHECK(Compose{RandomHorizontalFlip{0.25}, ToTensor{}, Normalize{{0.5}, {0.5}}}.lower() ==
        Augment{.flip = 0.25, .mean = {0.5}, .std = {0.5}});
  // The article's constants.
  CHECK(cifar10_mean == std::vector<double>{0.4914, 0.4822, 0.4465});
  CHECK(cifar10_std == std::vector<double>{0.2023, 0.1994, 0.2010});
}

TEST_CASE("Compose refuses an order that is not one op, and says which order is") {
  const std::vector<Compose::Step> steps{RandomCrop{4}, RandomHorizontalFlip{}, ToTensor{},
                                         Normalize{{0.5}, {0.5}}};
  const std::string names[] = {"RandomCrop", "RandomHorizontalFlip", "ToTensor", "Normalize"};
  for (std::size_t a = 0; a < 4; ++a) {
    for (std::size_t b = 0; b <= a; ++b) {
      // Normalize without ToTensor is told apart.
      const std::string message = a == 3 ? "Compose: Normalize needs ToTensor before it"
                                         : "Compose: " + names[b] + " comes after " + names[a] +
                                               "; the order is RandomCrop, RandomHorizontalFlip, "
                                               "ToTensor, Normalize, each once";
      INFO(cat(names[a], " ", names[b]));
      CHECK_THROWS_WITH_AS((Compose{steps[a], steps[b]}), message.c_str(), Error);
    }
  }
  CHECK_THROWS_WITH_AS((Compose{ToTensor{}, steps[3], steps[3]}),
                       doctest::Contains("Normalize comes after Normalize"), Error);
  CHECK_THROWS_WITH_AS((Compose{ToTensor{}, steps[3], steps[0]}),
                       doctest::Contains("RandomCrop comes after Normalize"), Error);
  const std::string no_tensor =
      "Compose: needs ToTensor: a model takes numbers in [0, 1], not bytes";
  CHECK_THROWS_WITH_AS((Compose{steps[0]}), no_tensor.c_str(), Error);
  CHECK_THROWS_WITH_AS((Compose{steps[0], steps[1]}), no_tensor.c_str(), Error);
}

TEST_CASE("transforms refuse numbers that make no sense") {
  CHECK_THROWS_WITH_AS((Compose{RandomCrop{0}, ToTensor{}}),
                       "RandomCrop: size 0x0 must be at least 1 and padding 0 at least 0", Error);
  CHECK_THROWS_WITH_AS((Compose{RandomCrop{{32, -1}}, ToTensor{}}),
                       "RandomCrop: size 32x-1 must be at least 1 and padding 0 at least 0", Error);
  CHECK_THROWS_WITH_AS((Compose{RandomCrop{32, {.padding = -4}}, ToTensor{}}),
                       "RandomCrop: size 32x32 must be at least 1 and padding -4 at least 0",
                       Error);
  CHECK_THROWS_WITH_AS((Compose{RandomHorizontalFlip{1.5}, ToTensor{}}),
                       "RandomHorizontalFlip: 1.5 is not a probability", Error);
  CHECK_THROWS_WITH_AS((Compose{RandomHorizontalFlip{NAN}, ToTensor{}}),
                       "RandomHorizontalFlip: nan is not a probability", Error);
  // Whether a Normalize fits the channels is known at the first batch.
  ImageDataset set = counted(2);
  set.transform = {ToTensor{}, Normalize{{0.5, 0.5}, {0.5, 0.5}}};
  DataLoader loader(set);
  CHECK_THROWS_WITH_AS(loader.begin(),
                       doctest::Contains("augment: mean has 2 and std 2 numbers for 1 channels"),
                       Error);
}

}  // namespace
}  // namespace glassbox::datasets
