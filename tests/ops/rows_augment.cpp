// Row of the augmentation op (engine/ops/augment.h).
#include <cmath>

#include "engine/ops/augment.h"
#include "tests/ops/op_table.h"

namespace glassbox::test {
namespace {

using namespace glassbox::ops;

Tensor images(const Shape& shape) { return integers(shape, 0, 256, 3, DType::u8); }
Tensor list(const std::vector<std::int64_t>& values) {
  return from(values, {static_cast<std::int64_t>(values.size())}, Device::cpu());
}

Tensors augment_reference(const Augment& op, const Tensors& in) {
  Values x(in[0]);
  const Values indices(in[1]);
  const std::int64_t rows = x.size(2) + 2 * op.padding, columns = x.size(3) + 2 * op.padding;
  const std::int64_t h = op.crop.h ? op.crop.h : rows, w = op.crop.w ? op.crop.w : columns;
  Values y({indices.numel(), x.size(1), h, w});
  for_each_index(y.shape(), [&](const Index& i) {
    const auto index = static_cast<std::int64_t>(indices[i[0]]);
    const auto id = in[3].defined() ? in[3].data<std::int64_t>()[std::size_t(i[0])] : index;
    Philox::Words words{};
    if (in[2].defined()) {
      const auto counter = in[2].data<std::int64_t>();
      words =
          Philox::words(std::uint64_t(counter[0]), std::uint64_t(id), std::uint64_t(counter[1]));
    }
    const double place_h = words[0] * 0x1p-32 * static_cast<double>(rows - h + 1);
    const double place_w = words[1] * 0x1p-32 * static_cast<double>(columns - w + 1);
    const std::int64_t j = words[2] * 0x1p-32 < op.flip ? w - 1 - i[3] : i[3];
    const std::int64_t row = i[2] + static_cast<std::int64_t>(place_h) - op.padding;
    const std::int64_t column = j + static_cast<std::int64_t>(place_w) - op.padding;
    const bool inside = row >= 0 && row < x.size(2) && column >= 0 && column < x.size(3);
    double v = inside ? x(index, i[1], row, column) : 0;
    if (op.scale) v /= 255;
    if (!op.mean.empty()) {
      const auto c = static_cast<std::size_t>(i[1]);
      v = (v - op.mean[c]) / op.std[c];
    }
    y.at(i) = v;
  });
  return {y.tensor()};
}

Row augment_row() {
  const Augment full{4, 1, 0.5, true, {0.5, 0.4, 0.3}, {0.2, 0.25, 0.3}};
  const Tensor counter = list({5, 2});
  Row row{.op = "augment"};
  row.samples = {
      sample("all of it", full, {images({5, 3, 4, 5}), list({4, 0, 0, 3}), counter}),
      sample("to [0, 1]", Augment{}, {images({3, 3, 4, 5}), list({2, 1}), Tensor()}),
      sample("bytes", Augment{0, 0, 0, false, {}, {}}, {images({3, 1, 7, 7}), list({2}), Tensor()}),
      sample("one image", full, {images({1, 3, 7, 3}), list({0}), counter}),
      sample("no image", full, {images({0, 3, 7, 3}), list({}), counter}),
      sample("a batch of none", full, {images({2, 3, 7, 3}), list({}), counter}),
      sample("padding alone", Augment{.padding = 2}, {images({3, 1, 3, 3}), list({2}), Tensor()}),
      sample("a crop of one size", Augment{.crop = Pair(2, 5)},
             {images({3, 1, 3, 5}), list({1}), counter}),
      sample("always flipped", Augment{.flip = 1}, {images({3, 2, 3, 5}), list({1, 2}), counter}),
      sample("many", full, {images({60, 3, 9, 9}), integers({90}, 0, 60), counter}),
      sample("many, of their own size", Augment{Pair(32), 4, 0.5},
             {images({3, 3, 32, 32}), integers({20}, 0, 3), counter}),
  };
  row.samples.push_back(sample("drawn by ids", full,
                               {images({2, 3, 4, 5}), list({1, 0}), counter, list({4, 1000000})}));
  for (Sample& s : row.samples) s.inputs.resize(4);
  row.samples[0].flops = 2 * 4 * 3 * 4 * 4;
  row.reference = naive<Augment>(augment_reference);
  const Tensor set = images({3, 3, 8, 6}), indices = list({0, 2});
  row.wrong = {
      wrong(Augment{}, {values({3, 3, 8, 6}), indices, counter}, "images must be [N,C,H,W] u8"),
      wrong(Augment{}, {images({3, 8, 6}), indices, counter},
            "images must be [N,C,H,W] u8, got [3,8,6] u8"),
      wrong(Augment{}, {set, values({2}), counter}, "indices must be [B] i64, got [2] f64"),
      wrong(Augment{}, {set, integers({2, 1}), counter}, "indices must be [B] i64, got [2,1] i64"),
      wrong(Augment{.flip = 0.5}, {set, indices, Tensor()}, "need a counter [2] i64, got none"),
      wrong(Augment{.crop = 2}, {set, indices, list({1})}, "need a counter [2] i64, got [1] i64"),
      wrong(Augment{.padding = -1}, {set, indices, counter}, "padding -1 must not be negative"),
      wrong(Augment{.crop = Pair(0, 4)}, {set, indices, counter}, "crop 0x4 has one size of 0"),
      wrong(Augment{.flip = 1.5}, {set, indices, counter}, "flip 1.5 is not a probability"),
      wrong(Augment{.mean = {1}, .std = {1}}, {set, indices, counter}, "numbers for 3 channels"),
      wrong(Augment{.mean = {0, 0, 0}, .std = {1, 0, 1}}, {set, indices, counter},
            "std 0 must be above 0"),
      wrong(Augment{.crop = Pair(9, 6)}, {set, indices, counter},
            "crop 9x6 is larger than the image 8x6"),
      wrong(Augment{.padding = 2'000'000'000}, {set, indices, counter},
            "larger than can be cropped"),
      wrong(Augment{}, {set, list({0, 3}), counter},
            "index 3 at position 1 is outside a set of 3 images"),
      wrong(Augment{}, {set, list({-1}), counter},
            "index -1 at position 0 is outside a set of 3 images"),
      wrong(Augment{}, {set, indices, counter, list({1})}, "ids must be as the indices [2] i64"),
      wrong(Augment{}, {set, indices, counter, values({2})}, "got [2] f64"),
  };
  for (WrongInput& w : row.wrong) w.inputs.resize(4);
  row.batched = true;
  // The bytes of the crops alone: sets are large.
  row.bytes = [](const AnyOp&, Specs, Specs out) {
    return std::pair(out[0].numel(), 4 * out[0].numel());
  };
  return row;
}

}  // namespace

std::vector<Row> augment_rows() { return {augment_row()}; }

}  // namespace glassbox::test
