// Gather, crop, flip and normalise. A byte has 256 values, so each channel's results are a table;
// an output row is a run of table look-ups between two runs of padding.
#include "engine/ops/augment.h"

#include <array>

#include "engine/cpu/dispatch.h"
#include "engine/cpu/parallel.h"

namespace glassbox {

using namespace cpu;

namespace {

using Table = std::array<float, 256>;

std::vector<Table> make_tables(const ops::Augment& op, std::int64_t channels) {
  std::vector<Table> tables(static_cast<std::size_t>(channels));
  for (std::size_t c = 0; c < tables.size(); ++c) {
    for (int v = 0; v < 256; ++v) {
      // The steps and their rounding are torchvision's: to f32, then subtract, then divide.
      float x = static_cast<float>(v);
      if (op.scale) x /= 255.0f;
      if (!op.mean.empty())
        x = (x - static_cast<float>(op.mean[c])) / static_cast<float>(op.std[c]);
      tables[c][static_cast<std::size_t>(v)] = x;
    }
  }
  return tables;
}

struct Geometry {
  std::int64_t c, h, w, oh, ow;
  int padding;
};

// One image: y[c][i][j] = table[c][x[c][top + i - padding][left + j - padding]], mirrored if
// flipped.
void augment_image(const Geometry& g, const ops::AugmentDraw& draw,
                   const std::vector<Table>& tables, const std::uint8_t* x, float* y) {
  const std::int64_t shift = draw.left - g.padding;
  // Columns [first, last) of the crop lie inside the image.
  const std::int64_t first = std::clamp<std::int64_t>(-shift, 0, g.ow);
  const std::int64_t last = std::clamp<std::int64_t>(g.w - shift, first, g.ow);
  for (std::int64_t c = 0; c < g.c; ++c) {
    const Table& table = tables[static_cast<std::size_t>(c)];
    for (std::int64_t i = 0; i < g.oh; ++i) {
      float* row = y + (c * g.oh + i) * g.ow;
      const std::int64_t from = draw.top + i - g.padding;
      if (from < 0 || from >= g.h) {
        std::fill_n(row, g.ow, table[0]);
        continue;
      }
      const std::uint8_t* source = x + (c * g.h + from) * g.w + shift;
      if (draw.flipped) {
        std::fill_n(row, g.ow - last, table[0]);
        for (std::int64_t j = first; j < last; ++j) row[g.ow - 1 - j] = table[source[j]];
        std::fill_n(row + g.ow - first, first, table[0]);
      } else {
        std::fill_n(row, first, table[0]);
        for (std::int64_t j = first; j < last; ++j) row[j] = table[source[j]];
        std::fill_n(row + last, g.ow - last, table[0]);
      }
    }
  }
}

}  // namespace

void run(const ops::Augment& op, cpu::Context& ctx, Ins in, Outs out) {
  const Shape &x = in[0].shape(), &y = out[0].shape();
  const Geometry g{x[1], x[2], x[3], y[2], y[3], op.padding};
  const auto* images = in_ptr<std::uint8_t>(in[0]);
  const auto* indices = in_ptr<std::int64_t>(in[1]);
  const auto* counter = in_ptr<std::int64_t>(in[2]);
  const std::int64_t* ids = in[3].defined() ? in_ptr<std::int64_t>(in[3]) : indices;
  float* const to = out_ptr<float>(out[0]);
  for (std::int64_t b = 0; b < y[0]; ++b) {
    if (indices[b] < 0 || indices[b] >= x[0]) {
      fail(op.name,
           cat("index ", indices[b], " at position ", b, " is outside a set of ", x[0], " images"));
    }
  }
  const std::vector<Table> tables = make_tables(op, g.c);
  const std::int64_t edge = 2 * std::int64_t(op.padding);
  const int rows = static_cast<int>(g.h + edge - g.oh + 1);
  const int columns = static_cast<int>(g.w + edge - g.ow + 1);
  parallel_chunks(ctx, y[0], 8, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b) {
      ops::AugmentDraw draw;
      if (op.is_random()) {
        draw = ops::draw_augment(static_cast<std::uint64_t>(counter[0]),
                                 static_cast<std::uint64_t>(counter[1]), ids[b], rows, columns,
                                 op.flip);
      }
      augment_image(g, draw, tables, images + indices[b] * g.c * g.h * g.w,
                    to + b * g.c * g.oh * g.ow);
    }
  });
}

}  // namespace glassbox
