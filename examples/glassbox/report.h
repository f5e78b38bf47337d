// The report of a training: RUN/report.html, one page with everything that is known of the run.
// Nothing that is missing or broken stops it: the page then says what it left out and why.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "glassbox/evaluate.h"

namespace glassbox {

struct ReportSource {
  std::string run = {};                            // the folder
  std::shared_ptr<layers::ModuleBase> model = {};  // in evaluation mode, or null
  std::string weights = {};                        // the file of its weights; "": it has none
  TrainOptions options = {};
  DataInfo info = {};
  std::shared_ptr<const Data> data = {};      // of which only the test images are used, or null
  std::optional<Evaluation> evaluation = {};  // of the model; left out: the test images are run
  std::vector<std::pair<std::string, std::string>> left_out = {};  // what, and why
};

// How many of the worst mistakes a report shows.
constexpr std::size_t mistakes_of_a_report = 12;

// What there is of a run that has ended or was stopped. Throws UsageError when it is no run's
// folder, Error when its config.json is broken.
ReportSource source_of_run(const std::string& run, const std::string& weights,
                           const MakeModel& make);

std::string report_html(const ReportSource& source);
// Into `file`; "": RUN/report.html. Returns the file. Throws Error when it cannot be written.
std::string write_report(const ReportSource& source, const std::string& file = "");

}  // namespace glassbox
