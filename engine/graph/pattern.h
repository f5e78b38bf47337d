// Patterns over graphs of ops: which ops, in which order, with which options. One language and one
// matcher for whatever looks for groups of ops: what folds a drawing, selects nodes or fuses.
//
//   Conv > BatchNorm > Relu                    one after the other
//   ((ConvBn > ConvBnRelu) | ConvBn) > Add     branches side by side, all of them, in any order
//   (Conv > Conv | _) > Add                    _ is the branch without an op: a skip
//   Conv > Relu or Gelu or (Clip > Mul)        the one or the other; binds tighter than >
//   Relu?  Conv+  Conv*  (Conv > Relu){2,4}    repeated, as often as possible; {2} {2,} too
//   .                                          any op
//   Conv[3x3]  Conv[k=3, s!=1]  Linear[out_features>=1000]  Conv[bias]  "Residual Block"[n=2]
//   head:Linear                                a name under which a match lists what it found
//   Add!                                       reads nothing that the pattern does not name
//
// Op names are those of the graph ("Conv"), as they are written there; other characters than
// letters, digits and _ need quotes. Whitespace and newlines mean nothing. > and | are not mixed
// without parentheses.
//
// Options. [k=3] compares the attribute of that name, else the one that k is short for: k
// kernel_size, s stride, p padding, d dilation, g groups, c channels (or features). [3x3] is
// [k=3x3], [bias] is [bias=true]. = != < <= > >= compare one number with each of the attribute's,
// with the outgoing number alone for channels; != needs one that differs. Lists (3x64) are compared
// whole, with = and !=, and so are words. An op without that attribute does not match.
//
// What a match is. A value that is made inside and read outside may come from the last op only:
//   - every op but the last has exactly one reader, the next op; before branches, one reader for
//     each branch; the last op may have any number.
//   - branches end at the same readers. A pattern that begins with branches begins at the readers
//     of one node.
//   - side inputs: an op may read values from outside beside the one that the pattern follows
//     (`Conv > Add` takes an Add of two operands, wherever the other one comes from), but the op
//     after branches reads those branches alone, and so does one that is marked with !. So
//     `(Conv > Conv | _) > Add` is a block whose skip begins where the block begins, and
//     `Conv > Conv > Add` is one that ends in any sum.
// It follows that putting one node in a match's place never makes a cycle.
//
// Time grows with nodes times the length of the pattern, whatever the repetitions.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/op.h"

namespace glassbox {

// The graph that a pattern sees. Nodes are numbered so that readers come after what they read. An
// op named "" (an input, an output) matches nothing.
class PatternGraph {
 public:
  virtual ~PatternGraph() = default;
  virtual int size() const = 0;
  virtual std::string_view op(int node) const = 0;
  virtual const Attrs& attrs(int node) const = 0;
  virtual std::span<const int> successors(int node) const = 0;    // once each
  virtual std::span<const int> predecessors(int node) const = 0;  // once each
  virtual std::string name(int node) const;  // in why_not; "Conv (node 3)" unless overridden
};

struct PatternMatch {
  std::vector<int> nodes;  // ascending
  std::vector<int> last;   // where it ends: one node, or one of each branch
  std::vector<std::pair<std::string, std::vector<int>>> captures;  // by name, in order of the text

  // Throws Error that lists the names when the pattern has none such.
  const std::vector<int>& operator[](std::string_view name) const;
};

// Where the best attempt stopped.
struct PatternMiss {
  int node = -1;        // that was looked at; -1: none
  int matched = 0;      // nodes of the pattern found before it
  std::string element;  // of the pattern, as it is written: "Conv[k=3]"
  int column = 0;       // of that element, from 1, newlines counted as characters
  std::string reason;   // "is Relu", "has kernel_size 1", "has a second reader: layer1.0/add"
  std::string text;     // all of it as a sentence
};

namespace detail {
struct PatternProgram;
}

// Immutable; copies share what was parsed.
class Pattern {
 public:
  // Throws Error with the column and what was expected there.
  Pattern(std::string_view text);
  Pattern(const std::string& text) : Pattern(std::string_view(text)) {}
  Pattern(const char* text) : Pattern(std::string_view(text)) {}

  const std::string& text() const;
  // The match that begins with that node.
  std::optional<PatternMatch> match_at(const PatternGraph& graph, int node) const;
  // From the first node to the last; no two share a node.
  std::vector<PatternMatch> find_all(const PatternGraph& graph) const;

  friend std::optional<PatternMiss> why_not(const Pattern& pattern, const PatternGraph& graph);

 private:
  std::shared_ptr<const detail::PatternProgram> program_;
};

// The nearest miss: of all attempts the one that found most nodes. None when the pattern matches.
std::optional<PatternMiss> why_not(const Pattern& pattern, const PatternGraph& graph);

}  // namespace glassbox
