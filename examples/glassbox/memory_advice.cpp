#include "glassbox/memory_advice.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/core/allocator.h"
#include "engine/core/cuda.h"
#include "viz/memory.h"
#include "viz/text.h"

namespace glassbox {

std::string memory_advice(layers::ModuleBase& model, const TrainOptions& options,
                          const DataInfo& info, Device device) {
  if (!device.is_cuda()) return "";
  try {
    const std::vector<Shape> inputs = {{info.channels, info.height, info.width}};
    viz::MemoryOptions step{.batch = options.batch_size,
                            .optimizer = viz::optimizer_named(options.optimizer),
                            .loss = viz::Loss::cross_entropy};
    const std::int64_t asked = viz::predict_memory(model, inputs, step).peak;
    const std::size_t has =
        cuda::properties(device.index()).free_memory + allocator(device).stats().reserved;
    // Where the step should have fit, what a dry run cannot see was too much: fragments, the data
    // set, other programs.
    const std::int64_t budget = std::min(static_cast<std::int64_t>(has / 16 * 15), asked / 4 * 3);
    const viz::BatchLimit limit = viz::max_batch(model, inputs, budget, step);
    const auto text = [](std::int64_t n) { return viz::with_binary_unit(static_cast<double>(n)); };
    const std::string facts =
        fmt::format("A step of {} with --batch-size {} takes about {}; {} has {} for this program",
                    options.model_name, options.batch_size, text(asked), to_string(device),
                    text(static_cast<std::int64_t>(has)));
    if (limit.batch == 0) return facts + ", too little for any batch";
    return fmt::format("{}; try --batch-size {}", facts, limit.batch);
  } catch (const Error&) {
    return "";  // the advice must not hide what went wrong
  }
}

}  // namespace glassbox
