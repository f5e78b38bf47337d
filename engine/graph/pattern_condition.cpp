// What a pattern asks of an op's options.
#include <algorithm>

#include "engine/graph/pattern_program.h"

namespace glassbox::detail {
namespace {

std::vector<double> numbers_of(const Attr::Value& value) {
  if (const auto* list = std::get_if<std::vector<std::int64_t>>(&value))
    return {list->begin(), list->end()};
  if (const auto* n = std::get_if<std::int64_t>(&value)) return {static_cast<double>(*n)};
  if (const auto* x = std::get_if<double>(&value)) return {*x};
  return {};
}

// By its own name, else by the one that this is short for.
const Attr* find_attr(const Attrs& attrs, std::string_view name) {
  const auto by_name = [&attrs](std::string_view wanted) -> const Attr* {
    const auto at = std::ranges::find(attrs, wanted, &Attr::name);
    return at == attrs.end() ? nullptr : &*at;
  };
  if (const Attr* attr = by_name(name)) return attr;
  static constexpr std::pair<std::string_view, std::string_view> short_names[] = {
      {"k", "kernel_size"}, {"s", "stride"},   {"p", "padding"},      {"d", "dilation"},
      {"g", "groups"},      {"c", "channels"}, {"c", "out_features"}, {"channels", "out_features"}};
  for (const auto& [shorter, full] : short_names) {
    if (name != shorter) continue;
    if (const Attr* attr = by_name(full)) return attr;
  }
  return nullptr;
}

bool holds(double a, PatternCondition::Compare compare, double b) {
  switch (compare) {
    case PatternCondition::Compare::eq:
      return a == b;
    case PatternCondition::Compare::ne:
      return a != b;
    case PatternCondition::Compare::lt:
      return a < b;
    case PatternCondition::Compare::le:
      return a <= b;
    case PatternCondition::Compare::gt:
      return a > b;
    case PatternCondition::Compare::ge:
      return a >= b;
  }
  __builtin_unreachable();
}

}  // namespace

std::string PatternCondition::miss(const Attrs& attrs) const {
  const Attr* attr = find_attr(attrs, name);
  if (!attr) {
    std::string names;
    for (const Attr& a : attrs) names += (names.empty() ? "" : ", ") + a.name;
    return "has no " + name + (names.empty() ? "" : "; it has " + names);
  }
  std::vector<double> has = numbers_of(attr->value);
  const bool is_not = compare == Compare::ne;
  bool ok = false;
  if (numbers.empty() || has.empty()) {
    ok = (to_string(attr->value) == text) != is_not;
  } else if (numbers.size() > 1) {
    ok = (has == numbers) != is_not;
  } else {
    if (attr->name == "channels") has = {has.back()};
    const auto passes = [this](double n) { return holds(n, compare, numbers[0]); };
    ok = is_not ? std::ranges::any_of(has, passes) : std::ranges::all_of(has, passes);
  }
  return ok ? "" : "has " + attr->name + " " + to_string(attr->value);
}

}  // namespace glassbox::detail
