// A raster of a terminal's cells, in which each holds a character, or braille dots, or lines, or
// four coloured pixels; and the characters and escape sequences that show it. Detail of the charts.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "viz/chart.h"
#include "viz/color_map.h"

namespace glassbox::viz::detail {

// Columns that a text takes in a terminal: ideographs and emoji take two, combining marks none.
int columns_of(std::string_view utf8);

// A character as it may be sent to a terminal: control characters and what turns the direction of
// writing are "", bytes that are no UTF-8 are U+FFFD.
struct Glyph {
  std::string text;
  int columns = 1;
};
std::vector<Glyph> glyphs_of(std::string_view utf8);

// A quarter of a cell. `shade` is how dense it is where there are no colours.
struct TextPixel {
  bool is_set = false;
  Rgb color = {};
  double shade = 0;
};

struct TextCell {
  std::string glyph;  // with the combining marks on it; "" and is_covered: right half of a wide one
  bool is_covered = false, is_bold = false;
  Rgb color = {};  // of the glyph
  bool has_color = false;
  std::uint8_t dots = 0;  // braille's bits
  Rgb dot_color = {};
  bool has_faint_dots = false;
  int dot_index = 0;       // of the series, for its character in ASCII
  std::uint8_t lines = 0;  // up 1, right 2, down 4, left 8
  std::uint8_t grid = 0;   // horizontal 1, vertical 2
  int eighths = 0;         // a block from below (1 to 7) or from the left (-1 to -7)
  Rgb block_color = {};
  std::array<TextPixel, 4> pixels;  // upper left, upper right, lower left, lower right
};

class TextCanvas {
 public:
  TextCanvas(const TerminalOptions& options, const ChartTheme& theme, int columns, int rows);
  int columns() const { return columns_; }
  int rows() const { return rows_; }
  // nullptr outside.
  TextCell* at(int column, int row);
  // Dots count from the upper left: two a column, four a row.
  void set_dot(int x, int y, Rgb color, int index, bool is_faint);
  void clear_dot(int x, int y);
  // Pixels: two a column, two a row. Mixed with what is there by `opacity`.
  void set_pixel(int x, int y, Rgb color, double opacity, double shade);
  void write(int column, int row, std::string_view text, bool has_color, Rgb color, bool is_bold);
  std::string text() const;

 private:
  struct Look {  // of a cell when all in it is said
    std::string glyph;
    bool has_fore = false, has_back = false, is_bold = false;
    Rgb fore = {}, back = {};
    bool same_style(const Look& other) const;
  };
  Look look_of(const TextCell& cell) const;
  Look pixels_look(const TextCell& cell) const;
  Look back_of(const TextCell& cell) const;
  std::string style_of(const Look& look) const;

  TerminalOptions options_;
  const ChartTheme& theme_;
  int columns_, rows_;
  std::vector<TextCell> cells_;
};

}  // namespace glassbox::viz::detail
