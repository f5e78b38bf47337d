// Runs side by side: a chart for each metric with a line for each run, and a table of their
// figures.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "glassbox/report_page.h"
#include "glassbox/run_history.h"
#include "viz/chart_line.h"

namespace glassbox {

struct PlotRequest {
  std::vector<std::string> runs = {}, metrics = {};  // metrics: names, or patterns with * and ?
  double smooth = 0;
  bool log_x = false, log_y = false;
  // One line for the runs that are named alike up to a number at the end: their mean, and a
  // standard deviation to both sides.
  bool group = false;
  std::optional<XAxis> x = {};  // left out: epochs where all runs have them, else steps
};

struct PlotRow {
  std::string metric, run;
  std::size_t points = 0;
  double last = 0, min = 0, max = 0;
  std::string step;  // the last one
};

struct Plot {
  std::vector<viz::LineChart> charts;
  std::vector<PlotRow> rows;       // by metric, then by run
  std::vector<std::string> notes;  // which run lacks which metric
};

class RunPlot {
 public:
  // Opens the runs and finds the metrics. Throws UsageError for what is not there, with what is.
  explicit RunPlot(PlotRequest request);
  Plot draw() const;
  // Every point, not only those that a chart shows: metric,run,step,x,value.
  std::string csv() const;

 private:
  struct Run {
    std::string name;
    viz::History history;
  };
  std::vector<std::string> find_metrics() const;
  XAxis find_axis() const;
  viz::LineChart chart_of(const std::string& metric) const;
  void group(viz::LineChart& chart) const;

  PlotRequest request_;
  std::vector<Run> runs_;
  std::vector<std::string> metrics_;
  XAxis axis_ = XAxis::step;
};

// "metric  run  last  min  max  points  last step", in columns.
PageTable figures_of(const std::vector<PlotRow>& rows);
std::string table_text(const std::vector<PlotRow>& rows);

namespace detail {
// * is any text, ? one character.
bool matches(std::string_view pattern, std::string_view text);
// Short names of paths that are all different: the last part where that is enough.
std::vector<std::string> run_names(const std::vector<std::string>& paths);
}  // namespace detail

}  // namespace glassbox
