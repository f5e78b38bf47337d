// Shape: the sizes of a tensor's dimensions, outermost first (NCHW for images), at most 8 of them.
// Pair: two numbers for height and width; one number stands for both.
#pragma once
#include <array>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <span>
#include <string>

namespace glassbox {

class Shape {
 public:
  static constexpr int max_rank = 8;

  Shape() = default;
  // Throws Error when a size is negative or there are more than max_rank of them.
  Shape(std::initializer_list<std::int64_t> sizes)
      : Shape(std::span(sizes.begin(), sizes.size())) {}
  explicit Shape(std::span<const std::int64_t> sizes);

  int rank() const { return rank_; }
  bool empty() const { return rank_ == 0; }
  std::int64_t operator[](int i) const { return sizes_[static_cast<std::size_t>(i)]; }
  std::int64_t& operator[](int i) { return sizes_[static_cast<std::size_t>(i)]; }
  // Size of dimension `d`; negative counts from the end. Throws Error when out of range.
  std::int64_t size(int d) const;
  std::int64_t back() const { return sizes_[static_cast<std::size_t>(rank_ - 1)]; }
  // Number of elements; 1 for rank 0. Throws Error when it does not fit in 63 bits.
  std::int64_t numel() const;
  const std::int64_t* begin() const { return sizes_.data(); }
  const std::int64_t* end() const { return sizes_.data() + rank_; }

  void push_back(std::int64_t size);
  void erase(int d);
  void insert(int d, std::int64_t size);
  // Product of the sizes in [first, last).
  std::int64_t product(int first, int last) const;

  friend bool operator==(const Shape& a, const Shape& b);

 private:
  std::array<std::int64_t, max_rank> sizes_{};
  int rank_ = 0;
};

// "[64,3,32,32]"
std::string to_string(const Shape& shape);
std::ostream& operator<<(std::ostream& out, const Shape& shape);

// Brings a dimension that may be negative into [0, rank). Throws Error in `what`'s name.
int normalize_dim(std::string_view what, int dim, int rank);
// numpy's rule: trailing dimensions are equal or one of them is 1. Throws Error in `what`'s name.
Shape broadcast_shapes(std::string_view what, const Shape& a, const Shape& b);

struct Pair {
  int h = 0, w = 0;
  constexpr Pair() = default;
  constexpr Pair(int both) : h(both), w(both) {}
  constexpr Pair(int height, int width) : h(height), w(width) {}
  friend constexpr bool operator==(Pair, Pair) = default;
};
std::string to_string(Pair pair);  // "3x3"

}  // namespace glassbox
