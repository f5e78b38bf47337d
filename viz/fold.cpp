#include "viz/fold.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "viz/transforms.h"

namespace glassbox::viz {
namespace {

using Node = Diagram::Node;
using Edge = Diagram::Edge;
using Link = Diagram::Link;

// Which nodes become one, and the order of what is left. An item is a node, or, from the number of
// nodes on, a piece of a group.
class Contraction {
 public:
  explicit Contraction(const Diagram& diagram)
      : nodes_(static_cast<int>(diagram.nodes.size())),
        sources_(Adjacency(diagram).predecessors),
        order_(diagram.nodes.size()),
        position_(diagram.nodes.size()),
        item_of_(diagram.nodes.size()),
        state_(diagram.nodes.size(), State::apart) {
    for (std::size_t i = 0; i < order_.size(); ++i) {
      order_[i] = static_cast<int>(i);
      position_[i] = item_of_[i] = static_cast<int>(i);
    }
  }

  struct Piece {
    std::vector<int> nodes;
    std::size_t group;
  };

  void add(std::vector<int> group, std::size_t index) {
    std::ranges::sort(group, {}, [this](int n) { return position_[at(n)]; });
    for (std::size_t first = 0; first < group.size();) first += take_piece(group, first, index);
  }

  const std::vector<int>& order() const { return order_; }  // items; -1: none
  const std::vector<Piece>& pieces() const { return pieces_; }
  int item_of(int node) const { return item_of_[at(node)]; }
  int nodes() const { return nodes_; }

 private:
  enum class State : std::uint8_t { apart, member, piece, behind };
  static std::size_t at(int i) { return static_cast<std::size_t>(i); }

  // The longest run of the group's nodes from `first` on that no path leaves and enters again.
  // Returns its length.
  std::size_t take_piece(const std::vector<int>& group, std::size_t first, std::size_t index) {
    const int low = position_[at(group[first])], high = position_[at(group.back())];
    std::vector<int> touched, before, behind;
    const auto set = [this, &touched](int item, State state) {
      state_[at(item)] = state;
      touched.push_back(item);
    };
    for (std::size_t i = first; i < group.size(); ++i) set(group[i], State::member);
    Piece piece{{}, index};
    std::vector<int> passed;  // outside items since the last one that joined
    int last = low;
    for (int p = low; p <= high; ++p) {
      const int item = order_[at(p)];
      if (item < 0) continue;
      bool reads_piece = false, reads_behind = false;
      for (const int source : sources_[at(item)]) {
        const State state = state_[at(item_after(source))];
        reads_piece = reads_piece || state == State::piece;
        reads_behind = reads_behind || state == State::behind;
      }
      if (state_[at(item)] == State::member) {
        if (reads_behind) break;
        set(item, State::piece);
        piece.nodes.push_back(item);
        last = p;
      } else if (reads_piece || reads_behind) {
        set(item, State::behind);
      }
    }
    for (int p = low; p <= last; ++p) {
      const int item = order_[at(p)];
      if (item < 0 || state_[at(item)] == State::piece) continue;
      (state_[at(item)] == State::behind ? behind : before).push_back(item);
    }
    const std::size_t taken = piece.nodes.size();
    for (const int item : touched) state_[at(item)] = State::apart;
    put(std::move(piece), before, behind, low, last);
    return taken;
  }

  // The item that a source is by now.
  int item_after(int source) const { return source < nodes_ ? item_of_[at(source)] : source; }

  void put(Piece piece, const std::vector<int>& before, const std::vector<int>& behind, int low,
           int last) {
    const int item = nodes_ + static_cast<int>(pieces_.size());
    std::vector<int> reads;
    for (const int n : piece.nodes) {
      item_of_[at(n)] = item;
      reads.insert(reads.end(), sources_[at(n)].begin(), sources_[at(n)].end());
    }
    std::ranges::sort(reads);
    reads.erase(std::unique(reads.begin(), reads.end()), reads.end());
    std::erase_if(reads, [this, item](int n) { return item_after(n) == item; });
    sources_.push_back(std::move(reads));
    position_.push_back(0);
    state_.push_back(State::apart);
    pieces_.push_back(std::move(piece));
    int p = low;
    const auto place = [this, &p](int i) {
      order_[at(p)] = i;
      position_[at(i)] = p++;
    };
    std::ranges::for_each(before, place);
    place(item);
    std::ranges::for_each(behind, place);
    while (p <= last) order_[at(p++)] = -1;
  }

  const int nodes_;
  std::vector<std::vector<int>> sources_;  // of items, as nodes
  std::vector<int> order_, position_, item_of_;
  std::vector<State> state_;
  std::vector<Piece> pieces_;
};

struct LinkHash {
  std::size_t operator()(const Link& link) const {
    const std::hash<std::string> hash;
    return hash(link.from) * 31 + hash(link.to);
  }
};

// The innermost frame around both.
int common_cluster(const Diagram& diagram, int a, int b) {
  std::unordered_set<int> around;
  const auto parent = [&diagram](int c) {
    return diagram.clusters[static_cast<std::size_t>(c)].parent;
  };
  for (; a >= 0; a = parent(a)) around.insert(a);
  while (b >= 0 && !around.contains(b)) b = parent(b);
  return b;
}

// "layer1.0" of "layer1.0.conv1" and "layer1.0".
std::string common_path(const std::string& a, const std::string& b) {
  std::size_t shared = 0;
  for (std::size_t i = 0; i <= std::min(a.size(), b.size()); ++i) {
    const bool ends = (i == a.size() || a[i] == '.') && (i == b.size() || b[i] == '.');
    if (ends) shared = i;
    if (i == a.size() || i == b.size() || a[i] != b[i]) break;
  }
  return a.substr(0, shared);
}

void add_times(std::optional<Timing>& sum, const std::optional<Timing>& more) {
  if (!more) return;
  if (!sum) sum.emplace();
  sum->median += more->median;
  sum->low += more->low;
  sum->high += more->high;
}

// Options that all parts which have them agree on.
Attrs common_attrs(const std::vector<Node>& parts) {
  Attrs attrs;
  std::unordered_set<std::string> refuted;
  for (const Node& part : parts) {
    for (const Attr& attr : part.attrs) {
      const auto known = std::ranges::find(attrs, attr.name, &Attr::name);
      if (known == attrs.end()) {
        attrs.push_back(attr);
      } else if (known->value != attr.value) {
        refuted.insert(attr.name);
      }
    }
  }
  std::erase_if(attrs, [&refuted](const Attr& attr) { return refuted.contains(attr.name); });
  return attrs;
}

// The edges of every piece's parts, as they were between unfolded nodes.
std::vector<std::vector<Link>> links_of(const Diagram& diagram, const Contraction& contraction) {
  const std::size_t count = contraction.pieces().size();
  std::vector<std::vector<Link>> links(count);
  std::vector<std::unordered_set<Link, LinkHash>> known(count);
  std::vector<bool> listed(diagram.nodes.size(), false);
  const auto add = [&](std::size_t piece, const Link& link) {
    if (known[piece].insert(link).second) links[piece].push_back(link);
  };
  for (const Edge& edge : diagram.edges) {
    const Node &from = diagram.nodes[static_cast<std::size_t>(edge.from)],
               &to = diagram.nodes[static_cast<std::size_t>(edge.to)];
    for (const int end : {edge.from, edge.to}) {
      const int item = contraction.item_of(end);
      if (item < contraction.nodes()) continue;
      const auto piece = static_cast<std::size_t>(item - contraction.nodes());
      const Node& part = diagram.nodes[static_cast<std::size_t>(end)];
      const Node& other = end == edge.from ? to : from;
      if (!part.parts.empty()) {
        if (!listed[static_cast<std::size_t>(end)]) {
          for (const Link& link : part.links) add(piece, link);
        }
        listed[static_cast<std::size_t>(end)] = true;
      } else if (other.parts.empty()) {
        add(piece, {from.id, to.id, edge.tensor, edge.failed});
      } else {
        for (const Link& link : other.links) {
          if ((end == edge.from ? link.from : link.to) == part.id) add(piece, link);
        }
      }
    }
  }
  return links;
}

Node base_node(Diagram& diagram, const std::vector<int>& nodes) {
  Node made;
  bool first = true;
  for (const int n : nodes) {
    Node& part = diagram.nodes[static_cast<std::size_t>(n)];
    made.module = first ? part.module : common_path(made.module, part.module);
    made.cluster = first ? part.cluster : common_cluster(diagram, made.cluster, part.cluster);
    made.call = std::max(made.call, part.call);
    if (first) made.phase = part.phase;
    made.parameters += part.parameters;
    made.costs += part.costs;
    add_times(made.time, part.time);
    add_times(made.time_backward, part.time_backward);
    made.shared = made.shared || part.shared;
    if (made.failure.empty()) made.failure = part.failure;
    if (part.change != Node::Change::none)
      made.change = first || made.change == part.change ? part.change : Node::Change::changed;
    made.parts.push_back(std::move(part));
    first = false;
  }
  made.id = made.parts.back().id;
  made.attrs = common_attrs(made.parts);
  return made;
}

struct EdgeHash {
  std::size_t operator()(const std::pair<int, int>& pair) const {
    return static_cast<std::size_t>(pair.first) * 1000003 + static_cast<std::size_t>(pair.second);
  }
};

// Edges in order of their readers; of equal ones the first.
class EdgeList {
 public:
  void add(const Edge& edge) {
    if (edge.from == edge.to) return;
    std::vector<std::size_t>& same = by_ends_[{edge.from, edge.to}];
    for (const std::size_t i : same) {
      if (edges_[i].tensor != edge.tensor) continue;
      edges_[i].failed = edges_[i].failed || edge.failed;
      return;
    }
    same.push_back(edges_.size());
    edges_.push_back(edge);
  }
  bool contains(int from, int to) const { return by_ends_.contains({from, to}); }
  std::vector<Edge> take() {
    std::ranges::stable_sort(edges_, {}, &Edge::to);
    return std::move(edges_);
  }

 private:
  std::vector<Edge> edges_;
  std::unordered_map<std::pair<int, int>, std::vector<std::size_t>, EdgeHash> by_ends_;
};

// What flows in and out of the folded nodes, from the edges.
void set_tensors(Diagram& diagram, const std::vector<int>& made) {
  std::vector<bool> is_made(diagram.nodes.size(), false);
  for (const int n : made) is_made[static_cast<std::size_t>(n)] = true;
  const auto add = [](std::vector<TensorInfo>& list, const TensorInfo& tensor) {
    if (std::ranges::find(list, tensor) == list.end()) list.push_back(tensor);
  };
  for (const Edge& edge : diagram.edges) {
    if (is_made[static_cast<std::size_t>(edge.to)])
      add(diagram.nodes[static_cast<std::size_t>(edge.to)].inputs, edge.tensor);
    if (is_made[static_cast<std::size_t>(edge.from)])
      add(diagram.nodes[static_cast<std::size_t>(edge.from)].outputs, edge.tensor);
  }
  for (const int n : made) {
    Node& node = diagram.nodes[static_cast<std::size_t>(n)];
    if (node.outputs.empty()) node.outputs = node.parts.back().outputs;
  }
}

}  // namespace

Diagram detail::contract(
    Diagram diagram, const std::vector<std::vector<int>>& groups,
    const std::function<void(Diagram::Node& made, std::size_t group)>& finish) {
  if (groups.empty()) return diagram;
  Contraction contraction(diagram);
  for (std::size_t g = 0; g < groups.size(); ++g) contraction.add(groups[g], g);
  std::vector<std::vector<Link>> links = links_of(diagram, contraction);

  std::vector<Node> nodes;
  std::vector<int> index_of(diagram.nodes.size()), made;
  for (const int item : contraction.order()) {
    if (item < 0) continue;
    const int index = static_cast<int>(nodes.size());
    if (item < contraction.nodes()) {
      index_of[static_cast<std::size_t>(item)] = index;
      nodes.push_back(std::move(diagram.nodes[static_cast<std::size_t>(item)]));
      continue;
    }
    const auto p = static_cast<std::size_t>(item - contraction.nodes());
    const Contraction::Piece& piece = contraction.pieces()[p];
    for (const int n : piece.nodes) index_of[static_cast<std::size_t>(n)] = index;
    Node& node = nodes.emplace_back(base_node(diagram, piece.nodes));
    node.links = std::move(links[p]);
    finish(node, piece.group);
    made.push_back(index);
  }
  EdgeList edges;
  for (Edge edge : diagram.edges) {
    edge.from = index_of[static_cast<std::size_t>(edge.from)];
    edge.to = index_of[static_cast<std::size_t>(edge.to)];
    edges.add(edge);
  }
  diagram.nodes = std::move(nodes);
  diagram.edges = edges.take();
  set_tensors(diagram, made);
  return diagram;
}

Diagram unfold(Diagram diagram, int index) {
  const Node folded = std::move(diagram.nodes.at(static_cast<std::size_t>(index)));
  if (folded.parts.empty()) {
    diagram.nodes[static_cast<std::size_t>(index)] = folded;
    return diagram;
  }
  const int grown = static_cast<int>(folded.parts.size()) - 1;
  const auto moved = [index, grown](int n) { return n > index ? n + grown : n; };
  diagram.nodes.erase(diagram.nodes.begin() + index);
  diagram.nodes.insert(diagram.nodes.begin() + index, folded.parts.begin(), folded.parts.end());

  std::unordered_map<std::string, int> node_of;  // by the id of what it stands for
  for (std::size_t n = 0; n < diagram.nodes.size(); ++n) {
    for (const Node* leaf : leaves_of(diagram.nodes[n]))
      node_of.emplace(leaf->id, static_cast<int>(n));
  }
  const auto is_part = [index, grown](int n) { return n >= index && n <= index + grown; };
  // Between nodes, where both ends are still there.
  std::vector<Edge> restored;
  for (const Link& link : folded.links) {
    const auto from = node_of.find(link.from), to = node_of.find(link.to);
    if (from == node_of.end() || to == node_of.end()) continue;
    restored.push_back({from->second, to->second, link.tensor, link.failed});
  }
  EdgeList edges;
  for (const Edge& edge : restored) {
    if (is_part(edge.to)) edges.add(edge);
  }
  for (Edge edge : diagram.edges) {
    const bool leaves = edge.from == index, enters = edge.to == index;
    edge.from = leaves ? index + grown : moved(edge.from);
    edge.to = enters ? index : moved(edge.to);
    if (!leaves && !enters) {
      edges.add(edge);
      continue;
    }
    // An edge that a later transform made has no link: it goes to the first or the last part.
    bool known = false;
    for (const Edge& link : restored) {
      const bool same = enters ? link.from == edge.from && is_part(link.to)
                               : is_part(link.from) && link.to == edge.to;
      known = known || same;
      if (same && leaves) edges.add(link);
    }
    if (!known) edges.add(edge);
  }
  diagram.edges = edges.take();
  return diagram;
}

}  // namespace glassbox::viz
