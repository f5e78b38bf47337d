// Group normalisation. A group of an image is one run of memory, a row, of neighbouring planes.
// Long ones are cut into parts, by the shape alone, whose statistics or sums a block each takes; a
// block for each row joins them and makes of them the few numbers that a plane's elements need; the
// last launch writes the elements.
#include "engine/cuda/rows.h"
#include "engine/ops/group_norm.h"
#include "engine/ops/math.h"

namespace glassbox {
namespace cuda {
namespace {

constexpr std::int64_t longest_part = 16384;

// [N, groups, channels of a group, plane].
struct Layout {
  std::int64_t n, c, groups, together, plane, row;

  Layout(const Shape& x, int group_count)
      : n(x[0]),
        c(x[1]),
        groups(group_count),
        together(c / groups),
        plane(x.product(2, x.rank())),
        row(together * plane) {}
  std::int64_t rows() const { return n * groups; }
  std::int64_t planes() const { return n * c; }
};

// Runs of n elements in parts.
struct Parts {
  std::int64_t n, count;
  explicit Parts(std::int64_t elements)
      : n(elements), count(std::max<std::int64_t>(1, (n + longest_part - 1) / longest_part)) {}
  GLASSBOX_HD std::int64_t size(std::int64_t part) const {
    const std::int64_t rest = n - part * longest_part;
    return rest < longest_part ? rest : longest_part;
  }
  // Where part `unit % count` of run `unit / count` begins.
  GLASSBOX_HD std::int64_t begin(std::int64_t unit) const {
    return unit / count * n + unit % count * longest_part;
  }
};

// --- forward ------------------------------------------------------------------------------------

// Mean and sum of squared deviations of each part of each row.
template <class T>
struct PartMoments {
  Parts parts;
  const T* x;
  double* moments;
  __device__ void operator()(std::int64_t unit) const {
    const BlockTeam team;
    const T* const from = x + parts.begin(unit);
    const std::int64_t n = parts.size(unit % parts.count);
    const double mean =
        team.sum(n, [&](std::int64_t i) { return load(from[i]); }) / static_cast<double>(n);
    const double squares = team.sum(n, [&](std::int64_t i) {
      const double d = static_cast<double>(load(from[i])) - mean;
      return d * d;
    });
    if (!team.leads()) return;
    moments[2 * unit] = mean;
    moments[2 * unit + 1] = squares;
  }
};

// y = (x - mean) factor + shift on a plane.
template <class C>
struct Affine {
  C mean, factor, shift;
};

// Merges a row's parts in order (Chan, Golub & LeVeque 1979).
template <class T>
struct RowStatistics {
  Layout l;
  Parts parts;
  double eps;
  const double* moments;
  const T *weight, *bias;
  double *means, *rstds;  // null without a gradient
  Affine<Compute<T>>* planes;

  __device__ void operator()(std::int64_t r) const {
    using C = Compute<T>;
    double mean = 0, squares = 0, count = 0;
    for (std::int64_t k = 0; k < parts.count && parts.n > 0; ++k) {
      const double* const own = moments + 2 * (r * parts.count + k);
      const double n = static_cast<double>(parts.size(k)), both = count + n;
      const double delta = own[0] - mean;
      mean += delta * n / both;
      squares += own[1] + delta * delta * count * n / both;
      count = both;
    }
    const double rstd = 1 / math::sqrt((count > 0 ? squares / count : 0) + eps);
    const BlockTeam team;
    team.each(l.together, [&](std::int64_t k) {
      const std::int64_t p = r * l.together + k, channel = p % l.c;
      const double factor = rstd * (weight ? static_cast<double>(load(weight[channel])) : 1);
      const C rounded = static_cast<C>(mean);
      // With what rounding the mean left: it matters far from zero.
      const double residue = static_cast<double>(rounded) - mean;
      const double shift = bias ? static_cast<double>(load(bias[channel])) : 0;
      planes[p] = {rounded, static_cast<C>(factor), static_cast<C>(shift + residue * factor)};
    });
    if (!team.leads()) return;
    if (means) means[r] = mean;
    if (rstds) rstds[r] = rstd;
  }
};

template <class T>
struct NormalizeElement {
  std::int64_t plane;
  const Affine<Compute<T>>* planes;
  const T* x;
  T* y;
  __device__ void operator()(std::int64_t i) const {
    const auto a = planes[i / plane];
    y[i] = store<T>((load(x[i]) - a.mean) * a.factor + a.shift);
  }
};

// --- backward -----------------------------------------------------------------------------------

// The sums of dy and dy (x - mean) over each part of each plane.
template <class T>
struct PlaneSums {
  Layout l;
  Parts parts;
  const T *dy, *x;
  const double* mean;
  double* sums;
  __device__ void operator()(std::int64_t unit) const {
    const BlockTeam team;
    const std::int64_t first = parts.begin(unit), n = parts.size(unit % parts.count);
    const double center = mean[unit / parts.count / l.together];
    const double sum = team.sum(n, [&](std::int64_t i) { return load(dy[first + i]); });
    const double product = team.sum(n, [&](std::int64_t i) {
      return static_cast<double>(load(dy[first + i])) *
             (static_cast<double>(load(x[first + i])) - center);
    });
    if (!team.leads()) return;
    sums[2 * unit] = sum;
    sums[2 * unit + 1] = product;
  }
};

// Sum `which` of plane p.
__device__ inline double plane_sum(const Parts& parts, const double* sums, std::int64_t p,
                                   int which) {
  double total = 0;
  for (std::int64_t k = 0; k < parts.count; ++k) total += sums[2 * (p * parts.count + k) + which];
  return total;
}

// dx = scale dy + slope (x - mean) + shift on a plane.
template <class C>
struct Slope {
  C mean, scale, slope, shift;
};

// With s1 and s2 the sums of weight dy and weight dy (x - mean) over a row of n elements:
//   dx = rstd (weight dy - s1 / n - (x - mean) rstd^2 s2 / n)
template <class T>
struct RowSlopes {
  Layout l;
  Parts parts;
  const double *sums, *mean, *rstd;
  const T* weight;
  Slope<Compute<T>>* planes;

  __device__ void operator()(std::int64_t r) const {
    using C = Compute<T>;
    const BlockTeam team;
    const auto of_weight = [&](std::int64_t p) {
      return weight ? static_cast<double>(load(weight[p % l.c])) : 1;
    };
    double s[2];
    for (int which = 0; which < 2; ++which) {
      s[which] = team.sum(l.together, [&](std::int64_t k) {
        const std::int64_t p = r * l.together + k;
        return of_weight(p) * plane_sum(parts, sums, p, which);
      });
    }
    const double count = static_cast<double>(l.row > 0 ? l.row : 1), inverse = rstd[r];
    const double steep = -inverse * inverse * inverse * s[1] / count;
    const C rounded = static_cast<C>(mean[r]);
    const double residue = static_cast<double>(rounded) - mean[r];
    team.each(l.together, [&](std::int64_t k) {
      const std::int64_t p = r * l.together + k;
      planes[p] = {rounded, static_cast<C>(inverse * of_weight(p)), static_cast<C>(steep),
                   static_cast<C>(-inverse * s[0] / count + steep * residue)};
    });
  }
};

template <class T>
struct ChannelSums {
  Layout l;
  Parts parts;
  const double *sums, *rstd;
  T *dweight, *dbias;
  __device__ void operator()(std::int64_t channel) const {
    const BlockTeam team;
    const double weight = team.sum(l.n, [&](std::int64_t i) {
      const std::int64_t p = i * l.c + channel;
      return plane_sum(parts, sums, p, 1) * rstd[p / l.together];
    });
    const double bias =
        team.sum(l.n, [&](std::int64_t i) { return plane_sum(parts, sums, i * l.c + channel, 0); });
    if (!team.leads()) return;
    dweight[channel] = store<T>(static_cast<Compute<T>>(weight));
    dbias[channel] = store<T>(static_cast<Compute<T>>(bias));
  }
};

template <class T>
struct GradientElement {
  std::int64_t plane;
  const Slope<Compute<T>>* planes;
  const T *dy, *x;
  T* dx;
  __device__ void operator()(std::int64_t i) const {
    const auto s = planes[i / plane];
    dx[i] = store<T>(s.scale * load(dy[i]) + s.slope * (load(x[i]) - s.mean) + s.shift);
  }
};

}  // namespace
}  // namespace cuda

using namespace cuda;

// The parts' statistics, then each plane's numbers.
std::size_t scratch(const ops::GroupNorm& op, const Context&, Specs in, Specs) {
  const Layout l(in[0].shape, op.groups);
  return static_cast<std::size_t>(2 * l.rows() * Parts(l.row).count) * sizeof(double) +
         static_cast<std::size_t>(l.planes()) * sizeof(Affine<double>);
}

void run(const ops::GroupNorm& op, Context& ctx, Ins in, Outs out) {
  const Layout l(in[0].shape(), op.groups);
  const Parts parts(l.row);
  double* const moments = ctx.scratch_as<double>();
  double* const means = out.size() > 1 ? out_ptr<double>(out[1]) : nullptr;
  double* const rstds = out.size() > 1 ? out_ptr<double>(out[2]) : nullptr;
  dispatch_floating(ctx, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    auto* const planes =
        reinterpret_cast<Affine<Compute<T>>*>(moments + 2 * l.rows() * parts.count);
    const T* const x = in_ptr<T>(in[0]);
    if (l.row > 0) {
      for_rows(ctx, l.rows() * parts.count, l.row, PartMoments<T>{parts, x, moments});
    }
    for_rows(ctx, l.rows(), l.together,
             RowStatistics<T>{l, parts, op.eps, moments, in_ptr<T>(in[1]), in_ptr<T>(in[2]), means,
                              rstds, planes});
    for_each(ctx, out[0].numel(), NormalizeElement<T>{l.plane, planes, x, out_ptr<T>(out[0])});
  });
}

// The parts' sums, then each plane's numbers.
std::size_t scratch(const ops::GroupNormGrad& op, const Context&, Specs in, Specs) {
  const Layout l(in[0].shape, op.groups);
  return static_cast<std::size_t>(l.planes()) *
         (static_cast<std::size_t>(2 * Parts(l.plane).count) * sizeof(double) +
          sizeof(Slope<double>));
}

void run(const ops::GroupNormGrad& op, Context& ctx, Ins in, Outs out) {
  const Layout l(in[0].shape(), op.groups);
  const Parts parts(l.plane);
  const double *mean = in_ptr<double>(in[3]), *rstd = in_ptr<double>(in[4]);
  double* const sums = ctx.scratch_as<double>();
  dispatch_floating(ctx, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    auto* const planes = reinterpret_cast<Slope<Compute<T>>*>(sums + 2 * l.planes() * parts.count);
    const T *dy = in_ptr<T>(in[0]), *x = in_ptr<T>(in[1]);
    for_rows(ctx, l.planes() * parts.count, l.plane, PlaneSums<T>{l, parts, dy, x, mean, sums});
    for_rows(ctx, l.rows(), l.together,
             RowSlopes<T>{l, parts, sums, mean, rstd, in_ptr<T>(in[2]), planes});
    for_rows(ctx, l.c, l.n,
             ChannelSums<T>{l, parts, sums, rstd, out_ptr<T>(out[1]), out_ptr<T>(out[2])});
    for_each(ctx, out[0].numel(), GradientElement<T>{l.plane, planes, dy, x, out_ptr<T>(out[0])});
  });
}

}  // namespace glassbox
