#include "tests/ops/op_table.h"

#include <algorithm>
#include <numeric>

#include "engine/core/philox.h"

namespace glassbox::test {

const std::vector<Row>& all_rows() {
  static const std::vector<Row> rows = [] {
    const DeviceScope scope(Device::cpu());  // whoever asks first
    std::vector<Row> all;
    for (const auto& family :
         {create_rows(),     shape_rows(),   reduce_rows(),     update_rows(),
          pointwise_rows(),  conv_rows(),    pool_rows(),       norm_rows(),
          matmul_rows(),     softmax_rows(), random_rows(),     index_rows(),
          augment_rows(),    optim_rows(),   clip_rows(),       conv_transpose_rows(),
          group_norm_rows(), gather_rows(),  layer_norm_rows(), embedding_rows(),
          attention_rows(),  lstm_rows(),    scaler_rows()}) {
      all.insert(all.end(), family.begin(), family.end());
    }
    return all;
  }();
  return rows;
}

namespace {

constexpr std::uint64_t key = 0x9e3779b97f4a7c15;

std::uint64_t random_word(std::uint64_t seed, std::int64_t i) {
  const Philox::Words words = Philox::words(key, static_cast<std::uint64_t>(i), seed);
  return std::uint64_t(words[1]) << 32 | words[0];
}

template <class T>
Tensor typed(const Shape& shape, const std::function<double(std::int64_t)>& value) {
  Tensor out = empty(shape, dtype_of<T>, Device::cpu());
  std::int64_t i = 0;
  for (T& y : out.mutable_data<T>()) {
    const double v = value(i++);
    if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
      y = T(static_cast<float>(v));
    } else if constexpr (std::is_same_v<T, bool>) {
      y = v != 0;
    } else {
      y = static_cast<T>(v);
    }
  }
  return out;
}

}  // namespace

Tensor filled(const Shape& shape, DType dtype, const std::function<double(std::int64_t)>& value) {
  switch (dtype) {
    case DType::f32:
      return typed<float>(shape, value);
    case DType::f64:
      return typed<double>(shape, value);
    case DType::f16:
      return typed<Half>(shape, value);
    case DType::bf16:
      return typed<BFloat16>(shape, value);
    case DType::i32:
      return typed<std::int32_t>(shape, value);
    case DType::i64:
      return typed<std::int64_t>(shape, value);
    case DType::u8:
      return typed<std::uint8_t>(shape, value);
    case DType::boolean:
      return typed<bool>(shape, value);
  }
  __builtin_unreachable();
}

Tensor values(const Shape& shape, std::uint64_t seed, double low, double high) {
  const std::int64_t n = shape.numel();
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (std::int64_t i = n - 1; i > 0; --i) {
    const auto other =
        static_cast<std::int64_t>(random_word(seed, i) % static_cast<std::uint64_t>(i + 1));
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(other)]);
  }
  const double spacing = (high - low) / static_cast<double>(std::max<std::int64_t>(1, n));
  return filled(shape, DType::f64, [&](std::int64_t i) {
    const double v =
        low + spacing * (static_cast<double>(order[static_cast<std::size_t>(i)]) + 0.37);
    return std::abs(v) < spacing / 8 ? spacing / 4 : v;
  });
}

Tensor integers(const Shape& shape, std::int64_t low, std::int64_t high, std::uint64_t seed,
                DType dtype) {
  const auto range = static_cast<std::uint64_t>(high - low);
  return filled(shape, dtype, [&](std::int64_t i) {
    return static_cast<double>(low + static_cast<std::int64_t>(random_word(seed, i) % range));
  });
}

Tensor booleans(const Shape& shape, std::uint64_t seed) {
  return integers(shape, 0, 2, seed, DType::boolean);
}

void for_each_index(const Shape& shape, const std::function<void(const Index&)>& f) {
  Index index(static_cast<std::size_t>(shape.rank()), 0);
  for (std::int64_t left = shape.numel(); left > 0; --left) {
    f(index);
    for (int d = shape.rank() - 1; d >= 0; --d) {
      std::int64_t& i = index[static_cast<std::size_t>(d)];
      if (++i < shape[d]) break;
      i = 0;
    }
  }
}

Values::Values(const Tensor& tensor) : shape_(tensor.shape()), data_(tensor.to_vector<double>()) {}

Values::Values(const Shape& shape, double value)
    : shape_(shape), data_(static_cast<std::size_t>(shape.numel()), value) {}

std::size_t Values::flat(const Index& index) const {
  if (static_cast<int>(index.size()) != shape_.rank()) {
    fail("Values", cat(index.size(), " indices for shape ", shape_));
  }
  std::int64_t at = 0;
  for (int d = 0; d < shape_.rank(); ++d) {
    const std::int64_t i = index[static_cast<std::size_t>(d)];
    if (i < 0 || i >= shape_[d])
      fail("Values", cat("index ", i, " in dimension ", d, " of ", shape_));
    at = at * shape_[d] + i;
  }
  return static_cast<std::size_t>(at);
}

double Values::broadcast(const Index& index) const {
  Index own(index.end() - shape_.rank(), index.end());
  for (int d = 0; d < shape_.rank(); ++d) {
    if (shape_[d] == 1) own[static_cast<std::size_t>(d)] = 0;
  }
  return at(own);
}

Tensor Values::tensor(DType dtype) const {
  return filled(shape_, dtype, [this](std::int64_t i) { return (*this)[i]; });
}

}  // namespace glassbox::test
