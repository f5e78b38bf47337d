// Parts of a data set: chosen items, and random splits.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <span>
#include <type_traits>
#include <vector>

#include "datasets/dataset.h"

namespace glassbox::datasets {

// Several tensors of one first size: item i is the i-th of each. As PyTorch's TensorDataset.
class TensorDataset {
 public:
  // Throws Error for no tensors, a scalar, or different first sizes.
  explicit TensorDataset(Tensors tensors);
  std::int64_t size() const { return tensors_.front().size(0); }
  const Tensors& tensors() const { return tensors_; }
  Tensors operator[](std::int64_t i) const;  // without the first dimension
  // The chosen items of each tensor, in this order: copies. CPU only.
  Tensors gather(std::span<const std::int64_t> indices) const;
  // For a DataLoader: inputs are the items of the first tensor, labels those of the second. Throws
  // Error unless there are two.
  Batch batch(std::span<const std::int64_t> indices, const Draw& draw) const;

 private:
  Tensors tensors_;
};

// Chosen images of a set with their labels, as a set: copies of them. Classes and transform are
// kept, so that augmentation is drawn by an image's place in the subset.
struct Subset : ImageDataset {
  std::vector<std::int64_t> indices;  // of the images in the set that they come from
  // Throws Error for an index outside the set. The same index may come several times.
  Subset(const ImageDataset& dataset, std::vector<std::int64_t> indices);
};

// Cuts a random permutation of the set, which depends on `seed` alone, into parts of these lengths.
// Throws Error unless they add up to the set's size.
std::vector<Subset> random_split(const ImageDataset& dataset, std::span<const std::int64_t> lengths,
                                 std::uint64_t seed = 0);
// The same by fractions of the set that add up to 1, by PyTorch's rule: each part has the whole
// number below fraction * size, and what is left over goes one by one to the first parts.
std::vector<Subset> random_split(const ImageDataset& dataset, std::span<const double> fractions,
                                 std::uint64_t seed = 0);
// random_split(set, {45'000, 5'000}) and random_split(set, {0.9, 0.1}).
template <class T>
std::vector<Subset> random_split(const ImageDataset& dataset, std::initializer_list<T> parts,
                                 std::uint64_t seed = 0) {
  using Number = std::conditional_t<std::is_floating_point_v<T>, double, std::int64_t>;
  const std::vector<Number> numbers(parts.begin(), parts.end());
  return random_split(dataset, std::span<const Number>(numbers), seed);
}

// What random_split gives of any set of n items: the items of each part.
std::vector<std::vector<std::int64_t>> random_split_items(std::int64_t n,
                                                          std::span<const std::int64_t> lengths,
                                                          std::uint64_t seed = 0);

// The lengths that fractions of n stand for.
std::vector<std::int64_t> split_lengths(std::int64_t n, std::span<const double> fractions);

}  // namespace glassbox::datasets
