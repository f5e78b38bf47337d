// The verbs that train a model and use it: train, demo, evaluate, predict.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "layers/models/models.h"

namespace CLI {
class App;
}

namespace glassbox {

using FindModel = std::function<const models::Entry&(const std::string& name)>;

// Adds them to the command line. The verb that is chosen sets `action`; the references must outlive
// it. `command_line` is what the run's folder will remember.
void add_train_verbs(CLI::App& app, const FindModel& find,
                     const std::vector<std::string>& command_line, std::function<void()>& action);

}  // namespace glassbox
