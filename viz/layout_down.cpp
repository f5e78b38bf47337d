#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>
#include <vector>

#include "viz/layout_level.h"

namespace glassbox::viz::detail {
namespace {

using Kind = Level::Item::Kind;

// How far down the drawing reaches, by x.
class Skyline {
 public:
  explicit Skyline(double y) { pieces_[-std::numeric_limits<double>::infinity()] = y; }

  double over(double from, double to) const {
    auto it = std::prev(pieces_.upper_bound(from));
    double most = it->second;
    for (++it; it != pieces_.end() && it->first < to; ++it) most = std::max(most, it->second);
    return most;
  }

  void raise(double from, double to, double y) {
    if (!(to > from)) to = std::nextafter(from, std::numeric_limits<double>::infinity());
    const auto first = cut(from), last = cut(to);
    for (auto it = first; it != last; ++it) it->second = std::max(it->second, y);
    // Neighbours of one height are one piece, so that a long drawing has no more than a short one.
    auto it = first == pieces_.begin() ? first : std::prev(first);
    while (it != last && std::next(it) != pieces_.end()) {
      const auto next = std::next(it);
      if (next->second != it->second) {
        it = next;
      } else if (next == last) {
        pieces_.erase(next);
        break;
      } else {
        pieces_.erase(next);
      }
    }
  }

 private:
  using Pieces = std::map<double, double>;  // height by where it begins

  Pieces::iterator cut(double x) {
    const auto next = pieces_.upper_bound(x);
    const auto here = std::prev(next);
    return here->first == x ? here : pieces_.emplace_hint(next, x, here->second);
  }

  Pieces pieces_;
};

// Rank by rank everything goes as high as what it must stay below lets it. Two skylines say what
// that is: boxes stay below boxes and curves, curves below boxes alone, since they may cross.
class Down {
 public:
  explicit Down(Level& level) : level_(level), boxes_(level.head), all_(level.head) {}

  void run() {
    for (const auto& rank : level_.ranks) {
      place_boxes(rank);
      for (const int v : rank) {
        for (const int s : level_.out[index(v)]) curve(level_.segment(s));
      }
    }
    level_.height = lowest_;
    for (Level::Item& item : level_.items) {
      if (item.kind == Kind::sink_port) item.y = level_.height;
    }
  }

 private:
  static std::size_t index(int i) { return static_cast<std::size_t>(i); }

  static constexpr double margin = 4;  // between a box and what passes its side

  void place_boxes(const std::vector<int>& rank) {
    const auto& gaps = level_.gaps;
    std::vector<int> boxes;
    for (const int v : rank) {
      Level::Item& item = level_.item(v);
      switch (item.kind) {
        case Kind::source_port:
          item.y = 0;
          break;
        case Kind::bend:
          item.y = level_.segment(level_.in[index(v)].front()).y1;
          break;
        case Kind::sink_port:
          break;
        case Kind::box:
        case Kind::label:
          item.y = all_.over(item.x - item.left - margin, item.x + item.right + margin);
          for (const int s : level_.in[index(v)])
            item.y = std::max(
                item.y, level_.segment(s).y1 + (item.kind == Kind::box ? gaps.enter : gaps.label));
          boxes.push_back(v);
      }
    }
    align(boxes);
    for (const int v : boxes) {
      const Level::Item& item = level_.item(v);
      const bool is_box = item.kind == Kind::box;
      const double left = item.x - item.left - (is_box ? margin : 0);
      const double right = item.x + item.right + (is_box ? margin : 0);
      lowest_ = std::max(lowest_, item.bottom());
      boxes_.raise(left, right, item.bottom());
      all_.raise(left, right, item.bottom() + (is_box ? gaps.below : gaps.label));
    }
  }

  // Boxes of one rank that end up at almost the same height get the same one.
  void align(std::vector<int> boxes) {
    std::ranges::stable_sort(boxes, {}, [this](int v) { return level_.item(v).y; });
    for (std::size_t i = 0; i < boxes.size();) {
      const double first = level_.item(boxes[i]).y;
      std::size_t end = i;
      double y = first, height = std::numeric_limits<double>::infinity();
      while (end < boxes.size()) {
        const Level::Item& item = level_.item(boxes[end]);
        height = std::min(height, item.height);
        if (item.y - first > height * 0.7 + level_.gaps.below) break;
        y = item.y;
        ++end;
      }
      if (end == i) end = i + 1;
      for (; i < end; ++i) level_.item(boxes[i]).y = y;
    }
  }

  void curve(Level::Segment& s) {
    const Level::Item& from = level_.item(s.from);
    const Level::Item& to = level_.item(s.to);
    const double x0 = level_.x_of_start(s), x1 = level_.x_of_end(s);
    const double left = std::min(x0, x1), right = std::max(x0, x1), wide = right - left;
    const auto& gaps = level_.gaps;
    const bool straight = wide < 0.01;
    s.y0 = from.bottom();
    if (from.kind == Kind::box) s.y0 += gaps.leave;
    if (from.kind == Kind::label) s.y0 += gaps.label;
    if (straight) {
      s.y1 = s.y0;
    } else {
      s.y0 = std::max(s.y0, boxes_.over(left, right) + margin);
      s.y1 = s.y0 + std::min(gaps.bend_max, 6 + gaps.bend * wide);
    }
    double reach = s.y1;
    if (to.kind == Kind::sink_port) reach += gaps.leave;
    if (straight) reach = std::max(reach, level_.head);
    lowest_ = std::max(lowest_, reach);
    all_.raise(left, right, reach);
  }

  Level& level_;
  Skyline boxes_, all_;
  double lowest_ = 0;
};

}  // namespace

void place_down(Level& level) { Down(level).run(); }

}  // namespace glassbox::viz::detail
