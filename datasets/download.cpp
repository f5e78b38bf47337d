#include "datasets/download.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <thread>

#include "datasets/http_request.h"
#include "datasets/md5.h"
#include "datasets/part_file.h"
#include "engine/core/error.h"

namespace glassbox::datasets {

namespace fs = std::filesystem;

namespace {

class Fetch {
 public:
  Fetch(const std::string& url, const std::string& file, const DownloadOptions& options)
      : url_(url), file_(file), options_(options), part_(file) {
    if (!options_.progress) options_.progress = print_progress(options.out);
    if (options_.md5.empty()) part_.truncate();
    resumed_ = part_.size() > 0;
  }

  void run() {
    std::int64_t best = part_.size();
    for (int tries = 0;;) {
      const HttpResult result = request();
      if (result.outcome == HttpOutcome::whole) {
        if (is_right()) break;
        continue;  // from the beginning
      }
      if (result.outcome == HttpOutcome::restart && !restarted_) {
        restart();
        continue;
      }
      // Why to look: a length that claims too much looks like a fetch that was cut off.
      if (part_.size() > 0 && !options_.md5.empty() && md5_of_file(part_.path()) == options_.md5)
        break;
      if (part_.size() - best >= 1 << 20) tries = 0;  // slow is not hopeless
      best = std::max(best, part_.size());
      if (result.outcome != HttpOutcome::retry || tries++ >= options_.retries) give_up(result);
      wait(tries);
    }
    options_.progress({name(), part_.size(), part_.size()});
    part_.publish();
  }

 private:
  std::string name() const { return fs::path(file_).filename().string(); }

  HttpResult request() {
    return http_get(url_, part_, options_, [this](std::int64_t done, std::int64_t total) {
      options_.progress({name(), done, total});
    });
  }

  void restart() {
    part_.truncate();
    restarted_ = true;
    resumed_ = false;
  }

  // False when it is worth beginning anew: what was there from before may be what is wrong.
  bool is_right() {
    if (options_.md5.empty()) return true;
    const std::string md5 = md5_of_file(part_.path());
    if (md5 == options_.md5) return true;
    if (resumed_ && !restarted_) {
      restart();
      return false;
    }
    const std::int64_t size = part_.size();
    part_.remove();
    fail(url_, cat("what came (", size, " bytes) has the md5 ", md5, ", not ", options_.md5,
                   "; it was deleted: try again, or another mirror"));
  }

  [[noreturn]] void give_up(const HttpResult& result) {
    std::string text = result.reason;
    if (result.outcome == HttpOutcome::refused) {
      part_.remove();
    } else if (part_.size() > 0 && options_.md5.empty()) {
      part_.remove();
    } else if (part_.size() > 0) {
      text += cat("; ", part_.size(), " bytes are kept in ", part_.path(),
                  ", and the next download goes on from there");
    }
    fail(url_, text);
  }

  void wait(int tries) const {
    const auto factor = std::int64_t(1) << std::min(tries - 1, 6);
    std::this_thread::sleep_for(std::chrono::milliseconds(options_.retry_wait * factor));
  }

  std::string url_, file_;
  DownloadOptions options_;
  PartFile part_;
  bool resumed_ = false, restarted_ = false;
};

void check_options(const DownloadOptions& o) {
  const bool hex =
      o.md5.size() == 32 && o.md5.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!o.md5.empty() && !hex)
    fail("download", cat("\"", o.md5, "\" is no md5: that has 32 of the digits 0-9 and a-f"));
  if (o.limit < 0 || o.connect_timeout < 1 || o.stall_timeout < 1 || o.retries < 0 ||
      o.retry_wait < 0 || o.redirects < 0) {
    fail("download", cat("limit ", o.limit, ", retries ", o.retries, ", retry_wait ", o.retry_wait,
                         " and redirects ", o.redirects, " must be at least 0, connect_timeout ",
                         o.connect_timeout, " and stall_timeout ", o.stall_timeout, " at least 1"));
  }
}

}  // namespace

std::string join_url(const std::string& base, const std::string& name) {
  return base.ends_with('/') ? base + name : base + "/" + name;
}

bool download(const std::string& url, const std::string& file, const DownloadOptions& options) {
  check_options(options);
  std::error_code error;
  if (fs::is_directory(file, error)) fail(file, "is a folder, where a file is to be downloaded");
  const auto is_here = [&] {
    return !options.md5.empty() && fs::is_regular_file(file, error) &&
           md5_of_file(file) == options.md5;
  };
  if (is_here()) return false;
  if (!can_download()) {
    fail("download", cat("this build has no libcurl (package libcurl4-openssl-dev turns it on); "
                         "fetch ",
                         url, " by hand into ", file));
  }
  std::ostream& out = options.out ? *options.out : std::cout;
  out << "Downloading " << url << " to " << file << std::endl;
  Fetch(url, file, options).run();
  return true;
}

}  // namespace glassbox::datasets
