// The verbs that show what trainings logged: plot, report.
#pragma once
#include <functional>

#include "glassbox/train_verbs.h"

namespace glassbox {

// Adds them to the command line; the references must outlive it.
void add_plot_verbs(CLI::App& app, const FindModel& find, std::function<void()>& action);

}  // namespace glassbox
