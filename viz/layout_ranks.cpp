#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>

#include "viz/layout_level.h"

namespace glassbox::viz::detail {
namespace {

using Kind = Level::Item::Kind;

class Ranks {
 public:
  explicit Ranks(Level& level) : level_(level), in_(level.items.size()), out_(level.items.size()) {
    for (std::size_t n = 0; n < level_.nets.size(); ++n) {
      const Level::Net& net = level_.nets[n];
      out_[index(net.source)].push_back(static_cast<int>(n));
      for (std::size_t s = 0; s < net.sinks.size(); ++s)
        in_[index(net.sinks[s].item)].push_back({static_cast<int>(n), static_cast<int>(s)});
    }
  }

  void run() {
    sort();
    rank();
    sink();
    find_trunk();
    add_bends();
  }

 private:
  struct Link {
    int net, sink;
    friend bool operator==(const Link&, const Link&) = default;
  };

  static std::size_t index(int i) { return static_cast<std::size_t>(i); }
  Level::Net& net(int n) { return level_.nets[index(n)]; }
  int length(int n) { return net(n).has_label() ? 2 : 1; }

  void sort() {
    std::vector<std::size_t> waiting(in_.size());
    for (std::size_t v = 0; v < in_.size(); ++v) {
      waiting[v] = in_[v].size();
      if (!waiting[v]) sorted_.push_back(static_cast<int>(v));
    }
    for (std::size_t i = 0; i < sorted_.size(); ++i) {
      for (const int n : out_[index(sorted_[i])]) {
        for (const auto& sink : net(n).sinks)
          if (!--waiting[index(sink.item)]) sorted_.push_back(sink.item);
      }
    }
  }

  // As high as possible.
  void rank() {
    const bool has_ports = std::ranges::any_of(
        level_.items, [](const auto& item) { return item.kind == Kind::source_port; });
    for (const int v : sorted_) {
      Level::Item& item = level_.item(v);
      item.rank = item.kind == Kind::source_port || !has_ports ? 0 : 1;
      for (const Link& link : in_[index(v)])
        item.rank = std::max(item.rank, level_.item(net(link.net).source).rank + length(link.net));
    }
  }

  // Lower, where that shortens more lines than it makes longer: what nothing leads to, first of
  // all.
  void sink() {
    for (auto it = sorted_.rbegin(); it != sorted_.rend(); ++it) {
      Level::Item& item = level_.item(*it);
      const auto& outs = out_[index(*it)];
      if (item.kind != Kind::box || outs.empty()) continue;
      int room = std::numeric_limits<int>::max();
      for (const int n : outs) {
        for (const auto& s : net(n).sinks)
          room = std::min(room, level_.item(s.item).rank - length(n) - item.rank);
      }
      if (in_[index(*it)].size() < outs.size()) item.rank += room;
    }
    int last = 0;
    for (const Level::Item& item : level_.items) {
      if (item.kind != Kind::sink_port) last = std::max(last, item.rank + 1);
    }
    for (const Level::Item& item : level_.items) last = std::max(last, item.rank);
    for (Level::Item& item : level_.items) {
      if (item.kind == Kind::sink_port) item.rank = last;
    }
  }

  // The trunk: links that are on the longest way both into their lower and out of their upper end.
  void find_trunk() {
    std::vector<double> depth(in_.size(), 0), reach(in_.size(), 0);
    std::vector<Link> best_in(in_.size(), {-1, -1});
    for (const int v : sorted_) {
      double most = -1;
      for (const Link& link : in_[index(v)]) {
        const double d = depth[index(net(link.net).source)];
        if (d <= most) continue;
        most = d;
        best_in[index(v)] = link;
      }
      depth[index(v)] = std::max(most, 0.0) + level_.item(v).weight;
    }
    for (auto it = sorted_.rbegin(); it != sorted_.rend(); ++it) {
      double most = -1;
      Link best{-1, -1};
      for (const int n : out_[index(*it)]) {
        for (std::size_t s = 0; s < net(n).sinks.size(); ++s) {
          const double r = reach[index(net(n).sinks[s].item)];
          if (r <= most) continue;
          most = r;
          best = {n, static_cast<int>(s)};
        }
      }
      reach[index(*it)] = std::max(most, 0.0) + level_.item(*it).weight;
      if (best.net < 0) continue;
      auto& s = net(best.net).sinks[index(best.sink)];
      s.main = best_in[index(s.item)] == best;
    }
  }

  int add_bend(int n, int rank, bool is_label) {
    Level::Item bend;
    bend.kind = is_label ? Kind::label : Kind::bend;
    bend.rank = rank;
    if (is_label) {
      bend.left = net(n).label_left;
      bend.right = net(n).label_right;
      bend.height = net(n).label_height;
    }
    level_.items.push_back(bend);
    return static_cast<int>(level_.items.size()) - 1;
  }

  void add_segment(Level::Segment s) {
    level_.out[index(s.from)].push_back(static_cast<int>(level_.segments.size()));
    level_.in[index(s.to)].push_back(static_cast<int>(level_.segments.size()));
    level_.segments.push_back(s);
  }

  // Sinks of a net, those of an upper rank first.
  std::vector<int> sorted_sinks(const Level::Net& net) const {
    std::vector<int> sinks(net.sinks.size());
    for (std::size_t s = 0; s < sinks.size(); ++s) sinks[s] = static_cast<int>(s);
    std::ranges::stable_sort(sinks, {}, [&](int s) { return rank_of(net, s); });
    return sinks;
  }
  int rank_of(const Level::Net& net, int s) const {
    return level_.item(net.sinks[index(s)].item).rank;
  }

  // From how many ranks on a net passes them on a lane: the longest ones, until what is left is
  // little enough.
  int shortest_lane() const {
    std::vector<int> gaps;
    std::int64_t bends = 0;
    for (const Level::Net& net : level_.nets) {
      int rank = level_.item(net.source).rank;
      for (const int s : sorted_sinks(net)) {
        const int passed = std::max(rank_of(net, s) - rank - 1, 0);
        bends += passed;
        if (passed > 2) gaps.push_back(passed);  // a lane has two bends
        rank = std::max(rank, rank_of(net, s) - 1);
      }
    }
    std::ranges::sort(gaps, std::greater{});
    int shortest = std::numeric_limits<int>::max();
    for (std::size_t i = 0; i < gaps.size() && bends > level_.most_bends; ++i) {
      shortest = gaps[i];
      bends -= gaps[i];
    }
    return shortest;
  }

  // One bend in each rank that a net passes; its sinks branch off from the bend above them.
  void add_bends() {
    const int lane_from = shortest_lane();
    for (std::size_t i = 0; i < level_.nets.size(); ++i) {
      const int n = static_cast<int>(i);
      Level::Net& net = level_.nets[i];
      const std::vector<int> sinks = sorted_sinks(net);
      int at = net.source;
      double offset = net.offset;
      int rank = level_.item(at).rank;
      std::size_t main_until = 0;  // sinks before this one are passed when the trunk branches off
      for (std::size_t s = 0; s < sinks.size(); ++s) {
        if (net.sinks[index(sinks[s])].main) main_until = s + 1;
      }
      for (std::size_t s = 0; s < sinks.size(); ++s) {
        const auto bend_at = [&](int to_rank, bool is_label, bool main) {
          const int bend = add_bend(n, to_rank, is_label);
          if (is_label) net.label = bend;
          level_.in.resize(level_.items.size());
          level_.out.resize(level_.items.size());
          add_segment({at, bend, offset, 0, n, -1, main});
          at = bend;
          offset = 0;
          rank = to_rank;
        };
        const int sink_rank = rank_of(net, sinks[s]);
        const bool lane = sink_rank - rank - 1 >= lane_from;
        if (net.has_label() && net.label < 0 && rank + 1 < sink_rank)
          bend_at(rank + 1, true, !lane && s < main_until);
        if (lane) {
          bend_at(rank + 1, false, false);
          level_.lanes.push_back({at, at});
          bend_at(sink_rank - 1, false, false);
          level_.lanes.back().lower = at;
          level_.item(level_.lanes.back().upper).is_lane = level_.item(at).is_lane = true;
        }
        while (rank + 1 < sink_rank) bend_at(rank + 1, false, s < main_until);
        Level::Net::Sink& sink = net.sinks[index(sinks[s])];
        sink.segment = static_cast<int>(level_.segments.size());
        add_segment({at, sink.item, offset, sink.offset, n, sinks[s], sink.main && !lane});
      }
    }
    int last = -1;
    for (const Level::Item& item : level_.items) last = std::max(last, item.rank);
    level_.ranks.resize(index(last + 1));
  }

  Level& level_;
  std::vector<std::vector<Link>> in_;
  std::vector<std::vector<int>> out_;
  std::vector<int> sorted_;
};

}  // namespace

void assign_ranks(Level& level) {
  level.in.assign(level.items.size(), {});
  level.out.assign(level.items.size(), {});
  Ranks(level).run();
}

}  // namespace glassbox::viz::detail
