#include "viz/calls.h"

#include "viz/titles.h"

namespace glassbox::viz::detail {

std::vector<std::vector<Event>> events_of(const Graph& graph) {
  std::vector<std::vector<Event>> events(graph.calls.size() + 1);
  const auto put = [&events](int call, Event event) {
    (call < 0 ? events.back() : events[static_cast<std::size_t>(call)]).push_back(event);
  };
  std::size_t call = 0;
  for (std::size_t node = 0; node <= graph.nodes.size(); ++node) {
    for (; call < graph.calls.size() &&
           static_cast<std::size_t>(graph.calls[call].first_node) <= node;
         ++call) {
      put(graph.calls[call].parent, {true, static_cast<int>(call)});
    }
    if (node == graph.nodes.size() || !is_shown(graph, graph.nodes[node])) continue;
    put(graph.nodes[node].call, {false, static_cast<int>(node)});
  }
  return events;
}

bool is_one_op(const std::vector<Event>& events) {
  return events.size() == 1 && !events[0].is_call;
}

std::string relative_path(const std::string& path, const std::string& from) {
  const bool below =
      path.size() > from.size() && path.starts_with(from) && path[from.size()] == '.';
  return below ? path.substr(from.size() + 1) : path;
}

}  // namespace glassbox::viz::detail
