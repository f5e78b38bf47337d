// In-place writes of whole tensors.
#include "engine/ops/update.h"

#include <cstring>

#include "engine/cpu/dispatch.h"
#include "engine/cpu/parallel.h"

namespace glassbox {

using namespace cpu;

void run(const ops::Assign&, cpu::Context& ctx, Ins in, Outs out) {
  const std::byte* from = in[1].raw();
  std::byte* to = out[0].raw();
  parallel_chunks(ctx, static_cast<std::int64_t>(out[0].spec().bytes()), 4 * grain,
                  [&](std::int64_t begin, std::int64_t end) {
                    std::memcpy(to + begin, from + begin, static_cast<std::size_t>(end - begin));
                  });
}

void run(const ops::AddTo&, cpu::Context& ctx, Ins in, Outs out) {
  dispatch_floating(ops::AddTo::name, out[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const T* from = in_ptr<T>(in[1]);
    T* to = out_ptr<T>(out[0]);
    parallel_chunks(ctx, out[0].numel(), grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) to[i] += from[i];
    });
  });
}

}  // namespace glassbox
