#include "viz/pickle.h"

#include <bit>
#include <cstring>

#include "engine/core/error.h"
#include "viz/pickle_machine.h"

namespace glassbox::viz {

// An item is made by one opcode at least, so a file's size bounds memory; this bounds it again.
constexpr std::size_t max_items = std::size_t(1) << 25;

Pickle Pickle::parse(std::string_view bytes, const std::string& name) {
  return PickleMachine(bytes, name).run();
}

double Pickle::number(Id id) const {
  const Item& item = items_[id];
  return item.kind == Kind::number ? item.number : static_cast<double>(item.integer);
}

void PickleMachine::broken(std::string_view what) const {
  fail(name_, cat("is no whole pickle: ", what, " at byte ", at_));
}

std::string_view PickleMachine::take(std::uint64_t count) {
  if (count > bytes_.size() - at_) broken("it ends too early");
  const std::string_view out = bytes_.substr(at_, static_cast<std::size_t>(count));
  at_ += static_cast<std::size_t>(count);
  return out;
}

std::string_view PickleMachine::line() {
  const std::size_t end = bytes_.find('\n', at_);
  if (end == std::string_view::npos) broken("a line does not end");
  const std::string_view out = bytes_.substr(at_, end - at_);
  at_ = end + 1;
  return out;
}

std::uint64_t PickleMachine::unsigned_number(int count) {
  const std::string_view from = take(static_cast<std::uint64_t>(count));
  std::uint64_t out = 0;
  for (int i = count; i-- > 0;)
    out = out << 8 | static_cast<unsigned char>(from[static_cast<std::size_t>(i)]);
  return out;
}

PickleMachine::Id PickleMachine::add(Kind kind, Detail detail) {
  if (out_.items_.size() >= max_items) broken("it has too many values");
  Pickle::Item item;
  item.kind = kind;
  item.detail = detail;
  out_.items_.push_back(item);
  return static_cast<Id>(out_.items_.size() - 1);
}

PickleMachine::Id PickleMachine::add_integer(std::int64_t value, Kind kind) {
  const Id id = add(kind);
  out_.items_[id].integer = value;
  return id;
}

PickleMachine::Id PickleMachine::add_number(double value) {
  const Id id = add(Kind::number);
  out_.items_[id].number = value;
  return id;
}

PickleMachine::Id PickleMachine::add_text(std::string text, Kind kind) {
  const Id id = add(kind);
  out_.items_[id].at = static_cast<std::uint32_t>(out_.texts_.size());
  out_.texts_.push_back(std::move(text));
  return id;
}

PickleMachine::Id PickleMachine::add_list(std::vector<Id> values, Kind kind) {
  const Id id = add(kind);
  out_.items_[id].at = static_cast<std::uint32_t>(out_.lists_.size());
  out_.lists_.push_back(std::move(values));
  return id;
}

PickleMachine::Id PickleMachine::add_tensor(Tensor tensor) {
  const Id id = add(Kind::array);
  out_.items_[id].at = static_cast<std::uint32_t>(out_.tensors_.size());
  out_.tensors_.push_back(std::move(tensor));
  return id;
}

// Two's complement of any length; beyond 64 bits it is the nearest double.
PickleMachine::Id PickleMachine::add_long(std::string_view bytes) {
  const bool negative = !bytes.empty() && (bytes.back() & 0x80);
  if (bytes.size() <= 8) {
    std::uint64_t value = negative ? ~std::uint64_t(0) : 0;
    for (std::size_t i = bytes.size(); i-- > 0;)
      value = value << 8 | static_cast<unsigned char>(bytes[i]);
    return add_integer(static_cast<std::int64_t>(value));
  }
  double value = negative ? -1 : 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    value = value * 256 + byte;
  }
  return add_number(value);
}

void PickleMachine::push(Id id) { stack_.push_back(id); }

PickleMachine::Id PickleMachine::top() {
  if (stack_.empty() || (!marks_.empty() && marks_.back() >= stack_.size()))
    broken("a value is missing");
  return stack_.back();
}

PickleMachine::Id PickleMachine::pop() {
  const Id id = top();
  stack_.pop_back();
  return id;
}

std::vector<PickleMachine::Id> PickleMachine::pop_to_mark() {
  if (marks_.empty()) broken("a mark is missing");
  const auto from = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<Id> out(from, stack_.end());
  stack_.erase(from, stack_.end());
  marks_.pop_back();
  return out;
}

void PickleMachine::put_memo(std::uint64_t key) { memo_[key] = top(); }

void PickleMachine::get_memo(std::uint64_t key) {
  const auto found = memo_.find(key);
  if (found == memo_.end()) broken("it refers to a value that it has not");
  push(found->second);
}

void PickleMachine::append(std::vector<Id> values) {
  const Id to = top();
  if (item(to).kind == Kind::other) return;  // of a type that is left out
  if (item(to).kind != Kind::list) broken("it adds to what is no list");
  auto& list = out_.lists_[item(to).at];
  list.insert(list.end(), values.begin(), values.end());
}

void PickleMachine::set_items(const std::vector<Id>& values) {
  const Id to = top();
  if (values.size() % 2 != 0) broken("a key has no value");
  if (item(to).kind != Kind::dict) broken("it sets items of what is no dict");
  auto& list = out_.lists_[item(to).at];
  list.insert(list.end(), values.begin(), values.end());
}

void PickleMachine::step(unsigned char op) {
  const auto sized = [&](int bytes) { return std::string(take(unsigned_number(bytes))); };
  switch (op) {
    case 0x80:  // PROTO
      if (const auto version = unsigned_number(1); version > 5)
        fail(name_, cat("has pickle protocol ", version, "; 0 to 5 are read"));
      return;
    case 0x95: {  // FRAME
      const std::uint64_t size = unsigned_number(8);
      if (size > bytes_.size() - at_) broken("it ends too early");
      return;
    }
    case '.':
      done_ = true;
      return;
    case '(':
      marks_.push_back(stack_.size());
      return;
    case '0':  // POP takes a mark, where one is on top
      if (!marks_.empty() && marks_.back() == stack_.size())
        marks_.pop_back();
      else
        pop();
      return;
    case '1':
      pop_to_mark();
      return;
    case '2':
      push(top());
      return;
    case 'N':
      return push(add(Kind::none));
    case 0x88:
      return push(add_integer(1, Kind::boolean));
    case 0x89:
      return push(add_integer(0, Kind::boolean));
    case 'K':
      return push(add_integer(static_cast<std::int64_t>(unsigned_number(1))));
    case 'M':
      return push(add_integer(static_cast<std::int64_t>(unsigned_number(2))));
    case 'J':
      return push(add_integer(static_cast<std::int32_t>(unsigned_number(4))));
    case 0x8a:
      return push(add_long(take(unsigned_number(1))));
    case 0x8b:
      return push(add_long(take(unsigned_number(4))));
    case 'G': {
      std::uint64_t bits = 0;
      for (const char c : take(8)) bits = bits << 8 | static_cast<unsigned char>(c);
      return push(add_number(std::bit_cast<double>(bits)));
    }
    case 'U':
      return push(add_text(sized(1)));  // byte strings of Python 2
    case 'T':
      return push(add_text(sized(4)));
    case 0x8c:
      return push(add_text(sized(1)));
    case 'X':
      return push(add_text(sized(4)));
    case 0x8d:
      return push(add_text(sized(8)));
    case 'C':
      return push(add_text(sized(1), Kind::bytes));
    case 'B':
      return push(add_text(sized(4), Kind::bytes));
    case 0x8e:
    case 0x96:
      return push(add_text(sized(8), Kind::bytes));
    case ']':
      return push(add_list({}, Kind::list));
    case ')':
      return push(add_list({}, Kind::tuple));
    case '}':
      return push(add_list({}, Kind::dict));
    case 'l':
      return push(add_list(pop_to_mark(), Kind::list));
    case 't':
      return push(add_list(pop_to_mark(), Kind::tuple));
    case 'd': {
      const std::vector<Id> values = pop_to_mark();
      push(add_list({}, Kind::dict));
      return set_items(values);
    }
    case 0x85:
    case 0x86:
    case 0x87: {
      std::vector<Id> values(op - 0x84u);
      for (std::size_t i = values.size(); i-- > 0;) values[i] = pop();
      return push(add_list(std::move(values), Kind::tuple));
    }
    case 'a': {
      const Id value = pop();
      return append({value});
    }
    case 'e':
      return append(pop_to_mark());
    case 's': {
      const Id value = pop(), key = pop();
      return set_items({key, value});
    }
    case 'u':
      return set_items(pop_to_mark());
    case 'q':
      return put_memo(unsigned_number(1));
    case 'r':
      return put_memo(unsigned_number(4));
    case 0x94:
      return put_memo(memo_.size());
    case 'h':
      return get_memo(unsigned_number(1));
    case 'j':
      return get_memo(unsigned_number(4));
    case 'c': {
      const std::string_view module = line(), name = line();
      return push(add_global(module, name));
    }
    case 0x93: {
      const Id name = pop(), module = pop();
      if (item(name).kind != Kind::text || item(module).kind != Kind::text)
        broken("a function's name is no text");
      return push(add_global(out_.text(module), out_.text(name)));
    }
    case 'R':
      return reduce();
    case 'b':
      return build();
    case 'i': {  // INST: a global and a call in one
      const std::string_view module = line(), name = line();
      const Id what = add_global(module, name);
      return push(call(what, pop_to_mark()));
    }
    case 'o':
    case 0x81:
    case 0x92:
      fail(name_,
           "makes an object of a Python class, which is refused: a history's pickle has "
           "numbers, texts and numpy arrays alone");
    case 'P':
    case 'Q':
    case 0x97:
    case 0x82:
    case 0x83:
    case 0x84:
      fail(name_, "refers to an object outside of the file, which is refused");
    case 0x98:
      return;  // READONLY_BUFFER
    default:
      return step_text(op);
  }
}

// A text or its bytes may be used any number of times, each a copy: no pickle that Python writes
// comes near this.
void PickleMachine::spend(std::size_t bytes) {
  spent_ += bytes;
  if (spent_ > 16 * static_cast<std::uint64_t>(bytes_.size()) + (1 << 20))
    broken("it makes far more than it holds");
}

Pickle PickleMachine::run() {
  while (!done_) {
    const auto op = static_cast<unsigned char>(take(1)[0]);
    step(op);
  }
  if (!marks_.empty()) broken("a mark is left over");
  out_.root_ = pop();
  return std::move(out_);
}

}  // namespace glassbox::viz
