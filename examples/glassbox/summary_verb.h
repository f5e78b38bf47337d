// The verb that looks at a model: summary.
#pragma once
#include <functional>
#include <string>

#include "glassbox/train_verbs.h"

namespace glassbox {

// "3x224x224,10": shapes of one sample, one per input. Throws UsageError in the name of the option.
std::vector<Shape> parse_shapes(const std::string& text);
// A model that is only looked at takes no memory.
std::shared_ptr<layers::ModuleBase> make_on_meta(const models::Entry& entry);

// Adds it to the command line; the references must outlive it.
void add_summary_verb(CLI::App& app, const FindModel& find, std::function<void()>& action);

}  // namespace glassbox
