// What the history costs. A scalar that is logged, acknowledged, by the number of scalars in a
// record, beside one write(2) of such a line; how fast an index is made; and, with the index there,
// the time and the greatest resident set of a process that reads 50 runs for a plot.
//   bench_history [--folder DIR] [--points N] [--runs N] [--rounds N]
// The folder should be on the disk that matters; it must not exist and is removed at the end.
#include "viz/history.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

using namespace glassbox;
using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;

namespace {

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double loss_of(std::int64_t step) {
  return 2 / std::sqrt(1.0 + static_cast<double>(step)) +
         0.01 * std::sin(0.37 * static_cast<double>(step));
}

void print(const char* what, std::vector<double> values, const char* unit) {
  std::sort(values.begin(), values.end());
  std::printf("%-46s %10.4g %s  (%.4g to %.4g)\n", what, values[values.size() / 2], unit,
              values.front(), values.back());
}

template <std::size_t scalars>
double ns_per_scalar(const std::string& folder, std::int64_t records) {
  const std::string names[] = {"train/loss", "train/accuracy", "lr", "grad_norm",
                               "eval/loss",  "eval/accuracy",  "a",  "b"};
  fs::remove_all(folder);
  viz::History history(folder);
  std::int64_t waited = 0;
  const auto start = Clock::now();
  for (std::int64_t step = 0; step < records; ++step) {
    const double loss = loss_of(step);
    bool safe = false;
    if constexpr (scalars == 1)
      safe = history.log(step, {{names[0], loss}});
    else if constexpr (scalars == 2)
      safe = history.log(step, {{names[0], loss}, {names[1], 1 - loss}});
    else
      safe = history.log(step, {{names[0], loss},
                                {names[1], 1 - loss},
                                {names[2], 0.1},
                                {names[3], 3 * loss},
                                {names[4], loss},
                                {names[5], 0.5},
                                {names[6], loss / 3},
                                {names[7], 7.0}});
    waited += !safe;
  }
  const double ns =
      seconds_since(start) * 1e9 / static_cast<double>(records * std::int64_t(scalars));
  if (waited > 0) std::printf("(%lld records waited in memory)\n", static_cast<long long>(waited));
  return ns;
}

double ns_per_write(const std::string& folder, std::int64_t records) {
  fs::create_directories(folder);
  const int file = open((folder + "/lines").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0666);
  const std::string line =
      "{\"step\":1234567,\"time\":1760000000.123456,\"values\":{\"train/"
      "loss\":0.0017109890003187407}}\n";
  const auto start = Clock::now();
  for (std::int64_t i = 0; i < records; ++i)
    if (write(file, line.data(), line.size()) < 0) std::exit(1);
  const double ns = seconds_since(start) * 1e9 / static_cast<double>(records);
  close(file);
  return ns;
}

struct Cost {
  double seconds = 0, peak_mb = 0;
};
// Runs `use` in a process of its own.
template <class Use>
Cost in_a_process(const Use& use) {
  int ends[2];
  if (pipe(ends) != 0) std::exit(1);
  const pid_t child = fork();
  if (child == 0) {
    const auto start = Clock::now();
    use();
    const double seconds = seconds_since(start);
    if (write(ends[1], &seconds, sizeof seconds) < 0) _exit(1);
    _exit(0);
  }
  Cost cost;
  int status = 0;
  rusage usage{};
  if (child < 0 || read(ends[0], &cost.seconds, sizeof cost.seconds) != sizeof cost.seconds ||
      wait4(child, &status, 0, &usage) < 0 || status != 0) {
    std::fprintf(stderr, "the reading process failed\n");
    std::exit(1);
  }
  close(ends[0]);
  close(ends[1]);
  cost.peak_mb = static_cast<double>(usage.ru_maxrss) * 1024 / 1e6;
  return cost;
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder = "history-benchmark";
  std::int64_t points = 10'000'000, runs = 50, rounds = 5;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    if (flag == "--folder")
      folder = argv[i + 1];
    else if (flag == "--points")
      points = std::atoll(argv[i + 1]);
    else if (flag == "--runs")
      runs = std::atoll(argv[i + 1]);
    else if (flag == "--rounds")
      rounds = std::atoll(argv[i + 1]);
    else
      return std::fprintf(stderr, "unknown option %s\n", argv[i]), 2;
  }
  if (fs::exists(folder)) return std::fprintf(stderr, "%s exists\n", folder.c_str()), 2;

  std::vector<double> written, one, two, eight;
  for (std::int64_t i = 0; i < rounds; ++i) {
    written.push_back(ns_per_write(folder + "/write", 1'000'000));
    one.push_back(ns_per_scalar<1>(folder + "/one", 1'000'000));
    two.push_back(ns_per_scalar<2>(folder + "/two", 1'000'000));
    eight.push_back(ns_per_scalar<8>(folder + "/eight", 250'000));
  }
  print("one write(2) of such a line", written, "ns");
  print("a scalar acknowledged, 1 in a record", one, "ns");
  print("a scalar acknowledged, 2 in a record", two, "ns");
  print("a scalar acknowledged, 8 in a record", eight, "ns");

  const auto run = [&](std::int64_t i) { return folder + "/run-" + std::to_string(i); };
  const std::int64_t each = points / runs;
  for (std::int64_t i = 0; i < runs; ++i) {
    viz::History history(run(i));
    for (std::int64_t step = 0; step < each; ++step) history.log(step, {{"loss", loss_of(step)}});
  }
  const auto plot = [&] {
    double sum = 0;
    for (std::int64_t i = 0; i < runs; ++i) {
      const viz::History history(run(i), {.read_only = true});
      for (const viz::Bucket& bucket : history["loss"].downsample(2000)) sum += bucket.max;
    }
    if (!(sum > 0)) _exit(1);
  };
  std::vector<double> built, built_mb, seconds, peak;
  for (std::int64_t i = 0; i < rounds; ++i) {
    for (std::int64_t k = 0; k < runs; ++k) fs::remove(run(k) + "/history.index");
    const Cost index = in_a_process(plot);
    built.push_back(static_cast<double>(points) / index.seconds / 1e6);
    built_mb.push_back(index.peak_mb);
    const Cost cost = in_a_process(plot);
    seconds.push_back(cost.seconds * 1e3);
    peak.push_back(cost.peak_mb);
  }
  std::printf("%lld points in %lld runs, 2000 buckets of each:\n", static_cast<long long>(points),
              static_cast<long long>(runs));
  print("  reading lines and making the index", built, "M points/s");
  print("    greatest resident set", built_mb, "MB");
  print("  with the index", seconds, "ms");
  print("    greatest resident set", peak, "MB");
  fs::remove_all(folder);
  return 0;
}
