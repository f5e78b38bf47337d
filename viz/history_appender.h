// Appends records to history.jsonl so that each has left the process when append() returns, without
// a system call for each: the end of the file is mapped, filled with newlines before, so that no
// store can meet a full disk. A record's first byte is stored last: whoever reads the file sees the
// whole record or blank lines. A thread prepares the next stretch and does all that can block;
// append() waits for it a moment at most, then lets the record wait in memory.
//
// On file systems that may need new blocks for a store into an old one, or that have no shared
// mappings to speak of, the thread writes each record instead. Detail of the history; thread safe.
#pragma once
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace glassbox::viz::detail {

struct TensorBytes {
  std::uint64_t offset = 0;  // in tensors.bin, from reserve()
  std::string bytes;
};

class Appender {
 public:
  struct Options {
    std::size_t max_waiting_bytes = std::size_t(64) << 20;
    std::chrono::milliseconds patience{100};  // what append() waits for the thread at most
    std::chrono::milliseconds retry{1000};    // between attempts on a disk that refused
    std::function<void(const std::string&)> say;
    // pwrite(2), unless a test wants a disk of its own.
    std::function<std::int64_t(int, const void*, std::size_t, std::int64_t)> write;
    bool map = true;  // false: as on a file system that is not mapped
  };
  // Takes both descriptors, open for reading and writing. `end`: where history.jsonl ends.
  Appender(std::string path, int file, int tensors, std::uint64_t end, Options options);
  // Makes a last attempt for what waits, says what is lost, cuts the file behind the last record.
  ~Appender();
  Appender(const Appender&) = delete;
  Appender& operator=(const Appender&) = delete;

  struct Place {
    bool safe = false;         // the record has left the process
    std::uint64_t offset = 0;  // of its line, if it has
  };
  // `line` ends with a newline and has no other. The tensors are written before it.
  Place append(std::string_view line, std::vector<TensorBytes> tensors = {});
  std::uint64_t reserve(std::size_t bytes);  // the offset in tensors.bin of that many bytes
  // Waits until nothing waits, then syncs both files. Throws Error when something could not be
  // done.
  void flush();
  bool is_of_this_process() const;

 private:
  using Lock = std::unique_lock<std::mutex>;
  struct Waiting {
    std::string line;
    std::vector<TensorBytes> tensors;
    std::shared_ptr<Place> place;
    std::size_t bytes() const;
  };
  bool fits(std::size_t bytes) const { return map_ && map_end_ - end_ >= bytes; }
  std::uint64_t put(std::string_view line);
  void keep();
  void drain(Lock& lock);
  bool write_front(Lock& lock);
  bool prepare(Lock& lock, std::size_t need);
  bool write_all(int file, std::string_view bytes, std::uint64_t offset, std::size_t* written);
  void trouble(Lock& lock, int error);
  void say_once(Lock& lock, bool& said, const std::string& what);
  void unmap();

  const std::string path_;
  const int file_, tensors_;
  Options options_;
  const int process_;  // its id

  std::mutex mutex_;
  std::condition_variable work_, done_;
  char* map_ = nullptr;
  std::uint64_t map_begin_ = 0, map_end_ = 0;  // what of the file is mapped, up to what is prepared
  std::uint64_t end_ = 0, prepared_ = 0;       // of the records; of the newlines after them
  std::size_t stretch_ = std::size_t(64) << 10;
  std::uint64_t tensors_end_ = 0;
  std::deque<Waiting> queue_;
  std::size_t waiting_bytes_ = 0, waiting_lost_ = 0;
  bool wanted_ = false, stop_ = false, kick_ = false, slow_ = false, refused_ = false;
  bool said_slow_ = false, said_refused_ = false, said_lost_ = false;
  std::string why_;
  std::thread thread_;
};

// A child of fork() has a copy of the object: neither the thread nor the file is its own, and a
// condition that the thread waits for would be waited for in vain. It is left where it is.
struct EndAppender {
  void operator()(Appender* appender) const {
    if (appender->is_of_this_process()) delete appender;
  }
};

}  // namespace glassbox::viz::detail
