// What is done to a diagram before it is drawn. A transform is a value with
// `Diagram apply(Diagram) const`; so is any function or lambda that takes and returns a Diagram:
//
//   viz::build_graph(model, {{3, 224, 224}},
//                    {viz::Fold("Conv > BatchNorm > Relu", "ConvBnRelu"), viz::FoldDuplicates(),
//                     [](viz::Diagram d) { d.model = "mine"; return d; }});
//
// Each walks over the graph once, so that each ends: what a transform makes it does not look at
// again. What is folded keeps its parts and can be unfolded. No fold makes a cycle.
#pragma once
#include <concepts>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "viz/diagram.h"

namespace glassbox::viz {

template <class T>
concept AppliesToDiagrams = requires(const T& t, Diagram diagram) {
  { t.apply(std::move(diagram)) } -> std::convertible_to<Diagram>;
};
template <class T>
concept MapsDiagrams = std::is_invocable_r_v<Diagram, T&, Diagram> && !AppliesToDiagrams<T>;

class Transform {
 public:
  template <AppliesToDiagrams T>
  Transform(T transform)
      : apply_([t = std::move(transform)](Diagram d) { return t.apply(std::move(d)); }) {}
  template <MapsDiagrams F>
  Transform(F function) requires(!std::is_same_v<F, Transform>) : apply_(std::move(function)) {}

  Diagram operator()(Diagram diagram) const { return apply_(std::move(diagram)); }

 private:
  std::function<Diagram(Diagram)> apply_;
};

// Puts one node in the place of each match of a pattern (engine/graph/pattern.h). Its op is `op`,
// its name `name` or, without one, the titles of its parts. Op "__first__" or "__last__" leaves
// that part's op, name and options, with the inputs and outputs of all.
struct Fold {
  Pattern pattern;
  std::string op, name;
  Fold(Pattern p, std::string o, std::string n = {})
      : pattern(std::move(p)), op(std::move(o)), name(std::move(n)) {}
  Diagram apply(Diagram diagram) const;
};

// Puts one node in the place of all ops whose id ("layer1.0.conv1/conv2d") the regular expression
// finds from its beginning with the same text in its first group. "(.+)/dropout.*" folds each
// module's. Where a path leads out of such a group and back it becomes several nodes. Throws Error
// for a regular expression that is none, or has no group.
struct FoldId {
  std::string regex, op, name;
  FoldId(std::string r, std::string o, std::string n = {})
      : regex(std::move(r)), op(std::move(o)), name(std::move(n)) {}
  Diagram apply(Diagram diagram) const;
};

// Puts one node, with their number, in the place of equal nodes that follow each other and are read
// by nothing else. Equal are the same op with the same options and the same width of the output
// (channels, features), and folds with equal parts; what they read may be of another width, which
// is then written as a range.
struct FoldDuplicates {
  // As HiddenLayer: the same op is enough. Merges layers of different sizes.
  static FoldDuplicates by_op();
  Diagram apply(Diagram diagram) const;

  bool op_alone = false;
};

// Takes the ops of every match away; what read them reads what they read.
struct Prune {
  Pattern pattern;
  explicit Prune(Pattern p) : pattern(std::move(p)) {}
  Diagram apply(Diagram diagram) const;
};

// Takes the ops of every match away, and those before them that nothing else reads. Inputs stay.
struct PruneBranch {
  Pattern pattern;
  explicit PruneBranch(Pattern p) : pattern(std::move(p)) {}
  Diagram apply(Diagram diagram) const;
};

// Gives ops another op, or another name where the title is found, by a regular expression that fits
// all of the text; $1 or \1 is what its first group found. Throws Error for one that is none.
struct Rename {
  static Rename op(std::string regex, std::string to);
  static Rename name(std::string regex, std::string to);
  Diagram apply(Diagram diagram) const;

  std::string regex, to;
  bool of_name = false;
};

// Puts one node in the place of each module that is `levels` below the model, so that what is
// inside is not shown; 1 shows the model's own children, 0 the model as one node. Throws Error
// below 0.
struct DepthLimit {
  explicit DepthLimit(int levels);
  Diagram apply(Diagram diagram) const;

  int levels;
};

// HiddenLayer's list: convolutions, their normalization and activation, linear layers and theirs,
// then repetitions.
const std::vector<Transform>& default_transforms();

// The diagram with a folded node's parts in its place, and the edges that they had.
Diagram unfold(Diagram diagram, int node);

}  // namespace glassbox::viz
