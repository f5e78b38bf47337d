#pragma once
// Archives made by hand, so that they may hold what no honest program packs.
#include <cstdint>
#include <string>
#include <vector>

namespace glassbox::test {

struct TarEntry {
  std::string path, content;
  char type = '0';            // '0' file, '1' hard link, '2' symbolic link, '3' device, '5' folder
  std::string link = {};      // where a link leads
  std::int64_t claimed = -1;  // the size in the header; -1: content's
};

std::string tar(const std::vector<TarEntry>& entries);
// Not compressed, but in gzip's format.
std::string gzip(const std::string& bytes);

}  // namespace glassbox::test
