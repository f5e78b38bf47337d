// Rows of the ops that rearrange elements (engine/ops/shape.h). The other types ride along: these
// kernels move bits.
#include "engine/ops/shape.h"
#include "tests/ops/op_table.h"

namespace glassbox::test {
namespace {

using namespace glassbox::ops;

constexpr DType all_types[] = {DType::f32, DType::f64, DType::f16, DType::bf16,
                               DType::i32, DType::i64, DType::u8,  DType::boolean};

// A sample of small integers for each type.
template <class Op>
void add_types(Row& row, const Op& op, const Shape& shape) {
  for (DType dtype : all_types) {
    row.samples.push_back(
        sample(std::string(name_of(dtype)), op, {integers(shape, 0, 100, 1, dtype)}));
    row.samples.back().differentiable = {false};
  }
}

std::size_t wrap(int d, const Shape& shape) {
  return static_cast<std::size_t>(d < 0 ? d + shape.rank() : d);
}

Row reshape_row() {
  Row row{.op = "reshape"};
  row.samples = {
      sample("flat", Reshape{{-1}}, {values({2, 3, 5})}),
      sample("inferred middle", Reshape{{5, -1, 2}}, {values({2, 3, 5})}),
      sample("same", Reshape{{2, 3}}, {values({2, 3})}),
      sample("to no dimensions", Reshape{{}}, {values({1, 1})}),
      sample("from no dimensions", Reshape{{1, 1}}, {values({})}),
      sample("empty", Reshape{{2, 0}}, {values({0, 3})}),
      sample("empty, inferred", Reshape{{-1, 3}}, {values({0, 3})}),
  };
  add_types(row, Reshape{{4, -1}}, {2, 6});
  row.reference = naive<Reshape>([](const Reshape& op, const Tensors& in) -> Tensors {
    const Values x(in[0]);
    std::int64_t known = 1;
    for (std::int64_t size : op.shape) known *= size == -1 ? 1 : size;
    Shape shape;
    for (std::int64_t size : op.shape) shape.push_back(size == -1 ? x.numel() / known : size);
    Values y(shape);
    for (std::int64_t i = 0; i < y.numel(); ++i) y[i] = x[i];
    return {y.tensor(in[0].dtype())};
  });
  row.wrong = {
      wrong(Reshape{{4, -1}}, {values({2, 3})}, "cannot view [2,3] (6 elements) as"),
      wrong(Reshape{{7}}, {values({2, 3})}, "cannot view [2,3] (6 elements) as 7"),
      wrong(Reshape{{-1, -1}}, {values({2, 3})}, "size -1 of dimension 1 is negative (only one"),
      wrong(Reshape{{-2}}, {values({2, 3})}, "size -2 of dimension 0 is negative"),
      wrong(Reshape{{0, -1}}, {values({2, 3})}, "with a size of 0"),
  };
  row.threads_from = 0;
  return row;
}

Row select_row() {
  Row row{.op = "select"};
  row.samples = {
      sample("first", Select{}, {values({3, 4})}),
      sample("middle", Select{1}, {values({3, 4, 2})}),
      sample("last", Select{-1}, {values({3, 4})}),
      sample("to no dimensions", Select{2}, {values({5})}),
      sample("empty rows", Select{1}, {values({2, 0})}),
  };
  add_types(row, Select{-2}, {3, 5});
  row.reference = naive<Select>([](const Select& op, const Tensors& in) -> Tensors {
    const Values x(in[0]);
    Shape shape;
    for (int d = 1; d < x.shape().rank(); ++d) shape.push_back(x.size(d));
    Values y(shape);
    for_each_index(shape, [&](const Index& i) {
      Index from = i;
      from.insert(from.begin(), op.index < 0 ? op.index + x.size(0) : op.index);
      y.at(i) = x.at(from);
    });
    return {y.tensor(in[0].dtype())};
  });
  row.wrong = {
      wrong(Select{3}, {values({3, 4})}, "index 3 is out of range for dimension 0 of [3,4]"),
      wrong(Select{-4}, {values({3, 4})}, "index -4 is out of range"),
      wrong(Select{}, {values({})}, "a tensor without dimensions cannot be indexed"),
      wrong(Select{}, {values({0, 2})}, "index 0 is out of range for dimension 0 of [0,2]"),
  };
  row.threads_from = 0;
  return row;
}

Row copy_row() {
  Row row{.op = "copy"};
  row.samples = {
      sample("matrix", Copy{}, {values({3, 5})}),    sample("one", Copy{}, {values({1})}),
      sample("no dimensions", Copy{}, {values({})}), sample("empty", Copy{}, {values({0, 3})}),
      sample("many", Copy{}, {values({3, 40001})}),
  };
  add_types(row, Copy{}, {3, 5});
  row.reference = [](const Sample& s) -> Tensors {
    return {Values(s.inputs[0]).tensor(s.inputs[0].dtype())};
  };
  row.accepts_anything = true;
  row.batched = true;
  return row;
}

Row permute_row() {
  Row row{.op = "permute"};
  row.samples = {
      sample("transposed", Permute{{1, 0}}, {values({3, 5})}),
      sample("nhwc", Permute{{0, 2, 3, 1}}, {values({1, 3, 4, 5})}),
      sample("negative", Permute{{-1, 0, 1}}, {values({3, 4, 5})}),
      sample("identity", Permute{{0, 1}}, {values({3, 5})}),
      sample("no dimensions", Permute{}, {values({})}),
      sample("empty batch", Permute{{1, 0}}, {values({0, 3})}),
      sample("many", Permute{{2, 0, 1}}, {values({3, 31, 999})}),
  };
  add_types(row, Permute{{1, 0}}, {3, 5});
  row.reference = naive<Permute>([](const Permute& op, const Tensors& in) -> Tensors {
    const Values x(in[0]);
    Shape shape;
    for (int d : op.dims) shape.push_back(x.size(d));
    Values y(shape);
    for_each_index(shape, [&](const Index& i) {
      Index from(i.size());
      for (std::size_t k = 0; k < i.size(); ++k) from[wrap(op.dims[k], x.shape())] = i[k];
      y.at(i) = x.at(from);
    });
    return {y.tensor(in[0].dtype())};
  });
  row.wrong = {
      wrong(Permute{{0}}, {values({2, 3})}, "names 1 dimensions of [2,3]"),
      wrong(Permute{{0, 0}}, {values({2, 3})}, "dimension 0 is named twice"),
      wrong(Permute{{0, 2}}, {values({2, 3})}, "dimension 2 is out of range"),
  };
  row.batched = true;
  return row;
}

// Python's rule, by walking: the positions that start:stop:step takes from [0, size).
std::vector<std::int64_t> positions(const Slice& op, std::int64_t size) {
  std::vector<std::int64_t> taken;
  const auto from_end = [&](std::int64_t b) { return b < 0 ? b + size : b; };
  const std::int64_t start = from_end(op.start), stop = from_end(op.stop);
  for (std::int64_t i = start < 0 ? 0 : start; i < stop && i < size; i += op.step)
    taken.push_back(i);
  return taken;
}

Row slice_row() {
  Row row{.op = "slice"};
  row.samples = {
      sample("all", Slice{}, {values({3, 4})}),
      sample("some", Slice{0, 1, 3}, {values({5, 4})}),
      sample("negative bounds", Slice{1, -3, -1}, {values({3, 7})}),
      sample("by two", Slice{-1, 1, Slice::to_end, 2}, {values({3, 7})}),
      sample("by three", Slice{1, 0, 7, 3}, {values({2, 7, 2})}),
      sample("beyond", Slice{0, -99, 99}, {values({3, 4})}),
      sample("nothing", Slice{0, 2, 1}, {values({3, 4})}),
      sample("batch of one", Slice{1, 1}, {values({1, 3})}),
      sample("empty batch", Slice{1, 1}, {values({0, 3})}),
      sample("many", Slice{1, 1, Slice::to_end, 2}, {values({3, 301, 77})}),
  };
  add_types(row, Slice{1, 1, 4, 2}, {3, 5});
  row.reference = naive<Slice>([](const Slice& op, const Tensors& in) -> Tensors {
    const Values x(in[0]);
    const std::size_t d = wrap(op.dim, x.shape());
    const auto taken = positions(op, x.size(op.dim));
    Shape shape = x.shape();
    shape[static_cast<int>(d)] = static_cast<std::int64_t>(taken.size());
    Values y(shape);
    for_each_index(shape, [&](const Index& i) {
      Index from = i;
      from[d] = taken[static_cast<std::size_t>(i[d])];
      y.at(i) = x.at(from);
    });
    return {y.tensor(in[0].dtype())};
  });
  row.wrong = {
      wrong(Slice{.step = 0}, {values({2})}, "step 0 must be at least 1"),
      wrong(Slice{.step = -1}, {values({2})}, "step -1 must be at least 1"),
      wrong(Slice{2}, {values({2, 3})}, "dimension 2 is out of range"),
      wrong(Slice{}, {values({})}, "dimension 0 is out of range for a tensor of 0 dimensions"),
  };
  row.batched = true;
  row.bytes = [](const AnyOp&, Specs, Specs out) {
    const auto bytes = static_cast<std::int64_t>(out[0].bytes());
    return std::pair(bytes, bytes);
  };
  return row;
}

Row slice_grad_row() {
  Row row{.op = "slice_grad"};
  row.samples = {
      sample("all", SliceGrad{{}, 3}, {values({3, 4})}),
      sample("some", SliceGrad{{0, 1, 3}, 5}, {values({2, 4})}),
      sample("negative bounds", SliceGrad{{1, -3, -1}, 7}, {values({3, 2})}),
      sample("by two", SliceGrad{{-1, 1, Slice::to_end, 2}, 7}, {values({3, 3})}),
      sample("nothing", SliceGrad{{0, 2, 1}, 3}, {values({0, 4})}),
      sample("batch of one", SliceGrad{{1, 1}, 3}, {values({1, 2})}),
      sample("many", SliceGrad{{1, 1, Slice::to_end, 2}, 601}, {values({3, 300, 77})}),
  };
  row.reference = naive<SliceGrad>([](const SliceGrad& op, const Tensors& in) -> Tensors {
    const Values dy(in[0]);
    const std::size_t d = wrap(op.slice.dim, dy.shape());
    const auto taken = positions(op.slice, op.size);
    Shape shape = dy.shape();
    shape[static_cast<int>(d)] = op.size;
    Values dx(shape);
    for_each_index(dy.shape(), [&](const Index& i) {
      Index to = i;
      to[d] = taken[static_cast<std::size_t>(i[d])];
      dx.at(to) = dy.at(i);
    });
    return {dx.tensor()};
  });
  row.wrong = {
      wrong(SliceGrad{{0, 1, 3}, 5}, {values({3, 4})}, "dy has 3 elements along dimension 0, the"),
      wrong(SliceGrad{{2}, 5}, {values({3, 4})}, "dimension 2 is out of range"),
  };
  row.batched = true;
  return row;
}

Row concat_row() {
  Row row{.op = "concat"};
  row.samples = {
      sample("rows", Concat{}, {values({2, 3}), values({1, 3}, 1)}),
      sample("columns", Concat{1}, {values({3, 2}), values({3, 5}, 1), values({3, 1}, 2)}),
      sample("last", Concat{-1}, {values({2, 3, 2}), values({2, 3, 1}, 1)}),
      sample("one", Concat{}, {values({3})}),
      sample("with an empty one", Concat{}, {values({2}), values({0}, 1), values({3}, 2)}),
      sample("batch of one", Concat{1}, {values({1, 3}), values({1, 2}, 1)}),
      sample("empty batch", Concat{1}, {values({0, 3}), values({0, 2}, 1)}),
      sample("many", Concat{1}, {values({3, 101, 77}), values({3, 99, 77}, 1)}),
  };
  add_types(row, Concat{}, {3, 5});
  row.reference = naive<Concat>([](const Concat& op, const Tensors& in) -> Tensors {
    const std::size_t d = wrap(op.dim, in[0].shape());
    Shape shape = in[0].shape();
    std::int64_t& total = shape[static_cast<int>(d)];
    total = 0;
    for (const Tensor& x : in) total += x.shape()[static_cast<int>(d)];
    Values y(shape);
    std::int64_t at = 0;
    for (const Tensor& part : in) {
      const Values x(part);
      for_each_index(x.shape(), [&](const Index& i) {
        Index to = i;
        to[d] += at;
        y.at(to) = x.at(i);
      });
      at += x.shape()[static_cast<int>(d)];
    }
    return {y.tensor(in[0].dtype())};
  });
  row.wrong = {
      wrong(Concat{}, {}, "needs at least one tensor"),
      wrong(Concat{}, {values({2, 3}), values({2, 2})},
            "input 1 [2,2] does not fit input 0 [2,3] along dimension 0"),
      wrong(Concat{}, {values({2, 3}), values({2})}, "input 1 [2] does not fit input 0 [2,3]"),
      wrong(Concat{}, {values({2}), integers({2})}, "operands have different types"),
      wrong(Concat{1}, {values({2}), values({2})}, "dimension 1 is out of range"),
  };
  row.batched = true;
  return row;
}

Row pad_row() {
  Row row{.op = "pad"};
  row.samples = {
      sample("last", Pad{{1, 2}}, {values({3, 4})}),
      sample("image", Pad{{1, 2, 3, 1}, -0.5}, {values({2, 3, 4, 5})}),
      sample("cropped", Pad{{-1, 0, 2, -1}}, {values({3, 5})}),
      sample("cropped to nothing", Pad{{-2, -3}}, {values({3, 5})}),
      sample("not at all", Pad{}, {values({3, 5})}),
      sample("batch of one", Pad{{0, 1}}, {values({1, 3})}),
      sample("empty batch", Pad{{1, 1}, 2}, {values({0, 3})}),
      sample("around nothing", Pad{{1, 1}, 2}, {values({2, 0})}),
      sample("many", Pad{{1, 1, 1, 1}}, {values({5, 71, 97})}),
  };
  add_types(row, Pad{{1, 2}, 1}, {3, 5});
  row.reference = naive<Pad>([](const Pad& op, const Tensors& in) -> Tensors {
    const Values x(in[0]);
    const int rank = x.shape().rank();
    Shape shape = x.shape();
    std::vector<std::int64_t> before(static_cast<std::size_t>(rank), 0);
    for (int k = 0; k < static_cast<int>(op.amounts.size()) / 2; ++k) {
      const std::int64_t left = op.amounts[static_cast<std::size_t>(2 * k)];
      const std::int64_t right = op.amounts[static_cast<std::size_t>(2 * k + 1)];
      before[static_cast<std::size_t>(rank - 1 - k)] = left;
      shape[rank - 1 - k] += left + right;
    }
    Values y(shape, op.value);
    for_each_index(x.shape(), [&](const Index& i) {
      Index to = i;
      bool inside = true;
      for (std::size_t d = 0; d < to.size(); ++d) {
        to[d] += before[d];
        inside = inside && to[d] >= 0 && to[d] < shape[static_cast<int>(d)];
      }
      if (inside) y.at(to) = x.at(i);
    });
    return {y.tensor(in[0].dtype())};
  });
  row.wrong = {
      wrong(Pad{{1}}, {values({2, 3})}, "needs two amounts for each padded dimension, got 1"),
      wrong(Pad{{1, 1, 1, 1}}, {values({2})}, "needs two amounts for each padded dimension, got 4"),
      wrong(Pad{{-2, -2}}, {values({2, 3})}, "crops dimension 1 of [2,3] below 0"),
  };
  row.batched = true;
  return row;
}

Row expand_row() {
  Row row{.op = "expand"};
  row.samples = {
      sample("rows", Expand{{3, 5}}, {values({1, 5})}),
      sample("columns", Expand{{3, 5}}, {values({3, 1})}),
      sample("new dimensions", Expand{{2, 3, 4}}, {values({4})}),
      sample("scalar", Expand{{2, 3}}, {values({})}),
      sample("several", Expand{{2, 4, 3, 5}}, {values({4, 1, 5})}),
      sample("same", Expand{{3, 5}}, {values({3, 5})}),
      sample("to nothing", Expand{{0, 5}}, {values({1, 5})}),
      sample("of nothing", Expand{{2, 0, 5}}, {values({0, 5})}),
      sample("many", Expand{{31, 37, 53}}, {values({37, 1})}),
  };
  add_types(row, Expand{{3, 5}}, {3, 1});
  row.reference = naive<Expand>([](const Expand& op, const Tensors& in) -> Tensors {
    const Values x(in[0]);
    Values y(op.shape);
    for_each_index(op.shape, [&](const Index& i) { y.at(i) = x.broadcast(i); });
    return {y.tensor(in[0].dtype())};
  });
  row.wrong = {
      wrong(Expand{{3, 5}}, {values({2, 5})}, "shapes [2,5] and [3,5] do not broadcast"),
      wrong(Expand{{1, 5}}, {values({3, 5})}, "[3,5] does not expand to [1,5]"),
      wrong(Expand{{5}}, {values({3, 5})}, "[3,5] does not expand to [5]"),
  };
  row.batched = true;
  return row;
}

}  // namespace

// Between devices it is tested with them (tests/cuda).
Row to_device_row() {
  Row row{.op = "to_device"};
  row.samples = {
      sample("matrix", ToDevice{}, {values({3, 5})}),
      sample("one", ToDevice{}, {values({1})}),
      sample("no dimensions", ToDevice{}, {values({})}),
      sample("empty", ToDevice{}, {values({0, 3})}),
  };
  add_types(row, ToDevice{}, {3, 5});
  row.reference = [](const Sample& s) -> Tensors {
    return {Values(s.inputs[0]).tensor(s.inputs[0].dtype())};
  };
  row.accepts_anything = true;
  row.batched = true;
  row.threads_from = 0;
  return row;
}

std::vector<Row> shape_rows() {
  return {reshape_row(), select_row(),     copy_row(),   to_device_row(), permute_row(),
          slice_row(),   slice_grad_row(), concat_row(), pad_row(),       expand_row()};
}

}  // namespace glassbox::test
