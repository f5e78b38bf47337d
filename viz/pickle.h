// Reads Python's pickles as data. A pickle is a program that builds objects by calling any function
// by its name; this reader knows no functions. It builds numbers, texts, lists, tuples, dicts and
// numpy's arrays, whose names it knows; whatever else a pickle asks for is refused with its name.
// Protocols 0 to 5. Sizes and counts are checked before memory is taken, nesting may be of any
// depth.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/tensor.h"

namespace glassbox::viz {

class Pickle {
 public:
  enum class Kind : std::uint8_t {
    none,
    boolean,
    integer,
    number,
    text,
    bytes,
    list,
    tuple,
    dict,
    array,
    other,  // an array of a type that tensors do not have, or a part of one
  };
  using Id = std::uint32_t;

  // Throws Error, in `name`'s name, for what is broken, cut off, too large or refused.
  static Pickle parse(std::string_view bytes, const std::string& name);

  // A value may be in several places, and a list even in itself: walk to a depth that is known.
  Id root() const { return root_; }
  Kind kind(Id id) const { return items_[id].kind; }
  std::int64_t integer(Id id) const { return items_[id].integer; }  // of an integer or boolean
  double number(Id id) const;  // of a number, integer or boolean
  const std::string& text(Id id) const { return texts_[items_[id].at]; }
  // Of a list or tuple its values; of a dict key, value, key, value, ...
  const std::vector<Id>& values(Id id) const { return lists_[items_[id].at]; }
  const Tensor& tensor(Id id) const { return tensors_[items_[id].at]; }

 private:
  friend class PickleMachine;
  struct Item {
    Kind kind = Kind::none;
    std::uint8_t detail = 0;  // what of numpy it is
    std::uint32_t at = 0;
    union {
      std::int64_t integer = 0;
      double number;
    };
  };
  // Side by side, not in each other: so that taking them down needs no recursion.
  std::vector<Item> items_;
  std::vector<std::string> texts_;
  std::vector<std::vector<Id>> lists_;
  std::vector<Tensor> tensors_;
  Id root_ = 0;
};

}  // namespace glassbox::viz
