#include <algorithm>
#include <cmath>

#include "engine/core/error.h"
#include "viz/history_data.h"

namespace glassbox::viz {

using detail::LoggedPoint;
using detail::MetricData;
using detail::PyramidNode;

namespace {

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

// What a point or node adds to a bucket.
PyramidNode as_node(const LoggedPoint& point) { return detail::node_of(&point, 1); }
const PyramidNode& as_node(const PyramidNode& node) { return node; }

template <class T>
std::vector<Bucket> buckets_of(const MetricData& data, const std::vector<T>& parts,
                               std::size_t per_bucket, std::size_t points_per_part,
                               std::size_t points) {
  std::vector<Bucket> out;
  out.reserve((parts.size() + per_bucket - 1) / per_bucket);
  for (std::size_t i = 0; i < parts.size(); i += per_bucket) {
    const std::size_t n = std::min(per_bucket, parts.size() - i);
    PyramidNode sum = as_node(parts[i]);
    for (std::size_t k = 1; k < n; ++k) {
      const PyramidNode both[2] = {sum, as_node(parts[i + k])};
      sum = detail::node_of(both, 2);
    }
    Bucket bucket;
    bucket.first = sum.first;
    bucket.last = sum.last;
    bucket.x_first = data.x_of(sum.first);
    bucket.x_last = data.x_of(sum.last);
    bucket.points = static_cast<std::int64_t>(
        std::min(n * points_per_part, points - std::min(points, i * points_per_part)));
    bucket.finite = sum.finite;
    bucket.min = sum.finite > 0 ? sum.min : nothing;
    bucket.max = sum.finite > 0 ? sum.max : nothing;
    bucket.mean = sum.finite > 0 ? sum.sum / static_cast<double>(sum.finite) : nothing;
    // A sum that left the range of doubles says nothing; the mean lies between the two.
    if (sum.finite > 0 && !std::isfinite(bucket.mean)) bucket.mean = sum.min / 2 + sum.max / 2;
    out.push_back(bucket);
  }
  return out;
}

}  // namespace

const std::string& Metric::name() const { return data_->name; }
Metric::Kind Metric::kind() const { return data_->kind; }
std::size_t Metric::size() const { return data_->series.size(); }

void Metric::want(Kind wanted, const char* asked) const {
  if (data_->kind == wanted) return;
  const char* const is[] = {"numbers", "texts", "tensors"};
  fail("history",
       cat("\"", name(), "\" holds ", is[static_cast<int>(data_->kind)], ", so it has no ", asked));
}

std::vector<Step> Metric::steps() const {
  std::vector<Step> out;
  out.reserve(size());
  data_->series.each([&](const LoggedPoint* points, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) out.push_back(points[i].step);
  });
  return out;
}

bool Metric::in_epochs() const { return !empty() && data_->series.points(0, 1)[0].step.epoch >= 0; }

std::vector<std::string> Metric::formatted_steps() const {
  std::vector<std::string> out;
  out.reserve(size());
  for (const Step& step : steps()) out.push_back(format_step(step));
  return out;
}

std::vector<double> Metric::x() const {
  std::vector<double> out;
  out.reserve(size());
  data_->series.each([&](const LoggedPoint* points, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) out.push_back(data_->x_of(points[i].step));
  });
  return out;
}

std::vector<double> Metric::times() const {
  std::vector<double> out;
  out.reserve(size());
  detail::SeriesCursor times(data_->times);
  data_->series.each([&](const LoggedPoint* points, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      const LoggedPoint* time = times.at(points[i].step);
      out.push_back(time ? time->value : nothing);
    }
  });
  return out;
}

std::vector<double> Metric::values() const {
  want(Kind::number, "values");
  std::vector<double> out;
  out.reserve(size());
  data_->series.each([&](const LoggedPoint* points, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) out.push_back(points[i].value);
  });
  return out;
}

double Metric::last() const {
  want(Kind::number, "last value");
  if (empty()) fail("history", cat("\"", name(), "\" is empty"));
  return data_->series.back().value;
}

double Metric::at(const Step& step) const {
  want(Kind::number, "value");
  return data_->series.find(step).value_or(nothing);
}

std::vector<Bucket> Metric::downsample(std::size_t n, double from, double to) const {
  want(Kind::number, "buckets");
  const detail::Series& series = data_->series;
  if (n == 0 || std::isnan(from) || std::isnan(to) || from > to || empty()) return {};
  const auto x = [&](const Step& step) { return data_->x_of(step); };
  std::size_t begin = series.partition([&](const Step& step) { return x(step) < from; });
  std::size_t end = series.partition([&](const Step& step) { return x(step) <= to; });
  if (begin >= end) return {};
  if (end - begin <= n)
    return buckets_of(*data_, series.points(begin, end - begin), 1, 1, end - begin);

  // The level whose nodes are a quarter of a bucket at most: a bucket is a whole number of them, so
  // it is at most a quarter wider than it had to be, and no point below is read.
  std::size_t wanted = (end - begin + n - 1) / n;
  int level = 0;
  while (level + 1 < detail::pyramid_levels && 4 * detail::points_of_level(level + 1) <= wanted)
    ++level;
  const std::size_t unit = detail::points_of_level(level);
  begin = begin / unit * unit;
  end = std::min((end + unit - 1) / unit * unit, series.size());
  wanted = (end - begin + n - 1) / n;
  const std::size_t per_bucket = (wanted + unit - 1) / unit;
  if (level == 0)
    return buckets_of(*data_, series.points(begin, end - begin), per_bucket, 1, end - begin);
  return buckets_of(*data_, series.nodes(level, begin / unit, (end - begin + unit - 1) / unit),
                    per_bucket, unit, end - begin);
}

std::vector<std::string> Metric::text() const {
  want(Kind::text, "text");
  std::vector<std::string> out;
  for (const LoggedPoint& point : data_->series.points(0, size()))
    out.push_back(data_->text_of(point.value));
  return out;
}

std::string Metric::text(std::size_t i) const {
  want(Kind::text, "text");
  if (i >= size())
    fail("history", cat("\"", name(), "\" has ", size(), " texts, none of number ", i));
  return data_->text_of(data_->series.points(i, 1)[0].value);
}

Tensor Metric::tensor(std::size_t i) const {
  want(Kind::tensor, "tensor");
  if (i >= size())
    fail("history", cat("\"", name(), "\" has ", size(), " tensors, none of number ", i));
  return data_->tensor_of(data_->series.points(i, 1)[0].value);
}

std::vector<Tensor> Metric::tensors(std::size_t limit) const {
  want(Kind::tensor, "tensors");
  const std::size_t n = std::min(limit, size());
  std::vector<Tensor> out;
  for (const LoggedPoint& point : data_->series.points(size() - n, n))
    out.push_back(data_->tensor_of(point.value));
  return out;
}

}  // namespace glassbox::viz
