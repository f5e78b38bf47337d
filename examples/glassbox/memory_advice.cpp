#include "glassbox/memory_advice.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/core/allocator.h"
#include "engine/core/cuda.h"
#include "engine/engine.h"
#include "viz/memory.h"
#include "viz/text.h"

namespace glassbox {

std::string memory_advice(layers::ModuleBase& model, const TrainOptions& options,
                          const DataInfo& info, Device device) {
  if (!device.is_cuda()) return "";
  try {
    cuda::empty_cache(device.index());
    const AutocastScope scope(parse_precision(options.precision));
    const auto step_with = [&](std::int64_t batch) {
      return viz::predict_memory(model, {{info.channels, info.height, info.width}},
                                 {.batch = batch,
                                  .optimizer = viz::optimizer_named(options.optimizer),
                                  .loss = viz::Loss::cross_entropy})
          .peak;
    };
    const auto text = [](std::int64_t n) { return viz::with_binary_unit(static_cast<double>(n)); };
    const std::int64_t batch = options.batch_size, asked = step_with(batch);
    const auto has = static_cast<std::int64_t>(cuda::properties(device.index()).free_memory +
                                               allocator(device).stats().reserved);
    const std::string facts =
        fmt::format("A step of {} with --batch-size {} takes about {}; {} has {} for this program",
                    options.model_name, batch, text(asked), to_string(device), text(has));
    if (batch == 1) return facts;

    const std::int64_t half = batch / 2;
    const double each =
        static_cast<double>(asked - step_with(half)) / static_cast<double>(batch - half);
    const double fixed = static_cast<double>(asked) - each * static_cast<double>(batch);
    const double room = static_cast<double>(has) * 15 / 16;
    if (fixed + each > room) return facts + ", too little for any batch";
    // Where the step should have fit, what a dry run cannot see was too much: fragments, the data
    // set, other programs.
    const double budget = std::min(room, static_cast<double>(asked) * 3 / 4);
    const double fits = each > 0 ? (budget - fixed) / each : 0;
    const std::int64_t smaller =
        fits >= 1 ? std::min(static_cast<std::int64_t>(fits), batch - 1) : half;
    return fmt::format("{}; {} --batch-size {}", facts,
                       options.resume ? "try a new run with" : "try", smaller);
  } catch (const Error&) {
    return "";  // the advice must not hide what went wrong
  }
}

}  // namespace glassbox
