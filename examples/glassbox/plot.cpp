#include "glassbox/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "glassbox/usage_error.h"
#include "viz/axis.h"
#include "viz/text.h"

namespace glassbox {

using viz::History;
using viz::Metric;

namespace {

constexpr std::size_t most_charts = 40;
constexpr std::size_t points_of_a_line = 2000;
// Bands of more lines than these hide each other.
constexpr std::size_t most_bands = 4;
constexpr std::size_t first_numbers = 4;

bool has_number(const History& history, const std::string& name) {
  return history.contains(name) && history[name].kind() == Metric::Kind::number &&
         !history[name].empty();
}

void add_once(std::vector<std::string>& names, const std::string& name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

std::string list_of(const std::vector<std::string>& names) {
  constexpr std::size_t most = 40;
  std::string list;
  for (std::size_t i = 0; i < std::min(most, names.size()); ++i)
    list += (i > 0 ? ", " : "") + printable(names[i]);
  if (names.size() > most) list += fmt::format(" and {} more", names.size() - most);
  return list;
}

// "cifar-12" is the 12th of "cifar".
std::string group_name(const std::string& run) {
  std::size_t end = run.size();
  while (end > 0 && run[end - 1] >= '0' && run[end - 1] <= '9') --end;
  if (end == run.size() || end < 2 || (run[end - 1] != '-' && run[end - 1] != '_')) return run;
  return run.substr(0, end - 1);
}

}  // namespace

bool detail::matches(std::string_view pattern, std::string_view text) {
  // Where the last * stands, and what of the text it is; more is tried when the rest does not fit.
  std::size_t p = 0, t = 0, star = std::string_view::npos, taken = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++taken;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::vector<std::string> detail::run_names(const std::vector<std::string>& paths) {
  std::vector<std::string> whole, names;
  for (std::string path : paths) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    for (const std::string_view end : {"/history.jsonl", "/history"}) {
      if (path.size() > end.size() && path.ends_with(end)) path.resize(path.size() - end.size());
    }
    names.push_back(path.substr(path.find_last_of('/') + 1));
    whole.push_back(std::move(path));
  }
  std::map<std::string, int> count;
  for (const std::string& name : names) ++count[name];
  for (std::size_t i = 0; i < names.size(); ++i)
    if (count[names[i]] > 1) names[i] = whole[i];
  return names;
}

RunPlot::RunPlot(PlotRequest request) : request_(std::move(request)) {
  if (!(request_.smooth >= 0 && request_.smooth < 1))
    throw UsageError(fmt::format("--smooth {} must be in [0, 1)", request_.smooth));
  const std::vector<std::string> names = detail::run_names(request_.runs);
  for (std::size_t i = 0; i < request_.runs.size(); ++i)
    runs_.push_back({names[i], open_history(request_.runs[i])});
  metrics_ = find_metrics();
  axis_ = find_axis();
}

std::vector<std::string> RunPlot::find_metrics() const {
  std::vector<std::string> numbers, others;
  for (const Run& run : runs_) {
    for (const std::string& name : run.history.metrics())
      add_once(has_number(run.history, name) ? numbers : others, name);
  }
  if (numbers.empty()) {
    throw UsageError(others.empty() ? "plot: nothing was logged yet"
                                    : "plot: no numbers were logged, only " + list_of(others));
  }
  std::vector<std::string> found;
  for (const std::string& pattern : request_.metrics) {
    const std::size_t before = found.size();
    bool known = false;
    for (const std::string& name : numbers) {
      if (name != pattern && !detail::matches(pattern, name)) continue;
      known = true;
      add_once(found, name);
    }
    if (known || found.size() > before) continue;
    const bool is_other = std::find(others.begin(), others.end(), pattern) != others.end();
    throw UsageError(fmt::format("--metric {}: {}; the numbers are {}", printable(pattern),
                                 is_other ? "is no number" : "was not logged", list_of(numbers)));
  }
  if (found.size() > most_charts) {
    throw UsageError(
        fmt::format("--metric: {} metrics are too many to draw at once, {} is the most",
                    found.size(), most_charts));
  }
  if (!found.empty()) return found;
  for (const char* usual : {"loss", "accuracy"}) {
    if (std::find(numbers.begin(), numbers.end(), usual) != numbers.end()) found.push_back(usual);
  }
  if (found.empty())
    found.assign(numbers.begin(), numbers.begin() + static_cast<std::ptrdiff_t>(
                                                        std::min(first_numbers, numbers.size())));
  return found;
}

XAxis RunPlot::find_axis() const {
  if (request_.x && *request_.x != XAxis::epoch) return *request_.x;
  for (const Run& run : runs_) {
    for (const std::string& metric : metrics_) {
      if (!has_number(run.history, metric) || run.history[metric].in_epochs()) continue;
      if (!request_.x) return XAxis::step;
      throw UsageError("--x epoch: " + printable(run.name) +
                       " was logged by counts of steps, which have no epochs");
    }
  }
  return XAxis::epoch;
}

viz::LineChart RunPlot::chart_of(const std::string& metric) const {
  viz::LineChart chart;
  chart.title = metric;
  chart.log_x = request_.log_x;
  chart.log_y = request_.log_y;
  chart.x_label = axis_ == XAxis::epoch ? "epoch" : axis_ == XAxis::time ? "seconds" : "step";
  // Fewer points of each line where there are many lines: what is drawn is as wide as before.
  const std::size_t points = std::clamp<std::size_t>(40'000 / runs_.size(), 400, points_of_a_line);
  std::vector<double> per_point;
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    if (!has_number(runs_[i].history, metric)) continue;
    Curve curve = curve_of(runs_[i].history, runs_[i].history[metric], axis_, points);
    curve.series.name = runs_[i].name;
    curve.series.color = static_cast<int>(i);  // the same in every chart
    per_point.push_back(curve.per_point);
    chart.series.push_back(std::move(curve.series));
  }
  if (chart.series.size() > most_bands || request_.group) {
    for (viz::Series& series : chart.series) series.low.clear(), series.high.clear();
  }
  chart.whole_x = std::all_of(chart.series.begin(), chart.series.end(), [](const auto& series) {
    return std::all_of(series.x.begin(), series.x.end(),
                       [](double x) { return x == std::floor(x); });
  });
  std::sort(per_point.begin(), per_point.end());
  // Of means the best is none of the metric's; the table has those.
  if (per_point.back() > 1) chart.best = viz::Best::none;
  chart.smooth = smoothing_of(request_.smooth, per_point[per_point.size() / 2]);
  if (request_.group) group(chart);
  return chart;
}

void RunPlot::group(viz::LineChart& chart) const {
  std::vector<std::string> names;
  std::map<std::string, std::vector<viz::Series>> groups;
  for (viz::Series& series : chart.series) {
    const std::string name = group_name(series.name);
    add_once(names, name);
    groups[name].push_back(std::move(series));
  }
  chart.series.clear();
  for (const std::string& name : names) {
    const std::vector<viz::Series>& runs = groups[name];
    const std::string label =
        runs.size() == 1 ? runs[0].name : fmt::format("{} (mean of {} runs)", name, runs.size());
    chart.series.push_back(viz::aggregate(label, runs, viz::Band::mean_sd));
    chart.series.back().color = runs[0].color;
  }
  if (names.size() <= 8) {
    for (std::size_t i = 0; i < chart.series.size(); ++i)
      chart.series[i].color = static_cast<int>(i);
  }
}

Plot RunPlot::draw() const {
  Plot plot;
  for (const std::string& name : metrics_) {
    plot.charts.push_back(chart_of(name));
    for (const Run& run : runs_) {
      if (!has_number(run.history, name)) {
        plot.notes.push_back(printable(run.name) + " has no " + printable(name));
        continue;
      }
      const Metric metric = run.history[name];
      const viz::Bucket all = metric.downsample(1).at(0);
      plot.rows.push_back({name, run.name, metric.size(), metric.last(), all.min, all.max,
                           viz::format_step(all.last)});
    }
  }
  return plot;
}

std::string RunPlot::csv() const {
  const auto cell = [](const std::string& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
    std::string quoted = "\"";
    for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    return quoted + "\"";
  };
  std::string out = "metric,run,step,x,value\r\n";
  for (const std::string& name : metrics_) {
    for (const Run& run : runs_) {
      if (!has_number(run.history, name)) continue;
      const Metric metric = run.history[name];
      const std::vector<viz::Step> steps = metric.steps();
      const Curve curve = curve_of(run.history, metric, axis_, SIZE_MAX);
      const std::string begin = cell(name) + "," + cell(run.name) + ",";
      for (std::size_t i = 0; i < steps.size() && i < curve.series.x.size(); ++i)
        out += fmt::format("{}{},{},{}\r\n", begin, viz::format_step(steps[i]), curve.series.x[i],
                           curve.series.y[i]);
    }
  }
  return out;
}

PageTable figures_of(const std::vector<PlotRow>& rows) {
  PageTable table;
  table.header = {"metric", "run", "last", "min", "max", "points", "last step"};
  table.left = 2;
  for (const PlotRow& row : rows) {
    table.rows.push_back({row.metric, row.run, viz::short_number(row.last),
                          viz::short_number(row.min), viz::short_number(row.max),
                          viz::with_commas(static_cast<std::int64_t>(row.points)), row.step});
  }
  return table;
}

std::string table_text(const std::vector<PlotRow>& rows) {
  const PageTable table = figures_of(rows);
  std::vector<std::vector<std::string>> cells{table.header};
  for (const auto& row : table.rows) {
    std::vector<std::string>& line = cells.emplace_back();
    for (const std::string& cell : row) line.push_back(printable(cell));
  }
  std::vector<std::size_t> widths(table.header.size());
  for (const auto& row : cells) {
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], viz::width_of(row[i]));
  }
  std::string out;
  for (const auto& row : cells) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i)
      line += (i > 0 ? "  " : "") + (i < table.left ? viz::pad_right(row[i], widths[i])
                                                    : viz::pad_left(row[i], widths[i]));
    out += line + "\n";
  }
  return out;
}

}  // namespace glassbox
