#include "datasets/loader.h"

#include <algorithm>
#include <numeric>

#include "engine/core/philox.h"

namespace glassbox::datasets {

std::vector<std::int64_t> random_permutation(std::int64_t n, std::uint64_t seed,
                                             std::uint64_t epoch) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  // Why the bit: the words of the order must not be those of an image's augmentation.
  const std::uint64_t high = epoch | std::uint64_t(1) << 63;
  for (std::uint64_t i = order.size(); i > 1; --i) {
    const Philox::Words w = Philox::words(seed, i, high);
    // 64 random bits by multiplication: the bias is below n / 2^64.
    const std::uint64_t bits = std::uint64_t(w[0]) << 32 | w[1];
    const auto j = static_cast<std::uint64_t>(static_cast<unsigned __int128>(bits) * i >> 64);
    std::swap(order[i - 1], order[j]);
  }
  return order;
}

DataLoader::DataLoader(const ImageDataset& dataset, const DataLoaderOptions& options)
    : dataset_(dataset), options_(options), n_(dataset.size()) {
  if (options.batch_size < 1)
    fail("DataLoader", cat("batch_size ", options.batch_size, " must be at least 1"));
  if (options.limit < 0) fail("DataLoader", cat("limit ", options.limit, " is negative"));
  if (dataset.images.size(0) != n_) {
    fail("DataLoader", cat(dataset.images.size(0), " images have ", n_, " labels"));
  }
  if (options.limit > 0) n_ = std::min(n_, options.limit);
}

std::int64_t DataLoader::size() const {
  const bool rest = !options_.drop_last && n_ % options_.batch_size != 0;
  return n_ / options_.batch_size + (rest ? 1 : 0);
}

DataLoader::Iterator::Iterator(DataLoader& loader, std::int64_t epoch)
    : loader_(&loader), epoch_(epoch) {
  if (loader.options_.shuffle) {
    order_ = random_permutation(loader.n_, loader.options_.seed, static_cast<std::uint64_t>(epoch));
  } else {
    order_.resize(static_cast<std::size_t>(loader.n_));
    std::iota(order_.begin(), order_.end(), 0);
  }
  ++*this;
}

DataLoader::Iterator& DataLoader::Iterator::operator++() {
  if (next_ < loader_->size()) load();
  ++next_;
  return *this;
}

void DataLoader::Iterator::load() {
  const std::int64_t begin = next_ * loader_->options_.batch_size;
  const std::int64_t count = std::min(loader_->n_ - begin, loader_->options_.batch_size);
  const std::span<const std::int64_t> chosen(order_.data() + begin,
                                             static_cast<std::size_t>(count));
  const Shape shape{count};
  indices_ = from(chosen, shape, Device::cpu());
  std::vector<std::int64_t> labels;
  const auto all = loader_->dataset_.labels.data<std::int64_t>();
  for (const std::int64_t i : chosen) labels.push_back(all[static_cast<std::size_t>(i)]);
  batch_.labels = from(labels, shape, Device::cpu());
  const Tensor counter =
      from({static_cast<std::int64_t>(loader_->options_.seed), epoch_}, {2}, Device::cpu());
  batch_.inputs =
      augment(loader_->dataset_.images, indices_, counter, loader_->dataset_.transform.lower());
}

}  // namespace glassbox::datasets
