// Opening a store for writing or reading, and reading on while another process writes.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <random>

#include "engine/core/error.h"
#include "viz/history_data.h"

namespace glassbox::viz {

namespace fs = std::filesystem;
using detail::HistoryData;
using detail::Scan;

namespace {

// A descriptor that is closed unless it is given on.
struct Descriptor {
  int fd;
  explicit Descriptor(int f) : fd(f) {}
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int release() { return std::exchange(fd, -1); }
};

int open_to_write(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
  struct stat info {};
  if (fd < 0 || ::fstat(fd, &info) != 0) {
    const int error = errno;
    if (fd >= 0) ::close(fd);
    fail(path, cat("cannot write: ", std::strerror(error)));
  }
  if (!S_ISREG(info.st_mode)) {
    ::close(fd);
    fail(path, "is not a regular file");
  }
  return fd;
}

// Cuts what is behind the last record. If that is more than blanks it is kept in FILE.torn.
void cut_torn_tail(HistoryData& data, int fd, const std::string& path, const Scan& scan) {
  if (scan.torn > 0) {
    const std::string torn = path + ".torn";
    const std::uint64_t size = data.files->size();
    // A tail of more is a file of something else, or not worth a second copy.
    constexpr std::size_t most = std::size_t(1) << 26;
    std::string text =
        data.files->bytes_at(scan.end, size - scan.end < most ? size - scan.end : most);
    while (!text.empty() && (text.back() == '\0' || text.back() == '\n')) text.pop_back();
    const Descriptor out(::open(torn.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
    const bool kept = out.fd >= 0 && ::write(out.fd, text.data(), text.size()) ==
                                         static_cast<ssize_t>(text.size());
    data.notes->say(
        cat(path, ": ", scan.torn,
            " bytes behind the last record are a part of one that was never finished: cut",
            kept ? cat(", and kept in ", torn) : std::string()));
  }
  if (::ftruncate(fd, static_cast<off_t>(scan.end)) != 0)
    fail(path, cat("cannot cut it behind its last record: ", std::strerror(errno)));
  if (!scan.newline && ::pwrite(fd, "\n", 1, static_cast<off_t>(scan.end)) == 1) ++data.end;
}

void open_for_writing(HistoryData& data) {
  const std::string& folder = data.folder;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error && !fs::is_directory(folder))
    fail(folder, cat("cannot make the folder: ", error.message()));
  const std::string path = detail::jsonl_of(folder);
  Descriptor file(open_to_write(path));
  if (::flock(file.fd, LOCK_EX | LOCK_NB) != 0)
    fail(path, errno == EWOULDBLOCK
                   ? "is being written by another process or object: open it with read_only"
                   : cat("cannot lock: ", std::strerror(errno)));
  Descriptor tensors(open_to_write(detail::tensors_of(folder)));
  data.open_files(path, detail::tensors_of(folder), detail::index_of(folder));
  const Scan scan = data.read_lines();
  if (scan.records == 0 && data.end == 0 && scan.torn > 0)
    fail(path, "has no record of a history: it is left as it is; name another folder");
  cut_torn_tail(data, file.fd, path, scan);
  data.save_index();
  detail::Appender::Options options;
  options.max_waiting_bytes = data.options.max_waiting_bytes;
  options.say = [notes = data.notes](const std::string& what) { notes->say(what); };
  const std::uint64_t end = data.end;
  data.appender.reset(
      new detail::Appender(path, file.release(), tensors.release(), end, std::move(options)));
  if (end == 0) {
    std::random_device random;
    data.appender->append(detail::header_line(std::uint64_t(random()) << 32 | random()));
  }
}

void open_for_reading(HistoryData& data) {
  const std::string path = detail::jsonl_of(data.folder);
  if (!fs::exists(path)) fail(data.folder, "holds no history (there is no history.jsonl)");
  data.open_files(path, detail::tensors_of(data.folder), detail::index_of(data.folder));
  const Scan scan = data.read_lines();
  if (data.end == 0 && scan.torn > 0) fail(path, "has no record of a history");
  data.save_index();
}

}  // namespace

History::History(std::string folder, HistoryOptions options)
    : data_(std::make_unique<HistoryData>(std::move(options))) {
  if (folder.empty()) fail("history", "the folder has no name");
  data_->folder = std::move(folder);
  if (data_->options.read_only)
    open_for_reading(*data_);
  else
    open_for_writing(*data_);
  data_->say_what_is_bad();
}

bool History::refresh() {
  const std::lock_guard<std::mutex> lock(data_->mutex);
  HistoryData& data = *data_;
  if (data.folder.empty() || data.appender) return false;
  if (data.own_records)
    fail(data.folder,
         "records of its own were logged to what was loaded: it cannot follow the files");
  const std::string path = detail::jsonl_of(data.folder);
  const std::uint64_t bad = data.bad;
  if (data.files->is_same(path) && data.files->size() >= data.end) {
    const std::uint64_t end = data.end;
    data.read_lines();
    if (data.bad > bad && bad == 0) data.say_what_is_bad();
    return data.end != end;
  }
  // Another file has its name now.
  HistoryData fresh(data.options);
  fresh.notes = data.notes;
  fresh.folder = data.folder;
  open_for_reading(fresh);
  data.become(fresh);
  return true;
}

}  // namespace glassbox::viz
