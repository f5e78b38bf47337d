// DataLoader: batches of an in-memory image set.
//   DataLoader loader{trainset, {.batch_size = 128, .shuffle = true}};
//   for (auto& [inputs, labels] : loader) ...
// Each pass over it is the next epoch. The order and every draw depend on (seed, epoch) alone.
#pragma once
#include <iterator>
#include <vector>

#include "datasets/dataset.h"

namespace glassbox::datasets {

struct DataLoaderOptions {
  std::int64_t batch_size = 1;
  bool shuffle = false;
  bool drop_last = false;  // leave out a last batch that is not full
  std::uint64_t seed = 0;
  std::int64_t limit = 0;  // only the first so many images; 0: all
};

struct Batch {
  Tensor inputs;  // f32 [B, C, h, w]
  Tensor labels;  // i64 [B]
};

class DataLoader {
 public:
  // Throws Error for a batch size below 1, a negative limit, a set with more images than labels or
  // fewer.
  explicit DataLoader(const ImageDataset& dataset, const DataLoaderOptions& options = {});

  std::int64_t size() const;                  // batches in an epoch
  std::int64_t images() const { return n_; }  // images in an epoch, before drop_last
  // The epoch, from 0, that the next pass draws.
  void set_epoch(std::int64_t epoch) { epoch_ = epoch; }
  std::int64_t epoch() const { return epoch_; }

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Batch;
    using difference_type = std::ptrdiff_t;
    using pointer = Batch*;
    using reference = Batch&;
    Batch& operator*() { return batch_; }
    // Of the batch's images in the set; i64 [B].
    const Tensor& indices() const { return indices_; }
    Iterator& operator++();
    bool operator==(std::default_sentinel_t) const { return next_ > loader_->size(); }

   private:
    friend class DataLoader;
    Iterator(DataLoader& loader, std::int64_t epoch);
    void load();
    DataLoader* loader_;
    std::int64_t epoch_, next_ = 0;  // the batch that comes next
    std::vector<std::int64_t> order_;
    Batch batch_;
    Tensor indices_;
  };
  Iterator begin() { return Iterator(*this, epoch_++); }
  std::default_sentinel_t end() const { return {}; }

 private:
  ImageDataset dataset_;
  DataLoaderOptions options_;
  std::int64_t n_, epoch_ = 0;
};

// A permutation of 0 ... n-1 that depends on (seed, epoch) alone: Fisher and Yates's shuffle with
// Philox words.
std::vector<std::int64_t> random_permutation(std::int64_t n, std::uint64_t seed,
                                             std::uint64_t epoch);

}  // namespace glassbox::datasets
