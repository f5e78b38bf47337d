// History: the numbers, texts and tensors that a training logs by step, kept in a folder that
// survives kill -9, or in memory only.
//
//   viz::History history("runs/cifar/history");
//   history.log({epoch, batch}, {{"loss", loss}, {"accuracy", accuracy}, {"conv1",
//   model.conv1.weight}}); history["loss"].downsample(2000);
//
// A record that log() says is safe has left the process: it survives the process, whatever ends it;
// flush() makes it survive the machine. A disk that is full or slow never stops the training: it is
// said once and records wait in memory. log() and everything that reads may be called from several
// threads. docs/history.md describes the files.
#pragma once
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iosfwd>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "engine/core/tensor.h"

namespace glassbox::viz {

// A moment of a training: a count of steps, or an epoch and a batch in it. One history has one
// kind.
struct Step {
  std::int64_t epoch = -1;  // -1: a count of steps
  std::int64_t batch = 0;   // in the epoch, or the count
  constexpr Step() = default;
  template <class T>
  requires std::is_integral_v<T>
  constexpr Step(T count) : batch(static_cast<std::int64_t>(count)) {}
  constexpr Step(std::int64_t epoch_, std::int64_t batch_) : epoch(epoch_), batch(batch_) {}
  friend constexpr auto operator<=>(const Step&, const Step&) = default;
};
// "790", "9:99"; with zero_prefix "000790", "0009:000099". As HiddenLayer writes them.
std::string format_step(const Step& step, bool zero_prefix = false);

// What can be logged. A tensor without dimensions is its number.
class Logged {
 public:
  template <class T>
  requires std::is_arithmetic_v<T> Logged(T number) : value_(static_cast<double>(number)) {}
  Logged(const Tensor& tensor) : value_(tensor) {}
  Logged(std::string text) : value_(std::move(text)) {}
  Logged(std::string_view text) : value_(std::string(text)) {}
  Logged(const char* text) : value_(std::string(text)) {}
  const std::variant<double, std::string, Tensor>& value() const { return value_; }

 private:
  std::variant<double, std::string, Tensor> value_;
};
struct NamedValue {
  std::string_view name;
  Logged value;
};

// What neighbouring points of a metric are together. Values are over those that are finite; without
// any they are NaN.
struct Bucket {
  Step first, last;
  double x_first = 0, x_last = 0;
  double min = 0, max = 0, mean = 0;
  std::int64_t points = 0, finite = 0;
};

namespace detail {
struct MetricData;
struct HistoryData;
struct Fields;
class Store;
}  // namespace detail

// One metric as it was when it was asked for: it does not change while the training goes on, and it
// holds no more memory than a list of chunks. It has the steps at which the metric was logged, in
// ascending order, and no others.
class Metric {
 public:
  enum class Kind : std::uint8_t { number, text, tensor };

  const std::string& name() const;
  Kind kind() const;
  std::size_t size() const;
  bool empty() const { return size() == 0; }

  std::vector<Step> steps() const;
  std::vector<std::string> formatted_steps() const;
  bool in_epochs() const;  // its steps are {epoch, batch}; false when it is empty
  // The place of every step on a number axis. A count is itself. {epoch, batch} is
  // epoch + batch / B, where B is one more than the largest batch this history has seen: an epoch
  // is 1 long, an axis is in epochs, and order is kept. While the first epoch runs, B grows.
  std::vector<double> x() const;
  std::vector<double> times() const;  // seconds since 1970 of the record of each step

  // --- numbers; each throws Error where the metric is none
  // ----------------------------------------
  std::vector<double> values() const;  // NaN only where NaN was logged
  double last() const;                 // throws Error when there is none
  double at(const Step& step) const;   // NaN where it was not logged
  // At most `n` buckets, in order, of the points with from <= x <= to (widened to whole buckets):
  // one for each point where they are few enough. Of a stored history only what is needed is read.
  std::vector<Bucket> downsample(std::size_t n,
                                 double from = -std::numeric_limits<double>::infinity(),
                                 double to = std::numeric_limits<double>::infinity()) const;

  // --- texts and tensors, read when they are asked for; each throws Error where it is none
  // ---------
  std::vector<std::string> text() const;
  std::string text(std::size_t i) const;  // of steps()[i]
  Tensor tensor(std::size_t i) const;
  std::vector<Tensor> tensors(std::size_t limit = SIZE_MAX) const;  // the last `limit` of them

 private:
  friend class History;
  explicit Metric(std::shared_ptr<const detail::MetricData> data) : data_(std::move(data)) {}
  void want(Kind kind, const char* asked) const;
  std::shared_ptr<const detail::MetricData> data_;
};

struct HistoryOptions {
  // A larger tensor is left out, which is said once for each metric.
  std::size_t max_tensor_bytes = std::size_t(1) << 20;
  // What may wait in memory for a disk that is full or slow. What comes on top is lost to the files
  // and counted.
  std::size_t max_waiting_bytes = std::size_t(64) << 20;
  bool read_only = false;  // another process may be writing; see refresh()
  // Is told what happens to the files, each thing once, maybe from another thread. The default
  // writes a line to stderr.
  std::function<void(const std::string&)> say = {};
};

class History {
 public:
  History();  // in memory
  // Opens the store in `folder`, or makes one; goes on behind what is there. Throws Error when
  // another process or object writes to it, or it cannot be written. With read_only it must exist.
  explicit History(std::string folder, HistoryOptions options = {});
  ~History();  // writes what waits, as far as the disk lets it
  History(History&&) noexcept;
  History& operator=(History&&) noexcept;

  // One record. Values of one step come together, whichever call they come from; a name that comes
  // again replaces its value. True: the record has left the process (or there is no folder). False:
  // it waits in memory. Throws Error for a step of the other kind, an empty name, or a value of
  // another kind than the metric had.
  bool log(const Step& step, std::initializer_list<NamedValue> values) {
    return log(step, std::span(values.begin(), values.size()));
  }
  bool log(const Step& step, std::span<const NamedValue> values);

  Metric operator[](std::string_view name) const;  // throws Error when it was never logged
  bool contains(std::string_view name) const;
  std::vector<std::string> metrics() const;  // in the order of their first values
  std::optional<Step> step() const;          // of the last call of log
  std::vector<Step> steps() const;           // every step, ascending
  std::vector<std::string> formatted_steps() const;

  // "Step 790: loss: 0.001711  accuracy: 0.9869  ": numbers and texts of the last step, numbers to
  // four digits.
  std::string progress_text() const;
  void progress() const;  // prints it
  // "Last Step: 790\nTraining Time: 0:00:29.312315"
  std::string summary_text() const;
  void summary() const;
  // Seconds from the first step's record to the last's, pauses between runs included.
  double total_time() const;
  std::string time_text() const;  // that, "0:00:29.312315"

  // Forgets what was logged after `step`, as a training does that goes on from a checkpoint. The
  // file keeps it, before a record that says so.
  void rewind(const Step& step);
  // Returns when all records are on the disk itself. Throws Error when that fails.
  void flush();
  // Of a history that is read: takes in what was written since. True when there was something.
  bool refresh();
  // What has been said of the files, oldest first.
  std::vector<std::string> notes() const;

  // The same, in memory, without its files: later calls of log do not show. Cheap.
  History snapshot() const;

  // To NAME.jsonl, one file with everything in it, or else to a folder that must not exist yet.
  void save(const std::string& path) const;
  // Replaces what this holds by a saved or living store, or by a pickle of HiddenLayer's History,
  // of which nothing is ever run. Throws Error for a history that has a folder.
  void load(const std::string& path);
  // A line for each step: step or epoch and batch, time, then every metric; empty where it was not
  // logged. A tensor is its type and shape.
  void to_csv(const std::string& file) const;
  // {"schema": "glassbox.history/1", "metrics": {NAME: {"kind", "steps", "values"}}}; what is not
  // finite is "nan", "inf" or "-inf".
  void to_json(const std::string& file) const;

 private:
  std::unique_ptr<detail::HistoryData> data_;
};

}  // namespace glassbox::viz
