// The verb that draws a model: graph.
#pragma once
#include <functional>

#include "glassbox/train_verbs.h"

namespace glassbox {

// Adds it to the command line; the references must outlive it.
void add_graph_verb(CLI::App& app, const FindModel& find, std::function<void()>& action);

}  // namespace glassbox
