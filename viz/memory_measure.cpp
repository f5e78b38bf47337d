// The step of memory_step.h, run for real.
#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "engine/core/allocator.h"
#include "engine/core/transfer.h"
#include "engine/ops/random.h"
#include "viz/memory_step.h"

namespace glassbox::viz {
namespace {

// A line of /proc/self/status in bytes: "VmRSS:     1234 kB".
std::optional<std::int64_t> status_line(std::string_view name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with(name)) continue;
    const std::size_t digits = line.find_first_of("0123456789");
    if (digits == line.npos) return {};
    return std::stoll(line.substr(digits)) * 1024;
  }
  return {};
}

// The process's resident set, and the most of it since reset().
class Resident {
 public:
  Resident() {
    // Writing 5 makes the system forget the peak so far; without it, only a higher one is news.
    std::ofstream clear("/proc/self/clear_refs");
    clear << 5 << std::flush;
    before_ = status_line("VmRSS:");
    high_ = status_line("VmHWM:");
    reset_ = clear.good() && before_ && high_ && *high_ - *before_ < *before_ / 16 + (1 << 20);
  }
  std::optional<std::int64_t> before() const { return before_; }
  std::optional<std::int64_t> peak() const {
    const std::optional<std::int64_t> now = status_line("VmHWM:");
    if (!now || !high_ || (!reset_ && *now == *high_)) return {};
    return now;
  }

 private:
  std::optional<std::int64_t> before_, high_;
  bool reset_ = false;
};

// The default generator goes on from where it was.
class KeepGenerator {
 public:
  explicit KeepGenerator(Device device)
      : state_(default_generator(device).state()), words_(state_.to_vector<std::int64_t>()) {}
  ~KeepGenerator() { write_bytes(state_, 0, words_.data(), words_.size() * sizeof words_[0]); }
  KeepGenerator(const KeepGenerator&) = delete;
  KeepGenerator& operator=(const KeepGenerator&) = delete;

 private:
  Tensor state_;
  std::vector<std::int64_t> words_;
};

// Where the step runs: as the options say, else where the model is.
Device device_of(layers::ModuleBase& model, const MemoryOptions& options) {
  Device device = Device::cpu();
  for (const auto& [name, tensor] : model.state_dict()) {
    device = tensor.device();
    if (!device.is_meta()) continue;
    fail(model.type_name(),
         cat(name, " is on meta: a step that is measured needs the model's data"));
  }
  if (!options.device || *options.device == device.type()) return device;
  if (*options.device == Device::Type::cpu) return Device::cpu();
  allocator(Device::cuda());  // throws where there is no GPU
  return Device::cuda();
}

}  // namespace

MeasuredMemory measure_memory(layers::ModuleBase& model, const std::vector<Shape>& inputs,
                              const MemoryOptions& options) {
  const Device device = device_of(model, options);
  // Dry first: what fails shall fail before the memory is taken.
  const detail::StepPlan plan = detail::plan_step(model, inputs, options, true);
  const KeepGenerator generator(device);
  const detail::StepScope scope(device, nullptr);
  Allocator& memory = allocator(device);
  memory.release_cached();  // so that the resident set shows what the steps take
  MeasuredMemory measured;
  const Resident resident;
  {
    const Allocator::PeakScope whole(memory);
    const auto above_start = [&whole](const Allocator::PeakScope& peak) {
      return static_cast<std::int64_t>(peak.peak() - whole.start());
    };
    detail::Step step(model, plan, options, device);
    for (int i = 0; i < (options.training ? 3 : 2); ++i) {
      const Allocator::PeakScope peak(memory);
      step.run();
      std::int64_t& most = i == 0 ? measured.first_step : measured.later_steps;
      most = std::max(most, above_start(peak));
    }
    measured.peak = above_start(whole);
  }
  if (device.is_cpu()) {
    measured.resident_before = resident.before();
    measured.resident_peak = resident.peak();
  }
  memory.release_cached();
  return measured;
}

}  // namespace glassbox::viz
