#include "engine/core/shape.h"

#include <ostream>
#include <string_view>

#include "engine/core/error.h"

namespace glassbox {

Shape::Shape(std::span<const std::int64_t> sizes) {
  for (std::int64_t size : sizes) push_back(size);
}

void Shape::push_back(std::int64_t size) { insert(rank_, size); }

void Shape::insert(int d, std::int64_t size) {
  if (rank_ == max_rank) fail("shape", cat("more than ", max_rank, " dimensions"));
  if (size < 0) fail("shape", cat("size ", size, " of dimension ", d, " is negative"));
  for (int i = rank_; i > d; --i) (*this)[i] = (*this)[i - 1];
  (*this)[d] = size;
  ++rank_;
}

void Shape::erase(int d) {
  for (int i = d; i + 1 < rank_; ++i) (*this)[i] = (*this)[i + 1];
  sizes_[static_cast<std::size_t>(--rank_)] = 0;
}

std::int64_t Shape::size(int d) const { return (*this)[normalize_dim("size", d, rank_)]; }

std::int64_t Shape::product(int first, int last) const {
  // Why first: a zero makes the product zero however large the others are.
  for (int i = first; i < last; ++i) {
    if ((*this)[i] == 0) return 0;
  }
  std::int64_t product = 1;
  for (int i = first; i < last; ++i) {
    if (__builtin_mul_overflow(product, (*this)[i], &product)) {
      fail("shape", cat(to_string(*this), " has more elements than fit in 63 bits"));
    }
  }
  return product;
}

std::int64_t Shape::numel() const { return product(0, rank_); }

bool operator==(const Shape& a, const Shape& b) {
  if (a.rank_ != b.rank_) return false;
  for (int i = 0; i < a.rank_; ++i) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (int i = 0; i < shape.rank(); ++i) {
    if (i) text += ',';
    text += std::to_string(shape[i]);
  }
  return text + "]";
}

std::ostream& operator<<(std::ostream& out, const Shape& shape) { return out << to_string(shape); }

int normalize_dim(std::string_view what, int dim, int rank) {
  if (dim < -rank || dim >= rank) {
    fail(what, cat("dimension ", dim, " is out of range for a tensor of ", rank, " dimensions"));
  }
  return dim < 0 ? dim + rank : dim;
}

Shape broadcast_shapes(std::string_view what, const Shape& a, const Shape& b) {
  if (a == b) return a;
  const int rank = a.rank() > b.rank() ? a.rank() : b.rank();
  Shape out;
  for (int i = 0; i < rank; ++i) {
    const int ia = i - (rank - a.rank()), ib = i - (rank - b.rank());
    const std::int64_t sa = ia < 0 ? 1 : a[ia], sb = ib < 0 ? 1 : b[ib];
    if (sa != sb && sa != 1 && sb != 1) {
      fail(what, cat("shapes ", a, " and ", b, " do not broadcast: ", sa, " against ", sb,
                     " in dimension ", i));
    }
    out.push_back(sa == 1 ? sb : sa);
  }
  return out;
}

std::string to_string(Pair pair) { return std::to_string(pair.h) + "x" + std::to_string(pair.w); }

}  // namespace glassbox
