#include "viz/history_appender.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "engine/core/error.h"
#include "engine/io/file.h"

namespace glassbox::viz::detail {
namespace {

constexpr std::size_t max_stretch = std::size_t(4) << 20, fill_block = std::size_t(64) << 10;

// Where a byte that was written once can be stored to without a new block: so a mapped store cannot
// find the disk full, which would be SIGBUS. Copy-on-write and network file systems cannot promise
// it.
bool can_be_mapped(int file) {
  struct statfs info {};
  if (::fstatfs(file, &info) != 0) return false;
  const auto type = static_cast<std::uint64_t>(info.f_type) & 0xFFFFFFFF;
  return type == 0xEF53 /* ext2, 3, 4 */ || type == 0x58465342 /* xfs */ ||
         type == 0x01021994 /* tmpfs */;
}

}  // namespace

std::size_t Appender::Waiting::bytes() const {
  std::size_t n = line.size() + sizeof(Waiting);
  for (const TensorBytes& tensor : tensors) n += tensor.bytes.size();
  return n;
}

Appender::Appender(std::string path, int file, int tensors, std::uint64_t end, Options options)
    : path_(std::move(path)),
      file_(file),
      tensors_(tensors),
      options_(std::move(options)),
      process_(::getpid()),
      end_(end),
      prepared_(end) {
  if (!options_.write) options_.write = ::pwrite;
  if (!can_be_mapped(file_)) options_.map = false;
  struct stat info {};
  if (::fstat(tensors_, &info) == 0) tensors_end_ = static_cast<std::uint64_t>(info.st_size);
  wanted_ = options_.map;
  thread_ = std::thread([this] { keep(); });
}

Appender::~Appender() {
  {
    const Lock lock(mutex_);
    stop_ = true;
  }
  work_.notify_one();
  thread_.join();
  unmap();
  if (::ftruncate(file_, static_cast<off_t>(end_)) != 0) {
    // What is left behind the records are blank lines, which the next one to open it cuts.
  }
  const std::size_t lost = queue_.size() + waiting_lost_;
  if (lost > 0 && options_.say)
    options_.say(cat(path_, ": ", lost, " records could not be written and are lost: ", why_));
  ::close(file_);
  ::close(tensors_);
}

bool Appender::is_of_this_process() const { return ::getpid() == process_; }

void Appender::unmap() {
  if (map_) ::munmap(map_, map_end_ - map_begin_);
  map_ = nullptr;
}

std::uint64_t Appender::put(std::string_view line) {
  char* to = map_ + (end_ - map_begin_);
  std::memcpy(to + 1, line.data() + 1, line.size() - 1);
  __atomic_store_n(to, line[0], __ATOMIC_RELEASE);
  const std::uint64_t offset = end_;
  end_ += line.size();
  return offset;
}

Appender::Place Appender::append(std::string_view line, std::vector<TensorBytes> tensors) {
  Lock lock(mutex_);
  if (queue_.empty() && tensors.empty() && fits(line.size())) {
    const std::uint64_t offset = put(line);
    if (!wanted_ && map_end_ - end_ < stretch_ / 2) {
      wanted_ = true;
      lock.unlock();
      work_.notify_one();
    }
    return {true, offset};
  }
  const bool place_only = tensors.empty();
  Waiting waiting{std::string(line), std::move(tensors), std::make_shared<Place>()};
  const std::shared_ptr<Place> place = waiting.place;
  const std::size_t bytes = waiting.bytes();
  if (waiting_bytes_ + bytes > options_.max_waiting_bytes) {
    ++waiting_lost_;
    say_once(lock, said_lost_,
             cat("more than ", options_.max_waiting_bytes,
                 " bytes wait for the disk: further records are not written"));
    return {};
  }
  waiting_bytes_ += bytes;
  queue_.push_back(std::move(waiting));
  work_.notify_one();
  if (slow_ || refused_) return {};
  // Records come faster than stretches are made: longer ones.
  if (options_.map && place_only) stretch_ = std::min(2 * stretch_, max_stretch);
  const bool in_time =
      done_.wait_for(lock, options_.patience, [&] { return place->safe || refused_ || slow_; });
  if (!in_time) {
    slow_ = true;
    why_ = "the disk is too slow";
    say_once(lock, said_slow_, "the disk is slow: records wait in memory until it keeps up");
  }
  return *place;
}

std::uint64_t Appender::reserve(std::size_t bytes) {
  const Lock lock(mutex_);
  const std::uint64_t offset = (tensors_end_ + 7) / 8 * 8;
  tensors_end_ = offset + bytes;
  return offset;
}

void Appender::say_once(Lock& lock, bool& said, const std::string& what) {
  if (std::exchange(said, true) || !options_.say) return;
  lock.unlock();
  options_.say(path_ + ": " + what);
  lock.lock();
}

void Appender::trouble(Lock& lock, int error) {
  why_ = std::strerror(error);
  refused_ = true;
  say_once(lock, said_refused_,
           cat("cannot be written: ", why_, ": records wait in memory, up to ",
               options_.max_waiting_bytes, " bytes, and are written when it can be again"));
  done_.notify_all();
}

// Without the lock. False with errno, and how far it came.
bool Appender::write_all(int file, std::string_view bytes, std::uint64_t offset,
                         std::size_t* written) {
  *written = 0;
  while (*written < bytes.size()) {
    const ssize_t n = options_.write(file, bytes.data() + *written, bytes.size() - *written,
                                     static_cast<off_t>(offset + *written));
    if (n < 0 && errno == EINTR) continue;
    if (n == 0) errno = EIO;
    if (n <= 0) return false;
    *written += static_cast<std::size_t>(n);
  }
  return true;
}

// Makes the mapping reach `need` bytes behind the records and a stretch more.
bool Appender::prepare(Lock& lock, std::size_t need) {
  static const std::string newlines(fill_block, '\n');
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::uint64_t begin = end_ / page * page, least = end_ + need;
  const std::uint64_t wanted = (std::max(prepared_, least) + stretch_ + page - 1) / page * page;
  std::uint64_t prepared = prepared_;
  int error = 0;
  lock.unlock();
  while (prepared < wanted) {
    std::size_t written = 0;
    const std::size_t n = std::min<std::uint64_t>(fill_block, wanted - prepared);
    const bool whole = write_all(file_, {newlines.data(), n}, prepared, &written);
    error = errno;
    prepared += written;
    if (!whole) break;
  }
  void* map = MAP_FAILED;
  // A disk that is nearly full may have less than was asked for, and enough.
  if (prepared >= least && prepared > begin) {
    map = ::mmap(nullptr, prepared - begin, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
                 file_, static_cast<off_t>(begin));
    if (map == MAP_FAILED) error = errno;
  }
  lock.lock();
  prepared_ = prepared;
  if (map == MAP_FAILED) {
    trouble(lock, error);
    return false;
  }
  char* const old = std::exchange(map_, static_cast<char*>(map));
  const std::uint64_t old_bytes = map_end_ - map_begin_;
  map_begin_ = begin;
  map_end_ = prepared;
  if (old) {
    lock.unlock();
    ::munmap(old, old_bytes);
    lock.lock();
  }
  return true;
}

// Writes what has waited longest. Its place in the queue is kept until it is safe.
bool Appender::write_front(Lock& lock) {
  Waiting& front = queue_.front();  // stays where it is: others are added behind it alone
  lock.unlock();
  bool whole = true;
  std::size_t written = 0;
  for (const TensorBytes& tensor : front.tensors)
    whole = whole && write_all(tensors_, tensor.bytes, tensor.offset, &written);
  int error = errno;
  lock.lock();
  std::uint64_t offset = end_;
  if (whole && options_.map) {
    if (!fits(front.line.size()) && !prepare(lock, front.line.size())) return false;
    offset = put(front.line);
  } else if (whole) {
    lock.unlock();
    whole = write_all(file_, front.line, offset, &written);
    error = errno;
    // A part of a record is no record: better that nobody sees it.
    if (!whole && written > 0 && ::ftruncate(file_, static_cast<off_t>(offset)) != 0) error = errno;
    lock.lock();
    if (whole) end_ += front.line.size();
  }
  if (!whole) {
    trouble(lock, error);
    return false;
  }
  *front.place = {true, offset};
  waiting_bytes_ -= front.bytes();
  queue_.pop_front();
  return true;
}

void Appender::drain(Lock& lock) {
  if (wanted_ && options_.map) {
    const bool prepared = prepare(lock, 1);
    wanted_ = false;
    if (!prepared) return;
  }
  while (!queue_.empty()) {
    if (!write_front(lock)) return;
    done_.notify_all();
  }
  slow_ = refused_ = false;
}

void Appender::keep() {
  Lock lock(mutex_);
  for (;;) {
    const auto called = [&] {
      return stop_ || kick_ || (!refused_ && (wanted_ || !queue_.empty()));
    };
    if (refused_)
      work_.wait_for(lock, options_.retry, called);
    else
      work_.wait(lock, called);
    const bool last = stop_;
    kick_ = false;
    // A disk that refused is asked again; what is asked for is what the first record needs.
    drain(lock);
    done_.notify_all();
    if (last) return;
  }
}

void Appender::flush() {
  {
    Lock lock(mutex_);
    if (!queue_.empty()) {
      refused_ = false;
      kick_ = true;
      work_.notify_one();
      done_.wait(lock, [&] { return queue_.empty() || refused_; });
    }
    if (!queue_.empty() || waiting_lost_ > 0)
      fail(path_, cat(queue_.size() + waiting_lost_, " records could not be written: ", why_));
  }
  for (const int file : {tensors_, file_})
    if (::fsync(file) != 0) fail(path_, cat("cannot sync: ", std::strerror(errno)));
  if (const auto error = io::sync_folder(std::filesystem::path(path_).parent_path().string()))
    fail(path_, cat("cannot sync its folder: ", error.message()));
}

}  // namespace glassbox::viz::detail
