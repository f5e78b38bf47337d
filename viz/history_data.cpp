#include "viz/history_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

#include "engine/core/error.h"

namespace glassbox::viz::detail {
namespace {

constexpr std::size_t max_metrics = 100'000;
constexpr std::uint64_t index_worth = 4 << 20;  // bytes of lines

}  // namespace

double Blobs::add(Blob blob) {
  const std::lock_guard lock(mutex_);
  blobs_.push_back(std::make_shared<const Blob>(std::move(blob)));
  return -static_cast<double>(blobs_.size());
}

Blobs::Blob Blobs::at(double value) const {
  const std::lock_guard lock(mutex_);
  const double i = -value - 1;
  if (!(i >= 0) || i >= static_cast<double>(blobs_.size()))
    fail("history", "no such value is held");
  return *blobs_[static_cast<std::size_t>(i)];
}

void Notes::say(const std::string& what) {
  {
    const std::lock_guard lock(mutex_);
    all_.push_back(what);
  }
  if (say_)
    say_(what);
  else
    std::fprintf(stderr, "glassbox: history: %s\n", what.c_str());
}

std::vector<std::string> Notes::all() const {
  const std::lock_guard lock(mutex_);
  return all_;
}

std::string MetricData::text_of(double value) const {
  if (value < 0) {
    auto blob = blobs->at(value);
    if (auto* text = std::get_if<std::string>(&blob)) return std::move(*text);
  }
  if (!files || !(value >= 0) || value > 9e15) fail("history", cat("no text \"", name, "\" there"));
  return files->text_at(static_cast<std::uint64_t>(value), name);
}

Tensor MetricData::tensor_of(double value) const {
  if (value < 0) {
    auto blob = blobs->at(value);
    if (auto* tensor = std::get_if<Tensor>(&blob)) return *tensor;
  }
  if (!files || !(value >= 0) || value > 9e15)
    fail("history", cat("no tensor \"", name, "\" there"));
  return files->tensor_at(static_cast<std::uint64_t>(value), name);
}

bool HistoryData::accepts(const Step& step) const {
  return times.empty() || (times.back().step.epoch < 0) == (step.epoch < 0);
}

Column& HistoryData::column(std::string_view name, Metric::Kind kind) {
  auto found = by_name.find(name);
  if (found == by_name.end()) {
    const std::string clean = clean_name(name);
    found = by_name.find(clean);
    const std::size_t at = found == by_name.end() ? columns.size() : found->second;
    if (at == columns.size()) {
      if (at >= max_metrics)
        fail("history", cat("has ", max_metrics, " metrics, which is the most"));
      Column& made = columns.emplace_back();
      made.name = clean;
      append_text(made.key, clean);
      made.key += ':';
      made.kind = kind;
      by_name.emplace(clean, at);
    }
    found = by_name.emplace(std::string(name), at).first;
  }
  Column& column = columns[found->second];
  if (column.series.empty()) column.kind = kind;
  return column;
}

void HistoryData::put_step(const Step& step, double time) {
  times.put(step, time);
  last = step;
  if (step.epoch >= 0) max_batch = std::max(max_batch, step.batch);
}

void HistoryData::forget_after(const Step& step) {
  times.cut(step);
  for (Column& column : columns) column.series.cut(step);
  last.reset();
  if (!times.empty()) last = times.back().step;
}

bool HistoryData::take(const Fields& fields, std::uint64_t offset) {
  if (fields.what == Fields::What::header) {
    if (fields.version > 1)
      fail(files->path(),
           cat("has version ", fields.version, " of the format, a later one than 1"));
    return true;
  }
  if (!accepts(fields.step)) return false;
  if (fields.what == Fields::What::rewind) {
    forget_after(fields.step);
    return true;
  }
  put_step(fields.step, fields.time);
  for (const Field& field : fields.fields) {
    if (columns.size() >= max_metrics && by_name.find(field.name) == by_name.end()) {
      ++other_kind;
      continue;
    }
    Column& column = this->column(field.name, field.kind);
    if (column.kind != field.kind)
      ++other_kind;
    else
      column.series.put(fields.step, field.kind == Metric::Kind::number
                                         ? field.number
                                         : static_cast<double>(offset));
  }
  return true;
}

Scan HistoryData::read_lines(std::uint64_t until) {
  Fields fields;
  const Scan scan = scan_lines(
      files->file(), files->path(), end, [&](std::string_view text, std::uint64_t offset) {
        return offset < until && parse_line(text, fields) && take(fields, offset);
      });
  if (scan.bad > 0 && bad == 0) first_bad = scan.first_bad;
  bad += scan.bad;
  end = scan.end;
  return scan;
}

void HistoryData::use_index(Indexed found) {
  max_batch = found.max_batch;
  last = found.last;
  end = indexed = found.covered;
  bad = found.bad;
  first_bad = found.first_bad;
  times = {};
  for (Column& column : columns) column.series = {};
  for (IndexedSeries& series : found.series) {
    if (series.name.empty())
      times = std::move(series.series);
    else
      column(series.name, series.kind).series = std::move(series.series);
  }
}

Indexed HistoryData::to_index() {
  Indexed out{end, bad, first_bad, max_batch, last, {}};
  times.normalize();
  out.series.push_back({"", Metric::Kind::number, times});
  for (const std::size_t i : used_columns())
    out.series.push_back({columns[i].name, columns[i].kind, columns[i].series});
  return out;
}

void HistoryData::save_index() {
  if (folder.empty() || times.empty() ||
      end - std::min(end, indexed) < std::max(index_worth, indexed / 4))
    return;
  const std::string path = index_of(folder);
  write_index(path, *files, to_index());
  // From here on what the file holds is not held in memory.
  if (auto found = stored_index(path)) use_index(std::move(*found));
}

std::optional<Indexed> HistoryData::stored_index(const std::string& path) const {
  // Damaged parts that are met later are made of the same lines once more.
  return read_index(path, files, [lines = files](std::uint64_t covered) {
    HistoryData again;
    again.files = lines;
    again.read_lines(covered);
    return std::move(again.to_index().series);
  });
}

void HistoryData::open_files(const std::string& jsonl, const std::string& tensors,
                             const std::string& index) {
  files = std::make_shared<StoreReader>(jsonl, tensors);
  if (index.empty()) return;
  if (auto found = stored_index(index)) use_index(std::move(*found));
}

void HistoryData::say_what_is_bad() {
  if (bad > 0)
    notes->say(cat(files->path(), ": ", bad,
                   " lines are no records and are left out, the first at byte ", first_bad));
  if (other_kind > 0)
    notes->say(cat(files->path(), ": ", other_kind,
                   " values are of another kind than their metric and are left out"));
}

std::vector<std::size_t> HistoryData::used_columns() {
  std::vector<std::size_t> used;
  times.normalize();
  for (std::size_t i = 0; i < columns.size(); ++i) {
    columns[i].series.normalize();
    if (!columns[i].series.empty()) used.push_back(i);
  }
  return used;
}

std::shared_ptr<MetricData> HistoryData::metric_data(const Column& column) const {
  auto out = std::make_shared<MetricData>();
  out->name = column.name;
  out->kind = column.kind;
  out->series = column.series;
  out->times = times;
  out->max_batch = max_batch;
  out->files = files;
  out->blobs = blobs;
  return out;
}

void HistoryData::copy_to(HistoryData& other) const {
  other.max_batch = max_batch;
  other.last = last;
  other.times = times;
  other.columns = columns;
  other.by_name = by_name;
  other.blobs = blobs;
  other.files = files;
}

void HistoryData::become(HistoryData& other) {
  other.copy_to(*this);
  folder = other.folder;
  end = other.end;
  indexed = other.indexed;
  bad = other.bad;
  first_bad = other.first_bad;
  other_kind = other.other_kind;
  own_records = false;
}

std::string duration_text(double seconds) {
  auto micros = static_cast<std::int64_t>(std::llround(std::max(0.0, seconds) * 1e6));
  const std::int64_t part = micros % 1'000'000, s = micros / 1'000'000, days = s / 86400;
  std::string out;
  if (days > 0) out = fmt::format("{} day{}, ", days, days == 1 ? "" : "s");
  out += fmt::format("{}:{:02}:{:02}", s / 3600 % 24, s / 60 % 60, s % 60);
  if (part > 0) out += fmt::format(".{:06}", part);
  return out;
}

std::int64_t now_microseconds() {
  using namespace std::chrono;
  return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
}

std::string short_number(double value) {
  // Counts are shown whole.
  if (std::fabs(value) < 1e15 && value == std::floor(value)) return fmt::format("{:.0f}", value);
  return fmt::format("{:.4g}", value);
}

const LoggedPoint* SeriesCursor::at(const Step& step) {
  for (;;) {
    while (i_ < points_.size() && points_[i_].step < step) ++i_;
    if (i_ < points_.size()) return points_[i_].step == step ? &points_[i_] : nullptr;
    begin_ += points_.size();
    if (begin_ >= series_->size()) return nullptr;
    points_ = series_->points(begin_, std::min(chunk_points, series_->size() - begin_));
    i_ = 0;
  }
}

}  // namespace glassbox::viz::detail
