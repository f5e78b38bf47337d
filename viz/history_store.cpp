#include "viz/history_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "engine/core/error.h"

namespace glassbox::viz::detail {
namespace {

constexpr std::size_t block = std::size_t(1) << 20;

// As many bytes as there are, which a file that is being written may change.
std::size_t read_some(int file, const std::string& path, std::uint64_t offset, char* to,
                      std::size_t count) {
  std::size_t have = 0;
  while (have < count) {
    const ssize_t n = ::pread(file, to + have, count - have, static_cast<off_t>(offset + have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(path, cat("cannot read: ", std::strerror(errno)));
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  return have;
}

// Blank: what is prepared for records to come, or was never written.
bool is_blank(char c) { return c == '\0' || c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

class LineScan {
 public:
  LineScan(std::uint64_t from, const std::function<bool(std::string_view, std::uint64_t)>& use)
      : use_(use) {
    scan_.end = from;
  }
  void line(std::string_view text, std::uint64_t offset, bool newline) {
    const std::uint64_t behind = offset + text.size() + 1;
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1), ++offset;
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    if (text.empty()) return;
    if (use_(text, offset)) {
      if (pending_ > 0 && scan_.bad == 0) scan_.first_bad = first_pending_;
      scan_.bad += pending_;
      pending_ = pending_bytes_ = 0;
      ++scan_.records;
      scan_.end = newline ? behind : offset + text.size();
      scan_.newline = newline;
    } else {
      bad(text.size(), offset);
    }
  }
  void bad(std::uint64_t bytes, std::uint64_t offset) {
    if (pending_++ == 0) first_pending_ = offset;
    pending_bytes_ += bytes;
  }
  void more_of_bad(std::uint64_t bytes) { pending_bytes_ += bytes; }
  Scan finish() {
    scan_.torn = pending_bytes_;
    return scan_;
  }

 private:
  const std::function<bool(std::string_view, std::uint64_t)>& use_;
  Scan scan_;
  std::uint64_t pending_ = 0, first_pending_ = 0, pending_bytes_ = 0;
};

int open_to_read(const std::string& path) {
  // Why not to block: the path may name a pipe, which would wait for a writer.
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat info {};
  if (file < 0 || ::fstat(file, &info) != 0 || !S_ISREG(info.st_mode)) {
    const int error = file < 0 ? errno : 0;
    if (file >= 0) ::close(file);
    fail(path, error ? cat("cannot read: ", std::strerror(error)) : "is not a regular file");
  }
  return file;
}

}  // namespace

std::string jsonl_of(const std::string& folder) { return folder + "/history.jsonl"; }
std::string tensors_of(const std::string& folder) { return folder + "/tensors.bin"; }
std::string index_of(const std::string& folder) { return folder + "/history.index"; }

Scan scan_lines(int file, const std::string& path, std::uint64_t from,
                const std::function<bool(std::string_view, std::uint64_t)>& use) {
  LineScan scan(from, use);
  std::string text;  // what is read and not yet used
  std::uint64_t offset = from;
  bool skipping = false;  // in a line that is longer than a record may be
  for (;;) {
    const std::size_t had = text.size();
    text.resize(had + block);
    const std::size_t n = read_some(file, path, offset + had, text.data() + had, block);
    text.resize(had + n);
    std::size_t at = 0, search = had;
    // What a writer has prepared is newlines alone, a stretch at a time.
    if (had == 0 && n > 1 && text[0] == '\n' &&
        std::memcmp(text.data(), text.data() + 1, n - 1) == 0)
      at = search = n;
    for (;;) {
      const void* found = search < text.size()
                              ? std::memchr(text.data() + search, '\n', text.size() - search)
                              : nullptr;
      if (!found) break;
      const auto end = static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
      if (skipping)
        scan.more_of_bad(end - at);
      else
        scan.line(std::string_view(text).substr(at, end - at), offset + at, true);
      skipping = false;
      at = search = end + 1;
    }
    text.erase(0, at);
    offset += at;
    if (n == 0) {
      if (skipping)
        scan.more_of_bad(text.size());
      else
        scan.line(text, offset, false);
      return scan.finish();
    }
    const bool blank =
        !text.empty() && is_blank(text[0]) && std::all_of(text.begin(), text.end(), is_blank);
    if (blank || skipping || text.size() > max_line) {
      // Zeros without end are no line, and neither is a line without end worth holding.
      if (skipping) {
        scan.more_of_bad(text.size());
      } else if (!blank) {
        scan.bad(text.size(), offset);
        skipping = true;
      }
      offset += text.size();
      text.clear();
    }
  }
}

StoreReader::StoreReader(std::string path, std::string tensors)
    : path_(std::move(path)), tensors_path_(std::move(tensors)), file_(open_to_read(path_)) {
  if (!tensors_path_.empty())
    tensors_ = ::open(tensors_path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

StoreReader::~StoreReader() {
  ::close(file_);
  if (tensors_ >= 0) ::close(tensors_);
}

std::uint64_t StoreReader::size() const {
  struct stat info {};
  return ::fstat(file_, &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
}

bool StoreReader::is_same(const std::string& path) const {
  struct stat own {
  }, other{};
  return ::fstat(file_, &own) == 0 && ::stat(path.c_str(), &other) == 0 &&
         own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

std::string StoreReader::bytes_at(std::uint64_t from, std::size_t count) const {
  const std::uint64_t size = this->size();
  count = from >= size ? 0 : static_cast<std::size_t>(std::min<std::uint64_t>(count, size - from));
  std::string out(count, '\0');
  out.resize(read_some(file_, path_, from, out.data(), count));
  return out;
}

std::string StoreReader::line_at(std::uint64_t offset) const {
  std::string line;
  for (std::size_t want = 4096; line.size() <= max_line; want *= 4) {
    const std::string more = bytes_at(offset + line.size(), want);
    if (more.empty()) break;
    const std::size_t end = more.find('\n');
    line.append(more, 0, end);
    if (end != std::string::npos) break;
  }
  return line;
}

std::string StoreReader::text_at(std::uint64_t offset, const std::string& name) const {
  auto field = read_field(line_at(offset), name);
  auto* text = field ? std::get_if<std::string>(&*field) : nullptr;
  if (!text) fail(path_, cat("the record at byte ", offset, " has no text \"", name, "\""));
  return std::move(*text);
}

Tensor StoreReader::tensor_at(std::uint64_t offset, const std::string& name) const {
  auto field = read_field(line_at(offset), name);
  const auto* place = field ? std::get_if<TensorPlace>(&*field) : nullptr;
  if (!place) fail(path_, cat("the record at byte ", offset, " has no tensor \"", name, "\""));
  const std::size_t bytes = place->spec.bytes();
  if (!place->bytes) {
    struct stat info {};
    const std::uint64_t size =
        tensors_ >= 0 && ::fstat(tensors_, &info) == 0 && S_ISREG(info.st_mode)
            ? static_cast<std::uint64_t>(info.st_size)
            : 0;
    if (place->offset > size || bytes > size - place->offset)
      fail(tensors_path_, cat("has ", size, " bytes; \"", name, "\" ", to_string(place->spec.shape),
                              " is said to be at ", place->offset));
  }
  Tensor tensor = empty(place->spec.shape, place->spec.dtype, Device::cpu());
  if (place->bytes) {
    if (bytes > 0) std::memcpy(tensor.raw(), place->bytes->data(), bytes);
  } else {
    char* to = reinterpret_cast<char*>(tensor.raw());
    if (read_some(tensors_, tensors_path_, place->offset, to, bytes) != bytes ||
        xxh64(std::span(tensor.raw(), bytes)) != place->hash)
      fail(tensors_path_, cat("\"", name, "\" at byte ", place->offset, " is damaged"));
  }
  if (place->spec.dtype == DType::boolean &&
      std::any_of(tensor.raw(), tensor.raw() + bytes, [](std::byte b) { return b > std::byte(1); }))
    fail(path_, cat("\"", name, "\" holds a boolean that is neither 0 nor 1"));
  return tensor;
}

}  // namespace glassbox::viz::detail
