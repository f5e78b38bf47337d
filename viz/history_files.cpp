// What a history is saved to, exported to and loaded from.
#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "engine/core/error.h"
#include "engine/io/file.h"
#include "viz/history_data.h"
#include "viz/pickle.h"

namespace glassbox::viz {

namespace fs = std::filesystem;
using detail::Column;
using detail::HistoryData;
using detail::LoggedPoint;
using detail::MetricData;
using detail::SeriesCursor;
using Kind = Metric::Kind;

namespace {

using Metrics = std::vector<std::shared_ptr<MetricData>>;

// All that a history holds at this moment; what is read of it needs no lock.
struct Everything {
  detail::Series times;
  Metrics metrics;
};
Everything everything(HistoryData& data) {
  const std::lock_guard lock(data.mutex);
  Everything out;
  for (const std::size_t i : data.used_columns())
    out.metrics.push_back(data.metric_data(data.columns[i]));
  data.times.normalize();
  out.times = data.times;
  return out;
}

// Calls `use` for each step in order with what was logged at it: a point, or none, for each metric.
template <class Use>
void each_step(const Everything& all, const Use& use) {
  std::vector<SeriesCursor> cursors;
  for (const auto& metric : all.metrics) cursors.emplace_back(metric->series);
  std::vector<const LoggedPoint*> row(cursors.size());
  all.times.each([&](const LoggedPoint* times, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t m = 0; m < row.size(); ++m) row[m] = cursors[m].at(times[i].step);
      use(times[i], row);
    }
  });
}

// Buffered: records are short.
class Out {
 public:
  explicit Out(const std::string& path) : file_(path) {}
  std::string text;
  void spill() {
    if (text.size() >= (1 << 20)) drain();
  }
  void commit() {
    drain();
    file_.commit();
  }

 private:
  void drain() {
    file_.write(std::string_view(text));
    text.clear();
  }
  io::AtomicFile file_;
};

std::string number_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  std::string out;
  detail::append_number(out, value);
  return out;
}

// RFC 4180.
void append_cell(std::string& out, std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

void append_json_value(std::string& out, const MetricData& metric, double value) {
  if (metric.kind == Kind::number) {
    if (std::isfinite(value)) return detail::append_number(out, value);
    return detail::append_text(out, number_text(value));
  }
  if (metric.kind == Kind::text) return detail::append_text(out, metric.text_of(value));
  const Spec spec = metric.tensor_of(value).spec();
  out += "{\"dtype\":";
  detail::append_text(out, name_of(spec.dtype));
  out += ",\"shape\":" + to_string(spec.shape) + "}";
}

// Tensors go to `tensors`, or into the lines where there is no such file.
void write_records(const Everything& all, const std::string& lines, const std::string& tensors) {
  Out out(lines);
  std::optional<io::AtomicFile> binary;
  if (!tensors.empty()) binary.emplace(tensors);
  std::uint64_t offset = 0;
  out.text = detail::header_line(static_cast<std::uint64_t>(detail::now_microseconds()));
  each_step(all, [&](const LoggedPoint& time, const std::vector<const LoggedPoint*>& row) {
    detail::begin_values(out.text, time.step, std::llround(time.value * 1e6));
    bool first = true;
    for (std::size_t m = 0; m < row.size(); ++m) {
      if (!row[m]) continue;
      const MetricData& metric = *all.metrics[m];
      if (!std::exchange(first, false)) out.text += ',';
      detail::append_text(out.text, metric.name);
      out.text += ':';
      if (metric.kind == Kind::number) {
        detail::append_number(out.text, row[m]->value);
      } else if (metric.kind == Kind::text) {
        detail::append_text(out.text, metric.text_of(row[m]->value));
      } else {
        const Tensor tensor = metric.tensor_of(row[m]->value);
        const std::span<const std::byte> bytes(tensor.raw(), tensor.spec().bytes());
        if (binary) {
          binary->write(bytes);
          detail::append_tensor(out.text, tensor.spec(), offset, detail::xxh64(bytes));
          offset += bytes.size();
        } else {
          if (bytes.size() > detail::max_line / 2)
            fail(lines, cat("\"", metric.name, "\" has a tensor of ", bytes.size(),
                            " bytes, too large for a file of lines: save to a folder"));
          detail::append_tensor_inline(out.text, tensor);
        }
      }
    }
    detail::end_values(out.text);
    out.spill();
  });
  if (binary) binary->commit();
  out.commit();
}

void save_folder(const Everything& all, const std::string& path) {
  if (fs::exists(path) && !(fs::is_directory(path) && fs::is_empty(path)))
    fail(path, "exists: a history is saved to a folder that does not, or to a .jsonl file");
  std::string target = path;
  while (target.size() > 1 && target.back() == '/') target.pop_back();
  const std::string temporary = cat(target, ".tmp", ::getpid());
  std::error_code error;
  fs::remove_all(temporary, error);
  if (!fs::create_directory(temporary, error))
    fail(path, cat("cannot make the folder: ", error.message()));
  try {
    write_records(all, detail::jsonl_of(temporary), detail::tensors_of(temporary));
    fs::rename(temporary, target, error);
    if (error) fail(path, cat("cannot rename to it: ", error.message()));
  } catch (...) {
    fs::remove_all(temporary, error);
    throw;
  }
  io::sync_folder(fs::path(target).parent_path().string());
}

// {step: {name: value, "__timestamp__": seconds}}, as HiddenLayer saves it.
class PickledHistory {
 public:
  PickledHistory(const Pickle& pickle, const std::string& path, HistoryData& out)
      : pickle_(pickle), path_(path), out_(out) {}
  void read() {
    if (pickle_.kind(pickle_.root()) != Pickle::Kind::dict) wrong("it is no dict of steps");
    const auto& steps = pickle_.values(pickle_.root());
    for (std::size_t i = 0; i < steps.size(); i += 2) record(step_of(steps[i]), steps[i + 1]);
    // HiddenLayer's step is then the greatest.
    if (!out_.times.empty()) {
      out_.times.normalize();
      out_.last = out_.times.back().step;
    }
    if (left_out_ > 0)
      out_.notes->say(
          cat(path_, ": ", left_out_,
              " values are neither numbers, texts nor arrays of numbers and are left out"));
  }

 private:
  [[noreturn]] void wrong(std::string_view what) const {
    fail(path_, cat("is not a History that HiddenLayer saved: ", what));
  }
  Step step_of(Pickle::Id id) const {
    if (pickle_.kind(id) == Pickle::Kind::integer) return pickle_.integer(id);
    if (pickle_.kind(id) == Pickle::Kind::number) {  // a number of numpy's
      const double number = pickle_.number(id);
      if (number == std::floor(number) && std::fabs(number) < 9e15)
        return static_cast<std::int64_t>(number);
    }
    if (pickle_.kind(id) == Pickle::Kind::tuple && pickle_.values(id).size() == 2) {
      const Step epoch = plain_step(pickle_.values(id)[0]),
                 batch = plain_step(pickle_.values(id)[1]);
      if (epoch.batch >= 0 && batch.batch >= 0) return {epoch.batch, batch.batch};
    }
    wrong("a step is neither an int nor a tuple of two");
  }
  Step plain_step(Pickle::Id id) const {
    if (pickle_.kind(id) == Pickle::Kind::tuple) wrong("a step is a tuple in a tuple");
    return step_of(id);
  }
  void record(const Step& step, Pickle::Id id) {
    if (!out_.accepts(step)) wrong("some steps are ints and some are tuples");
    if (pickle_.kind(id) != Pickle::Kind::dict) wrong("a step has no dict of values");
    const auto& values = pickle_.values(id);
    double time = std::nan("");
    for (std::size_t i = 0; i < values.size(); i += 2) {
      if (pickle_.kind(values[i]) != Pickle::Kind::text) wrong("a metric's name is no text");
      const std::string& name = pickle_.text(values[i]);
      if (name == "__timestamp__" && is_number(values[i + 1]))
        time = pickle_.number(values[i + 1]);
      else
        value(step, name, values[i + 1]);
    }
    out_.put_step(step, std::isfinite(time) ? time : 0);
  }
  bool is_number(Pickle::Id id) const {
    const Pickle::Kind kind = pickle_.kind(id);
    return kind == Pickle::Kind::number || kind == Pickle::Kind::integer ||
           kind == Pickle::Kind::boolean;
  }
  void value(const Step& step, const std::string& name, Pickle::Id id) {
    Kind kind = Kind::number;
    double number = 0;
    if (name.empty() || name.size() > detail::max_name) {
      ++left_out_;
      return;
    }
    if (is_number(id)) {
      number = pickle_.number(id);
    } else if (pickle_.kind(id) == Pickle::Kind::text) {
      kind = Kind::text;
    } else if (pickle_.kind(id) == Pickle::Kind::array) {
      kind = pickle_.tensor(id).dim() == 0 ? Kind::number : Kind::tensor;
      if (kind == Kind::number) number = pickle_.tensor(id).item<double>();
    } else {
      ++left_out_;
      return;
    }
    Column& column = out_.column(name, kind);
    if (column.kind != kind) {
      ++left_out_;
      return;
    }
    if (kind == Kind::text) number = out_.blobs->add(pickle_.text(id));
    if (kind == Kind::tensor) number = out_.blobs->add(pickle_.tensor(id));
    column.series.put(step, number);
  }
  const Pickle& pickle_;
  const std::string& path_;
  HistoryData& out_;
  std::size_t left_out_ = 0;
};

}  // namespace

void History::save(const std::string& path) const {
  if (path.ends_with(".pkl") || path.ends_with(".pickle"))
    fail(path, "pickles are read and never written: name it .jsonl, or a folder");
  const Everything all = everything(*data_);
  if (path.ends_with(".jsonl"))
    write_records(all, path, "");
  else
    save_folder(all, path);
}

void History::load(const std::string& path) {
  const std::lock_guard lock(data_->mutex);
  if (data_->appender)
    fail(path, "cannot be loaded into a history that writes to a folder: use a History of its own");
  if (fs::is_directory(path)) {
    HistoryOptions options = data_->options;
    options.read_only = true;
    const History from(path, options);
    data_->become(*from.data_);
    data_->notes = from.data_->notes;
    return;
  }
  HistoryData fresh(data_->options);
  fresh.notes = data_->notes;
  char first = 0;
  {
    const io::InputFile file(path);
    if (file.size() == 0) fail(path, "is empty");
    file.read(0, std::as_writable_bytes(std::span(&first, 1)));
  }
  if (first == '{') {
    fresh.open_files(path, "", "");
    const detail::Scan scan = fresh.read_lines();
    if (scan.records == 0) fail(path, "has no record of a history");
    fresh.say_what_is_bad();
    if (scan.torn > 0)
      fresh.notes->say(cat(path, ": ", scan.torn,
                           " bytes behind the last record are no record and are left out"));
  } else {
    const Pickle pickle = Pickle::parse(io::read_file(path), path);
    PickledHistory(pickle, path, fresh).read();
  }
  data_->become(fresh);
}

void History::to_csv(const std::string& file) const {
  const Everything all = everything(*data_);
  Out out(file);
  const bool pairs = !all.times.empty() && all.times.back().step.epoch >= 0;
  out.text = pairs ? "epoch,batch,time" : "step,time";
  for (const auto& metric : all.metrics) {
    out.text += ',';
    append_cell(out.text, metric->name);
  }
  out.text += '\n';
  each_step(all, [&](const LoggedPoint& time, const std::vector<const LoggedPoint*>& row) {
    if (pairs) out.text += std::to_string(time.step.epoch) + ',';
    out.text += std::to_string(time.step.batch) + ',' + number_text(time.value);
    for (std::size_t m = 0; m < row.size(); ++m) {
      out.text += ',';
      if (!row[m]) continue;
      const MetricData& metric = *all.metrics[m];
      if (metric.kind == Kind::number)
        out.text += number_text(row[m]->value);
      else if (metric.kind == Kind::text)
        append_cell(out.text, metric.text_of(row[m]->value));
      else
        append_cell(out.text, to_string(metric.tensor_of(row[m]->value).spec()));
    }
    out.text += '\n';
    out.spill();
  });
  out.commit();
}

void History::to_json(const std::string& file) const {
  const Everything all = everything(*data_);
  Out out(file);
  out.text = "{\"schema\":\"glassbox.history/1\",\"metrics\":{";
  constexpr std::string_view kinds[] = {"number", "text", "tensor"};
  bool first = true;
  for (const auto& metric : all.metrics) {
    out.text += std::exchange(first, false) ? "\n" : ",\n";
    detail::append_text(out.text, metric->name);
    out.text += ":{\"kind\":\"";
    out.text += kinds[static_cast<std::size_t>(metric->kind)];
    const auto list = [&](std::string_view opening, const auto& append) {
      out.text += opening;
      bool comma = false;
      metric->series.each([&](const LoggedPoint* points, std::size_t n) {
        for (std::size_t i = 0; i < n; ++i) {
          if (std::exchange(comma, true)) out.text += ',';
          append(points[i]);
          out.spill();
        }
      });
      out.text += ']';
    };
    list("\",\"steps\":[",
         [&](const LoggedPoint& point) { detail::append_step(out.text, point.step); });
    list(",\"values\":[",
         [&](const LoggedPoint& point) { append_json_value(out.text, *metric, point.value); });
    out.text += '}';
  }
  out.text += "\n}}\n";
  out.commit();
}

}  // namespace glassbox::viz
