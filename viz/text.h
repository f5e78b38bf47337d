// Text for tables and titles: numbers with units, and widths of UTF-8. Never the locale's, so that
// every output is the same bytes everywhere.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace glassbox::viz {

std::string with_commas(std::int64_t n);            // "132,868,840"
std::string fixed(double value, int decimals);      // as printf's %.*f, ties to even
std::string significant(double value, int digits);  // as printf's %.*g
std::string with_si(double value);                  // "7.63 G": three or four digits, k = 1000
std::string with_binary_unit(double bytes);         // "506.9 MiB", "40 B": 1 KiB = 1024 B
std::string ordinal(std::int64_t n);                // "2nd"

// Columns on a terminal: code points, of which each takes one here.
std::size_t width_of(std::string_view utf8);
std::string pad_right(std::string text, std::size_t width);
std::string pad_left(std::string_view text, std::size_t width);

}  // namespace glassbox::viz
