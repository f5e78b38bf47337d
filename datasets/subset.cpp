#include "datasets/subset.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "datasets/loader.h"
#include "engine/ops/shape.h"

namespace glassbox::datasets {

namespace {

Tensor gather_items(std::string_view what, const Tensor& x, std::span<const std::int64_t> indices) {
  if (!x.device().is_cpu()) fail(what, "works on tensors on the CPU");
  const std::int64_t n = x.size(0);
  Shape shape = x.shape();
  shape[0] = static_cast<std::int64_t>(indices.size());
  Tensor result = empty(shape, x.dtype(), Device::cpu());
  const std::size_t bytes = n > 0 ? x.spec().bytes() / static_cast<std::size_t>(n) : 0;
  std::byte* to = result.raw();
  for (const std::int64_t i : indices) {
    if (i < 0 || i >= n) fail(what, cat("index ", i, " is outside a set of ", n));
    if (bytes > 0) std::memcpy(to, x.raw() + static_cast<std::size_t>(i) * bytes, bytes);
    to += bytes;
  }
  return result;
}

}  // namespace

TensorDataset::TensorDataset(Tensors tensors) : tensors_(std::move(tensors)) {
  if (tensors_.empty()) fail("TensorDataset", "needs at least one tensor");
  for (const Tensor& x : tensors_) {
    if (x.dim() == 0 || x.size(0) != tensors_.front().size(0)) {
      fail("TensorDataset", cat("the tensors' first sizes must be equal: ",
                                to_string(tensors_.front().spec()), ", ", to_string(x.spec())));
    }
  }
}

Tensors TensorDataset::operator[](std::int64_t i) const {
  if (i < 0 || i >= size())
    fail("TensorDataset", cat("index ", i, " is outside a set of ", size()));
  Tensors item;
  for (const Tensor& x : tensors_) item.push_back(x[i]);
  return item;
}

Tensors TensorDataset::gather(std::span<const std::int64_t> indices) const {
  Tensors result;
  for (const Tensor& x : tensors_) result.push_back(gather_items("TensorDataset", x, indices));
  return result;
}

Batch TensorDataset::batch(std::span<const std::int64_t> indices, const Draw&) const {
  if (tensors_.size() != 2) {
    fail("TensorDataset", cat("has ", tensors_.size(),
                              " tensors; a DataLoader takes two, inputs and "
                              "labels"));
  }
  Tensors items = gather(indices);
  return {std::move(items[0]), std::move(items[1])};
}

Subset::Subset(const ImageDataset& dataset, std::vector<std::int64_t> chosen)
    : indices(std::move(chosen)) {
  images = gather_items("Subset", dataset.images, indices);
  labels = gather_items("Subset", dataset.labels, indices);
  classes = dataset.classes;
  transform = dataset.transform;
}

std::vector<std::int64_t> split_lengths(std::int64_t n, std::span<const double> fractions) {
  std::vector<std::int64_t> lengths;
  double sum = 0;
  std::int64_t left = n;
  for (const double fraction : fractions) {
    if (!(fraction >= 0 && fraction <= 1))
      fail("random_split", cat("fraction ", fraction, " is not between 0 and 1"));
    sum += fraction;
    lengths.push_back(static_cast<std::int64_t>(std::floor(static_cast<double>(n) * fraction)));
    left -= lengths.back();
  }
  if (!(std::abs(sum - 1) <= 1e-9))
    fail("random_split", cat("the fractions add up to ", sum, ", not to 1"));
  for (std::size_t i = 0; left > 0; ++i, --left) ++lengths[i % lengths.size()];
  return lengths;
}

std::vector<std::vector<std::int64_t>> random_split_items(std::int64_t n,
                                                          std::span<const std::int64_t> lengths,
                                                          std::uint64_t seed) {
  std::int64_t left = n;
  for (const std::int64_t length : lengths) {
    if (length < 0 || length > left) {
      fail("random_split",
           cat("length ", length, " does not fit: ", left, " of the set's ", n, " items are left"));
    }
    left -= length;
  }
  if (left != 0)
    fail("random_split", cat("the lengths add up to ", n - left, ", the set has ", n, " items"));
  // Why this epoch: a loader with the same seed must not draw the same order.
  const std::vector<std::int64_t> order = random_permutation(n, seed, std::uint64_t(1) << 62);
  std::vector<std::vector<std::int64_t>> parts;
  auto at = order.begin();
  for (const std::int64_t length : lengths) {
    parts.emplace_back(at, at + length);
    at += length;
  }
  return parts;
}

std::vector<Subset> random_split(const ImageDataset& dataset, std::span<const std::int64_t> lengths,
                                 std::uint64_t seed) {
  std::vector<Subset> parts;
  for (auto& items : random_split_items(dataset.size(), lengths, seed)) {
    parts.emplace_back(dataset, std::move(items));
  }
  return parts;
}

std::vector<Subset> random_split(const ImageDataset& dataset, std::span<const double> fractions,
                                 std::uint64_t seed) {
  return random_split(dataset, split_lengths(dataset.size(), fractions), seed);
}

}  // namespace glassbox::datasets
