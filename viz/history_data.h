// What a History holds: the series by name, and the files behind them. Detail of the history.
#pragma once
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "viz/history_appender.h"
#include "viz/history_index.h"
#include "viz/history_series.h"
#include "viz/history_store.h"

namespace glassbox::viz::detail {

// Texts and tensors that are in no file. Only ever added to; thread safe.
class Blobs {
 public:
  using Blob = std::variant<std::string, Tensor>;
  double add(Blob blob);  // the value of the point that stands for it
  Blob at(double value) const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<const Blob>> blobs_;
};

struct MetricData {
  std::string name;
  Metric::Kind kind = Metric::Kind::number;
  Series series, times;
  std::int64_t max_batch = 0;
  std::shared_ptr<const StoreReader> files;
  std::shared_ptr<const Blobs> blobs;

  double x_of(const Step& step) const {
    if (step.epoch < 0) return static_cast<double>(step.batch);
    return static_cast<double>(step.epoch) +
           static_cast<double>(step.batch) / (static_cast<double>(max_batch) + 1);
  }
  std::string text_of(double value) const;
  Tensor tensor_of(double value) const;
};

struct Column {
  std::string name, key;  // key: "name": as in the file
  Metric::Kind kind = Metric::Kind::number;
  Series series;
  bool said_large = false;
};

// What is said of the files, kept and passed on. Thread safe.
class Notes {
 public:
  explicit Notes(std::function<void(const std::string&)> say) : say_(std::move(say)) {}
  void say(const std::string& what);
  std::vector<std::string> all() const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> all_;
  std::function<void(const std::string&)> say_;
};

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>()(text);
  }
};

struct HistoryData {
  explicit HistoryData(HistoryOptions o = {})
      : options(std::move(o)), notes(std::make_shared<Notes>(options.say)) {}

  mutable std::mutex mutex;  // over what follows, up to the files' parts that have their own
  HistoryOptions options;
  std::shared_ptr<Notes> notes;
  std::int64_t max_batch = 0;
  std::optional<Step> last;
  Series times;  // of every record, by step
  std::deque<Column> columns;
  std::unordered_map<std::string, std::size_t, TextHash, std::equal_to<>> by_name;
  std::shared_ptr<Blobs> blobs = std::make_shared<Blobs>();

  std::string folder;  // "": in memory
  std::shared_ptr<const StoreReader> files;
  std::unique_ptr<Appender, EndAppender> appender;
  std::uint64_t end = 0, indexed = 0;    // bytes that are read; that the index covers
  std::uint64_t bad = 0, first_bad = 0;  // lines that are no records
  std::size_t other_kind = 0;            // values of another kind than their metric
  bool own_records = false;              // of log(), in what was read from a file
  std::string line;                      // scratch

  bool accepts(const Step& step) const;  // of the kind of the steps before
  Column& column(std::string_view name, Metric::Kind kind);
  void put_step(const Step& step, double time);
  void forget_after(const Step& step);
  // Takes in a line; false when it is no record, or of steps of the other kind.
  bool take(const Fields& fields, std::uint64_t offset);
  // Reads the records behind `end`, or up to `until`.
  Scan read_lines(std::uint64_t until = UINT64_MAX);
  // Opens a store and takes in its index, if there is one ("": none).
  void open_files(const std::string& jsonl, const std::string& tensors, const std::string& index);
  void use_index(Indexed found);
  void save_index();  // when much has come since it was made
  Indexed to_index();
  std::optional<Indexed> stored_index(const std::string& path) const;
  void say_what_is_bad();

  std::vector<std::size_t> used_columns();  // those with points, all series normalized
  // One metric, or the times alone (name empty). The series must be normal.
  std::shared_ptr<MetricData> metric_data(const Column& column) const;
  // Columns and times as they are now, for a copy.
  void copy_to(HistoryData& other) const;
  // Takes over all that `other` has read.
  void become(HistoryData& other);
};

std::string duration_text(double seconds);  // "0:00:29.312315", as Python's timedelta
std::int64_t now_microseconds();
std::string short_number(double value);  // four digits: "0.001711"

// Goes through a series in order, for walks over many of them at once.
class SeriesCursor {
 public:
  explicit SeriesCursor(const Series& series) : series_(&series) {}
  // The point of that step, going forward only.
  const LoggedPoint* at(const Step& step);

 private:
  const Series* series_;
  std::vector<LoggedPoint> points_;
  std::size_t begin_ = 0, i_ = 0;
};

}  // namespace glassbox::viz::detail
