// One launch over the elements of many tensors, for updates of a whole group of parameters: what
// the kernel must know of each travels with its parameters. A tensor is cut into chunks, each for a
// block. For .cu files.
#pragma once
#include <span>

#include "engine/cuda/launch.h"

namespace glassbox::cuda {

inline constexpr std::int64_t group_chunk = 4096;  // elements
inline std::int64_t chunks_of(std::int64_t n) { return (n + group_chunk - 1) / group_chunk; }

// Up to `most` tensors, or sets of K tensors of one size.
template <int K>
struct Group {
  struct Item {
    void* data[K];
    std::int64_t n, first;  // elements; the number of the first chunk
    std::int64_t index;     // which one of the caller's it is
  };
  // Why: a kernel's parameters have 4 KB.
  static constexpr int most = 3072 / static_cast<int>(sizeof(Item));
  Item items[most];
  int count = 0;
  std::int64_t chunks = 0;

  bool full() const { return count == most; }
  void add(std::span<const Tensor* const> tensors, std::int64_t index) {
    Item item{{}, tensors[0]->numel(), chunks, index};
    for (std::size_t k = 0; k < tensors.size(); ++k) item.data[k] = tensors[k]->raw();
    items[count++] = item;
    chunks += chunks_of(item.n);
  }
  // The item of a chunk: the last that begins at or before it (an empty one has none).
  GLASSBOX_HD int find(std::int64_t chunk) const {
    int low = 0, high = count;
    while (high - low > 1) {
      const int middle = (low + high) / 2;
      (items[middle].first <= chunk ? low : high) = middle;
    }
    return low;
  }
};

// A chunk of an item, as f is given it.
template <class Item>
struct Chunk {
  const Item& item;
  std::int64_t number, begin, end;  // in the launch; elements
  template <class T>
  GLASSBOX_HD T* ptr(int k) const {
    return static_cast<T*>(item.data[k]);
  }
};

template <int K, class F>
struct GroupRow {
  Group<K> group;
  F f;
  __device__ void operator()(std::int64_t number) const {
    const auto& item = group.items[group.find(number)];
    const std::int64_t begin = (number - item.first) * group_chunk, end = begin + group_chunk;
    f(Chunk<typename Group<K>::Item>{item, number, begin, end < item.n ? end : item.n});
  }
};

// Calls f(chunk) by all threads of a block for each chunk.
template <int K, class F>
void for_chunks(const Context& ctx, const Group<K>& group, const F& f) {
  static_assert(sizeof(GroupRow<K, F>) + sizeof(std::int64_t) <= 4096);
  for_rows(ctx, group.chunks, group_chunk, GroupRow<K, F>{group, f});
}

// Calls f(type, group) for groups that hold together every i below n for which tensors(i, list)
// says true after it has put K tensors into the list; those of one type are together. The first of
// the K decides type and size.
template <int K, class Tensors, class F>
void for_groups(std::int64_t n, const Tensors& tensors, const F& f) {
  bool done[8] = {};  // by type
  for (std::int64_t i = 0; i < n; ++i) {
    const Tensor* list[K] = {};
    if (!tensors(i, list) || done[static_cast<int>(list[0]->dtype())]) continue;
    const DType dtype = list[0]->dtype();
    done[static_cast<int>(dtype)] = true;
    Group<K> group;
    for (std::int64_t j = i; j < n; ++j) {
      const Tensor* own[K] = {};
      if (!tensors(j, own) || own[0]->dtype() != dtype) continue;
      std::size_t filled = 0;
      while (filled < K && own[filled]) ++filled;
      group.add(std::span<const Tensor* const>(own, filled), j);
      if (!group.full()) continue;
      f(dtype, group);
      group = {};
    }
    if (group.count > 0) f(dtype, group);
  }
}

}  // namespace glassbox::cuda
