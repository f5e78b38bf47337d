#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "viz/layout_level.h"

namespace glassbox::viz::detail {
namespace {

constexpr std::size_t many = 40'000;  // segments from which on less is tried
constexpr int sweeps = 24, patience = 4;

class Order {
 public:
  explicit Order(Level& level) : level_(level) {}

  void run() {
    start();
    sort_slots();
    std::int64_t best = crossings();
    const bool is_large = level_.segments.size() > many;
    auto kept = level_.ranks;
    int idle = 0;
    for (int i = 0; i < (is_large ? 4 : sweeps) && best > 0 && idle < patience; ++i) {
      sweep(i % 2 == 0);
      if (!is_large && i % 4 >= 2) transpose();
      sort_slots();
      const std::int64_t now = crossings();
      ++idle;
      if (now >= best) continue;
      best = now;
      kept = level_.ranks;
      idle = 0;
    }
    level_.ranks = std::move(kept);
    for (const auto& rank : level_.ranks) number(rank);
    if (best > 0 && !is_large && transpose()) sort_slots();
    sort_slots();
  }

 private:
  static std::size_t index(int i) { return static_cast<std::size_t>(i); }

  void number(const std::vector<int>& rank) {
    for (std::size_t i = 0; i < rank.size(); ++i)
      level_.item(rank[i]).position = static_cast<int>(i);
  }

  // Where a line touches an item, in positions: the offset counts for less than one.
  double key(int i, double offset) const {
    const Level::Item& item = level_.item(i);
    const double width = item.left + item.right;
    return item.position + (width > 0 ? 0.9 * (offset + item.left) / width : 0.45);
  }
  double upper(const Level::Segment& s) const { return key(s.from, s.from_offset); }
  double lower(const Level::Segment& s) const { return key(s.to, s.to_offset); }

  // Depth first, boxes before what only passes: branches in their own order, skips to their right.
  void start() {
    std::vector<char> seen(level_.items.size(), 0);
    std::vector<int> stack;
    std::vector<int> sources = level_.first;
    for (std::size_t i = 0; i < level_.items.size(); ++i) {
      if (level_.in[i].empty()) sources.push_back(static_cast<int>(i));
    }
    for (const int source : sources) {
      if (seen[index(source)]) continue;
      stack.push_back(source);
      while (!stack.empty()) {
        const int v = stack.back();
        stack.pop_back();
        if (seen[index(v)]) continue;
        seen[index(v)] = 1;
        if (!level_.item(v).is_lane) level_.ranks[index(level_.item(v).rank)].push_back(v);
        const auto& out = level_.out[index(v)];
        for (const bool bends : {true, false}) {
          for (auto s = out.rbegin(); s != out.rend(); ++s) {
            const int to = level_.segment(*s).to;
            if (level_.item(to).is_bend() == bends && !seen[index(to)]) stack.push_back(to);
          }
        }
      }
    }
    for (const auto& rank : level_.ranks) number(rank);
    for (Level::Item& item : level_.items) {  // lanes are right of everything
      if (item.is_lane) item.position = static_cast<int>(level_.ranks[index(item.rank)].size());
    }
  }

  void sweep(bool down) {
    const std::size_t n = level_.ranks.size();
    for (std::size_t r = 1; r < n; ++r) {
      std::vector<int>& rank = level_.ranks[down ? r : n - 1 - r];
      // Items without a neighbour on that side keep their places.
      std::vector<std::pair<double, int>> moving;
      std::vector<std::size_t> places;
      for (std::size_t i = 0; i < rank.size(); ++i) {
        const auto& lines = down ? level_.in[index(rank[i])] : level_.out[index(rank[i])];
        if (lines.empty()) continue;
        places.push_back(i);
        moving.emplace_back(median(lines, down), rank[i]);
      }
      std::ranges::stable_sort(moving, {}, &std::pair<double, int>::first);
      for (std::size_t i = 0; i < places.size(); ++i) rank[places[i]] = moving[i].second;
      number(rank);
    }
  }

  double median(const std::vector<int>& lines, bool down) {
    keys_.clear();
    for (const int s : lines)
      keys_.push_back(down ? upper(level_.segment(s)) : lower(level_.segment(s)));
    std::ranges::sort(keys_);
    const std::size_t half = keys_.size() / 2;
    return keys_.size() % 2 ? keys_[half] : (keys_[half - 1] + keys_[half]) / 2;
  }

  std::int64_t crossings() {
    std::int64_t total = 0;
    for (const auto& rank : level_.ranks) total += crossings_below(rank);
    return total;
  }

  // Inversions among the lower ends, in order of the upper ones.
  std::int64_t crossings_below(const std::vector<int>& rank) {
    std::vector<std::pair<double, double>> lines;
    for (const int v : rank) {
      for (const int s : level_.out[index(v)])
        lines.emplace_back(upper(level_.segment(s)), lower(level_.segment(s)));
    }
    if (lines.size() < 2) return 0;
    std::ranges::sort(lines);
    std::vector<double> ends(lines.size());
    for (std::size_t i = 0; i < lines.size(); ++i) ends[i] = lines[i].second;
    std::ranges::sort(ends);
    std::vector<std::int64_t> tree(ends.size() + 1, 0);
    std::int64_t count = 0;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const auto at =
          static_cast<std::size_t>(std::ranges::lower_bound(ends, lines[i].second) - ends.begin());
      std::int64_t not_right = 0;  // of those before, that end at or left of this one
      for (std::size_t k = static_cast<std::size_t>(
               std::ranges::upper_bound(ends, lines[i].second) - ends.begin());
           k > 0; k &= k - 1)
        not_right += tree[k];
      count += static_cast<std::int64_t>(i) - not_right;
      for (std::size_t k = at + 1; k < tree.size(); k += k & (~k + 1)) ++tree[k];
    }
    return count;
  }

  // Exchanges neighbours while that removes crossings. True when it did.
  bool transpose() {
    bool changed = false;
    for (int pass = 0; pass < 4; ++pass) {
      bool again = false;
      for (auto& rank : level_.ranks) {
        for (std::size_t i = 0; i + 1 < rank.size(); ++i) {
          if (gain(rank[i], rank[i + 1]) <= 0) continue;
          std::swap(rank[i], rank[i + 1]);
          std::swap(level_.item(rank[i]).position, level_.item(rank[i + 1]).position);
          again = true;
        }
      }
      if (!again) break;
      changed = true;
    }
    return changed;
  }

  // Crossings between the lines of two neighbours now, less those after an exchange.
  std::int64_t gain(int a, int b) {
    return gain_of(level_.in[index(a)], level_.in[index(b)], true) +
           gain_of(level_.out[index(a)], level_.out[index(b)], false);
  }
  std::int64_t gain_of(const std::vector<int>& a, const std::vector<int>& b, bool up) {
    if (a.empty() || b.empty()) return 0;
    const auto ends = [this, up](const std::vector<int>& lines, std::vector<double>& out) {
      out.clear();
      for (const int s : lines)
        out.push_back(up ? upper(level_.segment(s)) : lower(level_.segment(s)));
      std::ranges::sort(out);
    };
    ends(a, keys_);
    ends(b, other_keys_);
    return greater(keys_, other_keys_) - greater(other_keys_, keys_);
  }
  // Pairs in which the one of `a` is greater; both are sorted.
  static std::int64_t greater(const std::vector<double>& a, const std::vector<double>& b) {
    std::int64_t count = 0;
    std::size_t k = 0;
    for (const double x : a) {
      while (k < b.size() && b[k] < x) ++k;
      count += static_cast<std::int64_t>(k);
    }
    return count;
  }

  // Gives the interchangeable sinks of each item their offsets in the order of their lines.
  void sort_slots() {
    std::map<std::pair<int, int>, std::vector<int>> groups;  // by item and group
    for (std::size_t s = 0; s < level_.segments.size(); ++s) {
      const Level::Segment& segment = level_.segments[s];
      if (segment.sink < 0) continue;
      const int group = sink_of(segment).group;
      if (group > 0) groups[{segment.to, group}].push_back(static_cast<int>(s));
    }
    for (auto& [where, lines] : groups) {
      std::vector<std::pair<double, int>> slots;
      for (const int s : lines) {
        const Level::Net::Sink& sink = sink_of(level_.segment(s));
        slots.emplace_back(sink.offset, sink.slot);
      }
      std::ranges::sort(slots);
      std::ranges::stable_sort(lines, {}, [this](int s) { return upper(level_.segment(s)); });
      for (std::size_t i = 0; i < lines.size(); ++i) {
        Level::Segment& segment = level_.segment(lines[i]);
        Level::Net::Sink& sink = sink_of(segment);
        sink.offset = segment.to_offset = slots[i].first;
        sink.slot = slots[i].second;
      }
    }
  }
  Level::Net::Sink& sink_of(const Level::Segment& s) {
    return level_.nets[index(s.net)].sinks[index(s.sink)];
  }

  Level& level_;
  std::vector<double> keys_, other_keys_;
};

}  // namespace

void order_ranks(Level& level) { Order(level).run(); }

}  // namespace glassbox::viz::detail
