// Files that are written whole or not at all: to a temporary name beside the target, synced,
// renamed. And files that are read, which may be anything: their size is known before memory is
// taken.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

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

class InputFile {
 public:
  // Throws Error when it cannot be read or is no regular file.
  explicit InputFile(std::string path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  std::uint64_t size() const { return size_; }  // when it was opened
  // Fills `to` with what begins at byte `offset`. Throws Error when the file ends before.
  void read(std::uint64_t offset, std::span<std::byte> to) const;

 private:
  std::string path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

// Makes the names in a folder survive a power cut; "" is the current one. What stops it is
// returned; that a file system cannot do it is no error.
std::error_code sync_folder(const std::string& path);

void write_file(const std::string& path, std::string_view text);
// The whole file. Throws Error when it cannot be read or is larger than `limit` bytes.
std::string read_file(const std::string& path, std::size_t limit = std::size_t(1) << 32);

}  // namespace glassbox::io
