#include "viz/chart_text_canvas.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "viz/theme.h"

namespace glassbox::viz::detail {
namespace {

std::string utf8_of(char32_t code) {  // of the basic plane beyond U+0800
  return {static_cast<char>(0xE0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 0x3F)),
          static_cast<char>(0x80 | (code & 0x3F))};
}

// By bits up, right, down, left. A single end is drawn through the whole cell.
constexpr std::string_view box_lines[] = {" ", "│", "─", "└", "│", "│", "┌", "├",
                                          "─", "┘", "─", "┴", "┐", "┤", "┬", "┼"};
// By bits upper left, upper right, lower left, lower right.
constexpr std::string_view quadrants[] = {" ", "▘", "▝", "▀", "▖", "▌", "▞", "▛",
                                          "▗", "▚", "▐", "▜", "▄", "▙", "▟", "█"};
constexpr std::string_view below[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇"};
constexpr std::string_view beside[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
constexpr std::string_view shades[] = {" ", "░", "▒", "▓", "█"};
constexpr std::string_view ascii_shades = " .:-=+*#%@";
constexpr std::string_view ascii_dots = "*o+x#%&$";

// The nearest of xterm's 6 by 6 by 6 colours and 24 greys.
int palette_index(Rgb color) {
  static constexpr int levels[] = {0, 95, 135, 175, 215, 255};
  const auto nearest = [](int v) {
    int best = 0;
    for (int i = 1; i < 6; ++i)
      if (std::abs(levels[i] - v) < std::abs(levels[best] - v)) best = i;
    return best;
  };
  const int r = nearest(color.red), g = nearest(color.green), b = nearest(color.blue);
  const int grey = std::clamp((color.red + color.green + color.blue) / 3, 8, 238);
  const int step = (grey - 8 + 5) / 10, grey_value = 8 + 10 * step;
  const auto distance = [&color](int x, int y, int z) {
    const int dx = color.red - x, dy = color.green - y, dz = color.blue - z;
    return dx * dx + dy * dy + dz * dz;
  };
  return distance(grey_value, grey_value, grey_value) < distance(levels[r], levels[g], levels[b])
             ? 232 + step
             : 16 + 36 * r + 6 * g + b;
}

int distance(Rgb a, Rgb b) {
  return std::abs(a.red - b.red) + std::abs(a.green - b.green) + std::abs(a.blue - b.blue);
}

// What stands for our own characters in ASCII; others are parts of names.
std::string in_ascii(std::string glyph) {
  constexpr std::pair<std::string_view, std::string_view> pairs[] = {
      {"−", "-"}, {"…", "~"}, {"×", "x"}, {"·", "-"}, {"●", "@"}, {"○", "O"}, {"▲", "^"},
      {"▼", "v"}, {"∞", "~"}, {"±", "~"}, {"–", "-"}, {"→", ">"}, {"↓", "v"}};
  for (const auto& [from, to] : pairs)
    if (glyph == from) return std::string(to);
  return glyph;
}

}  // namespace

TextCanvas::TextCanvas(const TerminalOptions& options, const ChartTheme& theme, int columns,
                       int rows)
    : options_(options),
      theme_(theme),
      columns_(columns),
      rows_(rows),
      cells_(static_cast<std::size_t>(columns) * static_cast<std::size_t>(rows)) {}

TextCell* TextCanvas::at(int column, int row) {
  if (column < 0 || column >= columns_ || row < 0 || row >= rows_) return nullptr;
  return &cells_[static_cast<std::size_t>(row) * static_cast<std::size_t>(columns_) +
                 static_cast<std::size_t>(column)];
}

namespace {

// Which of the eight bits a dot is.
std::uint8_t braille_bit(int x, int y) {
  constexpr std::uint8_t bits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
  return bits[y & 3][x & 1];
}

}  // namespace

void TextCanvas::set_dot(int x, int y, Rgb color, int index, bool is_faint) {
  if (x < 0 || y < 0) return;
  TextCell* cell = at(x / 2, y / 4);
  if (cell == nullptr) return;
  // A cell has one colour for its dots: those of a faint line would look like the strong one's.
  if (cell->dots != 0 && cell->has_faint_dots && !is_faint) cell->dots = 0;
  if (cell->dots != 0 && !cell->has_faint_dots && is_faint) return;
  cell->has_faint_dots = is_faint;
  cell->dots |= braille_bit(x, y);
  cell->dot_color = color;
  cell->dot_index = index;
}

void TextCanvas::clear_dot(int x, int y) {
  if (x < 0 || y < 0) return;
  if (TextCell* cell = at(x / 2, y / 4))
    cell->dots &= static_cast<std::uint8_t>(~braille_bit(x, y));
}

void TextCanvas::set_pixel(int x, int y, Rgb color, double opacity, double shade) {
  if (x < 0 || y < 0) return;
  TextCell* cell = at(x / 2, y / 2);
  if (cell == nullptr) return;
  TextPixel& pixel = cell->pixels[static_cast<std::size_t>((y & 1) * 2 + (x & 1))];
  pixel.color = mixed(pixel.is_set ? pixel.color : theme_.background, color, opacity);
  pixel.shade = pixel.shade * (1 - opacity) + shade * opacity;
  pixel.is_set = true;
}

void TextCanvas::write(int column, int row, std::string_view text, bool has_color, Rgb color,
                       bool is_bold) {
  for (const Glyph& glyph : glyphs_of(text)) {
    TextCell* cell = at(column, row);
    TextCell* second = glyph.columns == 2 ? at(column + 1, row) : nullptr;
    if (cell != nullptr && (glyph.columns == 1 || second != nullptr)) {
      cell->glyph = options_.ascii ? in_ascii(glyph.text) : glyph.text;
      cell->is_covered = false;
      cell->is_bold = is_bold;
      cell->color = color;
      cell->has_color = has_color;
      if (second != nullptr) {
        second->glyph.clear();
        second->is_covered = true;
      }
    }
    column += glyph.columns;
  }
}

bool TextCanvas::Look::same_style(const Look& other) const {
  return has_fore == other.has_fore && has_back == other.has_back && is_bold == other.is_bold &&
         (!has_fore || fore == other.fore) && (!has_back || back == other.back);
}

// The background under a character: all of its pixels, mixed.
TextCanvas::Look TextCanvas::back_of(const TextCell& cell) const {
  Look look;
  int sums[3] = {};
  for (const TextPixel& pixel : cell.pixels) {
    look.has_back = look.has_back || pixel.is_set;
    const Rgb color = pixel.is_set ? pixel.color : theme_.background;
    sums[0] += color.red;
    sums[1] += color.green;
    sums[2] += color.blue;
  }
  look.back = {static_cast<std::uint8_t>(sums[0] / 4), static_cast<std::uint8_t>(sums[1] / 4),
               static_cast<std::uint8_t>(sums[2] / 4)};
  return look;
}

// Four pixels in two colours: those of the two that differ most, and each pixel the nearer one.
TextCanvas::Look TextCanvas::pixels_look(const TextCell& cell) const {
  Look look;
  look.glyph = " ";
  if (options_.colors == ColorDepth::none) {
    double shade = 0;
    for (const TextPixel& pixel : cell.pixels) shade += pixel.is_set ? pixel.shade / 4 : 0;
    if (options_.ascii) {
      const auto i = static_cast<std::size_t>(std::lround(shade * 9));
      look.glyph = ascii_shades[std::min<std::size_t>(i, 9)];
    } else {
      look.glyph =
          shades[std::min<std::size_t>(static_cast<std::size_t>(std::lround(shade * 4)), 4)];
    }
    return look;
  }
  std::size_t first = 0, second = 0;
  int most = -1;
  const auto apart = [&cell](std::size_t a, std::size_t b) {
    const TextPixel &p = cell.pixels[a], &q = cell.pixels[b];
    if (p.is_set != q.is_set) return 10'000;  // nothing is further from something than any colour
    return p.is_set ? distance(p.color, q.color) : 0;
  };
  for (std::size_t a = 0; a < 4; ++a) {
    for (std::size_t b = a; b < 4; ++b) {
      if (apart(a, b) > most) {
        most = apart(a, b);
        first = a;
        second = b;
      }
    }
  }
  // The glyph is drawn in the first's colour, which must be one.
  if (!cell.pixels[first].is_set) std::swap(first, second);
  if (!cell.pixels[first].is_set) return look;
  std::size_t bits = 0;
  for (std::size_t i = 0; i < 4; ++i)
    if (apart(i, first) <= apart(i, second)) bits |= std::size_t{1} << i;
  if (options_.ascii) {  // spaces on a background alone
    look.has_back = true;
    look.back = cell.pixels[first].color;
    return look;
  }
  if (bits == 15) {
    look.has_back = true;
    look.back = cell.pixels[first].color;
    return look;
  }
  look.glyph = quadrants[bits];
  look.has_fore = true;
  look.fore = cell.pixels[first].color;
  look.has_back = cell.pixels[second].is_set;
  look.back = cell.pixels[second].color;
  return look;
}

TextCanvas::Look TextCanvas::look_of(const TextCell& cell) const {
  const bool has_colors = options_.colors != ColorDepth::none;
  Look look = has_colors ? back_of(cell) : Look{};
  if (!cell.glyph.empty()) {
    look.glyph = cell.glyph;
    look.is_bold = has_colors && cell.is_bold;
    look.has_fore = has_colors && cell.has_color;
    look.fore = cell.color;
  } else if (cell.dots != 0) {
    look.glyph =
        options_.ascii
            ? std::string(1,
                          ascii_dots[static_cast<std::size_t>(cell.dot_index) % ascii_dots.size()])
            : utf8_of(0x2800 + cell.dots);
    look.has_fore = has_colors;
    look.fore = cell.dot_color;
  } else if (cell.eighths != 0) {
    const auto n = static_cast<std::size_t>(std::abs(cell.eighths));
    look.glyph = options_.ascii     ? (n >= 4 ? "#" : " ")
                 : cell.eighths > 0 ? std::string(below[n])
                                    : std::string(beside[n]);
    look.has_fore = has_colors;
    look.fore = cell.block_color;
  } else if (cell.lines != 0) {
    look.glyph = box_lines[cell.lines];
    if (options_.ascii) {
      const bool across = (cell.lines & 10) != 0, along = (cell.lines & 5) != 0;
      look.glyph = across && along ? "+" : across ? "-" : "|";
    }
    look.has_fore = has_colors;
    look.fore = theme_.axis;
  } else if (look.has_back || std::any_of(cell.pixels.begin(), cell.pixels.end(),
                                          [](const TextPixel& p) { return p.is_set; })) {
    return pixels_look(cell);
  } else if (cell.grid != 0 && has_colors && !options_.ascii) {
    look.glyph = cell.grid == 1 ? "┈" : cell.grid == 2 ? "┊" : "┼";
    look.has_fore = true;
    look.fore = theme_.grid;
  } else {
    look.glyph = " ";
  }
  return look;
}

std::string TextCanvas::style_of(const Look& look) const {
  std::string codes = "0";
  const auto add = [&](int base, Rgb color) {
    codes += ";" + std::to_string(base);
    if (options_.colors == ColorDepth::palette256) {
      codes += ";5;" + std::to_string(palette_index(color));
    } else {
      codes += ";2";
      for (const int byte : {color.red, color.green, color.blue})
        codes += ";" + std::to_string(byte);
    }
  };
  if (look.is_bold) codes += ";1";
  if (look.has_fore) add(38, look.fore);
  if (look.has_back) add(48, look.back);
  return "\x1B[" + codes + "m";
}

std::string TextCanvas::text() const {
  std::string out;
  for (int row = 0; row < rows_; ++row) {
    std::vector<Look> looks;
    for (int column = 0; column < columns_; ++column) {
      const TextCell& cell =
          cells_[static_cast<std::size_t>(row) * static_cast<std::size_t>(columns_) +
                 static_cast<std::size_t>(column)];
      if (!cell.is_covered) looks.push_back(look_of(cell));
    }
    while (!looks.empty() && looks.back().glyph == " " && !looks.back().has_back) looks.pop_back();
    Look current;
    for (const Look& look : looks) {
      // A space shows no colour but its background's.
      Look wanted = look;
      if (look.glyph == " " && !look.has_back) wanted = current.has_back ? Look{} : current;
      if (!wanted.same_style(current)) {
        out += style_of(wanted);
        current = wanted;
      }
      out += look.glyph;
    }
    if (!current.same_style(Look{})) out += "\x1B[0m";
    out += "\n";
  }
  return out;
}

}  // namespace glassbox::viz::detail
