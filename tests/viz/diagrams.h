#pragma once
// Diagrams for the tests of transforms: written by hand, or random, and what is compared of them.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "viz/diagram.h"

namespace glassbox::test {

// Ops by name; each reads those with these numbers. Ids are "op/0", "op/1", ...
viz::Diagram make_diagram(const std::vector<std::pair<std::string, std::vector<int>>>& ops);
viz::Diagram make_chain(const std::vector<std::string>& ops);
// Gives edges what their sources put out, after a test has changed that.
void set_edges(viz::Diagram& diagram);
// A DAG in order of execution with forks and joins, of ops A, B and C.
viz::Diagram random_diagram(std::uint64_t seed, int nodes);

// "A B×2 C": the ops in order with their repetitions.
std::string ops_of(const viz::Diagram& diagram);
// "op/0->op/1": edges by id, sorted.
std::vector<std::string> edges_of(const viz::Diagram& diagram);
// Edges between the ops that nodes stand for, whatever is folded, sorted, once each.
std::vector<std::string> leaf_edges_of(const viz::Diagram& diagram);
// True when every edge goes from an earlier node to a later one: then there is no cycle.
bool in_order(const viz::Diagram& diagram);

}  // namespace glassbox::test
