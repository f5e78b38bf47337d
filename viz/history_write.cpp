// Writing lines of history.jsonl.
#include <charconv>
#include <cmath>
#include <cstring>

#include "viz/history_record.h"

namespace glassbox::viz::detail {
namespace {

template <class T>
void append_chars(std::string& out, T value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  out.append(text, end);
}

void append_hex(std::string& out, std::uint64_t value) {
  for (int shift = 60; shift >= 0; shift -= 4) out += "0123456789abcdef"[value >> shift & 15];
}

void append_time(std::string& out, std::int64_t microseconds) {
  append_chars(out, microseconds / 1'000'000);
  char text[8] = ".000000";
  std::int64_t rest = microseconds % 1'000'000;
  for (int i = 6; i > 0; --i, rest /= 10) text[i] = static_cast<char>('0' + rest % 10);
  out.append(text, 7);
}

// How many bytes the UTF-8 sequence at the start of `text` has; 0 when it is none (RFC 3629).
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  const std::size_t n = first < 0x80   ? 1
                        : first < 0xC2 ? 0
                        : first < 0xE0 ? 2
                        : first < 0xF0 ? 3
                        : first < 0xF5 ? 4
                                       : 0;
  if (n == 0 || n > text.size()) return 0;
  for (std::size_t i = 1; i < n; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  if ((first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F) ||
      (first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F))
    return 0;
  return n;
}

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

void append_spec(std::string& out, const Spec& spec) {
  out += "{\"tensor\":\"";
  out += name_of(spec.dtype);
  out += "\",\"shape\":[";
  for (int i = 0; i < spec.shape.rank(); ++i) {
    if (i) out += ',';
    append_chars(out, spec.shape[i]);
  }
  out += ']';
}

}  // namespace

void append_step(std::string& out, const Step& step) {
  if (step.epoch < 0) return append_chars(out, step.batch);
  out += '[';
  append_chars(out, step.epoch);
  out += ',';
  append_chars(out, step.batch);
  out += ']';
}

void append_number(std::string& out, double value) {
  if (std::isfinite(value)) return append_chars(out, value);
  out += std::isnan(value) ? R"({"number":"nan"})"
         : value > 0       ? R"({"number":"inf"})"
                           : R"({"number":"-inf"})";
}

void append_text(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    const std::size_t n = sequence_length(text.substr(i));
    if (n == 0) {
      out += replacement;
      ++i;
      continue;
    }
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < ' ' || c == '<' || c == '\x7f') {
      out += "\\u00";
      out += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
      out += "0123456789abcdef"[static_cast<unsigned char>(c) & 15];
    } else {
      out.append(text, i, n);
    }
    i += n;
  }
  out += '"';
}

std::string clean_name(std::string_view name) {
  std::string out;
  for (std::size_t i = 0; i < name.size();) {
    const std::size_t n = sequence_length(name.substr(i));
    if (n == 0 || static_cast<unsigned char>(name[i]) < ' ' || name[i] == '\x7f')
      out += replacement;
    else
      out.append(name, i, n);
    i += n == 0 ? 1 : n;
  }
  return out;
}

void append_tensor(std::string& out, const Spec& spec, std::uint64_t offset, std::uint64_t hash) {
  append_spec(out, spec);
  out += ",\"offset\":";
  append_chars(out, offset);
  out += ",\"xxh64\":\"";
  append_hex(out, hash);
  out += "\"}";
}

void append_tensor_left_out(std::string& out, const Spec& spec) {
  append_spec(out, spec);
  out += ",\"left_out\":true}";
}

void append_tensor_inline(std::string& out, const Tensor& tensor) {
  append_spec(out, tensor.spec());
  out += ",\"base64\":\"";
  constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto* bytes = reinterpret_cast<const unsigned char*>(tensor.raw());
  const std::size_t n = tensor.spec().bytes();
  for (std::size_t i = 0; i < n; i += 3) {
    const std::size_t have = std::min<std::size_t>(3, n - i);
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k) bits = bits << 8 | (k < have ? bytes[i + k] : 0u);
    for (std::size_t k = 0; k < 4; ++k) out += k <= have ? digits[bits >> (18 - 6 * k) & 63] : '=';
  }
  out += "\"}";
}

void begin_values(std::string& out, const Step& step, std::int64_t time) {
  out += "{\"step\":";
  append_step(out, step);
  out += ",\"time\":";
  append_time(out, time);
  out += ",\"values\":{";
}

std::string header_line(std::uint64_t id) {
  std::string out = "{\"glassbox.history\":1,\"id\":\"";
  append_hex(out, id);
  return out + "\"}\n";
}

std::string rewind_line(const Step& step, std::int64_t time) {
  std::string out = "{\"rewind\":";
  append_step(out, step);
  out += ",\"time\":";
  append_time(out, time);
  return out + "}\n";
}

std::uint64_t xxh64(std::span<const std::byte> bytes) {
  constexpr std::uint64_t p1 = 0x9E3779B185EBCA87, p2 = 0xC2B2AE3D27D4EB4F, p3 = 0x165667B19E3779F9,
                          p4 = 0x85EBCA77C2B2AE63, p5 = 0x27D4EB2F165667C5;
  const auto rotate = [](std::uint64_t v, int n) { return v << n | v >> (64 - n); };
  const auto load = [](const std::byte* at, std::size_t n) {
    std::uint64_t v = 0;
    std::memcpy(&v, at, n);
    return v;
  };
  const auto round = [&](std::uint64_t lane, std::uint64_t v) {
    return rotate(lane + v * p2, 31) * p1;
  };
  const std::byte *at = bytes.data(), *end = at + bytes.size();
  std::uint64_t hash = p5;
  if (bytes.size() >= 32) {
    std::uint64_t lanes[4] = {p1 + p2, p2, 0, 0 - p1};
    for (; end - at >= 32; at += 32)
      for (int i = 0; i < 4; ++i) lanes[i] = round(lanes[i], load(at + 8 * i, 8));
    hash = rotate(lanes[0], 1) + rotate(lanes[1], 7) + rotate(lanes[2], 12) + rotate(lanes[3], 18);
    for (const std::uint64_t lane : lanes) hash = (hash ^ round(0, lane)) * p1 + p4;
  }
  hash += bytes.size();
  for (; end - at >= 8; at += 8) hash = rotate(hash ^ round(0, load(at, 8)), 27) * p1 + p4;
  for (; end - at >= 4; at += 4) hash = rotate(hash ^ load(at, 4) * p1, 23) * p2 + p3;
  for (; at < end; ++at) hash = rotate(hash ^ load(at, 1) * p5, 11) * p1;
  hash = (hash ^ hash >> 33) * p2;
  hash = (hash ^ hash >> 29) * p3;
  return hash ^ hash >> 32;
}

}  // namespace glassbox::viz::detail
