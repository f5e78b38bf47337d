// Where an axis has its ticks, and what is written at them. Pure numbers: nothing is drawn here.
//
//   const Axis axis(0, 812, {.length = 600, .extent = [](std::string_view s) { return 6.0 *
//   s.size(); }}); for (const Tick& tick : axis.ticks()) ...  // tick.label at tick.at
//
// Ticks are multiples of 1, 2 or 5 times a power of ten, on a logarithmic axis powers of ten or, in
// a range that has too few of them, their multiples by 1, 2 and 5. They are as close as their
// labels allow by their real lengths. All labels of an axis are written alike: so many decimals,
// one unit (k, M, G, T) or one power of ten, so that they can be compared at a glance.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace glassbox::viz {

struct Tick {
  double value = 0;
  std::string label;    // "": a small tick between others
  double position = 0;  // from the axis's low end
  double at = 0;        // the label's middle: `position`, moved inwards where it would stick out
};

struct AxisOptions {
  double length = 100;   // in pixels
  bool log = false;      // values of 0 and below have no place
  bool whole = false;    // ticks at whole numbers only
  double spacing = 60;   // the least distance of two labelled ticks,
  double gap = 10;       // and of their labels
  double overhang = 10;  // how far a label may stick out of either end
  // How long a label is along the axis; none: labels have no length.
  std::function<double(std::string_view)> extent = {};
  // What is written at a tick instead of the number; whole numbers are asked for if `whole`.
  std::function<std::string(double)> format = {};
};

class Axis {
 public:
  // Any two numbers: those that are not finite, in the wrong order, equal, or not above 0 on a
  // logarithmic axis make a range around what is left.
  Axis(double low, double high, const AxisOptions& options);
  double low() const { return low_; }
  double high() const { return high_; }
  bool log() const { return log_; }
  const std::vector<Tick>& ticks() const { return ticks_; }
  // 0 at the low end, 1 at the high one, beyond outside; NaN for what has no place.
  double part(double value) const;

 private:
  bool place(std::vector<Tick>& ticks, const AxisOptions& options) const;
  double low_, high_;
  bool log_;
  std::vector<Tick> ticks_;
};

struct Range {
  double low = 0, high = 0;
};
// The least range with these in it, then widened by `margin` of itself at both ends (by factors
// where `log`). Never empty, never infinite.
Range range_of(const std::vector<double>& values, double margin, bool log);
Range widened(Range range, double margin, bool log);

// The multiples within the range of the least step of the form 1, 2 or 5 times a power of ten that
// has at most `most` of them; each the double nearest to its decimal.
std::vector<double> nice_ticks(double low, double high, int most, bool whole = false);
// Labels for such numbers, all written alike. On a logarithmic axis each has its own unit, since
// what is compared there are the powers: 100, 1k, 10k.
std::vector<std::string> tick_labels(const std::vector<double>& values, bool log = false);
// One number for a legend or a note: at most so many digits, 1 to 9, whole numbers below 100,000
// all of theirs: "0.001714", "12345", "123.5k", "3.1e−7", "NaN", "∞".
std::string short_number(double value, int digits = 4);

}  // namespace glassbox::viz
