// tensors_of: the tensors in what a module's forward returns (a Tensor, a list, a tuple, a struct
// of those), in order. Detail of module.h.
#pragma once
#include <tuple>
#include <type_traits>
#include <utility>

#include "engine/core/tensor.h"

namespace glassbox::layers::detail {

// Converts to anything: used to count the fields of an aggregate.
struct AnyField {
  template <class T>
  operator T() const;
};
template <class T, class... Fields>
constexpr int count_fields() {
  if constexpr (requires { T{Fields{}..., AnyField{}}; }) {
    return count_fields<T, Fields..., AnyField>();
  } else {
    return sizeof...(Fields);
  }
}

template <class T>
concept TupleLike = requires {
  std::tuple_size<T>::value;
};

template <class R>
void append_tensors(Tensors& out, const R& result) {
  if constexpr (std::is_convertible_v<const R&, const Tensor&>) {
    out.push_back(result);
  } else if constexpr (std::is_same_v<R, Tensors>) {
    out.insert(out.end(), result.begin(), result.end());
  } else if constexpr (TupleLike<R>) {
    std::apply([&out](const auto&... item) { (append_tensors(out, item), ...); }, result);
  } else if constexpr (std::is_aggregate_v<R>) {
    constexpr int n = count_fields<R>();
    static_assert(n >= 1 && n <= 6, "forward returns a struct of one to six tensors");
    const auto all = [&out](const auto&... item) { (append_tensors(out, item), ...); };
    if constexpr (n == 1) {
      const auto& [a] = result;
      all(a);
    } else if constexpr (n == 2) {
      const auto& [a, b] = result;
      all(a, b);
    } else if constexpr (n == 3) {
      const auto& [a, b, c] = result;
      all(a, b, c);
    } else if constexpr (n == 4) {
      const auto& [a, b, c, d] = result;
      all(a, b, c, d);
    } else if constexpr (n == 5) {
      const auto& [a, b, c, d, e] = result;
      all(a, b, c, d, e);
    } else {
      const auto& [a, b, c, d, e, f] = result;
      all(a, b, c, d, e, f);
    }
  }
  // Anything else (a number beside the tensors) is no tensor and is passed over.
}

template <class R>
Tensors tensors_of(const R& result) {
  Tensors out;
  append_tensors(out, result);
  return out;
}

// True when T's forward, called with one to four tensors, returns anything but one Tensor.
template <class T, class... In>
constexpr bool returns_list() {
  if constexpr (sizeof...(In) > 0 && requires(T & t, const In&... in) { t.forward(in...); }) {
    using Result = decltype(std::declval<T&>().forward(std::declval<const In&>()...));
    return !std::is_convertible_v<const Result&, const Tensor&>;
  } else if constexpr (sizeof...(In) < 4) {
    return returns_list<T, In..., Tensor>();
  } else {
    return true;
  }
}

}  // namespace glassbox::layers::detail
