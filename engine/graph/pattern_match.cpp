// The machine that walks a graph along a pattern.
#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "engine/graph/pattern.h"
#include "engine/graph/pattern_program.h"

namespace glassbox::detail {
namespace {

using Kind = PatternInstruction::Kind;

// The most steps that why_not takes; finding has no need of a bound.
constexpr std::int64_t explained_steps = 2'000'000;

bool contains(std::span<const int> range, int item) {
  return std::ranges::find(range, item) != range.end();
}

// Walks a graph along a pattern's instructions, the preferred ones first. Where it stands is a
// place: which nodes were passed last and which read them. What can be reached from a place does
// not depend on the way there, so that a pair of instruction and place that failed once has failed
// for good; and the nodes between two places are the same on every way. Both together keep the time
// at nodes times instructions.
class Matcher {
 public:
  Matcher(const PatternProgram& program, const PatternGraph& graph)
      : program_(program),
        graph_(graph),
        size_(graph.size()),
        used_(static_cast<std::size_t>(size_), false) {}

  std::optional<PatternMatch> match_at(int node) {
    Walk walk;
    walk.dead = &dead_;
    const int end = run(walk, program_.begin, begin_of(node), 0, nullptr);
    if (end < 0) return std::nullopt;
    PatternMatch match;
    Found found;
    collect(walk, end, found);
    std::ranges::sort(found.nodes);
    match.nodes = std::move(found.nodes);
    const std::vector<int> last = from(walk.steps[static_cast<std::size_t>(end)].place);
    match.last = last;
    std::erase_if(match.last, [&match](int n) { return !contains(match.nodes, n); });
    for (const std::string& name : program_.captures)
      match.captures.emplace_back(name, std::vector<int>());
    for (const auto& [capture, n] : found.captured)
      match.captures[static_cast<std::size_t>(capture)].second.push_back(n);
    for (auto& [name, nodes] : match.captures) {
      std::ranges::sort(nodes);
      nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
    }
    for (const int n : match.nodes) used_[static_cast<std::size_t>(n)] = true;
    return match;
  }

  std::optional<PatternMiss> explain() {
    PatternMiss best;
    miss_ = &best;
    for (int node = 0; node < size_ && steps_ < explained_steps; ++node) {
      dead_.clear();
      joins_.clear();
      if (graph_.op(node).empty()) continue;
      if (match_at(node)) return std::nullopt;
    }
    return best;
  }

 private:
  // A place is a number. From 0: after that node. From size: before that node, where nothing was
  // passed yet. From 2 size: others_.
  struct Place {
    std::vector<int> from, next;
    bool joins = false;  // where branches end; else where one of them begins
  };
  struct Step {
    int parent, instruction, place;
    int node = -1;  // that was passed
    int join = -1;  // or the branches
    int matched = 0;
  };
  using Dead = std::unordered_set<std::uint64_t>;
  struct Walk {
    std::vector<Step> steps;
    Dead* dead = nullptr;
  };
  struct Found {
    std::vector<int> nodes;
    std::vector<std::pair<int, int>> captured;  // index, node
  };
  // One way through branches: where it ends and what lies between.
  struct Join {
    int place;
    Found found;
  };

  int begin_of(int node) const { return size_ + node; }
  bool is_begin(int place) const { return place >= size_ && place < 2 * size_; }
  const Place* other(int place) const {
    return place < 2 * size_ ? nullptr : &others_[static_cast<std::size_t>(place - 2 * size_)];
  }
  std::span<const int> next(int place, int& self) const {
    if (const Place* p = other(place)) return p->next;
    if (place < size_) return graph_.successors(place);
    self = place - size_;
    return {&self, 1};
  }
  std::vector<int> from(int place) const {
    if (const Place* p = other(place)) return p->from;
    if (place < size_) return {place};
    return {};
  }
  int place_of(Place place) {
    std::string key(1, place.joins ? 'j' : 'b');
    for (const int n : place.from) key += std::to_string(n) + ",";
    for (const int n : place.next) key += ";" + std::to_string(n);
    const auto [at, is_new] =
        places_.try_emplace(std::move(key), 2 * size_ + static_cast<int>(others_.size()));
    if (is_new) others_.push_back(std::move(place));
    return at->second;
  }

  // --- the walk ---------------------------------------------------------------------------------

  // Explores from there. Without `ends` it stops at the first end and returns its step; else it
  // adds every one to `ends` and returns -1.
  int run(Walk& walk, int instruction, int place, int matched, std::vector<int>* ends) {
    std::vector<Step> open{{-1, instruction, place, -1, -1, matched}};
    while (!open.empty()) {
      const Step step = open.back();
      open.pop_back();
      ++steps_;
      // A start is passed once anyway.
      const bool again =
          step.parent >= 0 && !walk.dead->insert(key_of(step.instruction, step.place)).second;
      if (again) continue;
      const int own = static_cast<int>(walk.steps.size());
      walk.steps.push_back(step);
      const PatternInstruction& at =
          program_.instructions[static_cast<std::size_t>(step.instruction)];
      switch (at.kind) {
        case Kind::accept:
          if (ends) {
            ends->push_back(own);
            break;
          }
          // These did not fail: another match may come by.
          for (int i = own; i >= 0; i = walk.steps[static_cast<std::size_t>(i)].parent) {
            const Step& s = walk.steps[static_cast<std::size_t>(i)];
            walk.dead->erase(key_of(s.instruction, s.place));
          }
          return own;
        case Kind::split:
          open.push_back({own, at.b, step.place, -1, -1, step.matched});
          open.push_back({own, at.a, step.place, -1, -1, step.matched});
          break;
        case Kind::open:
        case Kind::close:
          open.push_back({own, at.a, step.place, -1, -1, step.matched});
          break;
        case Kind::op:
          if (const int node = pass(at, step); node >= 0)
            open.push_back({own, at.a, node, node, -1, step.matched + 1});
          break;
        case Kind::branches: {
          const std::vector<int>& joins = joins_at(at, step);
          for (std::size_t i = joins.size(); i-- > 0;) {
            const Join& join = found_[static_cast<std::size_t>(joins[i])];
            const bool taken = std::ranges::any_of(
                join.found.nodes, [this](int n) { return used_[static_cast<std::size_t>(n)]; });
            if (taken) continue;
            open.push_back({own, at.a, join.place, -1, joins[i],
                            step.matched + static_cast<int>(join.found.nodes.size())});
          }
        }
      }
    }
    return -1;
  }

  static std::uint64_t key_of(int instruction, int place) {
    return static_cast<std::uint64_t>(instruction) << 40 | static_cast<std::uint64_t>(place);
  }

  // The node that passes the test there, or -1.
  int pass(const PatternInstruction& at, const Step& step) {
    const PatternTest& test = program_.tests[static_cast<std::size_t>(at.index)];
    int self = -1;
    const std::span<const int> readers = next(step.place, self);
    if (readers.size() != 1) {
      if (miss_) note_readers(step, readers, test.text, test.column);
      return -1;
    }
    const int node = readers[0];
    if (used_[static_cast<std::size_t>(node)]) return -1;
    const std::string_view op = graph_.op(node);
    if (op.empty() || (!test.op.empty() && op != test.op)) {
      if (miss_)
        note(step, node, test.text, test.column, op.empty() ? "is no op" : "is " + std::string(op),
             true);
      return -1;
    }
    for (const PatternCondition& condition : test.conditions) {
      const std::string miss = condition.miss(graph_.attrs(node));
      if (miss.empty()) continue;
      if (miss_) note(step, node, test.text, test.column, miss);
      return -1;
    }
    const Place* place = other(step.place);
    const std::span<const int> reads = graph_.predecessors(node);
    if ((place && place->joins) || (test.closed && !is_begin(step.place))) {
      const std::vector<int> passed = from(step.place);
      for (const int source : reads) {
        if (contains(passed, source)) continue;
        if (miss_)
          note(step, node, test.text, test.column, "reads " + graph_.name(source) + " too");
        return -1;
      }
    } else if (test.closed && reads.size() > 1) {
      if (miss_) note(step, node, test.text, test.column, cat("reads ", reads.size(), " nodes"));
      return -1;
    }
    return node;
  }

  // The nodes on the way to a step, and what was captured of them.
  void collect(const Walk& walk, int end, Found& found) const {
    std::vector<int> way;
    for (int i = end; i >= 0; i = walk.steps[static_cast<std::size_t>(i)].parent) way.push_back(i);
    std::vector<int> open;
    const auto add = [&found, &open](int node) {
      found.nodes.push_back(node);
      for (const int capture : open) found.captured.emplace_back(capture, node);
    };
    for (std::size_t i = way.size(); i-- > 0;) {
      const Step& step = walk.steps[static_cast<std::size_t>(way[i])];
      if (step.node >= 0) add(step.node);
      if (step.join >= 0) {
        const Found& inner = found_[static_cast<std::size_t>(step.join)].found;
        for (const int node : inner.nodes) add(node);
        found.captured.insert(found.captured.end(), inner.captured.begin(), inner.captured.end());
      }
      const PatternInstruction& at =
          program_.instructions[static_cast<std::size_t>(step.instruction)];
      if (at.kind == Kind::open) open.push_back(at.index);
      if (at.kind == Kind::close) open.pop_back();
    }
  }

  // --- branches ---------------------------------------------------------------------------------

  // How one branch can end from one reader: the step of its walk, and the place.
  struct Ending {
    int walk = -1, step = -1, place = -1;
  };

  // Every way through those branches from there; indices into found_.
  const std::vector<int>& joins_at(const PatternInstruction& at, const Step& step) {
    const auto [known, is_new] = joins_.try_emplace(key_of(at.index, step.place));
    if (!is_new) return known->second;
    std::vector<int> joins = find_joins(at, step);
    return joins_[key_of(at.index, step.place)] = std::move(joins);
  }

  std::vector<int> find_joins(const PatternInstruction& at, const Step& step) {
    const PatternBranches& branches = program_.branches[static_cast<std::size_t>(at.index)];
    int self = -1;
    std::span<const int> readers = next(step.place, self);
    std::vector<int> passed = from(step.place);
    if (is_begin(step.place)) {
      const std::span<const int> before = graph_.predecessors(self);
      if (before.size() != 1) {
        if (miss_)
          note(step, self, branches.text, branches.column,
               cat("reads ", before.size(), " nodes, but branches begin after one"));
        return {};
      }
      passed.assign(before.begin(), before.end());
      readers = graph_.successors(before[0]);
    } else if (const Place* place = other(step.place); place && !place->joins) {
      return {};  // inside a branch only one of the readers is ours
    }
    const std::size_t k = branches.begins.size();
    if (readers.size() != k) {
      if (miss_) note_readers(step, readers, branches.text, branches.column);
      return {};
    }
    const std::vector<int> starts(readers.begin(), readers.end());

    // By what comes after: the ending of each branch from each start.
    std::map<std::vector<int>, std::vector<Ending>> endings;
    std::vector<Walk> walks;
    std::vector<int> first_ends(k, -1);  // a place for each start, for why_not
    std::size_t fitting = 0;             // branches that fit some start
    for (std::size_t b = 0; b < k; ++b) {
      bool fits = false;
      for (std::size_t s = 0; s < k; ++s) {
        Dead dead;
        Walk walk;
        walk.dead = &dead;
        std::vector<int> ends;
        run(walk, branches.begins[b], place_of({passed, {starts[s]}, false}), step.matched, &ends);
        fits = fits || !ends.empty();
        if (first_ends[s] < 0 && !ends.empty())
          first_ends[s] = walk.steps[static_cast<std::size_t>(ends[0])].place;
        for (const int end : ends) {
          const int place = walk.steps[static_cast<std::size_t>(end)].place;
          std::vector<int> target = next_of(place);
          if (!can_join(target, k)) continue;
          const auto at_target = endings.try_emplace(std::move(target), k * k).first;
          Ending& ending = at_target->second[b * k + s];
          if (ending.step < 0) ending = {static_cast<int>(walks.size()), end, place};
        }
        walks.push_back(std::move(walk));
      }
      fitting += fits ? 1 : 0;
    }

    std::vector<int> joins;
    for (const auto& [target, by_pair] : endings) {
      const std::vector<int> start_of = assign(by_pair, k);
      if (start_of.empty()) continue;
      Join join;
      Place place{{}, target, true};
      bool apart = true;
      for (std::size_t b = 0; b < k; ++b) {
        const Ending& ending = by_pair[b * k + static_cast<std::size_t>(start_of[b])];
        const std::vector<int> last = from(ending.place);
        // Two branches that run together are no branches.
        for (const int n : last) apart = apart && !contains(place.from, n);
        place.from.insert(place.from.end(), last.begin(), last.end());
        collect(walks[static_cast<std::size_t>(ending.walk)], ending.step, join.found);
      }
      if (!apart || join.found.nodes.empty()) continue;
      std::ranges::sort(place.from);
      join.place = place_of(std::move(place));
      joins.push_back(static_cast<int>(found_.size()));
      found_.push_back(std::move(join));
    }
    // Of a branch that fits nowhere its own walk has noted the miss.
    if (joins.empty() && miss_ && fitting == k)
      note_apart(step, branches, passed, starts, first_ends);
    return joins;
  }

  std::vector<int> next_of(int place) const {
    int self = -1;
    const std::span<const int> readers = next(place, self);
    std::vector<int> sorted(readers.begin(), readers.end());
    std::ranges::sort(sorted);
    return sorted;
  }
  // What k branches end at reads at least k nodes.
  bool can_join(const std::vector<int>& readers, std::size_t k) const {
    return std::ranges::all_of(readers,
                               [this, k](int n) { return graph_.predecessors(n).size() >= k; });
  }

  // A start for each branch, the written order preferred: bipartite matching by augmenting paths,
  // cubic where trying all orders would be factorial. Empty when there is none.
  static std::vector<int> assign(const std::vector<Ending>& by_pair, std::size_t k) {
    std::vector<int> start_of(k, -1), branch_of(k, -1);
    for (std::size_t b = 0; b < k; ++b) {
      std::vector<bool> tried(k, false);
      if (!augment(by_pair, k, b, tried, start_of, branch_of)) return {};
    }
    return start_of;
  }
  static bool augment(const std::vector<Ending>& by_pair, std::size_t k, std::size_t b,
                      std::vector<bool>& tried, std::vector<int>& start_of,
                      std::vector<int>& branch_of) {
    for (std::size_t s = 0; s < k; ++s) {
      if (by_pair[b * k + s].step < 0 || tried[s]) continue;
      tried[s] = true;
      const int owner = branch_of[s];
      if (owner >= 0 &&
          !augment(by_pair, k, static_cast<std::size_t>(owner), tried, start_of, branch_of))
        continue;
      branch_of[s] = static_cast<int>(b);
      start_of[b] = static_cast<int>(s);
      return true;
    }
    return false;
  }

  // --- the nearest miss -------------------------------------------------------------------------

  // Among attempts of equal length the one where the op itself is right is the nearer one.
  void note(const Step& step, int node, const std::string& element, int column, std::string reason,
            bool is_other_op = false) {
    const int nearness = 2 * step.matched + (is_other_op ? 0 : 1);
    if (nearness <= nearness_) return;
    nearness_ = nearness;
    miss_->node = node;
    miss_->matched = step.matched;
    miss_->element = element;
    miss_->column = column;
    miss_->reason = std::move(reason);
  }
  void note_apart(const Step& step, const PatternBranches& branches, const std::vector<int>& passed,
                  const std::vector<int>& starts, const std::vector<int>& first_ends) {
    std::string ends;
    for (std::size_t s = 0; s < starts.size(); ++s) {
      if (first_ends[s] < 0)
        return note(step, starts[s], branches.text, branches.column, "begins no branch", true);
      const std::vector<int> readers = next_of(first_ends[s]);
      ends += cat(s ? ", " : "", readers.empty() ? "nowhere" : "before " + graph_.name(readers[0]));
    }
    note(step, passed.back(), branches.text, branches.column,
         "has branches that end apart or fit in no order: " + ends);
  }
  void note_readers(const Step& step, std::span<const int> readers, const std::string& element,
                    int column) {
    const std::vector<int> passed = from(step.place);
    if (passed.empty()) return;
    if (readers.empty()) return note(step, passed.back(), element, column, "has no reader");
    std::string names;
    for (const int n : readers) names += (names.empty() ? "" : ", ") + graph_.name(n);
    note(step, passed.back(), element, column,
         cat("has ", readers.size(), readers.size() == 1 ? " reader: " : " readers: ", names));
  }

  const PatternProgram& program_;
  const PatternGraph& graph_;
  const int size_;
  std::vector<bool> used_;
  Dead dead_;
  std::vector<Place> others_;
  std::unordered_map<std::string, int> places_;
  std::unordered_map<std::uint64_t, std::vector<int>> joins_;
  std::vector<Join> found_;
  PatternMiss* miss_ = nullptr;
  int nearness_ = -1;
  std::int64_t steps_ = 0;
};

}  // namespace

std::optional<PatternMatch> match_at(const PatternProgram& program, const PatternGraph& graph,
                                     int node) {
  return Matcher(program, graph).match_at(node);
}

std::vector<PatternMatch> find_matches(const PatternProgram& program, const PatternGraph& graph) {
  Matcher matcher(program, graph);
  std::vector<PatternMatch> matches;
  for (int node = 0; node < graph.size(); ++node) {
    if (graph.op(node).empty()) continue;
    if (std::optional<PatternMatch> match = matcher.match_at(node))
      matches.push_back(std::move(*match));
  }
  return matches;
}

std::optional<PatternMiss> nearest_miss(const PatternProgram& program, const PatternGraph& graph) {
  return Matcher(program, graph).explain();
}

}  // namespace glassbox::detail
