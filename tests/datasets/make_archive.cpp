#include "tests/datasets/make_archive.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace glassbox::test {

namespace {

void put(std::string& header, std::size_t at, const std::string& text) {
  std::copy(text.begin(), text.end(), header.begin() + static_cast<std::ptrdiff_t>(at));
}

std::string octal(std::int64_t value, int digits) {
  char text[32];
  std::snprintf(text, sizeof text, "%0*llo", digits, static_cast<unsigned long long>(value));
  return text;
}

std::string little_endian(std::uint32_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i));
  return text;
}

std::uint32_t crc32(const std::string& bytes) {
  static const std::array<std::uint32_t, 256> table = [] {
    std::array<std::uint32_t, 256> t;
    for (std::uint32_t i = 0; i < 256; ++i) {
      t[i] = i;
      for (int k = 0; k < 8; ++k) t[i] = t[i] & 1 ? t[i] >> 1 ^ 0xedb88320u : t[i] >> 1;
    }
    return t;
  }();
  std::uint32_t crc = ~0u;
  for (const char c : bytes) crc = crc >> 8 ^ table[(crc ^ static_cast<unsigned char>(c)) & 255];
  return ~crc;
}

}  // namespace

std::string tar(const std::vector<TarEntry>& entries) {
  std::string archive;
  for (const TarEntry& entry : entries) {
    std::string header(512, '\0');
    put(header, 0, entry.path.substr(0, 100));
    put(header, 100, "0000644");
    put(header, 108, "0000000");
    put(header, 116, "0000000");
    put(header, 124, octal(entry.claimed < 0 ? std::ssize(entry.content) : entry.claimed, 11));
    put(header, 136, "00000000000");
    put(header, 148, "        ");
    header[156] = entry.type;
    put(header, 157, entry.link.substr(0, 100));
    put(header, 257, "ustar");
    put(header, 263, "00");
    std::int64_t sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    put(header, 148, octal(sum, 6) + '\0' + ' ');
    archive += header + entry.content;
    archive.resize((archive.size() + 511) / 512 * 512, '\0');
  }
  archive.append(1024, '\0');
  return archive;
}

std::string gzip(const std::string& bytes) {
  std::string file("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", 10);
  std::size_t at = 0;
  do {
    const std::size_t n = std::min<std::size_t>(65'535, bytes.size() - at);
    file += at + n == bytes.size() ? '\x01' : '\x00';  // a stored block, the last one or not
    file += little_endian(static_cast<std::uint32_t>(n), 2);
    file += little_endian(~static_cast<std::uint32_t>(n), 2);
    file.append(bytes, at, n);
    at += n;
  } while (at < bytes.size());
  return file + little_endian(crc32(bytes), 4) +
         little_endian(static_cast<std::uint32_t>(bytes.size()), 4);
}

}  // namespace glassbox::test
