#include "viz/graph_diff.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>

#include "engine/core/error.h"
#include "viz/box_text.h"
#include "viz/summary_columns.h"
#include "viz/text.h"

namespace glassbox::viz {
namespace {

using Node = Diagram::Node;
using Edge = Diagram::Edge;
using Change = Node::Change;

std::size_t at(int i) { return static_cast<std::size_t>(i); }

std::string shapes_of(const std::vector<TensorInfo>& tensors, std::int64_t batch) {
  std::vector<std::string> parts;
  for (const TensorInfo& tensor : tensors) parts.push_back(shape_text(tensor, batch));
  return detail::join(parts);
}

// What differs between two nodes of one op: "kernel_size 3 → 5".
class Differences {
 public:
  Differences(const Node& a, const Node& b, std::int64_t batch) : batch_(batch) {
    compare(a, b, "");
  }
  std::vector<std::string> take() { return std::move(notes_); }

 private:
  void compare(const Node& a, const Node& b, const std::string& where) {
    const auto text = [&](const std::string& what, const std::string& x, const std::string& y) {
      if (x != y)
        notes_.push_back(where + what + " " + (x.empty() ? "none" : x) + " → " +
                         (y.empty() ? "none" : y));
    };
    const bool folded = !a.parts.empty() || !b.parts.empty();
    if (folded) {
      text("×", std::to_string(a.repeat), std::to_string(b.repeat));
      if (a.repeat == b.repeat) compare_parts(a, b);
    } else {
      compare_attrs(a.attrs, b.attrs, text);
    }
    if (!where.empty()) return;
    text("input", shapes_of(a.inputs, batch_), shapes_of(b.inputs, batch_));
    text("output", shapes_of(a.outputs, batch_), shapes_of(b.outputs, batch_));
    if (a.parameters != b.parameters)
      text("parameters", with_commas(a.parameters), with_commas(b.parameters));
  }

  // By the leaves: how they were folded is not what is compared.
  void compare_parts(const Node& a, const Node& b) {
    const auto as = leaves_of(a), bs = leaves_of(b);
    if (as.size() != bs.size()) {
      notes_.push_back(cat("of ", as.size(), " ops → of ", bs.size()));
      return;
    }
    for (std::size_t i = 0; i < as.size(); ++i) {
      if (as[i]->op == bs[i]->op) {
        compare(*as[i], *bs[i], bs[i]->id + ": ");
      } else {
        notes_.push_back(as[i]->op + " → " + bs[i]->op);
      }
    }
  }

  template <class Text>
  static void compare_attrs(const Attrs& a, const Attrs& b, const Text& text) {
    const auto value_in = [](const Attrs& attrs, const std::string& name) -> std::string {
      for (const Attr& attr : attrs) {
        if (attr.name == name) return glassbox::to_string(attr.value);
      }
      return "";
    };
    for (const Attr& attr : a)
      text(attr.name, glassbox::to_string(attr.value), value_in(b, attr.name));
    for (const Attr& attr : b) {
      if (value_in(a, attr.name).empty()) text(attr.name, "", glassbox::to_string(attr.value));
    }
  }

  const std::int64_t batch_;
  std::vector<std::string> notes_;
};

// Pairs of nodes of one kind and op, in order in both, of the highest worth in sum.
class Alignment {
 public:
  Alignment(const Diagram& left, const Diagram& right)
      : left_(left), right_(right), partner_(left.nodes.size(), -1) {
    std::size_t first = 0, n = left.nodes.size(), m = right.nodes.size();
    // What is equal at both ends needs no table.
    while (first < n && first < m && is_same(first, first)) {
      partner_[first] = static_cast<int>(first);
      ++first;
    }
    while (n > first && m > first && is_same(n - 1, m - 1)) {
      partner_[--n] = static_cast<int>(--m);
    }
    constexpr std::size_t most_cells = std::size_t(1) << 28;  // a byte each
    if ((n - first) * (m - first) <= most_cells) {
      align(first, n, m);
    } else {
      align_by_id(first, n, m);
    }
  }

  const std::vector<int>& partners() const { return partner_; }

 private:
  bool is_same(std::size_t i, std::size_t j) const {
    return left_.nodes[i].id == right_.nodes[j].id && worth(i, j) == most_worth;
  }

  // Ids count little: in a Sequential they are numbers, which move when a layer comes or goes.
  int worth(std::size_t i, std::size_t j) const {
    const Node &a = left_.nodes[i], &b = right_.nodes[j];
    if (a.kind != b.kind || a.op != b.op || a.phase != b.phase) return 0;
    const bool alike = a.attrs == b.attrs && a.inputs == b.inputs && a.outputs == b.outputs &&
                       a.parameters == b.parameters && a.repeat == b.repeat;
    return 2 + (alike ? 4 : 0) + (a.id == b.id ? 1 : 0);
  }

  void align(std::size_t first, std::size_t n, std::size_t m) {
    enum Step : unsigned char { both, left, right };
    const std::size_t width = m - first + 1;
    std::vector<unsigned char> steps((n - first + 1) * width, both);
    std::vector<int> below(width, 0), best(width, 0);
    for (std::size_t i = n; i-- > first;) {
      for (std::size_t j = m; j-- > first;) {
        const std::size_t c = j - first;
        int most = below[c];
        Step step = left;
        if (best[c + 1] > most) {
          most = best[c + 1];
          step = right;
        }
        if (const int w = worth(i, j); w > 0 && w + below[c + 1] >= most) {
          most = w + below[c + 1];
          step = both;
        }
        best[c] = most;
        steps[(i - first) * width + c] = step;
      }
      best[width - 1] = 0;
      std::swap(best, below);
    }
    for (std::size_t i = first, j = first; i < n && j < m;) {
      switch (steps[(i - first) * width + (j - first)]) {
        case both:
          partner_[i++] = static_cast<int>(j++);
          break;
        case left:
          ++i;
          break;
        default:
          ++j;
      }
    }
  }

  void align_by_id(std::size_t first, std::size_t n, std::size_t m) {
    std::unordered_map<std::string_view, std::size_t> where;
    for (std::size_t j = first; j < m; ++j) where.emplace(right_.nodes[j].id, j);
    std::size_t next = first;
    for (std::size_t i = first; i < n; ++i) {
      const auto found = where.find(left_.nodes[i].id);
      if (found == where.end() || found->second < next || worth(i, found->second) == 0) continue;
      partner_[i] = static_cast<int>(found->second);
      next = found->second + 1;
    }
  }

  static constexpr int most_worth = 7;
  const Diagram& left_;
  const Diagram& right_;
  std::vector<int> partner_;  // of the left's nodes: the right's; -1: removed
};

class Union {
 public:
  Union(const Diagram& left, const Diagram& right, const std::vector<int>& partner)
      : left_(left), right_(right) {
    out_.model = left.model == right.model ? left.model : left.model + " → " + right.model;
    out_.batch = right.batch;
    out_.clusters = right.clusters;
    new_of_left_.assign(left.nodes.size(), -1);
    new_of_right_.assign(right.nodes.size(), -1);
    add_clusters();
    // In order of execution in both: before a common node what only one of them runs until then,
    // the new first, so that a layout goes straight through it.
    std::size_t j = 0, removed = 0;
    const auto add_until = [&](std::size_t right_end, std::size_t left_end) {
      while (j < right_end) add_new(j++);
      for (; removed < left_end; ++removed) add_removed(removed);
    };
    for (std::size_t i = 0; i < left.nodes.size(); ++i) {
      if (partner[i] < 0) continue;
      add_until(at(partner[i]), i);
      add_common(i, j++);
      removed = i + 1;
    }
    add_until(right.nodes.size(), left.nodes.size());
    order_outputs_last();
    add_edges();
  }

  Diagram take() { return std::move(out_); }

 private:
  using Place = std::tuple<std::string, int, Phase>;
  static Place place_of(const Diagram::Cluster& c) { return {c.path, c.call, c.phase}; }

  void add_clusters() {
    std::map<Place, int> known;
    for (std::size_t c = 0; c < right_.clusters.size(); ++c)
      known.emplace(place_of(right_.clusters[c]), static_cast<int>(c));
    for (const Diagram::Cluster& cluster : left_.clusters) {
      const auto [it, fresh] =
          known.emplace(place_of(cluster), static_cast<int>(out_.clusters.size()));
      if (fresh) {
        out_.clusters.push_back(cluster);
        if (cluster.parent >= 0) out_.clusters.back().parent = cluster_[at(cluster.parent)];
      }
      cluster_.push_back(it->second);
    }
  }

  void add_removed(std::size_t i) {
    new_of_left_[i] = static_cast<int>(out_.nodes.size());
    Node node = left_.nodes[i];
    if (node.cluster >= 0) node.cluster = cluster_[at(node.cluster)];
    node.change = Change::removed;
    out_.nodes.push_back(std::move(node));
  }

  void add_new(std::size_t j) {
    new_of_right_[j] = static_cast<int>(out_.nodes.size());
    out_.nodes.push_back(right_.nodes[j]);
    out_.nodes.back().change = Change::added;
  }

  void add_common(std::size_t i, std::size_t j) {
    new_of_left_[i] = new_of_right_[j] = static_cast<int>(out_.nodes.size());
    Node node = right_.nodes[j];
    node.notes = Differences(left_.nodes[i], node, right_.batch).take();
    if (!node.notes.empty()) node.change = Change::changed;
    out_.nodes.push_back(std::move(node));
  }

  // A removed output stands before what was added after it, and ids must stay apart.
  void order_outputs_last() {
    std::unordered_map<std::string, int> times;
    for (Node& node : out_.nodes) ++times[node.id];
    for (Node& node : out_.nodes) {
      if (node.change == Change::removed && times[node.id] > 1) node.id += " (removed)";
    }
    std::vector<int> order(out_.nodes.size()), position(order.size());
    for (std::size_t n = 0; n < order.size(); ++n) order[n] = static_cast<int>(n);
    std::stable_sort(order.begin(), order.end(), [this](int a, int b) {
      const auto rank = [this](int n) {
        const Node::Kind kind = out_.nodes[at(n)].kind;
        return kind == Node::Kind::input ? 0 : kind == Node::Kind::op ? 1 : 2;
      };
      return rank(a) < rank(b);
    });
    std::vector<Node> nodes;
    for (const int n : order) {
      position[at(n)] = static_cast<int>(nodes.size());
      nodes.push_back(std::move(out_.nodes[at(n)]));
    }
    out_.nodes = std::move(nodes);
    for (auto* places : {&new_of_left_, &new_of_right_}) {
      for (int& n : *places) {
        if (n >= 0) n = position[at(n)];
      }
    }
  }

  void add_edges() {
    // How often the left one has an edge, by its ends.
    std::map<std::pair<int, int>, int> before;
    const auto ends = [](const Edge& edge, const std::vector<int>& places) {
      return std::pair(places[at(edge.from)], places[at(edge.to)]);
    };
    for (const Edge& edge : left_.edges) ++before[ends(edge, new_of_left_)];
    for (Edge edge : right_.edges) {
      std::tie(edge.from, edge.to) = ends(edge, new_of_right_);
      int& count = before[{edge.from, edge.to}];
      if (count > 0)
        --count;
      else
        edge.change = Change::added;
      out_.edges.push_back(std::move(edge));
    }
    for (Edge edge : left_.edges) {
      std::tie(edge.from, edge.to) = ends(edge, new_of_left_);
      int& count = before[{edge.from, edge.to}];
      if (count == 0) continue;
      --count;
      edge.change = Change::removed;
      out_.edges.push_back(std::move(edge));
    }
    std::ranges::stable_sort(out_.edges, {}, &Edge::to);
    // Of an old and a new branch that are as long, a layout's trunk takes the one that is named
    // first, both where they part and where they meet.
    for (auto begin = out_.edges.begin(); begin != out_.edges.end();) {
      const auto end = std::find_if(begin, out_.edges.end(),
                                    [to = begin->to](const Edge& edge) { return edge.to != to; });
      if (std::any_of(begin, end, [](const Edge& edge) { return edge.change != Change::none; }))
        std::stable_sort(begin, end, [](const Edge& a, const Edge& b) { return a.from < b.from; });
      begin = end;
    }
  }

  const Diagram& left_;
  const Diagram& right_;
  std::vector<int> cluster_;  // of the left's, in the result
  std::vector<int> new_of_left_, new_of_right_;
  Diagram out_;
};

}  // namespace

Diagram diff(const Diagram& left, const Diagram& right) {
  for (const Diagram* diagram : {&left, &right}) {
    if (!diagram->failure.empty()) fail(diagram->model, diagram->failure);
  }
  if (left.batch != right.batch) {
    fail("diff", cat("the graphs are of different batches, ", left.batch, " and ", right.batch,
                     " (-1 is any)"));
  }
  return Union(left, right, Alignment(left, right).partners()).take();
}

}  // namespace glassbox::viz
