// Time and memory of a summary: the call on a model without data, its first time in the process and
// the median of many; what it asked of the CPU's allocator; then the whole program, started anew.
//
//   bench_summary [MODEL [PROGRAM]]      resnet152, the glassbox beside this program
#include "viz/summary.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "engine/core/allocator.h"
#include "layers/models/models.h"

using namespace glassbox;

namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

struct Spread {
  double low, median, high;
};
Spread spread_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {values.front(), values[values.size() / 2], values.back()};
}

// One run of the program: milliseconds, and its peak resident set in MB (10^6 B).
std::pair<double, double> run(const std::string& program, const std::string& model) {
  const auto start = Clock::now();
  const pid_t child = fork();
  if (child == 0) {
    const int null = open("/dev/null", O_WRONLY);
    dup2(null, STDOUT_FILENO);
    execl(program.c_str(), program.c_str(), "summary", model.c_str(), nullptr);
    _exit(127);
  }
  int status = 0;
  rusage usage{};
  if (child < 0 || wait4(child, &status, 0, &usage) < 0 || status != 0) {
    std::fprintf(stderr, "cannot run %s summary %s\n", program.c_str(), model.c_str());
    std::exit(1);
  }
  return {milliseconds_since(start), static_cast<double>(usage.ru_maxrss) * 1024 / 1e6};
}

}  // namespace

int main(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "resnet152";
  const std::string self = argv[0];
  const std::string program =
      argc > 2 ? argv[2] : self.substr(0, self.find_last_of('/') + 1) + "glassbox";
  const auto& zoo = models::zoo();
  const auto entry =
      std::find_if(zoo.begin(), zoo.end(), [&](const auto& e) { return e.name == name; });
  if (entry == zoo.end()) {
    std::fprintf(stderr, "no model is named %s\n", name.c_str());
    return 2;
  }
  const auto model = [&] {
    const DeviceScope meta(Device::meta());
    return entry->make();
  }();

  const MemoryStats before = allocator(Device::cpu()).stats();
  std::vector<double> calls, texts;
  double first = 0;
  std::size_t rows = 0;
  for (int i = 0; i < 51; ++i) {
    auto start = Clock::now();
    const viz::Summary summary = viz::summary(*model);
    const double passed = milliseconds_since(start);
    if (i == 0) first = passed;
    if (i > 0) calls.push_back(passed);
    start = Clock::now();
    const std::string text = summary.to_string();
    texts.push_back(milliseconds_since(start));
    rows = summary.rows.size();
  }
  const MemoryStats after = allocator(Device::cpu()).stats();
  const Spread call = spread_of(calls), text = spread_of(texts);
  std::printf("%s, %zu rows\n", name.c_str(), rows);
  std::printf("call      first %.2f ms, median %.2f ms [%.2f-%.2f]\n", first, call.median, call.low,
              call.high);
  std::printf("text      median %.2f ms [%.2f-%.2f]\n", text.median, text.low, text.high);
  std::printf("data      %llu allocations\n",
              static_cast<unsigned long long>(after.requests - before.requests));

  std::vector<double> times, sizes;
  for (int i = 0; i < 21; ++i) {
    const auto [time, size] = run(program, name);
    times.push_back(time);
    sizes.push_back(size);
  }
  const Spread time = spread_of(times), size = spread_of(sizes);
  std::printf("program   median %.1f ms [%.1f-%.1f], at most %.1f MB resident\n", time.median,
              time.low, time.high, size.high);
}
