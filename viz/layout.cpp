#include "viz/layout.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "viz/layout_tree.h"

namespace glassbox::viz {
namespace {

using detail::LayoutTree;
using detail::Level;
using Kind = Level::Item::Kind;

std::size_t index(int i) { return static_cast<std::size_t>(i); }

// A route in the making. Straight pieces in one direction are one.
class Pen {
 public:
  explicit Pen(std::vector<Point>& points) : points_(points) {}

  void start(Point p) { points_.assign(1, p); }
  void line(Point to) {
    Point from = points_.back();
    if (std::abs(to.x - from.x) < 1e-9 && std::abs(to.y - from.y) < 1e-9) return;
    if (is_line_ && std::abs(to.x - from.x) < 1e-9) {
      points_.resize(points_.size() - 3);
      from = points_.back();
    }
    add({from.x + (to.x - from.x) / 3, from.y + (to.y - from.y) / 3},
        {from.x + (to.x - from.x) * 2 / 3, from.y + (to.y - from.y) * 2 / 3}, to);
    is_line_ = true;
  }
  // Leaves and arrives vertically, and stays in the rectangle of its ends.
  void curve(Point to) {
    const Point from = points_.back();
    if (std::abs(to.x - from.x) < 0.01) return line({from.x, to.y});
    const double middle = (from.y + to.y) / 2;
    add({from.x, middle}, {to.x, middle}, to);
    is_line_ = false;
  }

 private:
  void add(Point a, Point b, Point c) {
    points_.push_back(a);
    points_.push_back(b);
    points_.push_back(c);
  }
  std::vector<Point>& points_;
  bool is_line_ = false;
};

// How the lines that enter a cluster lie around it, by cluster and bundle.
struct Entry {
  double x = 0;
  bool main = false;
};
using Entries = std::map<std::pair<int, int>, Entry>;

// Works from top to bottom; a drawing from left to right is that with x and y exchanged.
class Arrangement {
 public:
  Arrangement(const LayoutGraph& graph, Entries entries)
      : graph_(graph), turned_(graph.left_to_right), tree_(graph), entries_(std::move(entries)) {
    for (const int i : tree_.inner_first) arrange(i);
  }

  // Empty where no cluster has several, so that nothing could be better for knowing.
  Entries entries() const {
    Entries found;
    bool several = false;
    for (const int i : tree_.inner_first) {
      const LayoutTree::Node& node = tree_.node(i);
      std::map<int, int> count;
      for (const Level::Net& net : node.level.nets) {
        for (const auto& sink : net.sinks) {
          if (sink.slot < 0) continue;
          const int cluster = node.children[index(sink.item)].cluster;
          found[{cluster, bundle_of(node, net)}] = {
              node.level.x_of_start(node.level.segment(sink.segment)), sink.main};
          several = several || ++count[cluster] > 1;
        }
      }
    }
    return several ? found : Entries{};
  }

  Layout result() {
    result_.boxes.resize(graph_.boxes.size());
    result_.clusters.resize(graph_.clusters.size());
    result_.titles.resize(graph_.clusters.size());
    result_.routes.resize(graph_.edges.size());
    for (auto it = tree_.inner_first.rbegin(); it != tree_.inner_first.rend(); ++it) put(*it);
    for (std::size_t e = 0; e < graph_.edges.size(); ++e) route(e);
    for (const Label& label : labels_) put_label(label);
    const auto& root = tree_.node(tree_.root());
    result_.width = turned_ ? root.height : root.width;
    result_.height = turned_ ? root.width : root.height;
    return std::move(result_);
  }

 private:
  struct Label {
    int edge, level, net;
  };

  // --- one level --------------------------------------------------------------------------------

  void arrange(int i) {
    LayoutTree::Node& node = tree_.node(i);
    Level& level = node.level;
    level.gaps = graph_.gaps;
    level.most_bends = graph_.most_bends;
    for (std::size_t c = 0; c < node.children.size(); ++c) size(node.children[c], level.items[c]);
    for (Level::Net& net : level.nets) connect(node, net);
    label(i);
    order_ports(i);
    const bool is_root = i == tree_.root();
    const double pad = is_root ? 0 : graph_.gaps.pad;
    const LayoutGraph::Cluster title = is_root ? LayoutGraph::Cluster{} : graph_.clusters[index(i)];
    const bool has_title = title.title_width > 0;
    level.head = pad + (has_title && !turned_ ? title.title_height : 0);
    assign_ranks(level);
    order_ranks(level);
    give_slots(node);
    place_across(level);
    place_down(level);
    frame(node, pad, has_title ? title : LayoutGraph::Cluster{});
  }

  void size(const LayoutTree::Child& child, Level::Item& item) {
    double width = 0, height = 0;
    if (child.box >= 0) {
      const LayoutGraph::Box& box = graph_.boxes[index(child.box)];
      width = turned_ ? box.height : box.width;
      height = turned_ ? box.width : box.height;
      item.spreads = true;
    } else {
      const LayoutTree::Node& inner = tree_.node(child.cluster);
      width = inner.width;
      height = inner.height;
      item.weight = 0;
      for (const Level::Item& part : inner.level.items) item.weight += part.weight;
    }
    item.left = item.right = width / 2;
    item.height = height;
  }

  // Where a net touches the clusters of its level.
  void connect(const LayoutTree::Node& node, Level::Net& net) {
    const int bundle = bundle_of(node, net);
    net.offset = cluster_port(node, net.source, bundle, false).second;
    for (auto& sink : net.sinks) {
      const auto [slot, offset] = cluster_port(node, sink.item, bundle, true);
      sink.offset = offset;
      sink.slot = slot;
      if (slot >= 0) sink.group = group_of(node, sink.item, slot);
    }
  }
  static int bundle_of(const LayoutTree::Node& node, const Level::Net& net) {
    const auto n = static_cast<std::size_t>(&net - node.level.nets.data());
    return node.bundles[n];
  }

  // The net of a cluster that continues a line, and how far from its middle that crosses its frame.
  std::pair<int, double> cluster_port(const LayoutTree::Node& node, int item, int bundle,
                                      bool enters) {
    if (index(item) >= node.children.size() || node.children[index(item)].cluster < 0)
      return {-1, 0};
    const LayoutTree::Node& inner = tree_.node(node.children[index(item)].cluster);
    const int n = inner.nets.at(bundle);
    const Level::Net& net = inner.level.nets[index(n)];
    const int port =
        enters ? inner.source_port[index(n)] : net.sinks[index(inner.sink_port[index(n)])].item;
    return {n, inner.level.item(port).x - inner.width / 2};
  }

  // Lines that all end in the same box inside may enter the frame in any order.
  int group_of(const LayoutTree::Node& node, int item, int slot) const {
    const LayoutTree::Node& inner = tree_.node(node.children[index(item)].cluster);
    const auto& sinks = inner.level.nets[index(slot)].sinks;
    if (sinks.size() != 1 || index(sinks[0].item) >= inner.children.size()) return 0;
    return inner.children[index(sinks[0].item)].box >= 0 ? sinks[0].item + 1 : 0;
  }

  void give_slots(const LayoutTree::Node& node) {
    for (const Level::Net& net : node.level.nets) {
      for (const auto& sink : net.sinks) {
        if (sink.group == 0) continue;
        LayoutTree::Node& inner = tree_.node(node.children[index(sink.item)].cluster);
        if (inner.geometry.empty()) {
          inner.geometry.resize(inner.level.nets.size());
          for (std::size_t n = 0; n < inner.geometry.size(); ++n)
            inner.geometry[n] = static_cast<int>(n);
        }
        inner.geometry[index(inner.nets.at(bundle_of(node, net)))] = sink.slot;
      }
    }
  }

  // As a first arrangement found the lines around this cluster, and its trunk on theirs.
  void order_ports(int i) {
    LayoutTree::Node& node = tree_.node(i);
    std::vector<std::pair<double, int>> ports;
    for (std::size_t n = 0; n < node.level.nets.size(); ++n) {
      const auto known = entries_.find({i, node.bundles[n]});
      if (node.source_port[n] < 0 || known == entries_.end()) continue;
      ports.emplace_back(known->second.x, node.source_port[n]);
      if (known->second.main) node.level.item(node.source_port[n]).weight = 0.5;
    }
    std::ranges::stable_sort(ports, {}, &std::pair<double, int>::first);
    for (const auto& [x, port] : ports) node.level.first.push_back(port);
  }

  // A line is labelled where its box is.
  void label(int i) {
    LayoutTree::Node& node = tree_.node(i);
    const auto& gaps = graph_.gaps;
    for (const int e : node.edges) {
      const LayoutGraph::Edge& edge = graph_.edges[index(e)];
      Level::Net& net = node.level.nets[index(tree_.steps[index(e)].front().net)];
      if (edge.label_width <= 0 || net.has_label()) continue;
      labels_.push_back({e, i, tree_.steps[index(e)].front().net});
      net.label_left = turned_ ? edge.label_height + gaps.label : 0;
      net.label_right = turned_ ? 0 : edge.label_width + gaps.label;
      net.label_height = turned_ ? edge.label_width : edge.label_height;
    }
  }

  // Moves the content into the frame, with the title in its corner and no line through that.
  void frame(LayoutTree::Node& node, double pad, const LayoutGraph::Cluster& title) {
    Level& level = node.level;
    double left = 0, right = 0, port = 0;
    bool any = false, has_port = false;
    for (const Level::Item& item : level.items) {
      left = any ? std::min(left, item.x - item.left) : item.x - item.left;
      right = any ? std::max(right, item.x + item.right) : item.x + item.right;
      any = true;
      if (item.kind != Kind::source_port) continue;
      port = has_port ? std::min(port, item.x) : item.x;
      has_port = true;
    }
    double shift = pad - left;
    if (turned_) {
      shift += title.title_height;
    } else if (has_port) {
      shift = std::max(shift, title.title_width + pad * 1.5 - port);
    }
    for (Level::Item& item : level.items) item.x += shift;
    node.width = right + shift + pad;
    // Down to the frame the lines that leave go straight.
    node.height = level.height = std::max(level.height + pad, level.head + pad);
    double& along = turned_ ? node.height : node.width;
    along = std::max(along, title.title_width > 0 ? title.title_width + 2 * pad : 0);
    for (Level::Item& item : level.items) {
      if (item.kind == Kind::sink_port) item.y = node.height;
    }
  }

  // --- where it all is --------------------------------------------------------------------------

  Rect rect(double x, double y, double width, double height) const {
    return turned_ ? Rect{y, x, height, width} : Rect{x, y, width, height};
  }

  void put(int i) {
    const LayoutTree::Node& node = tree_.node(i);
    for (std::size_t c = 0; c < node.children.size(); ++c) {
      const Level::Item& item = node.level.items[c];
      const double x = node.x + item.x - item.left, y = node.y + item.y;
      if (node.children[c].box >= 0) {
        result_.boxes[index(node.children[c].box)] =
            rect(x, y, item.left + item.right, item.height);
        continue;
      }
      const int cluster = node.children[c].cluster;
      LayoutTree::Node& inner = tree_.node(cluster);
      inner.x = x;
      inner.y = y;
      const Rect frame = rect(x, y, inner.width, inner.height);
      result_.clusters[index(cluster)] = frame;
      const auto& title = graph_.clusters[index(cluster)];
      const double pad = graph_.gaps.pad;
      result_.titles[index(cluster)] = {frame.x + pad * 0.8, frame.y + pad / 2, title.title_width,
                                        title.title_height};
    }
  }

  void put_label(const Label& label) {
    const LayoutTree::Node& node = tree_.node(label.level);
    const Level::Item& item = node.level.item(node.level.nets[index(label.net)].label);
    const LayoutGraph::Edge& edge = graph_.edges[index(label.edge)];
    const double x = node.x + item.x, y = node.y + item.y, gap = graph_.gaps.label;
    result_.routes[index(label.edge)].label =
        turned_ ? Rect{y, x - gap - edge.label_height, edge.label_width, edge.label_height}
                : Rect{x + gap, y, edge.label_width, edge.label_height};
  }

  void route(std::size_t e) {
    const auto& steps = tree_.steps[e];
    if (steps.empty()) return;
    Layout::Route& route = result_.routes[e];
    Pen pen(route.points);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const LayoutTree::Node& node = tree_.node(steps[i].level);
      const int n = node.geometry.empty() ? steps[i].net : node.geometry[index(steps[i].net)];
      const Level::Net& net = node.level.nets[index(n)];
      // Lines that were exchanged have one sink each.
      const auto& sink = net.sinks[n == steps[i].net ? index(steps[i].sink) : 0];
      draw(pen, node, sink.segment, i == 0);
    }
    if (tree_.upwards[e]) std::ranges::reverse(route.points);
    if (turned_) {
      for (Point& p : route.points) std::swap(p.x, p.y);
    }
  }

  void draw(Pen& pen, const LayoutTree::Node& node, int last, bool starts) {
    const Level& level = node.level;
    way_.clear();
    for (int s = last; s >= 0;) {
      way_.push_back(s);
      const int from = level.segment(s).from;
      s = level.item(from).is_bend() ? level.in[index(from)].front() : -1;
    }
    for (auto it = way_.rbegin(); it != way_.rend(); ++it) {
      const Level::Segment& s = level.segment(*it);
      const double x0 = node.x + level.x_of_start(s), x1 = node.x + level.x_of_end(s);
      if (starts && it == way_.rbegin()) pen.start({x0, node.y + level.item(s.from).bottom()});
      pen.line({x0, node.y + s.y0});
      pen.curve({x1, node.y + s.y1});
      pen.line({x1, node.y + level.item(s.to).y});
    }
  }

  const LayoutGraph& graph_;
  const bool turned_;
  LayoutTree tree_;
  const Entries entries_;
  std::vector<Label> labels_;
  std::vector<int> way_;
  Layout result_;
};

}  // namespace

Layout layout(const LayoutGraph& graph) {
  Arrangement first(graph, {});
  Entries entries = first.entries();
  if (entries.empty()) return first.result();
  return Arrangement(graph, std::move(entries)).result();
}

}  // namespace glassbox::viz
