#pragma once
// A graph for patterns, written by hand.
#include <string>
#include <vector>

#include "engine/graph/pattern.h"

namespace glassbox::test {

class TestGraph final : public PatternGraph {
 public:
  int add(std::string op, std::vector<int> reads, Attrs attrs = {}) {
    const int n = size();
    for (const int source : reads) readers_[static_cast<std::size_t>(source)].push_back(n);
    ops_.push_back(std::move(op));
    attrs_.push_back(std::move(attrs));
    reads_.push_back(std::move(reads));
    readers_.emplace_back();
    return n;
  }
  // An input and then these, each after the one before.
  static TestGraph chain(const std::vector<std::string>& ops) {
    TestGraph graph;
    int last = graph.add("", {});
    for (const std::string& op : ops) last = graph.add(op, {last});
    return graph;
  }

  int size() const override { return static_cast<int>(ops_.size()); }
  std::string_view op(int n) const override { return ops_[static_cast<std::size_t>(n)]; }
  const Attrs& attrs(int n) const override { return attrs_[static_cast<std::size_t>(n)]; }
  std::span<const int> successors(int n) const override {
    return readers_[static_cast<std::size_t>(n)];
  }
  std::span<const int> predecessors(int n) const override {
    return reads_[static_cast<std::size_t>(n)];
  }

 private:
  std::vector<std::string> ops_;
  std::vector<Attrs> attrs_;
  std::vector<std::vector<int>> reads_, readers_;
};

}  // namespace glassbox::test
