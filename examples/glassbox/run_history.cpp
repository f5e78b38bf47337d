#include "glassbox/run_history.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/io/file.h"
#include "glassbox/checkpoint.h"
#include "glassbox/usage_error.h"
#include "viz/chart_text_canvas.h"

namespace glassbox {

namespace fs = std::filesystem;
using viz::History;
using viz::Metric;

namespace {

constexpr std::size_t largest_result = std::size_t(64) << 20;

bool is_there(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error);
}

std::vector<EpochResult> results_in(const std::string& file, const char* key) {
  std::vector<EpochResult> results;
  try {
    const auto json = nlohmann::json::parse(io::read_file(file, largest_result));
    for (const auto& entry : json.at(key)) {
      EpochResult& r = results.emplace_back();
      entry.at("epoch").get_to(r.epoch);
      entry.at("loss").get_to(r.loss);
      entry.at("train_accuracy").get_to(r.train_accuracy);
      entry.at("test_accuracy").get_to(r.test_accuracy);
      entry.at("images_per_second").get_to(r.images_per_second);
      entry.at("seconds").get_to(r.seconds);
    }
  } catch (const nlohmann::json::exception& e) {
    fail(file, cat("holds no results of a training: ", e.what()));
  }
  return results;
}

// What could have been meant: the runs that lie beside it.
std::string runs_beside(const std::string& path) {
  fs::path parent = fs::path(path).parent_path();
  if (parent.empty()) parent = ".";
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(parent, error), end; !error && at != end; at.increment(error)) {
    const std::string folder = at->path().string();
    if (is_there(folder + "/config.json") || is_there(folder + "/history.jsonl"))
      names.push_back(at->path().filename().string());
  }
  if (names.empty()) return "";
  std::sort(names.begin(), names.end());
  constexpr std::size_t most = 12;
  std::string list;
  for (std::size_t i = 0; i < std::min(most, names.size()); ++i)
    list += (i > 0 ? ", " : "") + printable(names[i]);
  if (names.size() > most) list += cat(" and ", names.size() - most, " more");
  return cat("; ", parent.string(), " has ", list);
}

History history_of_results(const std::vector<EpochResult>& results) {
  History history;
  for (const EpochResult& r : results) {
    history.log(r.epoch, {{"epoch/loss", r.loss},
                          {"epoch/train_accuracy", r.train_accuracy},
                          {"epoch/test_accuracy", r.test_accuracy},
                          {"epoch/images_per_second", r.images_per_second}});
  }
  return history;
}

}  // namespace

std::vector<EpochResult> epoch_results(const std::string& run) {
  std::vector<EpochResult> results;
  if (is_there(run + "/result.json")) results = results_in(run + "/result.json", "epochs");
  const std::string newest = CheckpointFolder(run + "/checkpoints").newest();
  if (newest.empty() || !is_there(newest + "/state.json")) return results;
  std::vector<EpochResult> later = results_in(newest + "/state.json", "results");
  return later.size() > results.size() ? later : results;
}

History open_history(const std::string& given, std::function<void(const std::string&)> say) {
  std::string path = given;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  if (!is_there(path)) throw UsageError(printable(path) + ": does not exist" + runs_beside(path));
  const viz::HistoryOptions options{.read_only = true, .say = std::move(say)};
  std::error_code error;
  if (fs::is_directory(path, error)) {
    for (const std::string& folder : {path + "/history", path}) {
      if (is_there(folder + "/history.jsonl")) return History(folder, options);
    }
    const std::vector<EpochResult> results = epoch_results(path);
    if (!results.empty()) return history_of_results(results);
    if (is_there(path + "/config.json"))
      throw UsageError(printable(path) + ": this run has logged nothing yet");
    throw UsageError(printable(path) + ": holds neither a run nor a history" +
                     runs_beside(path + "/."));
  }
  const fs::path file(path);
  if (file.filename() == "history.jsonl") {
    return History(file.has_parent_path() ? file.parent_path().string() : ".", options);
  }
  const std::string ending = file.extension().string();
  if (ending != ".jsonl" && ending != ".pkl" && ending != ".pickle") {
    throw UsageError(printable(path) +
                     ": is neither a folder nor a .jsonl or a .pkl file of a history");
  }
  History history;
  history.load(path);
  return history;
}

double batches_in_epoch(const History& history) {
  // A place on the axis is epoch + batch / B.
  for (const std::string& name : history.metrics()) {
    const Metric metric = history[name];
    if (metric.kind() != Metric::Kind::number) continue;
    for (const viz::Bucket& bucket : metric.downsample(2)) {
      if (bucket.last.epoch < 0) return 1;
      const double part = bucket.x_last - static_cast<double>(bucket.last.epoch);
      if (bucket.last.batch > 0 && part > 0)
        return std::round(static_cast<double>(bucket.last.batch) / part);
    }
  }
  return 1;
}

namespace {

double first_time(const History& history) {
  const std::vector<std::string> names = history.metrics();  // in the order of their first values
  const std::vector<double> times =
      names.empty() ? std::vector<double>{} : history[names[0]].times();
  return times.empty() ? 0 : times.front();
}

// As Metric::downsample, over another axis than that of steps.
Curve over_time(const History& history, const Metric& metric, std::size_t points) {
  const std::vector<double> values = metric.values(), times = metric.times();
  const double start = first_time(history);
  Curve curve;
  const std::size_t each = std::max<std::size_t>(1, (values.size() + points - 1) / points);
  curve.per_point = static_cast<double>(each);
  for (std::size_t begin = 0; begin < values.size(); begin += each) {
    const std::size_t end = std::min(begin + each, values.size());
    double sum = 0, low = INFINITY, high = -INFINITY, count = 0;
    for (std::size_t i = begin; i < end; ++i) {
      if (!std::isfinite(values[i])) continue;
      sum += values[i];
      low = std::min(low, values[i]);
      high = std::max(high, values[i]);
      ++count;
    }
    curve.series.x.push_back((times[begin] + times[end - 1]) / 2 - start);
    curve.series.y.push_back(each == 1 ? values[begin] : count > 0 ? sum / count : NAN);
    if (each == 1) continue;
    curve.series.low.push_back(count > 0 ? low : NAN);
    curve.series.high.push_back(count > 0 ? high : NAN);
  }
  if (each > 1) {
    curve.series.x.push_back(times.back() - start);
    curve.series.y.push_back(values.back());
    curve.series.low.push_back(curve.series.low.back());
    curve.series.high.push_back(curve.series.high.back());
  }
  return curve;
}

}  // namespace

Curve curve_of(const History& history, const Metric& metric, XAxis axis, std::size_t points) {
  if (axis == XAxis::time) return over_time(history, metric, points);
  const bool epochs = metric.in_epochs();
  if (axis == XAxis::epoch && !epochs && !metric.empty())
    fail(metric.name(), "was logged by counts of steps, which have no epochs");
  // A place is epoch + batch / B. On an axis of epochs a point stands where its batch ends: what
  // was logged at the end of an epoch, at a whole number.
  const double batches = epochs ? batches_in_epoch(history) : 1;
  const double scale = axis == XAxis::step ? batches : 1;
  const double shift = axis == XAxis::epoch ? 1 / batches : 0;
  Curve curve = viz::curve_of(metric, points);
  // Sums of thirds and the like: 1.9999999999999998 is 2.
  for (double& x : curve.series.x) x = std::round((x * scale + shift) * 1e9) / 1e9;
  return curve;
}

double smoothing_of(double weight, double per_point) {
  return per_point > 1 ? std::pow(weight, per_point) : weight;
}

std::string printable(std::string_view text) {
  std::string out;
  for (const viz::detail::Glyph& glyph : viz::detail::glyphs_of(text)) out += glyph.text;
  return out;
}

}  // namespace glassbox
