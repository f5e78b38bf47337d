// kill -9 at random moments while a process logs: every record that log() said is safe is there, in
// order and as it was, and the file is readable. GLASSBOX_KILLS sets how often in the slow suite.
#include <doctest/doctest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

#include "engine/ops/create.h"
#include "tests/temp_folder.h"
#include "tests/viz/history_tests.h"
#include "viz/history.h"

namespace glassbox::test {
namespace {

using viz::History;

// What the process that logs tells its parent, in memory that outlives it.
struct Told {
  std::atomic<std::int64_t> safe;    // the steps below are safe
  std::atomic<std::int64_t> waited;  // records that were not said to be
  std::atomic<bool> open;
};

// Logs until it is killed, from the step on that the file has reached. It says nothing and checks
// nothing: it must not return into the tests.
[[noreturn]] void log_for_ever(const std::string& folder, Told& told) {
  try {
    viz::HistoryOptions options;
    options.say = [](const std::string&) {};
    History history(folder, options);
    told.open = true;
    const auto last = history.step();
    // The last step once more: it may have lost its text.
    for (std::int64_t step = last ? last->batch : 0;; ++step) {
      bool safe =
          history.log(step, {{"loss", 0.5 * static_cast<double>(step)}, {"train/accuracy", step}});
      if (step % 64 == 0) {
        const std::string text(static_cast<std::size_t>(step % 5'000),
                               'a' + static_cast<char>(step / 64 % 26));
        safe = history.log(step, {{"note", text}, {"w", full({64}, static_cast<double>(step))}}) &&
               safe;
      }
      if (safe)
        told.safe = step + 1;
      else
        told.waited.fetch_add(1);
    }
  } catch (...) {
  }
  ::_exit(1);
}

struct Counts {
  int kills = 0, while_open = 0, torn = 0;
};

void check_what_is_there(const std::string& folder, const Told& told, Counts& counts) {
  Said read_said;
  viz::HistoryOptions options = read_said.options();
  options.read_only = true;
  const History history(folder, options);
  REQUIRE(read_said.all.empty());
  if (!history.contains("loss")) {
    REQUIRE(told.safe == 0);
    return;
  }
  const std::vector<double> loss = history["loss"].values(), x = history["loss"].x();
  // A record that was not said to be safe may be there all the same, or not.
  if (told.waited == 0) REQUIRE(static_cast<std::int64_t>(loss.size()) >= told.safe);
  for (std::size_t i = 0; i < loss.size(); ++i)
    if (x[i] != static_cast<double>(i) || loss[i] != 0.5 * static_cast<double>(i)) FAIL("step ", i);
  if (told.safe > 64) {
    const viz::Metric note = history["note"], w = history["w"];
    const auto last = static_cast<std::size_t>((told.safe - 1) / 64);
    REQUIRE(note.size() > last);
    for (std::size_t i = last > 20 ? last - 20 : 0; i <= last; ++i) {
      REQUIRE(note.text(i) == std::string(64 * i % 5'000, static_cast<char>('a' + i % 26)));
      REQUIRE(w.tensor(i).to_vector<double>() ==
              std::vector<double>(64, static_cast<double>(64 * i)));
    }
  }
  // Who opens it to write finds nothing torn that was said to be safe; lines are JSON again.
  Said said;
  const std::size_t records = loss.size();
  {
    History writer(folder, said.options());
    REQUIRE(writer["loss"].size() == records);
  }
  counts.torn += static_cast<int>(said.all.size());
  REQUIRE(said.all.size() <= 1);
}

// Kills `most` processes that log. A folder is gone on with after each, for a while.
Counts kill_loggers(int most) {
  void* shared =
      ::mmap(nullptr, sizeof(Told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(shared != MAP_FAILED);
  Told& told = *new (shared) Told{};
  const unsigned seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> moment(0, 6);
  Counts counts;
  while (counts.kills < most) {
    const TempFolder folder;
    const std::string run = folder / "run";
    for (int i = 0; i < 10 && counts.kills < most; ++i, ++counts.kills) {
      told.safe = told.waited = 0;
      told.open = false;
      const pid_t child = ::fork();
      REQUIRE(child >= 0);
      if (child == 0) log_for_ever(run, told);
      // Spinning, not sleeping: the moments shall be anywhere in a record. Mostly after it is open,
      // sometimes while it opens.
      const bool opened = random() % 8 != 0;
      int status = 0;
      while (opened && !told.open)
        if (::waitpid(child, &status, WNOHANG) == child)
          FAIL("the process that logs ended by itself");
      const auto start = std::chrono::steady_clock::now();
      const double limit = moment(random);
      while (std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
                 .count() < limit) {
      }
      ::kill(child, SIGKILL);
      REQUIRE(::waitpid(child, &status, 0) == child);
      REQUIRE(WIFSIGNALED(status));
      counts.while_open += told.open;
      // Before there is a file there is nothing to read.
      if (std::ifstream(run + "/history.jsonl").peek() == '{')
        check_what_is_there(run, told, counts);
      else
        REQUIRE(told.safe == 0);
    }
  }
  ::munmap(shared, sizeof(Told));
  return counts;
}

}  // namespace

TEST_CASE("a process that logs is killed: every record that was safe is there") {
  const Counts counts = kill_loggers(15);
  CHECK(counts.while_open > 3);
}

TEST_CASE("a process that logs is killed many times" * doctest::test_suite("slow")) {
  const char* wanted = std::getenv("GLASSBOX_KILLS");
  const Counts counts = kill_loggers(wanted ? std::atoi(wanted) : 200);
  MESSAGE(counts.kills, " kills, ", counts.while_open, " while it was open; ", counts.torn,
          " left a part of a record that was not yet safe");
  CHECK(counts.while_open > 0);
}

}  // namespace glassbox::test
