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

std::vector<std::string> tick_labels(const std::vector<double>& values) {
  double most = 0, least = std::numeric_limits<double>::infinity();
  int place = std::numeric_limits<int>::max();  // of the last digit that any of them has
  bool single_digits = true;                    // as on a logarithmic axis
  for (const double v : values) {
    if (v == 0 || !std::isfinite(v)) continue;
    most = std::max(most, std::abs(v));
    least = std::min(least, std::abs(v));
    const auto digits = digits_of(v);
    place = std::min(place, digits.last());
    single_digits = single_digits && digits.digits.size() == 1;
  }
  if (most == 0) return std::vector<std::string>(values.size(), "0");
  const int first = digits_of(most).first;
  // Over many powers of ten every number has its own, else all have that of the greatest.
  const bool own_power = most / least >= 1e4 && single_digits && first - digits_of(least).first > 4;
  int power = 0;
  bool is_scientific = false;
  if (own_power || most < 1e-3 || most >= 1e15) {
    is_scientific = true;
    power = first;
  } else if (most >= 1e4) {
    power = first / 3 * 3;
  }
  const int decimals = std::clamp(power - place, 0, 17);
  std::vector<std::string> labels;
  for (const double v : values) {
    if (!std::isfinite(v)) {
      labels.push_back(short_number(v));
    } else if (v == 0) {
      labels.emplace_back("0");
    } else if (own_power) {
      const int own = digits_of(v).first;
      labels.push_back(own == 0 ? scaled(v, 0, 0)
                                : scaled(v, own, 0) + "e" + std::string(own < 0 ? "−" : "") +
                                      std::to_string(std::abs(own)));
    } else if (is_scientific) {
      labels.push_back(scaled(v, power, decimals) + exponent_text(power));
    } else {
      labels.push_back(scaled(v, power, decimals) +
                       std::string(units[static_cast<std::size_t>(power / 3)]));
    }
  }
  return labels;
}

std::string short_number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "−∞" : "∞";
  if (value == 0) return "0";
  const double size = std::abs(value);
  const std::string sign = value < 0 ? "−" : "";
  const auto trimmed = [](std::string text) {
    if (text.find('.') == text.npos) return text;
    while (text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
    return text;
  };
  if (size < 9.9995e-4 || size >= 9.9995e14) {
    std::array<char, 40> buffer;
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), size,
                                   std::chars_format::scientific, 2)
                         .ptr;
    const std::string text(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
    const std::size_t e = text.find('e');
    return sign + trimmed(text.substr(0, e)) + exponent_text(std::atoi(text.c_str() + e + 1));
  }
  if (size >= 99'999.5) {
    double rest = size;
    std::size_t unit = 0;
    while (rest >= 999.95 && unit + 1 < std::size(units)) {
      rest /= 1000;
      ++unit;
    }
    return sign + trimmed(fixed(rest, rest < 99.995 ? 2 : 1)) + std::string(units[unit]);
  }
  if (size == std::floor(size)) return sign + fixed(size, 0);
  int decimals = 3 - static_cast<int>(std::floor(std::log10(size)));
  return sign + trimmed(fixed(size, std::clamp(decimals, 0, 6)));
}

}  // namespace glassbox::viz
