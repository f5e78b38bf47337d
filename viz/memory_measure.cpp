// The step of memory_step.h, run for real.
#include <algorithm>
#include <array>
#include <fstream>
#include <string>

#include "engine/core/allocator.h"
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
  KeepGenerator() : state_(default_generator(Device::cpu()).state()) {
    const auto words = state_.data<std::int64_t>();
    std::copy(words.begin(), words.end(), words_.begin());
  }
  ~KeepGenerator() {
    const auto words = state_.mutable_data<std::int64_t>();
    std::copy(words_.begin(), words_.end(), words.begin());
  }
  KeepGenerator(const KeepGenerator&) = delete;
  KeepGenerator& operator=(const KeepGenerator&) = delete;

 private:
  Tensor state_;
  std::array<std::int64_t, 2> words_{};
};

void check_can_run(layers::ModuleBase& model, const MemoryOptions& options) {
  if (options.device && *options.device != Device::Type::cpu) {
    fail(model.type_name(), "memory is measured on the CPU alone in this build");
  }
  for (const auto& [name, tensor] : model.state_dict()) {
    if (tensor.device().is_cpu()) continue;
    fail(model.type_name(), cat(name, " is on ", tensor.device(),
                                ": a step that is measured needs the model's data on the CPU"));
  }
}

}  // namespace

MeasuredMemory measure_memory(layers::ModuleBase& model, const std::vector<Shape>& inputs,
                              const MemoryOptions& options) {
  check_can_run(model, options);
  // Dry first: what fails shall fail before the memory is taken.
  const detail::StepPlan plan = detail::plan_step(model, inputs, options, true);
  const KeepGenerator generator;
  const detail::StepScope scope(Device::cpu(), nullptr);
  Allocator& cpu = allocator(Device::cpu());
  cpu.release_cached();  // so that the resident set shows what the steps take
  MeasuredMemory measured;
  const Resident resident;
  {
    const Allocator::PeakScope whole(cpu);
    const auto above_start = [&whole](const Allocator::PeakScope& peak) {
      return static_cast<std::int64_t>(peak.peak() - whole.start());
    };
    detail::Step step(model, plan, options, Device::cpu());
    for (int i = 0; i < (options.training ? 3 : 2); ++i) {
      const Allocator::PeakScope peak(cpu);
      step.run();
      std::int64_t& most = i == 0 ? measured.first_step : measured.later_steps;
      most = std::max(most, above_start(peak));
    }
    measured.peak = above_start(whole);
  }
  measured.resident_before = resident.before();
  measured.resident_peak = resident.peak();
  cpu.release_cached();
  return measured;
}

}  // namespace glassbox::viz
