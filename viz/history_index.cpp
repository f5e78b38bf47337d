#include "viz/history_index.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <type_traits>

#include "engine/core/error.h"

namespace glassbox::viz::detail {
namespace {

static_assert(std::endian::native == std::endian::little);
static_assert(sizeof(LoggedPoint) == 24 && std::is_trivially_copyable_v<LoggedPoint>);
static_assert(sizeof(PyramidNode) == 64 && std::is_trivially_copyable_v<PyramidNode>);

constexpr char magic[8] = {'G', 'B', 'X', 'H', 'I', 'S', 'T', '1'};

struct Header {
  char magic[8];
  std::uint64_t covered, sample, bad, first_bad;
  std::int64_t max_batch, last_epoch, last_batch;  // last_epoch -2: there is none
  std::uint64_t directory, directory_bytes, directory_hash, hash;
};
static_assert(sizeof(Header) == 96);

struct Entry {  // of the directory; the name follows
  std::uint64_t offset, chunks, rest, hash;
  std::uint32_t kind, name_bytes;
};

constexpr std::size_t points_bytes = chunk_points * sizeof(LoggedPoint);
constexpr std::size_t nodes_of(int level) { return chunk_points / points_of_level(level); }
constexpr std::size_t nodes_bytes(int level) { return nodes_of(level) * sizeof(PyramidNode); }
constexpr std::size_t chunk_bytes =
    points_bytes + nodes_bytes(1) + nodes_bytes(2) + nodes_bytes(3) + 16;

template <class T>
std::string_view bytes_of(const T* values, std::size_t count) {
  return {reinterpret_cast<const char*>(values), count * sizeof(T)};
}

// Tells one history.jsonl from another: parts of it from end to end.
std::uint64_t sample_of(const StoreReader& lines, std::uint64_t covered) {
  constexpr std::uint64_t parts = 64, part = 1024, end = 64 << 10;
  std::string text = lines.bytes_at(0, std::min(covered, end));
  for (std::uint64_t i = 1; i < parts && covered > 2 * end; ++i)
    text += lines.bytes_at(covered / parts * i, part);
  const std::uint64_t tail = std::min(covered, end);
  text += lines.bytes_at(covered - tail, static_cast<std::size_t>(tail));
  return xxh64(text);
}

class IndexFile {
 public:
  explicit IndexFile(int file) : file_(file) {}
  ~IndexFile() { ::close(file_); }
  IndexFile(const IndexFile&) = delete;
  IndexFile& operator=(const IndexFile&) = delete;
  bool read(std::uint64_t offset, void* to, std::size_t bytes) const {
    for (char* at = static_cast<char*>(to); bytes > 0;) {
      const ssize_t n = ::pread(file_, at, bytes, static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      at += n;
      offset += static_cast<std::uint64_t>(n);
      bytes -= static_cast<std::size_t>(n);
    }
    return true;
  }

  std::string path;
  std::function<std::vector<IndexedSeries>(std::uint64_t)> again;
  std::uint64_t covered = 0;
  // The series made once more, after a damaged part was met.
  const std::vector<IndexedSeries>& made_again() {
    const std::lock_guard lock(mutex_);
    if (!made_) {
      ::unlink(path.c_str());
      made_ = again(covered);
    }
    return *made_;
  }

 private:
  int file_;
  std::mutex mutex_;
  std::optional<std::vector<IndexedSeries>> made_;
};

class IndexChunks : public StoredChunks {
 public:
  IndexChunks(std::shared_ptr<IndexFile> file, std::size_t number, const Entry& entry)
      : file_(std::move(file)), number_(number), offset_(entry.offset), chunks_(entry.chunks) {}
  // Levels 2 and 3 and the hashes are held in memory. False when they are damaged.
  bool load(const Entry& entry, std::vector<LoggedPoint>& rest) {
    const std::uint64_t begin = level_offset(2);
    for (int level = 2; level < pyramid_levels; ++level)
      high_[level].resize(chunks_ * nodes_of(level));
    hashes_.resize(2 * chunks_);
    rest.resize(entry.rest);
    std::string bytes(
        chunks_ * (nodes_bytes(2) + nodes_bytes(3) + 16) + rest.size() * sizeof(LoggedPoint), '\0');
    if (!file_->read(begin, bytes.data(), bytes.size()) || xxh64(bytes) != entry.hash) return false;
    const char* at = bytes.data();
    const auto take = [&](auto& to) {
      if (to.empty()) return;
      const std::size_t n = to.size() * sizeof(to[0]);
      std::memcpy(static_cast<void*>(to.data()), at, n);
      at += n;
    };
    take(high_[2]);
    take(high_[3]);
    take(hashes_);
    take(rest);
    return true;
  }

  std::size_t chunks() const override { return chunks_; }
  std::vector<LoggedPoint> points(std::size_t chunk) const override {
    std::vector<LoggedPoint> out(chunk_points);
    if (file_->read(offset_ + chunk * points_bytes, out.data(), points_bytes) &&
        xxh64(bytes_of(out.data(), out.size())) == hashes_[2 * chunk])
      return out;
    return again().points(chunk * chunk_points, chunk_points);
  }
  std::vector<PyramidNode> nodes(int level, std::size_t from, std::size_t count) const override {
    const auto part = [&](const std::vector<PyramidNode>& all, std::size_t begin) {
      const auto first = all.begin() + static_cast<std::ptrdiff_t>(begin);
      return std::vector<PyramidNode>(first, first + static_cast<std::ptrdiff_t>(count));
    };
    if (level > 1) return part(high_[level], from);
    if (count == 0) return {};
    // Whole chunks, since those are hashed.
    const std::size_t first = from / nodes_of(1), last = (from + count - 1) / nodes_of(1);
    std::vector<PyramidNode> out((last - first + 1) * nodes_of(1));
    bool good = file_->read(level_offset(1) + first * nodes_bytes(1), out.data(),
                            out.size() * sizeof(PyramidNode));
    for (std::size_t i = first; i <= last && good; ++i)
      good = xxh64(bytes_of(&out[(i - first) * nodes_of(1)], nodes_of(1))) == hashes_[2 * i + 1];
    if (!good) return again().nodes(level, from, count);
    return part(out, from - first * nodes_of(1));
  }

 private:
  std::uint64_t level_offset(int level) const {
    std::uint64_t at = offset_ + chunks_ * points_bytes;
    for (int below = 1; below < level; ++below) at += chunks_ * nodes_bytes(below);
    return at;
  }
  const Series& again() const {
    const std::vector<IndexedSeries>& all = file_->made_again();
    if (number_ >= all.size() || all[number_].series.size() < chunks_ * chunk_points)
      fail(file_->path, "is damaged, and history.jsonl is not what it was made of: open it again");
    return all[number_].series;
  }
  std::shared_ptr<IndexFile> file_;
  std::size_t number_;
  std::uint64_t offset_;
  std::size_t chunks_;
  std::vector<PyramidNode> high_[pyramid_levels];  // [2] and [3]
  std::vector<std::uint64_t> hashes_;              // of each chunk: points, level 1
};

// Writes to a name beside the target, which takes it when all went well. Not synced: what a power
// cut leaves is found damaged.
class IndexWriter {
 public:
  explicit IndexWriter(std::string path) : path_(std::move(path)) {
    static std::atomic<int> count{0};
    temporary_ = cat(path_, ".tmp", ::getpid(), ".", count++);
    file_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    good_ = file_ >= 0;
  }
  ~IndexWriter() {
    if (file_ >= 0) ::close(file_);
    if (file_ >= 0 && !done_) ::unlink(temporary_.c_str());
  }
  IndexWriter(const IndexWriter&) = delete;
  IndexWriter& operator=(const IndexWriter&) = delete;
  void write(std::string_view bytes) {
    buffer_ += bytes;
    at_ += bytes.size();
    if (buffer_.size() >= (1 << 20)) drain();
  }
  std::uint64_t at() const { return at_; }
  void finish(std::string_view header) {
    drain();
    good_ = good_ &&
            ::pwrite(file_, header.data(), header.size(), 0) == static_cast<ssize_t>(header.size());
    done_ = good_ && ::rename(temporary_.c_str(), path_.c_str()) == 0;
  }

 private:
  void drain() {
    for (std::string_view rest = buffer_; good_ && !rest.empty();) {
      const ssize_t n = ::write(file_, rest.data(), rest.size());
      if (n < 0 && errno == EINTR) continue;
      good_ = n > 0;
      if (good_) rest.remove_prefix(static_cast<std::size_t>(n));
    }
    buffer_.clear();
  }
  std::string path_, temporary_, buffer_;
  int file_ = -1;
  std::uint64_t at_ = 0;
  bool good_ = false, done_ = false;
};

Entry write_series(IndexWriter& out, const IndexedSeries& indexed) {
  const Series& series = indexed.series;
  Entry entry{out.at(),
              series.whole_chunks(),
              0,
              0,
              static_cast<std::uint32_t>(indexed.kind),
              static_cast<std::uint32_t>(indexed.name.size())};
  std::vector<std::uint64_t> hashes(2 * entry.chunks);
  for (std::size_t i = 0; i < entry.chunks; ++i) {
    const auto points = series.points(i * chunk_points, chunk_points);
    const std::string_view bytes = bytes_of(points.data(), points.size());
    hashes[2 * i] = xxh64(bytes);
    out.write(bytes);
  }
  for (std::size_t i = 0; i < entry.chunks; ++i) {
    const auto nodes = series.nodes(1, i * nodes_of(1), nodes_of(1));
    const std::string_view bytes = bytes_of(nodes.data(), nodes.size());
    hashes[2 * i + 1] = xxh64(bytes);
    out.write(bytes);
  }
  std::string rest;
  for (int level = 2; level < pyramid_levels; ++level) {
    const auto nodes = series.nodes(level, 0, entry.chunks * nodes_of(level));
    rest += bytes_of(nodes.data(), nodes.size());
  }
  rest += bytes_of(hashes.data(), hashes.size());
  entry.rest = series.size() - entry.chunks * chunk_points;
  const auto points = series.points(entry.chunks * chunk_points, entry.rest);
  rest += bytes_of(points.data(), points.size());
  entry.hash = xxh64(rest);
  out.write(rest);
  return entry;
}

}  // namespace

void write_index(const std::string& path, const StoreReader& lines, const Indexed& indexed) {
  Header header{};
  std::memcpy(header.magic, magic, sizeof magic);
  header.covered = indexed.covered;
  header.sample = sample_of(lines, indexed.covered);
  header.bad = indexed.bad;
  header.first_bad = indexed.first_bad;
  header.max_batch = indexed.max_batch;
  header.last_epoch = indexed.last ? indexed.last->epoch : -2;
  header.last_batch = indexed.last ? indexed.last->batch : 0;
  IndexWriter out(path);
  out.write(bytes_of(&header, 1));
  std::string directory;
  for (const IndexedSeries& series : indexed.series) {
    if (series.series.empty()) continue;
    const Entry entry = write_series(out, series);
    directory += bytes_of(&entry, 1);
    directory += series.name;
  }
  header.directory = out.at();
  header.directory_bytes = directory.size();
  header.directory_hash = xxh64(directory);
  header.hash = xxh64(bytes_of(&header, 1).substr(0, offsetof(Header, hash)));
  out.write(directory);
  out.finish(bytes_of(&header, 1));
}

std::optional<Indexed> read_index(const std::string& path,
                                  const std::shared_ptr<const StoreReader>& lines,
                                  std::function<std::vector<IndexedSeries>(std::uint64_t)> again) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return {};
  const auto file = std::make_shared<IndexFile>(descriptor);
  struct stat info {};
  if (::fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode)) return {};
  const auto size = static_cast<std::uint64_t>(info.st_size);
  Header header{};
  if (size < sizeof header || !file->read(0, &header, sizeof header)) return {};
  if (std::memcmp(header.magic, magic, sizeof magic) != 0 ||
      header.hash != xxh64(bytes_of(&header, 1).substr(0, offsetof(Header, hash))) ||
      header.covered > lines->size() || header.directory > size ||
      header.directory_bytes != size - header.directory ||
      header.sample != sample_of(*lines, header.covered))
    return {};
  std::string directory(header.directory_bytes, '\0');
  if (!file->read(header.directory, directory.data(), directory.size()) ||
      xxh64(directory) != header.directory_hash)
    return {};

  file->path = path;
  file->again = std::move(again);
  file->covered = header.covered;
  Indexed out;
  out.covered = header.covered;
  out.bad = header.bad;
  out.first_bad = header.first_bad;
  out.max_batch = header.max_batch;
  if (header.last_epoch >= -1) out.last = Step(header.last_epoch, header.last_batch);
  for (std::string_view rest = directory; !rest.empty();) {
    Entry entry{};
    if (rest.size() < sizeof entry) return {};
    std::memcpy(&entry, rest.data(), sizeof entry);
    rest.remove_prefix(sizeof entry);
    // The last point is always in the part that is held.
    if (entry.name_bytes > rest.size() || entry.kind > 2 || entry.offset > header.directory ||
        entry.chunks > (header.directory - entry.offset) / chunk_bytes || entry.rest == 0 ||
        entry.rest > chunk_points ||
        entry.rest * sizeof(LoggedPoint) >
            header.directory - entry.offset - entry.chunks * chunk_bytes)
      return {};
    const auto stored = std::make_shared<IndexChunks>(file, out.series.size(), entry);
    std::vector<LoggedPoint> points;
    if (!stored->load(entry, points)) return {};
    out.series.push_back({std::string(rest.substr(0, entry.name_bytes)),
                          static_cast<Metric::Kind>(entry.kind),
                          Series(stored, std::move(points))});
    rest.remove_prefix(entry.name_bytes);
  }
  return out;
}

}  // namespace glassbox::viz::detail
