#include "viz/curve.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/core/error.h"

namespace glassbox::viz {

std::vector<double> smoothed(const std::vector<double>& y, double weight) {
  if (!(weight >= 0 && weight < 1))
    fail("smoothed", cat("weight ", weight, " must be at least 0 and below 1"));
  if (std::all_of(y.begin(), y.end(), [&y](double v) { return v == y[0]; })) return y;
  std::vector<double> out = y;
  double last = 0, missing = 1;  // weight^n: how much of the average is still its start, 0
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (!std::isfinite(y[i])) continue;
    last = last * weight + (1 - weight) * y[i];
    missing *= weight;
    out[i] = last / (1 - missing);
  }
  return out;
}

Series aggregate(const std::string& name, const std::vector<Series>& runs, Band band) {
  struct Run {
    std::vector<Point> points;
    std::size_t next = 0;
  };
  std::vector<Run> sorted;
  Series line{.name = name};
  for (const Series& run : runs) {
    sorted.emplace_back();
    for (std::size_t i = 0; i < std::min(run.x.size(), run.y.size()); ++i) {
      if (!std::isfinite(run.x[i]) || !std::isfinite(run.y[i])) continue;
      sorted.back().points.push_back({run.x[i], run.y[i]});
      line.x.push_back(run.x[i]);
    }
    std::stable_sort(sorted.back().points.begin(), sorted.back().points.end(),
                     [](const Point& a, const Point& b) { return a.x < b.x; });
  }
  std::sort(line.x.begin(), line.x.end());
  line.x.erase(std::unique(line.x.begin(), line.x.end()), line.x.end());
  std::vector<double> values;
  for (const double x : line.x) {
    values.clear();
    for (Run& run : sorted) {
      const auto& points = run.points;
      while (run.next < points.size() && points[run.next].x < x) ++run.next;
      if (run.next == points.size()) continue;
      const Point& right = points[run.next];
      if (right.x == x) {
        values.push_back(right.y);
      } else if (run.next > 0) {
        const Point& left = points[run.next - 1];
        const double part = (x - left.x) / (right.x - left.x);
        values.push_back(left.y * (1 - part) + right.y * part);
      }
    }
    double mean = 0, squares = 0;
    for (const double v : values) mean += v / static_cast<double>(values.size());
    for (const double v : values) squares += (v - mean) * (v - mean);
    line.y.push_back(mean);
    if (band == Band::min_max) {
      line.low.push_back(*std::min_element(values.begin(), values.end()));
      line.high.push_back(*std::max_element(values.begin(), values.end()));
    } else {
      const auto n = static_cast<double>(values.size());
      const double sd = n > 1 ? std::sqrt(squares / (n - 1)) : 0;
      line.low.push_back(mean - sd);
      line.high.push_back(mean + sd);
    }
  }
  return line;
}

namespace detail {
namespace {

// The points of one column that are kept, in the order they came.
class Column {
 public:
  void add(const Point& p) {
    if (n_ == 0) {
      first_ = low_ = high_ = {p, 0};
    } else {
      if (p.y < low_.at.y) low_ = {p, n_};
      if (p.y > high_.at.y) high_ = {p, n_};
    }
    last_ = {p, n_++};
  }
  void move_to(std::vector<Point>& out) {
    if (n_ == 0) return;
    const bool low_is_first = low_.order < high_.order;
    const Kept kept[] = {first_, low_is_first ? low_ : high_, low_is_first ? high_ : low_, last_};
    std::size_t before = n_;
    for (const Kept& point : kept) {
      if (point.order != before) out.push_back(point.at);
      before = point.order;
    }
    n_ = 0;
  }

 private:
  struct Kept {
    Point at;
    std::size_t order = 0;
  };
  Kept first_, low_, high_, last_;
  std::size_t n_ = 0;
};

}  // namespace

std::vector<std::vector<Point>> visible_parts(const std::vector<Point>& points, double unit) {
  std::vector<std::vector<Point>> parts;
  Column column;
  double column_at = std::numeric_limits<double>::quiet_NaN();
  bool gap = true;
  for (const Point& p : points) {
    if (!std::isfinite(p.x) || !std::isfinite(p.y)) {
      gap = true;
      continue;
    }
    const double at = std::floor(p.x / unit);
    // A gap within one column cannot be seen.
    if (at != column_at) {
      if (!parts.empty()) column.move_to(parts.back());
      if (gap) parts.emplace_back();
      column_at = at;
    }
    gap = false;
    column.add(p);
  }
  if (!parts.empty()) column.move_to(parts.back());
  return parts;
}

}  // namespace detail
}  // namespace glassbox::viz
