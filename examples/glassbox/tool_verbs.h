// The verbs that need no model: new, devices, completion.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "layers/models/models.h"

namespace CLI {
class App;
}

namespace glassbox {

// Adds them to the command line. `program` is how it was called; the verb that is chosen sets
// `action`. The references must outlive the parsing and the action.
void add_tool_verbs(CLI::App& app, const std::vector<models::Entry>& entries,
                    const std::string& program, std::function<void()>& action);

}  // namespace glassbox
