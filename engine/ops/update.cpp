#include "engine/ops/update.h"

#include "engine/autograd/tape.h"

namespace glassbox {
namespace ops {

namespace {
SpecList same_spec(std::string_view name, Specs in) {
  check_defined(name, in);
  if (in[0].shape != in[1].shape || in[0].dtype != in[1].dtype) {
    fail(name, cat("destination ", to_string(in[0]), " does not match source ", to_string(in[1])));
  }
  return {in[0]};
}
}  // namespace

SpecList Assign::infer(Specs in, bool) const { return same_spec(name, in); }
SpecList AddTo::infer(Specs in, bool) const {
  check_floating(name, in);
  return same_spec(name, in);
}

}  // namespace ops

void assign(Tensor& destination, const Tensor& source) {
  const NoGrad no_grad;
  apply(ops::Assign{}, destination, source);
}
void add_to(Tensor& destination, const Tensor& source) {
  const NoGrad no_grad;
  apply(ops::AddTo{}, destination, source);
}

}  // namespace glassbox
