#include "viz/chart_png.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <tuple>

namespace glassbox::viz::detail {
namespace {

void put_u32(std::string& out, std::uint32_t value) {  // most significant byte first
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xFF);
}

// The CRC-32 of PNG and zlib's crc32: polynomial 0xEDB88320.
std::uint32_t crc32(std::string_view bytes) {
  static const std::array<std::uint32_t, 256> table = [] {
    std::array<std::uint32_t, 256> rows{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t c = i;
      for (int bit = 0; bit < 8; ++bit) c = (c & 1) != 0 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
      rows[i] = c;
    }
    return rows;
  }();
  std::uint32_t c = 0xFFFFFFFFu;
  for (const char byte : bytes) c = table[(c ^ static_cast<unsigned char>(byte)) & 0xFF] ^ (c >> 8);
  return ~c;
}

std::uint32_t adler32(std::string_view bytes) {
  std::uint32_t a = 1, b = 0;
  for (const char byte : bytes) {
    a = (a + static_cast<unsigned char>(byte)) % 65521;
    b = (b + a) % 65521;
  }
  return b << 16 | a;
}

void put_chunk(std::string& out, std::string_view type, std::string_view data) {
  put_u32(out, static_cast<std::uint32_t>(data.size()));
  const std::string body = std::string(type) + std::string(data);
  out += body;
  put_u32(out, crc32(body));
}

// A zlib stream of stored blocks.
std::string stored(std::string_view data) {
  std::string out = "\x78\x01";
  std::size_t at = 0;
  do {
    const std::size_t n = std::min<std::size_t>(65535, data.size() - at);
    const bool is_last = at + n == data.size();
    out += is_last ? '\x01' : '\x00';
    for (const std::size_t v : {n, ~n}) {
      out += static_cast<char>(v & 0xFF);
      out += static_cast<char>(v >> 8 & 0xFF);
    }
    out += data.substr(at, n);
    at += n;
  } while (at < data.size());
  put_u32(out, adler32(data));
  return out;
}

}  // namespace

std::string encode_png(int width, int height, std::span<const Rgb> pixels) {
  std::map<std::tuple<int, int, int>, std::uint8_t> palette;
  std::string entries, rows;
  bool is_indexed = true;
  for (const Rgb& p : pixels) {
    const std::tuple<int, int, int> key{p.red, p.green, p.blue};
    if (palette.contains(key)) continue;
    is_indexed = palette.size() < 256;
    if (!is_indexed) break;
    palette.emplace(key, static_cast<std::uint8_t>(palette.size()));
    for (const std::uint8_t byte : {p.red, p.green, p.blue}) entries += static_cast<char>(byte);
  }
  for (int y = 0; y < height; ++y) {
    rows += '\0';  // no filter
    for (int x = 0; x < width; ++x) {
      const Rgb& p = pixels[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                            static_cast<std::size_t>(x)];
      if (is_indexed) {
        rows += static_cast<char>(palette.at({p.red, p.green, p.blue}));
      } else {
        for (const std::uint8_t byte : {p.red, p.green, p.blue}) rows += static_cast<char>(byte);
      }
    }
  }
  std::string header;
  put_u32(header, static_cast<std::uint32_t>(width));
  put_u32(header, static_cast<std::uint32_t>(height));
  header += '\x08';                        // bits a channel
  header += is_indexed ? '\x03' : '\x02';  // colour type
  header += std::string(3, '\0');
  std::string out = "\x89PNG\r\n\x1A\n";
  put_chunk(out, "IHDR", header);
  if (is_indexed) put_chunk(out, "PLTE", entries);
  put_chunk(out, "IDAT", stored(rows));
  put_chunk(out, "IEND", "");
  return out;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t n = std::min<std::size_t>(3, bytes.size() - at);
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i)
      group = group << 8 | (i < n ? static_cast<unsigned char>(bytes[at + i]) : 0u);
    for (std::size_t i = 0; i < 4; ++i) out += i <= n ? digits[group >> (18 - 6 * i) & 63] : '=';
  }
  return out;
}

}  // namespace glassbox::viz::detail
