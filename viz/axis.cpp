#include "viz/axis.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "viz/axis_numbers.h"

namespace glassbox::viz {
namespace {

using detail::decimal;

constexpr double largest = std::numeric_limits<double>::max();

// A range of less than this part of its numbers has too few doubles in it for an axis.
constexpr long double finest = 1e-12L;
constexpr double smallest_range = 1e-305;

Range sane(Range range, bool log) {
  double &low = range.low, &high = range.high;
  const auto usable = [log](double v) { return std::isfinite(v) && (!log || v > 0); };
  if (!usable(low) && !usable(high)) return log ? Range{1, 10} : Range{0, 1};
  if (!usable(low)) low = high;
  if (!usable(high)) high = low;
  if (low > high) std::swap(low, high);
  if (log) {
    if (high / low < 1 + 1e-9) {
      low = std::max(low / std::sqrt(10.0), std::numeric_limits<double>::min());
      high = std::min(high, largest / 3.2) * std::sqrt(10.0);
    }
    low = std::max(low, std::numeric_limits<double>::min());
    return high > low ? range : Range{low, low * 10};
  }
  const long double size = std::max(std::abs(low), std::abs(high));
  if ((long double)high - low <= std::max((long double)smallest_range, size * finest)) {
    const double reach = size == 0 ? 1 : std::max(static_cast<double>(size / 10), smallest_range);
    low = std::max(low - reach, -largest);
    high = std::min(high + reach, largest);
  }
  return range;
}

// --- ticks of a logarithmic axis
// ------------------------------------------------------------------

// m times powers of ten in the range, for each m of the list.
std::vector<double> decades(double low, double high, std::initializer_list<int> of, int stride) {
  std::vector<double> values;
  const int first = static_cast<int>(std::floor(std::log10(low))) - 1,
            last = static_cast<int>(std::ceil(std::log10(high))) + 1;
  for (int e = first; e <= last; ++e) {
    if (((e % stride) + stride) % stride != 0) continue;
    for (const int m : of) {
      const double value = decimal(m, e);
      if (value >= low && value <= high) values.push_back(value);
    }
  }
  return values;
}

std::vector<double> log_ticks(double low, double high, int most) {
  for (const int stride : {1, 2, 3, 5, 10, 20, 50, 100, 200}) {
    std::vector<double> values = decades(low, high, {1}, stride);
    if (values.size() < 2) break;
    if (values.size() == 2 && stride == 1) {
      for (const auto& of : {std::initializer_list<int>{1, 2, 5}, {1, 3}}) {
        std::vector<double> more = decades(low, high, of, 1);
        if (more.size() <= static_cast<std::size_t>(most)) return more;
      }
    }
    if (values.size() <= static_cast<std::size_t>(most)) return values;
  }
  std::vector<double> values = decades(low, high, {1, 2, 5}, 1);
  if (values.size() >= 3 && values.size() <= static_cast<std::size_t>(most)) return values;
  values = nice_ticks(low, high, most);
  std::erase_if(values, [](double v) { return v <= 0; });
  return values;
}

}  // namespace

Range range_of(const std::vector<double>& values, double margin, bool log) {
  Range range{std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::quiet_NaN()};
  for (const double v : values) {
    if (!std::isfinite(v) || (log && v <= 0)) continue;
    if (!(range.low <= v)) range.low = v;
    if (!(range.high >= v)) range.high = v;
  }
  return widened(range, margin, log);
}

Range widened(Range range, double margin, bool log) {
  range = sane(range, log);
  if (margin <= 0) return range;
  if (log) {
    const double low = std::log10(range.low), high = std::log10(range.high);
    const double more = (high - low) * margin;
    range.low = std::max(std::pow(10, low - more), std::numeric_limits<double>::min());
    range.high = high + more >= 308.25 ? largest : std::pow(10, high + more);
    return range;
  }
  const long double more = ((long double)range.high - range.low) * margin;
  range.low = static_cast<double>(std::max(range.low - more, -(long double)largest));
  range.high = static_cast<double>(std::min(range.high + more, (long double)largest));
  return range;
}

std::vector<double> nice_ticks(double low, double high, int most, bool whole) {
  std::vector<double> values;
  if (!(low <= high) || most < 1 || !std::isfinite(low) || !std::isfinite(high)) return values;
  const long double range = (long double)high - low;
  // Closer together than this ticks would not be different numbers.
  const long double least =
      std::max({range / (most + 1), (long double)std::max(std::abs(low), std::abs(high)) * 1e-14L,
                1e-306L, whole ? 1.0L : 0.0L});
  const int start = static_cast<int>(std::floor(std::log10(least)));
  for (int e = start; e < start + 20; ++e) {
    for (const int m : {1, 2, 5}) {
      const long double step = m * std::pow(10.0L, (long double)e);
      if (step < least * (1 - 1e-12L)) continue;
      const auto at = [m, e](long double k) { return decimal(static_cast<long long>(k) * m, e); };
      long double first = std::ceil(low / step), last = std::floor(high / step);
      if (last - first > most + 4) continue;
      // A rounded quotient may be off by one; the ticks themselves decide.
      while (at(first - 1) >= low) --first;
      while (at(first) < low && first <= last + 1) ++first;
      while (at(last + 1) <= high) ++last;
      while (at(last) > high && last >= first) --last;
      if (last - first + 1 > most) continue;
      for (long double k = first; k <= last; ++k) values.push_back(at(k));
      return values;
    }
  }
  return values;
}

Axis::Axis(double low, double high, const AxisOptions& options) : log_(options.log) {
  const Range range = sane({low, high}, log_);
  low_ = range.low;
  high_ = range.high;
  const double spacing = std::max(1.0, options.spacing);
  int most = std::clamp(static_cast<int>(options.length / spacing) + 1, 1, 50);
  for (std::size_t before = 0; most >= 1; --most) {
    const std::vector<double> values =
        log_ ? log_ticks(low_, high_, most) : nice_ticks(low_, high_, most, options.whole);
    if (values.empty() || values.size() == before) continue;
    before = values.size();
    std::vector<std::string> labels;
    if (options.format) {
      for (const double v : values) labels.push_back(options.format(v));
    } else {
      labels = tick_labels(values, log_);
    }
    std::vector<Tick> ticks;
    for (std::size_t i = 0; i < values.size(); ++i) {
      // Two ticks of one label are one.
      if (!ticks.empty() && ticks.back().label == labels[i]) continue;
      ticks.push_back({values[i], labels[i]});
    }
    if (!place(ticks, options)) continue;
    ticks_ = std::move(ticks);
    break;
  }
  if (!log_ || ticks_.size() < 2) return;
  // Between powers of ten that are all labelled, the others as small ticks.
  const double decades_seen = std::log10(high_) - std::log10(low_);
  if (decades_seen > 8 || options.length / decades_seen < 30) return;
  std::vector<Tick> small;
  for (const double v : decades(low_, high_, {1, 2, 3, 4, 5, 6, 7, 8, 9}, 1)) {
    const bool is_new = std::none_of(ticks_.begin(), ticks_.end(),
                                     [v](const Tick& tick) { return tick.value == v; });
    if (is_new) small.push_back({v, "", part(v) * options.length, part(v) * options.length});
  }
  ticks_.insert(ticks_.end(), small.begin(), small.end());
}

// False where labels would touch.
bool Axis::place(std::vector<Tick>& ticks, const AxisOptions& options) const {
  double end = -largest;
  for (Tick& tick : ticks) {
    tick.position = tick.at = part(tick.value) * options.length;
    const double half = options.extent ? options.extent(tick.label) / 2 : 0;
    const double from = half - options.overhang, to = options.length + options.overhang - half;
    if (from > to) return false;
    tick.at = std::clamp(tick.at, from, to);
    if (tick.at - half < end + (end == -largest ? 0 : options.gap)) return false;
    end = tick.at + half;
  }
  return true;
}

double Axis::part(double value) const {
  if (log_) {
    if (!(value > 0)) return std::numeric_limits<double>::quiet_NaN();
    return (std::log10(value) - std::log10(low_)) / (std::log10(high_) - std::log10(low_));
  }
  return static_cast<double>(((long double)value - low_) / ((long double)high_ - low_));
}

}  // namespace glassbox::viz
