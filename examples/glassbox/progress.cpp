#include "glassbox/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "glassbox/terminal.h"

namespace glassbox {

std::string format_duration(double seconds) {
  const auto s = static_cast<long>(seconds + 0.5);
  if (s >= 3600) return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
  return fmt::format("{}:{:02}", s / 60, s % 60);
}

Progress::Progress(std::string title, std::int64_t total, std::int64_t already)
    : title_(std::move(title)),
      total_(total),
      already_(already),
      terminal_(stdout_is_terminal()),
      start_(Clock::now()),
      last_(start_) {}

Progress::~Progress() { finish(); }

double Progress::seconds() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

double Progress::fraction_of(std::int64_t done) const {
  return static_cast<double>(done) / static_cast<double>(std::max<std::int64_t>(1, total_));
}

bool Progress::is_due(std::int64_t done) const {
  if (!terminal_) return fraction_of(done) >= next_plain_;
  // Ten frames a second are enough for the eye.
  return !drawn_ || done >= total_ || Clock::now() - last_ >= std::chrono::milliseconds(100);
}

void Progress::update(std::int64_t done, double loss, double accuracy) {
  if (!is_due(done)) return;
  const auto now = Clock::now();
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  if (terminal_) {
    last_ = now;
    return draw(done, loss, accuracy, elapsed);
  }
  const double fraction = fraction_of(done);
  while (fraction >= next_plain_) next_plain_ += 0.25;
  fmt::print("{}  {}/{} images  {:.0f} images/s  loss {:.4f}  accuracy {:.4f}\n", title_, done,
             total_, static_cast<double>(done - already_) / elapsed, loss, accuracy);
  std::fflush(stdout);
}

void Progress::draw(std::int64_t done, double loss, double accuracy, double elapsed) {
  const double rate = static_cast<double>(done - already_) / std::max(elapsed, 1e-9);
  const double left = static_cast<double>(total_ - done) / std::max(rate, 1e-9);
  const std::string tail = fmt::format(
      " {:3.0f} %  {:.0f} images/s  ETA {}  loss {:.4f}  accuracy {:.4f}",
      100.0 * static_cast<double>(done) / static_cast<double>(std::max<std::int64_t>(1, total_)),
      rate, format_duration(left), loss, accuracy);
  const int room = stdout_width() - 1 - static_cast<int>(title_.size() + tail.size()) - 1;
  std::string bar;
  if (room >= 10) {
    const int cells = std::min(room, 30);
    const double filled = static_cast<double>(cells) * static_cast<double>(done) /
                          static_cast<double>(std::max<std::int64_t>(1, total_));
    for (int i = 0; i < cells; ++i) bar += i < static_cast<int>(filled) ? "━" : "─";
    bar = " " + bar;
  }
  fmt::print("\r\x1b[K{}{}{}", title_, bar, tail);
  std::fflush(stdout);
  drawn_ = true;
}

void Progress::finish() {
  if (!drawn_) return;
  fmt::print("\r\x1b[K");
  std::fflush(stdout);
  drawn_ = false;
}

}  // namespace glassbox
