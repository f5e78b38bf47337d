// The CUDA library's one exported function.
#include <vector>

#include "engine/cuda/device.h"
#include "engine/cuda/kernels.h"
#include "engine/cuda_library.h"

namespace glassbox::cuda {
namespace {

template <class Op>
Kernel kernel_of() {
  Kernel kernel;
  if constexpr (requires(const Op& op, Context& ctx, Ins in, Outs out) { run(op, ctx, in, out); }) {
    kernel.run = [](const void* op, Context& ctx, Ins in, Outs out) {
      run(*static_cast<const Op*>(op), ctx, in, out);
    };
  }
  if constexpr (requires(const Op& op, const Context& ctx, Specs s) { scratch(op, ctx, s, s); }) {
    kernel.scratch = [](const void* op, const Context& ctx, Specs in, Specs out) {
      return scratch(*static_cast<const Op*>(op), ctx, in, out);
    };
  }
  return kernel;
}

std::vector<Kernel> all_kernels() {
  std::vector<Kernel> kernels;
  ops::for_each_op([&]<class Op>() { kernels.push_back(kernel_of<Op>()); });
  return kernels;
}

}  // namespace
}  // namespace glassbox::cuda

extern "C" const glassbox::cuda::Library* glassbox_cuda_library() {
  using namespace glassbox::cuda;
  // Why never destroyed: tensors with static lifetime may be freed after any destructor here.
  static const std::vector<Kernel>& kernels = *new std::vector<Kernel>(all_kernels());
  static const Library& library = *[] {
    auto* made = new Library{op_fingerprint(), kernels.size(), kernels.data(), nullptr, ""};
    made->backend = make_backend(made->why_not);
    return made;
  }();
  return &library;
}
