#include "viz/axis_numbers.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string_view>

#include "viz/axis.h"
#include "viz/text.h"

namespace glassbox::viz {
namespace detail {

double decimal(long long digits, int exponent) {
  if (digits == 0) return 0;
  const std::string text = std::to_string(digits) + "e" + std::to_string(exponent);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc()) return value;
  if (exponent < 0) return 0;
  return digits < 0 ? -std::numeric_limits<double>::infinity()
                    : std::numeric_limits<double>::infinity();
}

Digits digits_of(double value) {
  std::array<char, 40> buffer;
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(),
                                          std::abs(value), std::chars_format::scientific);
  const std::string_view text(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
  const std::size_t e = text.find('e');
  Digits found;
  for (const char c : text.substr(0, e))
    if (c != '.') found.digits += c;
  while (found.digits.size() > 1 && found.digits.back() == '0') found.digits.pop_back();
  found.first = std::atoi(std::string(text.substr(e + 1)).c_str());
  return found;
}

}  // namespace detail

namespace {

using detail::digits_of;

constexpr std::string_view units[] = {"", "k", "M", "G", "T"};

// value / 10^power with so many decimals, rounded from its shortest decimal.
std::string scaled(double value, int power, int decimals) {
  if (value == 0) return fixed(0, decimals);
  const auto digits = digits_of(value);
  const double size = detail::decimal(std::stoll(digits.digits), digits.last() - power);
  return (value < 0 ? "−" : "") + fixed(size, decimals);
}

std::string exponent_text(int power) {
  return power == 0 ? ""
                    : "e" + std::string(power < 0 ? "−" : "") + std::to_string(std::abs(power));
}

}  // namespace

std::vector<std::string> tick_labels(const std::vector<double>& values, bool log) {
  double most = 0, least = std::numeric_limits<double>::infinity();
  int place = std::numeric_limits<int>::max();  // of the last digit that any of them has
  for (const double v : values) {
    if (v == 0 || !std::isfinite(v)) continue;
    most = std::max(most, std::abs(v));
    least = std::min(least, std::abs(v));
    place = std::min(place, digits_of(v).last());
  }
  if (most == 0) return std::vector<std::string>(values.size(), "0");
  const bool is_scientific = most >= 1e15 || (log ? least < 1e-3 : most < 1e-3);
  const int common = is_scientific ? digits_of(most).first
                     : most >= 1e4 ? digits_of(most).first / 3 * 3
                                   : 0;
  std::vector<std::string> labels;
  for (const double v : values) {
    if (!std::isfinite(v)) {
      labels.push_back(short_number(v));
    } else if (v == 0) {
      labels.emplace_back("0");
    } else {
      const auto digits = digits_of(v);
      int power = common, last = place;
      if (log) {
        power = is_scientific ? digits.first : digits.first < 3 ? 0 : digits.first / 3 * 3;
        last = digits.last();
      }
      const std::string text = scaled(v, power, std::clamp(power - last, 0, 17));
      labels.push_back(text + (is_scientific
                                   ? exponent_text(power)
                                   : std::string(units[static_cast<std::size_t>(power / 3)])));
    }
  }
  return labels;
}

std::string short_number(double value, int digits) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "−∞" : "∞";
  if (value == 0) return "0";
  digits = std::clamp(digits, 1, 9);
  double size = std::abs(value);
  const std::string sign = value < 0 ? "−" : "";
  if (size < 99'999.5 && size == std::floor(size)) return sign + fixed(size, 0);
  const auto trimmed = [](std::string text) {
    if (text.find('.') == text.npos) return text;
    while (text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
    return text;
  };
  // Rounded to its digits first, so that 0.00099999 is 0.001 and no 1e−3.
  std::array<char, 40> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), size,
                                 std::chars_format::scientific, digits - 1)
                       .ptr;
  const std::string text(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
  const std::size_t e = text.find('e');
  const int first = std::atoi(text.c_str() + e + 1);
  if (first < -3 || first >= 15) return sign + trimmed(text.substr(0, e)) + exponent_text(first);
  const int power = first >= 5 ? first / 3 * 3 : 0;
  if (power > 0) size /= std::pow(10.0, power);
  return sign + trimmed(fixed(size, std::clamp(digits - 1 - (first - power), 0, 12))) +
         std::string(units[static_cast<std::size_t>(power / 3)]);
}

}  // namespace glassbox::viz
