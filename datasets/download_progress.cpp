#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string_view>

#include "datasets/download.h"

namespace glassbox::datasets {

namespace {

// Lines of one fetch. It has no clock: the bar is drawn anew only when its text changes.
class Printer {
 public:
  explicit Printer(std::ostream* out) : out_(out ? *out : std::cout) {
    const char* term = std::getenv("TERM");
    const bool dumb = term && std::string_view(term) == "dumb";
    terminal_ = (!out || out == &std::cout) && ::isatty(STDOUT_FILENO) && !dumb;
  }

  ~Printer() {
    if (open_) out_ << std::endl;  // so that an error begins its own line
  }
  Printer(const Printer&) = delete;
  Printer& operator=(const Printer&) = delete;

  void operator()(const DownloadProgress& p) {
    const std::string text = terminal_ ? bar(p) : line(p);
    if (text == last_ || text.empty()) return;
    last_ = text;
    if (!terminal_) {
      out_ << text << std::endl;
      return;
    }
    out_ << '\r' << text << "\x1b[K";
    open_ = p.done != p.total;
    if (!open_) out_ << '\n';
    out_ << std::flush;
  }

 private:
  static std::string mebibytes(std::int64_t bytes) {
    return fmt::format("{:.1f}", static_cast<double>(bytes) / (1 << 20));
  }
  static int percent(const DownloadProgress& p) {
    if (p.total <= 0) return 0;
    return static_cast<int>(100 * std::min(1.0, double(p.done) / double(p.total)));
  }

  static std::string bar(const DownloadProgress& p) {
    if (p.total <= 0) return fmt::format("{}  {} MiB", p.name, mebibytes(p.done));
    const auto filled = static_cast<std::size_t>(percent(p) / 5);
    return fmt::format("{}  [{}{}] {:3} %  {} of {} MiB", p.name, std::string(filled, '#'),
                       std::string(20 - filled, '.'), percent(p), mebibytes(p.done),
                       mebibytes(p.total));
  }

  // A line for each tenth, or each 16 MiB where the size is not known; else the one before.
  std::string line(const DownloadProgress& p) {
    const std::int64_t tenth = p.total > 0 ? percent(p) / 10 : p.done >> 24;
    if (tenth <= tenth_) return last_;
    tenth_ = tenth;
    if (p.total <= 0) return fmt::format("{}: {} MiB", p.name, mebibytes(p.done));
    return fmt::format("{}: {} %, {} of {} MiB", p.name, 10 * tenth, mebibytes(p.done),
                       mebibytes(p.total));
  }

  std::ostream& out_;
  bool terminal_ = false, open_ = false;
  std::string last_;
  std::int64_t tenth_ = 0;
};

}  // namespace

std::function<void(const DownloadProgress&)> print_progress(std::ostream* out) {
  auto printer = std::make_shared<Printer>(out);
  return [printer](const DownloadProgress& p) { (*printer)(p); };
}

}  // namespace glassbox::datasets
