// The instructions of pickles that are written as lines of text.
#include <charconv>

#include "engine/core/error.h"
#include "viz/pickle_machine.h"

namespace glassbox::viz {

// What Python writes for a str of protocol 0, or a byte string of Python 2.
std::string PickleMachine::unescaped(std::string_view text) const {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char c = text[++i];
    if (c == 'x' && i + 2 < text.size()) {
      unsigned value = 0;
      const char* from = text.data() + i + 1;
      if (std::from_chars(from, from + 2, value, 16).ptr != from + 2)
        broken("a text has a wrong escape");
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
    }
  }
  return out;
}

namespace {

void append_utf8(std::string& out, std::uint32_t c) {
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80)
    put(c);
  else if (c < 0x800)
    put(0xC0 | c >> 6), put(0x80 | (c & 63));
  else if (c < 0x10000)
    put(0xE0 | c >> 12), put(0x80 | (c >> 6 & 63)), put(0x80 | (c & 63));
  else
    put(0xF0 | (c >> 18 & 7)), put(0x80 | (c >> 12 & 63)), put(0x80 | (c >> 6 & 63)),
        put(0x80 | (c & 63));
}

// "raw-unicode-escape": Latin-1 bytes, and \uXXXX.
std::string from_raw_unicode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t digits = text[i] != '\\' || i + 1 >= text.size() ? 0
                               : text[i + 1] == 'u'                    ? 4
                               : text[i + 1] == 'U'                    ? 8
                                                                       : 0;
    std::uint32_t value = 0;
    if (digits > 0 && i + 1 + digits < text.size()) {
      const char* from = text.data() + i + 2;
      if (std::from_chars(from, from + digits, value, 16).ptr == from + digits) {
        append_utf8(out, value);
        i += 1 + digits;
        continue;
      }
    }
    append_utf8(out, static_cast<unsigned char>(text[i]));
  }
  return out;
}

}  // namespace

void PickleMachine::step_text(unsigned char op) {
  switch (op) {
    case 'I':
    case 'L': {
      std::string_view text = line();
      if (op == 'I' && (text == "00" || text == "01"))
        return push(add_integer(text == "01", Kind::boolean));
      if (op == 'L' && text.ends_with('L')) text.remove_suffix(1);
      std::int64_t value = 0;
      const char* end = text.data() + text.size();
      const auto read = std::from_chars(text.data(), end, value);
      if (text.empty() || read.ptr != end) broken("a number is none");
      if (read.ec == std::errc::result_out_of_range) {
        double beyond = 0;
        std::from_chars(text.data(), end, beyond);
        return push(add_number(beyond));
      }
      return push(add_integer(value));
    }
    case 'F': {
      const std::string_view text = line();
      double value = 0;
      const char* end = text.data() + text.size();
      const auto read = std::from_chars(text.data(), end, value);
      if (text.empty() || read.ec != std::errc() || read.ptr != end) broken("a number is none");
      return push(add_number(value));
    }
    case 'S': {
      std::string_view text = line();
      if (text.size() < 2 || text.front() != text.back() || (text[0] != '\'' && text[0] != '"'))
        broken("a text has no quotes");
      text.remove_prefix(1);
      text.remove_suffix(1);
      return push(add_text(unescaped(text)));
    }
    case 'V':
      return push(add_text(from_raw_unicode(line())));
    case 'p':
    case 'g': {
      const std::string_view text = line();
      std::uint64_t key = 0;
      const char* end = text.data() + text.size();
      const auto read = std::from_chars(text.data(), end, key);
      if (text.empty() || read.ec != std::errc() || read.ptr != end)
        broken("a memo's number is none");
      return op == 'p' ? put_memo(key) : get_memo(key);
    }
    default:
      broken(cat("an unknown instruction (", static_cast<int>(op), ")"));
  }
}

}  // namespace glassbox::viz
