// The stack machine of pickles. Detail of viz/pickle.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "viz/pickle.h"

namespace glassbox::viz {

class PickleMachine {
 public:
  PickleMachine(std::string_view bytes, const std::string& name) : bytes_(bytes), name_(name) {}
  Pickle run();

 private:
  using Id = Pickle::Id;
  using Kind = Pickle::Kind;
  // What of numpy an item of kind `other` is.
  enum Detail : std::uint8_t {
    plain,
    name_reconstruct,
    name_ndarray,
    name_dtype,
    name_scalar,
    name_frombuffer,
    name_encode,
    name_ordered_dict,
    dtype,
    empty_array,
  };

  [[noreturn]] void broken(std::string_view what) const;
  // --- reading
  std::string_view take(std::uint64_t count);
  std::string_view line();
  std::uint64_t unsigned_number(int bytes);
  // --- building
  Id add(Kind kind, Detail detail = plain);
  Id add_integer(std::int64_t value, Kind kind = Kind::integer);
  Id add_number(double value);
  Id add_text(std::string text, Kind kind = Kind::text);
  Id add_list(std::vector<Id> values, Kind kind);
  Id add_tensor(Tensor tensor);
  void spend(std::size_t bytes);
  Id add_long(std::string_view little_endian);
  Id add_global(std::string_view module, std::string_view name);
  // --- the stack
  void push(Id id);
  Id pop();
  Id top();
  std::vector<Id> pop_to_mark();
  void put_memo(std::uint64_t key);
  void get_memo(std::uint64_t key);
  void step(unsigned char op);
  void step_text(unsigned char op);
  void append(std::vector<Id> values);
  void set_items(const std::vector<Id>& values);
  // --- what stands for a call
  void reduce();
  void build();
  Id call(Id what, const std::vector<Id>& arguments);
  Id array_of(Id dtype, const std::vector<std::int64_t>& shape, std::string_view data,
              bool fortran);
  std::optional<std::vector<std::int64_t>> shape_of(Id id) const;
  const std::string* bytes_of(Id id) const;
  const std::string* text_of(Id id) const;
  std::string unescaped(std::string_view text) const;
  const Pickle::Item& item(Id id) const { return out_.items_[id]; }

  std::string_view bytes_;
  const std::string& name_;
  std::size_t at_ = 0;
  std::uint64_t spent_ = 0;
  bool done_ = false;
  Pickle out_;
  std::vector<Id> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint64_t, Id> memo_;
};

}  // namespace glassbox::viz
