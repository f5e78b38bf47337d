// Progress of a training epoch: one line that is redrawn on a terminal, plain lines elsewhere.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>

namespace glassbox {

class Progress {
 public:
  // `title` is "epoch 1/10"; `total` counts images, of which `already` were done before.
  Progress(std::string title, std::int64_t total, std::int64_t already = 0);
  ~Progress();
  // Whether update would show something now: running sums on a device need not be read before.
  bool is_due(std::int64_t done) const;
  // After each batch: images done so far, and the running loss and accuracy.
  void update(std::int64_t done, double loss, double accuracy);
  // Clears the line, so that a plain line can follow.
  void finish();
  double seconds() const;

 private:
  using Clock = std::chrono::steady_clock;
  double fraction_of(std::int64_t done) const;
  void draw(std::int64_t done, double loss, double accuracy, double seconds);

  std::string title_;
  std::int64_t total_, already_;
  bool terminal_, drawn_ = false;
  Clock::time_point start_, last_;
  double next_plain_ = 0.25;  // the fraction at which the next plain line is due
};

// "1:05" or "1:02:03".
std::string format_duration(double seconds);

}  // namespace glassbox
