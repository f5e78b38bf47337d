#include <algorithm>
#include <cstddef>
#include <iterator>

#include "viz/chart_text_canvas.h"

namespace glassbox::viz::detail {
namespace {

struct CodeRange {
  char32_t first, last;
};

template <std::size_t n>
bool is_in(char32_t code, const CodeRange (&ranges)[n]) {
  return std::any_of(std::begin(ranges), std::end(ranges), [code](const CodeRange& range) {
    return code >= range.first && code <= range.last;
  });
}

// Of Unicode's East Asian Width, what terminals draw two columns wide.
constexpr CodeRange wide[] = {
    {0x1100, 0x115F},   {0x231A, 0x231B},   {0x23E9, 0x23EC},   {0x2E80, 0x303E},
    {0x3041, 0x33FF},   {0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xA000, 0xA4CF},
    {0xA960, 0xA97C},   {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},
    {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},   {0x16FE0, 0x18AFF}, {0x1B000, 0x1B2FF},
    {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F7E0, 0x1F7EB}, {0x1F900, 0x1F9FF},
    {0x1FA70, 0x1FAFF}, {0x20000, 0x3FFFD}};
constexpr CodeRange combining[] = {{0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD},
                                   {0x064B, 0x065F}, {0x0E31, 0x0E31}, {0x0E34, 0x0E3A},
                                   {0x0E47, 0x0E4E}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF},
                                   {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}};
// Controls; what turns the direction of writing; what has no width and no shape; private use.
constexpr CodeRange unwanted[] = {{0x00, 0x1F},     {0x7F, 0x9F},      {0xAD, 0xAD},
                                  {0x061C, 0x061C}, {0x180E, 0x180E},  {0x200B, 0x200F},
                                  {0x2028, 0x202E}, {0x2060, 0x206F},  {0xFEFF, 0xFEFF},
                                  {0xFFF9, 0xFFFB}, {0xE0000, 0xE0FFF}};

// The code point at `at`, which moves behind it; U+FFFD for one byte that begins none.
char32_t next(std::string_view text, std::size_t& at) {
  const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  const std::size_t length = first < 0x80                    ? 1
                             : first >= 0xC2 && first < 0xE0 ? 2
                             : first >= 0xE0 && first < 0xF0 ? 3
                             : first >= 0xF0 && first < 0xF5 ? 4
                                                             : 0;
  if (length == 0 || at + length > text.size()) {
    ++at;
    return 0xFFFD;
  }
  char32_t code = length == 1 ? first : first & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) {
      ++at;
      return 0xFFFD;
    }
    code = code << 6 | (byte(at + i) & 0x3Fu);
  }
  const bool is_none = (length == 3 && (code < 0x800 || (code >= 0xD800 && code < 0xE000))) ||
                       (length == 4 && (code < 0x10000 || code > 0x10FFFF));
  if (is_none) {
    ++at;
    return 0xFFFD;
  }
  at += length;
  return code;
}

}  // namespace

std::vector<Glyph> glyphs_of(std::string_view utf8) {
  std::vector<Glyph> glyphs;
  for (std::size_t at = 0; at < utf8.size();) {
    const std::size_t begin = at;
    const char32_t code = next(utf8, at);
    if (code == '\n' || code == '\t') {
      glyphs.push_back({" ", 1});
    } else if (code == 0xFFFD) {
      glyphs.push_back({"\xEF\xBF\xBD", 1});
    } else if (is_in(code, unwanted)) {
      continue;
    } else if (is_in(code, combining)) {
      // A mark stands on what is before it. More than a few are no text.
      if (!glyphs.empty() && glyphs.back().text.size() < 16)
        glyphs.back().text += utf8.substr(begin, at - begin);
    } else {
      glyphs.push_back({std::string(utf8.substr(begin, at - begin)), is_in(code, wide) ? 2 : 1});
    }
  }
  return glyphs;
}

int columns_of(std::string_view utf8) {
  int columns = 0;
  for (const Glyph& glyph : glyphs_of(utf8)) columns += glyph.columns;
  return columns;
}

}  // namespace glassbox::viz::detail
