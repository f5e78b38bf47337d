#include "viz/history_series.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace glassbox::viz::detail {

PyramidNode node_of(const LoggedPoint* points, std::size_t count) {
  PyramidNode node{points[0].step, points[count - 1].step, HUGE_VAL, -HUGE_VAL, 0, 0};
  for (std::size_t i = 0; i < count; ++i) {
    const double v = points[i].value;
    if (!std::isfinite(v)) continue;
    node.min = std::min(node.min, v);
    node.max = std::max(node.max, v);
    node.sum += v;
    ++node.finite;
  }
  return node;
}

PyramidNode node_of(const PyramidNode* nodes, std::size_t count) {
  PyramidNode node = nodes[0];
  node.last = nodes[count - 1].last;
  for (std::size_t i = 1; i < count; ++i) {
    node.min = std::min(node.min, nodes[i].min);
    node.max = std::max(node.max, nodes[i].max);
    node.sum += nodes[i].sum;
    node.finite += nodes[i].finite;
  }
  return node;
}

Chunk::Chunk(std::vector<LoggedPoint> all) : points(std::move(all)) {
  for (std::size_t i = 0; i < points.size(); i += pyramid_step)
    nodes[1].push_back(node_of(&points[i], std::min(pyramid_step, points.size() - i)));
  for (int level = 2; level < pyramid_levels; ++level) {
    const std::vector<PyramidNode>& below = nodes[level - 1];
    for (std::size_t i = 0; i < below.size(); i += pyramid_step)
      nodes[level].push_back(node_of(&below[i], std::min(pyramid_step, below.size() - i)));
  }
}

Series::Series(std::shared_ptr<const StoredChunks> stored, std::vector<LoggedPoint> rest)
    : stored_(std::move(stored)), open_(std::move(rest)) {}

void Series::put(const Step& step, double value) {
  if (!open_.empty()) {
    LoggedPoint& last = open_.back();
    if (step < last.step) {
      late_.push_back({step, value});
      return;
    }
    if (step == last.step) {
      last.value = value;
      return;
    }
    if (open_.size() == chunk_points) {
      chunks_.push_back(std::make_shared<const Chunk>(std::move(open_)));
      open_ = {};
      open_.reserve(chunk_points);
    }
  }
  open_.push_back({step, value});
}

void Series::take(std::vector<LoggedPoint> all) {
  stored_.reset();
  chunks_.clear();
  open_.clear();
  std::size_t at = 0;
  for (; all.size() - at > chunk_points; at += chunk_points) {
    const auto first = all.begin() + static_cast<std::ptrdiff_t>(at);
    chunks_.push_back(std::make_shared<const Chunk>(
        std::vector<LoggedPoint>(first, first + static_cast<std::ptrdiff_t>(chunk_points))));
  }
  open_.assign(all.begin() + static_cast<std::ptrdiff_t>(at), all.end());
}

void Series::normalize() {
  if (late_.empty()) return;
  std::vector<LoggedPoint> all = points(0, size());
  all.insert(all.end(), late_.begin(), late_.end());
  late_.clear();
  std::stable_sort(all.begin(), all.end(),
                   [](const LoggedPoint& a, const LoggedPoint& b) { return a.step < b.step; });
  // Of equal steps the one that was logged last stays.
  std::size_t kept = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i + 1 < all.size() && all[i].step == all[i + 1].step) continue;
    all[kept++] = all[i];
  }
  all.resize(kept);
  take(std::move(all));
}

std::vector<LoggedPoint> Series::chunk_at(std::size_t chunk) const {
  const std::size_t stored = stored_ ? stored_->chunks() : 0;
  if (chunk < stored) return stored_->points(chunk);
  if (chunk - stored < chunks_.size()) return chunks_[chunk - stored]->points;
  return open_;
}

void Series::each(const std::function<void(const LoggedPoint*, std::size_t)>& use) const {
  const std::size_t stored = stored_ ? stored_->chunks() : 0;
  for (std::size_t i = 0; i < stored; ++i) {
    const std::vector<LoggedPoint> points = stored_->points(i);
    use(points.data(), points.size());
  }
  for (const auto& chunk : chunks_) use(chunk->points.data(), chunk->points.size());
  if (!open_.empty()) use(open_.data(), open_.size());
}

std::vector<LoggedPoint> Series::points(std::size_t from, std::size_t count) const {
  std::vector<LoggedPoint> out;
  out.reserve(count);
  while (count > 0) {
    const std::vector<LoggedPoint> chunk = chunk_at(from / chunk_points);
    const std::size_t begin = from % chunk_points, n = std::min(count, chunk.size() - begin);
    out.insert(out.end(), chunk.begin() + static_cast<std::ptrdiff_t>(begin),
               chunk.begin() + static_cast<std::ptrdiff_t>(begin + n));
    from += n;
    count -= n;
  }
  return out;
}

std::vector<PyramidNode> Series::nodes(int level, std::size_t from, std::size_t count) const {
  std::vector<PyramidNode> out;
  out.reserve(count);
  const std::size_t per_chunk = chunk_points / points_of_level(level);
  const std::size_t stored = stored_ ? stored_->chunks() * per_chunk : 0;
  if (from < stored) {
    const std::size_t n = std::min(count, stored - from);
    out = stored_->nodes(level, from, n);
    from += n;
    count -= n;
  }
  std::optional<Chunk> open;
  for (; count > 0; ++from, --count) {
    const std::size_t chunk = (from - stored) / per_chunk, node = (from - stored) % per_chunk;
    if (chunk < chunks_.size()) {
      out.push_back(chunks_[chunk]->nodes[level][node]);
    } else {
      if (!open) open.emplace(open_);
      out.push_back(open->nodes[level][node]);
    }
  }
  return out;
}

std::size_t Series::partition(const std::function<bool(const Step&)>& before) const {
  if (empty()) return 0;
  // First the chunk, by the first step of each, then the point in it.
  const std::size_t stored = stored_ ? stored_->chunks() : 0;
  std::size_t low = 0, high = stored + chunks_.size() + 1;  // the open one is never empty here
  const auto first_of = [&](std::size_t chunk) {
    if (chunk < stored) return stored_->nodes(3, chunk, 1)[0].first;
    if (chunk - stored < chunks_.size()) return chunks_[chunk - stored]->points.front().step;
    return open_.front().step;
  };
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (before(first_of(middle)))
      low = middle + 1;
    else
      high = middle;
  }
  if (low == 0) return 0;
  const std::vector<LoggedPoint> points = chunk_at(low - 1);
  const auto end = std::partition_point(points.begin(), points.end(),
                                        [&](const LoggedPoint& p) { return before(p.step); });
  return (low - 1) * chunk_points + static_cast<std::size_t>(end - points.begin());
}

Step Series::front_step() const {
  if (stored_ && stored_->chunks() > 0) return stored_->nodes(3, 0, 1)[0].first;
  return chunks_.empty() ? open_.front().step : chunks_.front()->points.front().step;
}

std::optional<double> Series::find(const Step& step) const {
  if (empty()) return {};
  if (back().step == step) return back().value;
  const std::size_t at = partition([&](const Step& s) { return s < step; });
  if (at == size()) return {};
  const LoggedPoint found = points(at, 1)[0];
  if (found.step != step) return {};
  return found.value;
}

void Series::cut(const Step& last) {
  normalize();
  if (empty() || !(last < back().step)) return;
  take(points(0, partition([&](const Step& s) { return !(last < s); })));
}

}  // namespace glassbox::viz::detail
