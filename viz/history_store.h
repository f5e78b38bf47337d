// Reading history.jsonl and tensors.bin, which another process may be writing. Detail of the
// history.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "viz/history_record.h"

namespace glassbox::viz::detail {

// What a pass over history.jsonl found.
struct Scan {
  std::uint64_t end = 0;  // behind the last record's newline (or last byte, if it has none)
  bool newline = true;    // whether that is a newline
  std::uint64_t records = 0;
  std::uint64_t bad = 0,
                first_bad = 0;  // lines before `end` that are no records; where the first is
  std::uint64_t torn = 0;       // bytes behind `end`, blank ones apart
};
// Calls `use` with every line from byte `from` and its offset; what it returns is whether the line
// is a record. The file is open as `file`.
Scan scan_lines(int file, const std::string& path, std::uint64_t from,
                const std::function<bool(std::string_view, std::uint64_t)>& use);

// The files behind texts and tensors. They are held open, so that they stay what they were even
// when other files take their names. Thread safe.
class StoreReader {
 public:
  StoreReader(std::string path, std::string tensors);  // "": there are none
  ~StoreReader();
  StoreReader(const StoreReader&) = delete;
  StoreReader& operator=(const StoreReader&) = delete;
  int file() const { return file_; }
  const std::string& path() const { return path_; }
  std::uint64_t size() const;                   // of history.jsonl now
  bool is_same(const std::string& path) const;  // whether that name is still this file
  std::string line_at(std::uint64_t offset) const;
  std::string text_at(std::uint64_t offset, const std::string& name) const;
  Tensor tensor_at(std::uint64_t offset, const std::string& name) const;
  // Bytes [from, from + count), or as many as there are.
  std::string bytes_at(std::uint64_t from, std::size_t count) const;

 private:
  std::string path_, tensors_path_;
  int file_ = -1, tensors_ = -1;
};

std::string jsonl_of(const std::string& folder);    // FOLDER/history.jsonl
std::string tensors_of(const std::string& folder);  // FOLDER/tensors.bin
std::string index_of(const std::string& folder);    // FOLDER/history.index

}  // namespace glassbox::viz::detail
