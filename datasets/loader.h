// DataLoader: batches of a data set, made ahead by worker threads if wanted.
//   DataLoader loader{trainset, {.batch_size = 128, .shuffle = true, .num_workers = 2}};
//   for (auto& [inputs, labels] : loader) ...
// Each pass over it is the next epoch. The order and every draw depend on (seed, epoch) alone, so
// the batches are the same bits for any number of workers.
#pragma once
#include <functional>
#include <iterator>
#include <memory>
#include <vector>

#include "datasets/dataset.h"

namespace glassbox::datasets {

struct DataLoaderOptions {
  std::int64_t batch_size = 1;
  bool shuffle = false;
  bool drop_last = false;  // leave out a last batch that is not full
  std::uint64_t seed = 0;
  std::int64_t limit = 0;  // only the first so many samples; 0: all
  int num_workers = 0;     // threads that make batches ahead; 0: each is made when it is asked for
  int prefetch = 2;        // batches that a worker makes ahead
  // One of `world` processes that share an epoch: it gets samples rank, rank + world, ... of the
  // epoch's order, which is begun again at the end so that all get equally many.
  int rank = 0, world = 1;
  // Where batches are handed out. What is made elsewhere is copied there by whoever makes it: to a
  // GPU through page-locked memory, so that the copy runs beside the training.
  Device device = Device::cpu();
};

class DataLoader {
 public:
  // Copies the data set (an ImageDataset shares its memory). Throws Error for a batch size below 1,
  // a negative limit or number of workers, prefetch below 1, a rank outside [0, world).
  template <Dataset D>
  explicit DataLoader(const D& dataset, const DataLoaderOptions& options = {})
      : DataLoader(
            dataset.size(),
            [dataset](std::span<const std::int64_t> indices, const Draw& draw) -> Batch {
              return dataset.batch(indices, draw);
            },
            options) {}

  std::int64_t size() const;                  // batches in an epoch
  std::int64_t images() const { return n_; }  // samples in an epoch, before drop_last
  // The epoch, from 0, that the next pass draws, and the batch that it begins with.
  void set_epoch(std::int64_t epoch, std::int64_t first_batch = 0);
  std::int64_t epoch() const { return epoch_; }

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Batch;
    using difference_type = std::ptrdiff_t;
    using pointer = Batch*;
    using reference = Batch&;
    Batch& operator*();
    // Of the batch's samples in the set; i64 [B].
    const Tensor& indices() const;
    // Throws Error when a batch cannot be made, with the cause as its nested exception.
    Iterator& operator++();
    bool operator==(std::default_sentinel_t) const;

   private:
    friend class DataLoader;
    class Pass;
    explicit Iterator(std::shared_ptr<Pass> pass) : pass_(std::move(pass)) {}
    std::shared_ptr<Pass> pass_;
  };
  Iterator begin();
  std::default_sentinel_t end() const { return {}; }

 private:
  using Make = std::function<Batch(std::span<const std::int64_t>, const Draw&)>;
  DataLoader(std::int64_t size, Make make, const DataLoaderOptions& options);
  std::vector<std::int64_t> order(std::int64_t epoch) const;

  Make make_;
  DataLoaderOptions options_;
  std::int64_t all_, n_;  // samples of the set, and of this process's share
  std::int64_t epoch_ = 0, first_batch_ = 0;
};

// A permutation of 0 ... n-1 that depends on (seed, epoch) alone: Fisher and Yates's shuffle with
// Philox words.
std::vector<std::int64_t> random_permutation(std::int64_t n, std::uint64_t seed,
                                             std::uint64_t epoch);

}  // namespace glassbox::datasets
