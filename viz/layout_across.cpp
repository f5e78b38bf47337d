#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "viz/layout_level.h"

namespace glassbox::viz::detail {
namespace {

constexpr int rounds = 12;

// Items that one straight line joins are a block and get one x. Lines that are joined never cross
// each other, so "left of" among blocks has no cycle and the blocks can be pushed like single boxes
// (Brandes and Köpf, "Fast and Simple Horizontal Coordinate Assignment", 2001). Unlike there the
// trunk is joined first, then long lines, then what is left; and there is one alignment, not four.
class Across {
 public:
  explicit Across(Level& level)
      : level_(level), above_(level.items.size(), -1), below_(level.items.size(), -1) {}

  void run() {
    if (level_.items.empty()) return;
    join();
    make_blocks();
    make_limits();
    sort_blocks();
    pack();
    for (int i = 0; i < rounds; ++i) improve(i % 2 == 0);
    for (std::size_t i = 0; i < level_.items.size(); ++i) {
      if (!level_.items[i].is_lane) level_.items[i].x = x_[index(block_[i])] + shift_[i];
    }
    place_lanes();
    for (std::size_t i = 0; i < level_.items.size(); ++i) {
      if (level_.items[i].spreads) spread(static_cast<int>(i));
    }
  }

 private:
  struct Limit {  // x of block `right` >= x of block `left` + distance
    int left, right;
    double distance;
  };
  struct Pull {  // of block a towards x of block b + distance
    int a, b;
    double distance, weight;
  };

  static std::size_t index(int i) { return static_cast<std::size_t>(i); }
  bool passes(int i) const { return level_.item(i).is_bend(); }

  // Right of everything, one beside the other; a lane that has ended is free for the next one.
  void place_lanes() {
    if (level_.lanes.empty()) return;
    double right = 0;
    for (const Level::Item& item : level_.items) {
      if (!item.is_lane) right = std::max(right, item.x + item.right);
    }
    const auto rank = [this](int i) { return level_.item(i).rank; };
    std::ranges::stable_sort(level_.lanes, {}, [&](const auto& lane) { return rank(lane.upper); });
    std::set<int> free;
    std::set<std::pair<int, int>> taken;  // until which rank, which
    int count = 0;
    for (const auto& [upper, lower] : level_.lanes) {
      while (!taken.empty() && taken.begin()->first < rank(upper)) {
        free.insert(taken.begin()->second);
        taken.erase(taken.begin());
      }
      const int number = free.empty() ? count++ : *free.begin();
      free.erase(number);
      taken.emplace(rank(lower), number);
      for (const int i : {upper, lower}) {
        level_.item(i).x = right + level_.gaps.line * (number + 1);
        level_.ranks[index(rank(i))].push_back(i);
      }
    }
  }

  // --- which lines are straight -----------------------------------------------------------------

  void join() {
    chosen_.resize(level_.ranks.size());
    for (std::size_t s = 0; s < level_.segments.size(); ++s) {
      if (level_.segments[s].main) try_to_join(static_cast<int>(s));
    }
    for (std::size_t s = 0; s < level_.segments.size(); ++s) {
      const Level::Segment& line = level_.segments[s];
      if (passes(line.from) && passes(line.to)) try_to_join(static_cast<int>(s));
    }
    // The middle one of the lines that come from above, else the ones beside it.
    for (const auto& rank : level_.ranks) {
      for (const int v : rank) {
        std::vector<int> lines = level_.in[index(v)];
        std::ranges::stable_sort(
            lines, {}, [this](int s) { return level_.item(level_.segment(s).from).position; });
        const std::size_t half = (lines.size() - 1) / 2;
        for (std::size_t i = 0; i < lines.size() && above_[index(v)] < 0; ++i) {
          const std::size_t step = (i + 1) / 2;
          const std::size_t at = i % 2 ? half + step : half - step;
          if (at < lines.size()) try_to_join(lines[at]);
        }
      }
    }
  }

  void try_to_join(int s) {
    const Level::Segment& line = level_.segment(s);
    if (level_.item(line.from).is_lane || level_.item(line.to).is_lane) return;
    if (below_[index(line.from)] >= 0 || above_[index(line.to)] >= 0) return;
    auto& chosen = chosen_[index(level_.item(line.from).rank)];  // lower by upper position
    const int upper = level_.item(line.from).position, lower = level_.item(line.to).position;
    const auto next = chosen.lower_bound(upper);
    if (next != chosen.end() && next->second <= lower) return;
    if (next != chosen.begin() && std::prev(next)->second >= lower) return;
    chosen.emplace(upper, lower);
    below_[index(line.from)] = above_[index(line.to)] = s;
  }

  void make_blocks() {
    block_.assign(level_.items.size(), -1);
    shift_.assign(level_.items.size(), 0);
    for (const auto& rank : level_.ranks) {
      for (const int v : rank) {
        const int s = above_[index(v)];
        if (s < 0) {
          block_[index(v)] = blocks_++;
          continue;
        }
        const Level::Segment& line = level_.segment(s);
        block_[index(v)] = block_[index(line.from)];
        shift_[index(v)] = shift_[index(line.from)] + line.from_offset - line.to_offset;
      }
    }
  }

  // --- limits and pulls -------------------------------------------------------------------------

  double gap(const Level::Item& a, const Level::Item& b) const {
    if (a.is_line() || b.is_line()) return level_.gaps.line;
    return level_.gaps.node;
  }

  void make_limits() {
    limits_.clear();
    low_.assign(index(blocks_), 0);
    extent_.assign(index(blocks_), 0);
    for (const auto& rank : level_.ranks) {
      for (std::size_t i = 0; i < rank.size(); ++i) {
        const Level::Item& item = level_.item(rank[i]);
        const int b = block_[index(rank[i])];
        const double shift = shift_[index(rank[i])];
        low_[index(b)] = std::max(low_[index(b)], item.left - shift);
        extent_[index(b)] = std::max(extent_[index(b)], item.right + shift);
        if (i == 0) continue;
        const Level::Item& left = level_.item(rank[i - 1]);
        limits_.push_back(
            {block_[index(rank[i - 1])], b,
             left.right + item.left + gap(left, item) + shift_[index(rank[i - 1])] - shift});
      }
    }
    // Of several between the same blocks the widest counts.
    std::ranges::sort(limits_, [](const Limit& a, const Limit& b) {
      return std::tuple(a.left, a.right, -a.distance) < std::tuple(b.left, b.right, -b.distance);
    });
    // Why not ranges: clang 14 does not take libstdc++'s subrange.
    const auto same = std::unique(
        limits_.begin(), limits_.end(),
        [](const Limit& a, const Limit& b) { return a.left == b.left && a.right == b.right; });
    limits_.erase(same, limits_.end());
    rights_.assign(index(blocks_), {});
    lefts_.assign(index(blocks_), {});
    for (std::size_t i = 0; i < limits_.size(); ++i) {
      rights_[index(limits_[i].left)].push_back(static_cast<int>(i));
      lefts_[index(limits_[i].right)].push_back(static_cast<int>(i));
    }
    pulls_.assign(index(blocks_), {});
    for (const Level::Segment& line : level_.segments) {
      const int a = block_[index(line.from)], b = block_[index(line.to)];
      if (a == b || a < 0 || b < 0) continue;  // a lane has no block
      const double distance =
          shift_[index(line.to)] + line.to_offset - shift_[index(line.from)] - line.from_offset;
      const double weight = passes(line.from) == passes(line.to) ? 2 : 1;
      pulls_[index(a)].push_back({a, b, distance, weight});
      pulls_[index(b)].push_back({b, a, -distance, weight});
    }
  }

  void sort_blocks() {
    std::vector<std::size_t> waiting(index(blocks_));
    for (std::size_t b = 0; b < waiting.size(); ++b) {
      waiting[b] = lefts_[b].size();
      if (!waiting[b]) sorted_.push_back(static_cast<int>(b));
    }
    for (std::size_t i = 0; i < sorted_.size(); ++i) {
      for (const int l : rights_[index(sorted_[i])])
        if (!--waiting[index(limits_[index(l)].right)]) sorted_.push_back(limits_[index(l)].right);
    }
  }

  // --- places -----------------------------------------------------------------------------------

  // Halfway between as far left and as far right as it goes.
  void pack() {
    std::vector<double> left = low_, right(index(blocks_));
    double width = 0;
    for (const int b : sorted_) {
      for (const int l : lefts_[index(b)]) {
        const Limit& limit = limits_[index(l)];
        left[index(b)] = std::max(left[index(b)], left[index(limit.left)] + limit.distance);
      }
      width = std::max(width, left[index(b)] + extent_[index(b)]);
    }
    for (auto it = sorted_.rbegin(); it != sorted_.rend(); ++it) {
      const auto b = index(*it);
      right[b] = width - extent_[b];
      for (const int l : rights_[b]) {
        const Limit& limit = limits_[index(l)];
        right[b] = std::min(right[b], right[index(limit.right)] - limit.distance);
      }
    }
    x_.resize(index(blocks_));
    for (std::size_t b = 0; b < x_.size(); ++b) x_[b] = (left[b] + right[b]) / 2;
  }

  // Moves each block towards the median of what it is joined to by lines that are not straight.
  // First those that move away from where the pass comes from, so that they make room.
  void improve(bool rightwards) {
    const auto move = [this](int b, bool only_right) {
      if (pulls_[index(b)].empty()) return;
      const double x = x_[index(b)];
      double target = wanted(b);
      if ((target > x) != only_right) return;
      for (const int l : lefts_[index(b)]) {
        const Limit& limit = limits_[index(l)];
        target = std::max(target, x_[index(limit.left)] + limit.distance);
      }
      for (const int l : rights_[index(b)]) {
        const Limit& limit = limits_[index(l)];
        target = std::min(target, x_[index(limit.right)] - limit.distance);
      }
      x_[index(b)] = target;
    };
    const auto right = [&] {
      for (auto it = sorted_.rbegin(); it != sorted_.rend(); ++it) move(*it, true);
    };
    const auto left = [&] {
      for (const int b : sorted_) move(b, false);
    };
    if (rightwards) {
      right();
      left();
    } else {
      left();
      right();
    }
  }

  double wanted(int b) {
    places_.clear();
    double total = 0;
    for (const Pull& pull : pulls_[index(b)]) {
      places_.emplace_back(x_[index(pull.b)] + pull.distance, pull.weight);
      total += pull.weight;
    }
    std::ranges::sort(places_);
    double sum = 0;
    for (std::size_t i = 0; i < places_.size(); ++i) {
      sum += places_[i].second;
      if (sum * 2 > total) return places_[i].first;
      if (sum * 2 == total) return (places_[i].first + places_[i + 1].first) / 2;
    }
    return x_[index(b)];
  }

  // Lines that enter a box beside each other; a straight one keeps the middle. Nets that leave it
  // likewise.
  void spread(int v) {
    const double half = std::min(level_.item(v).left, level_.item(v).right) - 6;
    std::vector<std::pair<double, std::vector<int>>> ends;
    for (const int s : level_.in[index(v)])
      ends.push_back({level_.x_of_start(level_.segment(s)), {s}});
    place(ends, half, above_[index(v)], true);
    std::map<int, std::vector<int>> nets;
    for (const int s : level_.out[index(v)]) nets[level_.segment(s).net].push_back(s);
    ends.clear();
    for (const auto& [net, lines] : nets) {
      double sum = 0;
      for (const int s : lines) sum += level_.x_of_end(level_.segment(s));
      ends.emplace_back(sum / static_cast<double>(lines.size()), lines);
    }
    place(ends, half, below_[index(v)], false);
  }

  void place(std::vector<std::pair<double, std::vector<int>>>& ends, double half, int straight,
             bool in) {
    if (ends.size() < 2) return;
    std::ranges::stable_sort(ends, {}, [](const auto& end) { return end.first; });
    double middle = static_cast<double>(ends.size() - 1) / 2;
    for (std::size_t i = 0; i < ends.size(); ++i) {
      if (std::ranges::find(ends[i].second, straight) != ends[i].second.end())
        middle = static_cast<double>(i);
    }
    const double most = std::max(middle, static_cast<double>(ends.size() - 1) - middle);
    const double step = std::min(level_.gaps.port, std::max(half, 0.0) / most);
    for (std::size_t i = 0; i < ends.size(); ++i) {
      for (const int s : ends[i].second) {
        Level::Segment& line = level_.segment(s);
        (in ? line.to_offset : line.from_offset) = (static_cast<double>(i) - middle) * step;
      }
    }
  }

  Level& level_;
  std::vector<int> above_, below_;          // by item: the straight segment
  std::vector<std::map<int, int>> chosen_;  // by rank
  int blocks_ = 0;
  std::vector<int> block_;                // by item
  std::vector<double> shift_;             // of an item from its block's x
  std::vector<double> low_, extent_, x_;  // by block
  std::vector<Limit> limits_;
  std::vector<std::vector<int>> lefts_, rights_;  // limits by block
  std::vector<std::vector<Pull>> pulls_;
  std::vector<int> sorted_;
  std::vector<std::pair<double, double>> places_;
};

}  // namespace

void place_across(Level& level) { Across(level).run(); }

}  // namespace glassbox::viz::detail
