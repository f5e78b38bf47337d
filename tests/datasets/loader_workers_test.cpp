// DataLoader with workers: the same batches, errors that reach the loop, shares of an epoch.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <new>

#include "datasets/loader.h"

namespace glassbox::datasets {
namespace {

using Indices = std::vector<std::int64_t>;

ImageDataset noise(std::int64_t n) {
  ImageDataset set;
  set.images = empty({n, 3, 8, 8}, DType::u8, Device::cpu());
  set.labels = empty({n}, DType::i64, Device::cpu());
  std::uint32_t state = 1;
  for (std::uint8_t& byte : set.images.mutable_data<std::uint8_t>()) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<std::uint8_t>(state >> 24);
  }
  for (std::int64_t i = 0; i < n; ++i) {
    set.labels.mutable_data<std::int64_t>()[static_cast<std::size_t>(i)] = i % 10;
  }
  set.transform = {transforms::RandomCrop{8, {.padding = 2}}, transforms::RandomHorizontalFlip{},
                   transforms::ToTensor{}};
  return set;
}

// Everything that one pass gives, in one list.
std::vector<float> bits(DataLoader& loader) {
  std::vector<float> all;
  for (auto at = loader.begin(); at != loader.end(); ++at) {
    const Tensor labels = (*at).labels, indices = at.indices();
    for (const float v : (*at).inputs.to_vector<float>()) all.push_back(v);
    for (const auto v : labels.to_vector<std::int64_t>()) all.push_back(static_cast<float>(v));
    for (const auto v : indices.to_vector<std::int64_t>()) all.push_back(static_cast<float>(v));
  }
  return all;
}

Indices indices_of(DataLoader& loader) {
  Indices all;
  for (auto at = loader.begin(); at != loader.end(); ++at) {
    for (const auto i : at.indices().to_vector<std::int64_t>()) all.push_back(i);
  }
  return all;
}

// A data set of one's own: sample i is the number i; `bad` cannot be read.
struct Numbers {
  std::int64_t n = 0, bad = -1;
  std::shared_ptr<std::atomic<int>> made = std::make_shared<std::atomic<int>>(0);
  std::int64_t size() const { return n; }
  Batch batch(std::span<const std::int64_t> indices, const Draw&) const {
    ++*made;
    std::vector<float> values;
    for (const std::int64_t i : indices) {
      if (i == bad) throw std::bad_alloc();
      values.push_back(static_cast<float>(i));
    }
    const Shape shape{static_cast<std::int64_t>(values.size())};
    return {from(values, shape), from(indices, shape)};
  }
};

TEST_CASE("a loader gives the same bits for any number of workers") {
  const ImageDataset set = noise(100);
  DataLoader alone(set, {.batch_size = 7, .shuffle = true, .seed = 3});
  const std::vector<float> first = bits(alone), second = bits(alone);
  CHECK(first != second);
  for (const int workers : {1, 2, 3, 40}) {
    for (const int prefetch : {1, 4}) {
      INFO(workers, " workers, prefetch ", prefetch);
      DataLoader loader(set, {.batch_size = 7,
                              .shuffle = true,
                              .seed = 3,
                              .num_workers = workers,
                              .prefetch = prefetch});
      CHECK(bits(loader) == first);
      CHECK(bits(loader) == second);
    }
  }
}

TEST_CASE("a pass may begin in the middle, and be left before its end") {
  for (const int workers : {0, 3}) {
    DataLoader loader(Numbers{20}, {.batch_size = 3, .shuffle = true, .num_workers = workers});
    const Indices whole = indices_of(loader);
    loader.set_epoch(0, 4);
    CHECK(indices_of(loader) == Indices(whole.begin() + 12, whole.end()));
    CHECK(loader.epoch() == 1);
    loader.set_epoch(0, loader.size());
    CHECK(indices_of(loader).empty());
    loader.set_epoch(0);
    for (auto& [inputs, labels] : loader) {
      CHECK(labels.size(0) == 3);
      break;
    }
    CHECK_THROWS_AS(loader.set_epoch(0, 8), Error);
    CHECK_THROWS_AS(loader.set_epoch(-1), Error);
  }
}

TEST_CASE("workers make no more batches ahead than they are told") {
  const Numbers numbers{100};
  DataLoader loader(numbers, {.batch_size = 1, .num_workers = 2, .prefetch = 3});
  {
    auto at = loader.begin();
    ++at;
  }  // joined
  CHECK(*numbers.made >= 2);
  CHECK(*numbers.made <= 2 + 2 * 3);
}

TEST_CASE("what stops a worker reaches the loop with its cause") {
  for (const int workers : {0, 2}) {
    INFO(workers, " workers");
    Numbers numbers{10};
    numbers.bad = 5;
    DataLoader loader(numbers, {.batch_size = 2, .num_workers = workers});
    int seen = 0;
    try {
      for (auto& [inputs, labels] : loader) seen += labels.size(0) == 2;
      FAIL("no error");
    } catch (const Error& e) {
      CHECK(std::string(e.what()) == "DataLoader: batch 2 of epoch 1: std::bad_alloc");
      CHECK_THROWS_AS(std::rethrow_if_nested(e), std::bad_alloc);
    }
    CHECK(seen == 2);
  }
}

TEST_CASE("the processes of a world share an epoch") {
  for (const bool shuffle : {false, true}) {
    DataLoader alone(Numbers{10}, {.shuffle = shuffle, .seed = 1});
    const Indices whole = indices_of(alone);
    Indices all;
    for (int rank = 0; rank < 3; ++rank) {
      DataLoader loader(Numbers{10}, {.batch_size = 3,
                                      .shuffle = shuffle,
                                      .seed = 1,
                                      .num_workers = rank,
                                      .rank = rank,
                                      .world = 3});
      CHECK(loader.images() == 4);
      CHECK(loader.size() == 2);
      const Indices share = indices_of(loader);
      REQUIRE(share.size() == 4);
      for (std::size_t i = 0; i < 4; ++i) {
        const std::size_t at = i * 3 + static_cast<std::size_t>(rank);
        CHECK(share[i] == whole[at % 10]);  // begun again at the end
      }
      all.insert(all.end(), share.begin(), share.end());
    }
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    CHECK(all.size() == 10);
  }
  // Fewer samples than processes: still one each.
  DataLoader last(Numbers{2}, {.rank = 4, .world = 5});
  CHECK(indices_of(last) == Indices{0});
}

TEST_CASE("a loader refuses options that make no sense") {
  const Numbers set{4};
  const auto message = [&](const DataLoaderOptions& options) -> std::string {
    try {
      DataLoader loader(set, options);
    } catch (const Error& e) {
      return e.what();
    }
    return "none";
  };
  CHECK(message({.num_workers = -1}) == "DataLoader: num_workers -1 must be from 0 to 256");
  CHECK(message({.prefetch = 0}) == "DataLoader: prefetch 0 must be at least 1");
  CHECK(message({.rank = 2, .world = 2}) == "DataLoader: rank 2 is not one of a world of 2");
  CHECK(message({.rank = -1}) == "DataLoader: rank -1 is not one of a world of 1");
  CHECK(message({.world = 0}) == "DataLoader: rank 0 is not one of a world of 0");
}

}  // namespace
}  // namespace glassbox::datasets
