// What each call of a recording contains. Detail of summary and drawings.
#pragma once
#include <string>
#include <vector>

#include "engine/graph/graph.h"

namespace glassbox::viz::detail {

// A call inside another, or an op that the outer one runs itself.
struct Event {
  bool is_call;
  int index;
};

// By call, in order of execution; the last list is what happened outside any call. Ops that are not
// shown are left out; a call that ran none still has its place.
std::vector<std::vector<Event>> events_of(const Graph& graph);

// True when all that a call did is one op: a layer.
bool is_one_op(const std::vector<Event>& events);

// "features.0" seen from "features" is "0"; a path that is not below `from` stays whole.
std::string relative_path(const std::string& path, const std::string& from);

}  // namespace glassbox::viz::detail
