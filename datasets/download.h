// download: fetches one file over HTTP and trusts nothing of what the server says. What has come
// lies in FILE.part until it is whole and its checksum is right; only then does FILE exist. A
// fetch that was cut off goes on where it stopped. Needs libcurl at build time.
#pragma once
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>

namespace glassbox::datasets {

struct DownloadProgress {
  std::string name;         // of the file, without its folder
  std::int64_t done = 0;    // bytes that are here, those of an earlier run included
  std::int64_t total = -1;  // bytes of the whole file as the server claims; -1: it does not say
};

struct DownloadOptions {
  // 32 hexadecimal digits. Empty: what comes is taken as it is, and nothing is resumed.
  std::string md5 = {};
  std::int64_t limit = std::int64_t(8) << 30;  // bytes; a file that is or claims more is refused
  // Called now and then, from this thread. Empty: progress is printed to `out`, on a terminal as a
  // bar.
  std::function<void(const DownloadProgress&)> progress = {};
  std::ostream* out = nullptr;  // for notes and progress; null: standard output
  int connect_timeout = 30;     // seconds
  int stall_timeout = 30;       // seconds without a byte after which a fetch is given up
  int retries = 3;              // further tries after one that failed on the way
  int retry_wait = 1000;        // milliseconds before the first of them; doubles each time
  int redirects = 5;            // at most so many are followed
  bool html = false;            // whether an HTML page may be what is wanted
};

// Makes `file` be what `url` holds; its folder is made if needed. Returns false when it is there
// already with that checksum. Otherwise the old file is replaced at the end. Throws Error, which
// names the URL or the file, for: no connection, HTTP errors, too many redirects, a stall, a fetch
// that is cut off (FILE.part is kept), a wrong checksum and an HTML page (FILE.part is deleted), a
// size above the limit, a full disk, a folder that cannot be written, a file that another process
// is fetching.
bool download(const std::string& url, const std::string& file, const DownloadOptions& options = {});

// Whether this build can download.
bool can_download();

// Prints progress to `out`, or to standard output: one line that is redrawn where that is a
// terminal, else a line for each tenth.
std::function<void(const DownloadProgress&)> print_progress(std::ostream* out = nullptr);

// Joins with one slash between.
std::string join_url(const std::string& base, const std::string& name);

}  // namespace glassbox::datasets
