// Files that are written whole or not at all: to a temporary name beside the target, synced, renamed.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace glassbox::io {

class AtomicFile {
 public:
  // Throws Error when the folder does not exist or cannot be written.
  explicit AtomicFile(std::string path);
  ~AtomicFile();  // without commit() nothing of the target's name is left or changed
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  void commit();

 private:
  [[noreturn]] void failed(std::string_view action);
  std::string path_, temporary_;
  int descriptor_ = -1;
};

void write_file(const std::string& path, std::string_view text);
// The whole file. Throws Error when it cannot be read or is larger than `limit` bytes.
std::string read_file(const std::string& path, std::size_t limit = std::size_t(1) << 32);

}  // namespace glassbox::io
