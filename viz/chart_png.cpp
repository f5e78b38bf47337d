#include "viz/chart_png.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <tuple>
#include <vector>

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

// Deflate's bits: numbers from their low end, codes of Huffman from their high one.
class Bits {
 public:
  void number(std::uint32_t value, int n) {
    for (int i = 0; i < n; ++i) bit(value >> i & 1);
  }
  void code(std::uint32_t value, int n) {
    for (int i = n - 1; i >= 0; --i) bit(value >> i & 1);
  }
  // Of the fixed code: 0 to 255 are bytes, 256 is the end, above are lengths.
  void symbol(std::uint32_t s) {
    if (s < 144)
      code(0x30 + s, 8);
    else if (s < 256)
      code(0x190 + s - 144, 9);
    else if (s < 280)
      code(s - 256, 7);
    else
      code(0xC0 + s - 280, 8);
  }
  std::string finish() {
    if (used_ > 0) out_ += static_cast<char>(byte_);
    return std::move(out_);
  }

 private:
  void bit(std::uint32_t value) {
    byte_ |= value << used_;
    if (++used_ == 8) {
      out_ += static_cast<char>(byte_);
      byte_ = 0;
      used_ = 0;
    }
  }
  std::string out_;
  std::uint32_t byte_ = 0;
  int used_ = 0;
};

// Of a length or a distance: which symbol, and how many bits follow. RFC 1951, 3.2.5.
struct Step {
  std::uint32_t symbol, base;
  int extra;
};
Step step_for(std::uint32_t value, std::uint32_t smallest, int plain, int per_extra) {
  Step step{0, smallest, 0};
  for (;;) {
    step.extra = static_cast<int>(step.symbol) < plain
                     ? 0
                     : (static_cast<int>(step.symbol) - plain) / per_extra + 1;
    const std::uint32_t next = step.base + (1u << step.extra);
    if (value < next) return step;
    step.base = next;
    ++step.symbol;
  }
}

// One block of the fixed code. What was seen before is found by the last place of its first three
// bytes: rows of an enlarged image repeat, and that is what is to be made small here.
std::string fixed_block(std::string_view data) {
  constexpr std::size_t reach = 32'768, longest = 258, shortest = 3;
  Bits bits;
  bits.number(1, 1);  // the last block
  bits.number(1, 2);  // fixed codes
  std::vector<std::size_t> last(1 << 15, data.size());
  const auto byte = [&data](std::size_t i) { return static_cast<unsigned char>(data[i]); };
  const auto slot = [&byte](std::size_t i) {
    return (byte(i) * 2654435761u ^ byte(i + 1) * 40503u * 64 ^ byte(i + 2) * 97u) % (1u << 15);
  };
  for (std::size_t at = 0; at < data.size();) {
    std::size_t length = 0, from = data.size();
    if (at + shortest <= data.size()) {
      from = last[slot(at)];
      if (from < at && at - from <= reach) {
        const std::size_t most = std::min(longest, data.size() - at);
        while (length < most && data[from + length] == data[at + length]) ++length;
      }
    }
    const std::size_t taken = length >= shortest ? length : 1;
    if (taken == 1) {
      bits.symbol(byte(at));
    } else {
      Step step = step_for(static_cast<std::uint32_t>(length), 3, 8, 4);
      if (length == longest) step = {28, 258, 0};
      bits.symbol(257 + step.symbol);
      bits.number(static_cast<std::uint32_t>(length) - step.base, step.extra);
      const auto distance = static_cast<std::uint32_t>(at - from);
      step = step_for(distance, 1, 4, 2);
      bits.code(step.symbol, 5);
      bits.number(distance - step.base, step.extra);
    }
    for (const std::size_t end = at + taken; at < end; ++at)
      if (at + shortest <= data.size()) last[slot(at)] = at;
  }
  bits.symbol(256);
  return bits.finish();
}

std::string stored_blocks(std::string_view data) {
  std::string out;
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
  return out;
}

// A zlib stream, in whichever of the two forms is smaller.
std::string compressed(std::string_view data) {
  std::string out = "\x78\x01";
  const std::string coded = fixed_block(data);
  out += coded.size() < data.size() ? coded : stored_blocks(data);
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
  put_chunk(out, "IDAT", compressed(rows));
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
