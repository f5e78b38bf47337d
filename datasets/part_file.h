// PartFile: what has come of a file that is being fetched. It outlives a fetch that fails, and
// takes the file's own name only when it is whole. Internal.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace glassbox::datasets {

class PartFile {
 public:
  // Opens FILE.part, which may hold bytes from before, and locks it. Throws Error when it cannot
  // be written or another process has it.
  explicit PartFile(std::string file);
  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  const std::string& path() const { return path_; }
  std::int64_t size() const { return size_; }
  // Appends. False when the disk refuses; error() then says why.
  bool write(std::string_view bytes);
  const std::string& error() const { return error_; }
  void truncate();  // to nothing
  // Bytes that its file system has room for.
  std::int64_t room() const;
  // Closes and deletes it.
  void remove();
  // Syncs it and gives it the file's name, then syncs the folder.
  void publish();

 private:
  std::string file_, path_, error_;
  int descriptor_ = -1;
  std::int64_t size_ = 0;
};

}  // namespace glassbox::datasets
