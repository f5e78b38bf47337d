// Series: one metric's points in the order of their steps, with a pyramid of least, greatest and
// mean values over them, so that a chart of ten million points reads thousands. Points come at the
// end, as training goes; one that comes late is sorted in when the series is next read. Copying one
// copies pointers and at most 4,096 points. Detail of the history; not thread safe.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "viz/history.h"

namespace glassbox::viz::detail {

// The value is the number itself. For text and tensors it says where the record is: its byte offset
// in history.jsonl, or -1 - i for the i-th of those held in memory. Both are exact in a double.
struct LoggedPoint {
  Step step;
  double value = 0;
};

// What 16, 256 or 4,096 points are together (the last of a series may have fewer).
struct PyramidNode {
  Step first, last;
  double min = 0, max = 0, sum = 0;  // over the finite ones; min > max when there are none
  std::int64_t finite = 0;
};

constexpr int pyramid_levels = 4;  // level 0 is the points themselves
constexpr std::size_t pyramid_step = 16, chunk_points = 4096;
constexpr std::size_t points_of_level(int level) { return std::size_t(1) << (4 * level); }

PyramidNode node_of(const LoggedPoint* points, std::size_t count);
PyramidNode node_of(const PyramidNode* nodes, std::size_t count);

// 4,096 points and what is above them. It never changes once it is made.
struct Chunk {
  explicit Chunk(std::vector<LoggedPoint> all);
  std::vector<LoggedPoint> points;
  std::vector<PyramidNode> nodes[pyramid_levels];  // [0] is empty
};

// The first chunks of a series, where they lie in a file. Thread safe.
class StoredChunks {
 public:
  virtual ~StoredChunks() = default;
  virtual std::size_t chunks() const = 0;
  virtual std::vector<LoggedPoint> points(std::size_t chunk) const = 0;
  // Nodes [from, from + count) of a level above 0.
  virtual std::vector<PyramidNode> nodes(int level, std::size_t from, std::size_t count) const = 0;
};

class Series {
 public:
  Series() = default;
  Series(std::shared_ptr<const StoredChunks> stored, std::vector<LoggedPoint> rest);

  // Adds a point; one of the same step is replaced.
  void put(const Step& step, double value);
  // Sorts in what came late. What is below wants it done.
  void normalize();
  bool normal() const { return late_.empty(); }

  std::size_t size() const {
    return stored_points() + chunks_.size() * chunk_points + open_.size();
  }
  bool empty() const { return size() == 0; }
  const LoggedPoint& back() const { return open_.back(); }  // of all that came in order
  Step front_step() const;
  std::optional<double> find(const Step& step) const;
  std::vector<LoggedPoint> points(std::size_t from, std::size_t count) const;
  std::vector<PyramidNode> nodes(int level, std::size_t from, std::size_t count) const;
  // How many points, from the first, have a step that `before` is true of; it is true of a prefix.
  std::size_t partition(const std::function<bool(const Step&)>& before) const;
  // Calls `use` with every run of points in order, holding one chunk in memory at a time.
  void each(const std::function<void(const LoggedPoint*, std::size_t)>& use) const;
  // Keeps the points whose step is at most `last`.
  void cut(const Step& last);

  std::size_t whole_chunks() const {
    return size() / chunk_points - (open_.size() == chunk_points);
  }

 private:
  std::size_t stored_points() const { return stored_ ? stored_->chunks() * chunk_points : 0; }
  std::vector<LoggedPoint> chunk_at(std::size_t chunk) const;
  void take(std::vector<LoggedPoint> all);
  // Why the last chunk stays open until the next point: the last point may still be replaced, so it
  // is in `open_` always.
  std::shared_ptr<const StoredChunks> stored_;
  std::vector<std::shared_ptr<const Chunk>> chunks_;
  std::vector<LoggedPoint> open_, late_;
};

}  // namespace glassbox::viz::detail
