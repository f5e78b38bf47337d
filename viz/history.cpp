#include "viz/history.h"

#include <fmt/format.h>

#include <cstring>
#include <iostream>

#include "engine/core/error.h"
#include "viz/history_data.h"

namespace glassbox::viz {

using detail::Column;
using detail::HistoryData;
using Kind = Metric::Kind;
using Guard = std::lock_guard<std::mutex>;

namespace {

std::string_view kind_name(Kind kind) {
  return kind == Kind::number ? "a number" : kind == Kind::text ? "a text" : "a tensor";
}

[[noreturn]] void other_form(const HistoryData& data, const Step& step) {
  const Step before = data.times.back().step;
  fail("history", step.epoch < 0
                      ? cat("step ", format_step(step),
                            " is a number where this history counts {epoch, batch} (the last is ",
                            format_step(before), ")")
                      : cat("step ", format_step(step),
                            " is {epoch, batch} where this history counts steps (the last is ",
                            format_step(before), ")"));
}

// What log() is given, ready to be kept.
struct Ready {
  Kind kind = Kind::number;
  double number = 0;
  const std::string* text = nullptr;
  Tensor tensor;  // on the host, not shared with anybody
};

Ready ready(const NamedValue& named) {
  if (named.name.empty()) fail("history", "a metric has no name");
  if (named.name.size() > detail::max_name)
    fail("history",
         cat("a metric's name has ", named.name.size(), " bytes, more than ", detail::max_name));
  Ready out;
  if (const auto* number = std::get_if<double>(&named.value.value())) {
    out.number = *number;
  } else if (const auto* text = std::get_if<std::string>(&named.value.value())) {
    out.kind = Kind::text;
    out.text = text;
  } else {
    const Tensor& tensor = std::get<Tensor>(named.value.value());
    if (!tensor.defined()) fail("history", cat("\"", named.name, "\" is an undefined tensor"));
    if (tensor.device().is_meta())
      fail("history", cat("\"", named.name, "\" is on the meta device and has no values"));
    if (tensor.dim() == 0) {
      out.number = tensor.item<double>();
    } else {
      out.kind = Kind::tensor;
      const Tensor host = tensor.detach().to(Device::cpu());
      out.tensor = empty(host.shape(), host.dtype(), Device::cpu());
      if (const std::size_t n = host.spec().bytes()) std::memcpy(out.tensor.raw(), host.raw(), n);
    }
  }
  return out;
}

// Why it is left out; empty if it is not.
std::string too_large(const HistoryOptions& options, const Ready& value) {
  if (value.kind == Kind::tensor && value.tensor.spec().bytes() > options.max_tensor_bytes)
    return cat("is a tensor of ", value.tensor.spec().bytes(), " bytes (",
               to_string(value.tensor.spec()), "), more than the ", options.max_tensor_bytes,
               " of max_tensor_bytes");
  if (value.kind == Kind::text && value.text->size() > detail::max_text)
    return cat("is a text of ", value.text->size(), " bytes, more than ", detail::max_text);
  return {};
}

}  // namespace

std::string format_step(const Step& step, bool zero_prefix) {
  if (step.epoch < 0)
    return zero_prefix ? fmt::format("{:06}", step.batch) : fmt::format("{}", step.batch);
  return zero_prefix ? fmt::format("{:04}:{:06}", step.epoch, step.batch)
                     : fmt::format("{}:{}", step.epoch, step.batch);
}

History::History() : data_(std::make_unique<HistoryData>()) {}
History::~History() = default;
History::History(History&&) noexcept = default;
History& History::operator=(History&&) noexcept = default;

bool History::log(const Step& step, std::span<const NamedValue> values) {
  HistoryData& data = *data_;
  if (step.epoch >= 0 ? step.batch < 0 : step.epoch != -1)
    fail("history", cat("step {", step.epoch, ", ", step.batch, "} has a negative part"));
  if (values.size() > detail::max_values)
    fail("history", cat("a record has ", values.size(), " values, more than ", detail::max_values));
  SmallVector<Ready, 8> all;
  for (const NamedValue& value : values) all.push_back(ready(value));

  const Guard lock(data.mutex);
  if (data.options.read_only && !data.folder.empty())
    fail(data.folder, "was opened to be read: open it without read_only to log");
  if (!data.accepts(step)) other_form(data, step);
  SmallVector<Column*, 8> columns;
  for (std::size_t i = 0; i < values.size(); ++i) {
    Column& column = data.column(values[i].name, all[i].kind);
    if (column.kind != all[i].kind)
      fail("history", cat("\"", column.name, "\" is ", kind_name(all[i].kind), " at step ",
                          format_step(step), " and was ", kind_name(column.kind), " before"));
    columns.push_back(&column);
  }
  // A new name that comes twice in one record, as two kinds.
  for (std::size_t i = 0; i < values.size(); ++i)
    if (columns[i]->kind != all[i].kind)
      fail("history", cat("\"", columns[i]->name, "\" is of two kinds in one record"));

  const std::int64_t time = detail::now_microseconds();
  std::vector<detail::TensorBytes> tensors;
  std::string& line = data.line;
  line.clear();
  if (data.appender) detail::begin_values(line, step, time);
  for (std::size_t i = 0; i < values.size(); ++i) {
    Ready& value = all[i];
    Column& column = *columns[i];
    std::string why;
    if (value.kind != Kind::number && !(why = too_large(data.options, value)).empty()) {
      if (!std::exchange(column.said_large, true))
        data.notes->say(cat("\"", column.name, "\" ", why, ": it is left out"));
      columns[i] = nullptr;
      if (value.kind == Kind::text) continue;
    }
    if (!data.appender) continue;
    if (line.back() != '{') line += ',';
    line += column.key;
    if (value.kind == Kind::number) {
      detail::append_number(line, value.number);
    } else if (value.kind == Kind::text) {
      detail::append_text(line, *value.text);
    } else if (!columns[i]) {
      detail::append_tensor_left_out(line, value.tensor.spec());
    } else {
      const std::size_t n = value.tensor.spec().bytes();
      const std::span<const std::byte> bytes(value.tensor.raw(), n);
      tensors.push_back(
          {data.appender->reserve(n), std::string(reinterpret_cast<const char*>(bytes.data()), n)});
      detail::append_tensor(line, value.tensor.spec(), tensors.back().offset, detail::xxh64(bytes));
    }
  }
  detail::Appender::Place place{true, 0};
  if (data.appender) {
    detail::end_values(line);
    place = data.appender->append(line, std::move(tensors));
  }
  data.own_records = true;
  data.put_step(step, static_cast<double>(time) / 1e6);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!columns[i]) continue;
    double value = all[i].number;
    if (all[i].kind != Kind::number) {
      if (data.appender && place.safe)
        value = static_cast<double>(place.offset);
      else if (all[i].kind == Kind::text)
        value = data.blobs->add(*all[i].text);
      else
        value = data.blobs->add(std::move(all[i].tensor));
    }
    columns[i]->series.put(step, value);
  }
  return place.safe;
}

Metric History::operator[](std::string_view name) const {
  const Guard lock(data_->mutex);
  const auto found = data_->by_name.find(name);
  if (found == data_->by_name.end() || data_->columns[found->second].series.empty()) {
    std::string known;
    int left = 20;
    for (const std::size_t i : data_->used_columns()) {
      if (left-- == 0) known += ", ...";
      if (left < 0) break;
      known += (known.empty() ? "" : ", ") + data_->columns[i].name;
    }
    fail("history", cat("no metric \"", name, "\"; there are: ", known.empty() ? "none" : known));
  }
  Column& column = data_->columns[found->second];
  column.series.normalize();
  data_->times.normalize();
  return Metric(data_->metric_data(column));
}

bool History::contains(std::string_view name) const {
  const Guard lock(data_->mutex);
  const auto found = data_->by_name.find(name);
  return found != data_->by_name.end() && !data_->columns[found->second].series.empty();
}

std::vector<std::string> History::metrics() const {
  const Guard lock(data_->mutex);
  std::vector<std::string> out;
  for (const Column& column : data_->columns)
    if (!column.series.empty()) out.push_back(column.name);
  return out;
}

std::optional<Step> History::step() const {
  const Guard lock(data_->mutex);
  return data_->last;
}

std::vector<Step> History::steps() const {
  detail::Series times;
  {
    const Guard lock(data_->mutex);
    data_->times.normalize();
    times = data_->times;
  }
  std::vector<Step> out;
  out.reserve(times.size());
  times.each([&](const detail::LoggedPoint* points, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) out.push_back(points[i].step);
  });
  return out;
}

std::vector<std::string> History::formatted_steps() const {
  std::vector<std::string> out;
  for (const Step& step : steps()) out.push_back(format_step(step));
  return out;
}

std::string History::progress_text() const {
  const Guard lock(data_->mutex);
  if (!data_->last) return "No steps";
  const Step step = *data_->last;
  std::string out = "Step " + format_step(step) + ": ";
  for (const std::size_t i : data_->used_columns()) {
    const Column& column = data_->columns[i];
    if (column.kind == Kind::tensor) continue;
    const auto value = column.series.find(step);
    if (!value) continue;
    out += column.name + ": ";
    out += column.kind == Kind::number ? detail::short_number(*value)
                                       : data_->metric_data(column)->text_of(*value);
    out += "  ";
  }
  return out;
}
void History::progress() const { std::cout << progress_text() << std::endl; }

std::string History::summary_text() const {
  const std::optional<Step> last = step();
  return cat("Last Step: ", last ? format_step(*last) : "none", "\nTraining Time: ", time_text());
}
void History::summary() const { std::cout << summary_text() << std::endl; }

std::string History::time_text() const { return detail::duration_text(total_time()); }

double History::total_time() const {
  const Guard lock(data_->mutex);
  data_->times.normalize();
  if (data_->times.empty()) return 0;
  return data_->times.back().value - data_->times.points(0, 1)[0].value;
}

void History::rewind(const Step& step) {
  const Guard lock(data_->mutex);
  if (data_->options.read_only && !data_->folder.empty())
    fail(data_->folder, "was opened to be read: open it without read_only to rewind");
  if (!data_->accepts(step)) other_form(*data_, step);
  data_->times.normalize();
  if (data_->times.empty() || !(step < data_->times.back().step)) return;
  if (data_->appender)
    data_->appender->append(detail::rewind_line(step, detail::now_microseconds()));
  data_->forget_after(step);
}

void History::flush() {
  if (data_->appender) data_->appender->flush();
}

std::vector<std::string> History::notes() const { return data_->notes->all(); }

History History::snapshot() const {
  History out;
  const Guard lock(data_->mutex);
  data_->copy_to(*out.data_);
  return out;
}

}  // namespace glassbox::viz
