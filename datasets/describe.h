// describe: one line that says what a tensor, a list or a set holds, as HiddenLayer's write does:
//   train_dataset.data<TAB>Tensor  uint8 (50000, 32, 32, 3)  min: 0.000  max: 255.000
//   train_dataset.labels<TAB>list    len: 50000  [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]
#pragma once
#include <algorithm>
#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "datasets/dataset.h"

namespace glassbox::datasets {

enum class Layout {
  as_is,
  channels_last,  // an [N,C,H,W] tensor is shown as (N, H, W, C), as torchvision keeps images
};

// dtype and shape as numpy writes them, and the least and largest element; true is 1. NaNs are left
// out of these and counted behind: "  nan: 3". An empty tensor says "empty", one without data (on
// the meta device) "no data". No line end.
std::string describe(std::string_view name, const Tensor& tensor, Layout layout = Layout::as_is);

// Both lines of a set: NAME.data, channels last, and NAME.labels.
std::string describe(std::string_view name, const ImageDataset& dataset);

// A list with this many elements, of which these are the first.
std::string describe_list(std::string_view name, std::size_t length,
                          const std::vector<std::string>& first);
std::string list_item(double value);            // as Python prints it: 0.5, 1.0, nan
std::string list_item(std::string_view value);  // 'cat'

// Its length and its first ten elements.
template <class T>
requires std::is_arithmetic_v<T> || std::convertible_to<T, std::string_view> std::string describe(
    std::string_view name, const std::vector<T>& list) {
  std::vector<std::string> first;
  for (std::size_t i = 0; i < std::min<std::size_t>(10, list.size()); ++i) {
    if constexpr (std::is_same_v<T, bool>) {
      first.push_back(list[i] ? "True" : "False");
    } else if constexpr (std::is_integral_v<T>) {
      first.push_back(std::to_string(list[i]));
    } else if constexpr (std::is_arithmetic_v<T>) {
      first.push_back(list_item(static_cast<double>(list[i])));
    } else {
      first.push_back(list_item(std::string_view(list[i])));
    }
  }
  return describe_list(name, list.size(), first);
}

}  // namespace glassbox::datasets
