// What a pickle of numpy arrays and numbers asks for, by name, and what it means.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/core/error.h"
#include "viz/history_record.h"
#include "viz/pickle_machine.h"

namespace glassbox::viz {
namespace {

// A number of numpy's: how it is stored, and the tensor's type that holds it.
struct NumpyType {
  std::string_view name;
  DType dtype;
};
constexpr NumpyType types[] = {
    {"f4", DType::f32},
    {"f8", DType::f64},
    {"f2", DType::f16},
    {"i4", DType::i32},
    {"i8", DType::i64},
    {"u1", DType::u8},
    {"b1", DType::boolean},
    // Widened, so that nothing is lost (u8, the 64-bit one, beyond 2^63: the nearest double).
    {"i1", DType::i32},
    {"i2", DType::i32},
    {"u2", DType::i32},
    {"u4", DType::i64},
    {"u8", DType::f64},
};

template <class From, class To>
void widen(std::string_view data, std::byte* to) {
  for (std::size_t i = 0; i * sizeof(From) < data.size(); ++i) {
    From value;
    std::memcpy(&value, data.data() + i * sizeof(From), sizeof(From));
    const To wide = static_cast<To>(value);
    std::memcpy(to + i * sizeof(To), &wide, sizeof(To));
  }
}

void convert(std::string_view type, std::string_view data, std::byte* to) {
  if (type == "i1")
    widen<std::int8_t, std::int32_t>(data, to);
  else if (type == "i2")
    widen<std::int16_t, std::int32_t>(data, to);
  else if (type == "u2")
    widen<std::uint16_t, std::int32_t>(data, to);
  else if (type == "u4")
    widen<std::uint32_t, std::int64_t>(data, to);
  else if (type == "u8")
    widen<std::uint64_t, double>(data, to);
  else if (!data.empty())
    std::memcpy(to, data.data(), data.size());
}

// Column-major to row-major: element i of the result is at `from`'s place of the same indices.
std::string row_major(std::string_view data, const std::vector<std::int64_t>& shape,
                      std::size_t size) {
  std::string out(data.size(), '\0');
  std::vector<std::int64_t> index(shape.size(), 0);
  for (std::size_t i = 0; i * size < data.size(); ++i) {
    std::size_t from = 0;
    for (std::size_t d = shape.size(); d-- > 0;)
      from = from * static_cast<std::size_t>(shape[d]) + static_cast<std::size_t>(index[d]);
    std::memcpy(out.data() + i * size, data.data() + from * size, size);
    for (std::size_t d = shape.size(); d-- > 0 && ++index[d] == shape[d];) index[d] = 0;
  }
  return out;
}

bool is_number(Pickle::Kind kind) {
  return kind == Pickle::Kind::integer || kind == Pickle::Kind::boolean ||
         kind == Pickle::Kind::number;
}

}  // namespace

PickleMachine::Id PickleMachine::add_global(std::string_view module, std::string_view name) {
  struct Known {
    std::string_view module, name;
    Detail detail;
  };
  constexpr Known known[] = {
      {"numpy.core.multiarray", "_reconstruct", name_reconstruct},
      {"numpy._core.multiarray", "_reconstruct", name_reconstruct},
      {"numpy.core.multiarray", "scalar", name_scalar},
      {"numpy._core.multiarray", "scalar", name_scalar},
      {"numpy.core.numeric", "_frombuffer", name_frombuffer},
      {"numpy._core.numeric", "_frombuffer", name_frombuffer},
      {"numpy", "ndarray", name_ndarray},
      {"numpy", "dtype", name_dtype},
      {"_codecs", "encode", name_encode},
      {"collections", "OrderedDict", name_ordered_dict},
  };
  for (const Known& k : known)
    if (k.module == module && k.name == name) return add(Kind::other, k.detail);
  const std::string asked =
      std::string(module.substr(0, 100)) + "." + std::string(name.substr(0, 100));
  fail(name_, cat("asks for ", detail::clean_name(asked),
                  ", which is refused and was not run: a history's pickle has numbers, texts and "
                  "numpy arrays alone"));
}

const std::string* PickleMachine::bytes_of(Id id) const {
  return item(id).kind == Kind::bytes || item(id).kind == Kind::text ? &out_.texts_[item(id).at]
                                                                     : nullptr;
}
const std::string* PickleMachine::text_of(Id id) const {
  return item(id).kind == Kind::text ? &out_.texts_[item(id).at] : nullptr;
}

std::optional<std::vector<std::int64_t>> PickleMachine::shape_of(Id id) const {
  std::vector<std::int64_t> out;
  if (item(id).kind == Kind::integer) {
    out.push_back(item(id).integer);
  } else if (item(id).kind == Kind::tuple) {
    if (out_.values(id).size() > 64) return {};
    for (const Id size : out_.values(id)) {
      if (item(size).kind != Kind::integer) return {};
      out.push_back(item(size).integer);
    }
  } else {
    return {};
  }
  for (const std::int64_t size : out)
    if (size < 0) return {};
  return out;
}

void PickleMachine::reduce() {
  const Id arguments = pop(), what = pop();
  if (item(arguments).kind != Kind::tuple) broken("a call has no arguments");
  push(call(what, out_.values(arguments)));
}

PickleMachine::Id PickleMachine::call(Id what, const std::vector<Id>& given) {
  if (given.size() > 8) broken("a call has too many arguments");
  // A copy: what is added below may move the lists.
  const std::vector<Id> arguments = given;
  if (item(what).kind != Kind::other) broken("it calls what is no function");
  switch (item(what).detail) {
    case name_reconstruct:
      return add(Kind::other, empty_array);
    case name_ordered_dict:
      if (!arguments.empty()) break;
      return add_list({}, Kind::dict);
    case name_encode: {  // bytes as Latin-1 text, before there was an opcode for them
      const std::string* text = arguments.size() == 2 ? text_of(arguments[0]) : nullptr;
      const std::string* how = arguments.size() == 2 ? text_of(arguments[1]) : nullptr;
      if (!text || !how || *how != "latin1") break;
      spend(text->size());
      std::string bytes;
      for (std::size_t i = 0; i < text->size(); ++i) {
        const auto c = static_cast<unsigned char>((*text)[i]);
        if (c < 0x80) {
          bytes += static_cast<char>(c);
        } else {
          if ((c & 0xFC) != 0xC0 || i + 1 == text->size()) broken("bytes are no Latin-1");
          bytes +=
              static_cast<char>((c & 3) << 6 | (static_cast<unsigned char>((*text)[++i]) & 63));
        }
      }
      return add_text(std::move(bytes), Kind::bytes);
    }
    case name_dtype: {
      const std::string* type = arguments.empty() ? nullptr : text_of(arguments[0]);
      if (!type) break;
      const Id name = add_text("<" + *type);  // build() puts the order of bytes in front
      const Id id = add(Kind::other, dtype);
      out_.items_[id].at = name;
      return id;
    }
    case name_scalar: {
      if (arguments.size() != 2 || item(arguments[0]).detail != dtype) break;
      const std::string* data = bytes_of(arguments[1]);
      if (!data) return add(Kind::other);
      const Id array = array_of(arguments[0], {}, *data, false);
      if (item(array).kind != Kind::array) return array;
      const auto value = out_.tensor(array).item<double>();
      out_.tensors_.pop_back();  // the one that was made last
      out_.items_[array] = {};
      out_.items_[array].kind = Kind::number;
      out_.items_[array].number = value;
      return array;
    }
    case name_frombuffer: {
      if (arguments.size() != 4 || item(arguments[1]).detail != dtype) break;
      const std::string* data = bytes_of(arguments[0]);
      const auto shape = shape_of(arguments[2]);
      const std::string* order = text_of(arguments[3]);
      if (!data || !shape || !order) break;
      return array_of(arguments[1], *shape, *data, *order == "F");
    }
    default:
      break;
  }
  broken("a call has arguments that numpy does not write");
}

void PickleMachine::build() {
  const Id state_id = pop(), to = top();
  if (item(to).kind != Kind::other || item(state_id).kind != Kind::tuple)
    fail(name_, "sets the state of an object, which is refused");
  if (out_.values(state_id).size() > 16) broken("a state has too many parts");
  const std::vector<Id> state = out_.values(state_id);
  if (item(to).detail == dtype) {  // (version, order of bytes, ...)
    const std::string* order = state.size() >= 2 ? text_of(state[1]) : nullptr;
    if (!order || order->size() != 1) broken("a type has no order of bytes");
    out_.texts_[item(item(to).at).at][0] = (*order)[0];
  } else if (item(to).detail == empty_array) {  // (version, shape, type, column-major, bytes)
    const auto shape = state.size() == 5 ? shape_of(state[1]) : std::nullopt;
    if (!shape || item(state[2]).detail != dtype || !is_number(item(state[3]).kind))
      broken("an array has no shape, type and values");
    const std::string* data = bytes_of(state[4]);
    // Objects come as a list.
    const Id array =
        data ? array_of(state[2], *shape, *data, item(state[3]).integer != 0) : add(Kind::other);
    // The memo may refer to the empty one already: it becomes the array.
    out_.items_[to] = item(array);
  } else {
    fail(name_, "sets the state of an object, which is refused");
  }
}

PickleMachine::Id PickleMachine::array_of(Id type_id, const std::vector<std::int64_t>& shape,
                                          std::string_view data, bool fortran) {
  const std::string& type = out_.texts_[item(item(type_id).at).at];  // "<f4"
  const auto known = std::find_if(std::begin(types), std::end(types), [&](const NumpyType& t) {
    return t.name == std::string_view(type).substr(1);
  });
  if (known == std::end(types) || shape.size() > Shape::max_rank) return add(Kind::other);
  const auto size = static_cast<std::size_t>(known->name[1] - '0');
  std::uint64_t bytes = size;
  for (const std::int64_t n : shape)
    if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(n), &bytes))
      broken("an array's shape overflows");
  if (bytes != data.size()) broken("an array's shape and bytes do not fit");
  spend(4 * data.size());
  std::string swapped;
  if (fortran && shape.size() > 1) {
    swapped = row_major(data, shape, size);
    data = swapped;
  }
  if (type[0] == '>') {
    if (swapped.empty()) swapped = std::string(data);
    for (std::size_t i = 0; i < swapped.size(); i += size)
      std::reverse(swapped.begin() + static_cast<std::ptrdiff_t>(i),
                   swapped.begin() + static_cast<std::ptrdiff_t>(i + size));
    data = swapped;
  }
  if (known->name == "b1" && std::any_of(data.begin(), data.end(), [](char c) { return c & ~1; }))
    broken("a boolean is neither 0 nor 1");
  Tensor tensor = empty(Shape(std::span<const std::int64_t>(shape)), known->dtype, Device::cpu());
  convert(known->name, data, tensor.raw());
  return add_tensor(std::move(tensor));
}

}  // namespace glassbox::viz
