// kill -9 at random moments: every resume succeeds and the training ends with the bits of one that
// nobody disturbed.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "tests/run_result.h"
#include "tests/skip.h"
#include "tests/small_mnist.h"
#include "tests/temp_folder.h"

namespace glassbox::test {
namespace {

namespace fs = std::filesystem;
using Milliseconds = std::chrono::duration<double, std::milli>;

struct End {
  bool killed = false;
  int code = 0;
  Milliseconds time{0};
};

// Runs the program, its output going to `log`; kills it after `limit` unless it ended before.
End run_program(const std::vector<std::string>& arguments, const std::string& log,
                Milliseconds limit) {
  const auto start = std::chrono::steady_clock::now();
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const int to = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::dup2(to, STDOUT_FILENO);
    ::dup2(to, STDERR_FILENO);
    std::vector<char*> argv;
    for (const std::string& argument : arguments)
      argv.push_back(const_cast<char*>(argument.data()));
    argv.push_back(nullptr);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  End end;
  int status = 0;
  for (;;) {
    if (::waitpid(child, &status, WNOHANG) == child) break;
    if (std::chrono::steady_clock::now() - start > limit) {
      ::kill(child, SIGKILL);
      ::waitpid(child, &status, 0);
      break;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  end.time = std::chrono::steady_clock::now() - start;
  end.killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  end.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return end;
}

void check_ended_well(const End& end, const std::string& log) {
  const std::string said = read_bytes(log);
  CAPTURE(said);
  REQUIRE(end.code == 0);
}

nlohmann::json results(const std::string& run) {
  return epochs_of(nlohmann::json::parse(read_bytes(run + "/result.json")));
}

}  // namespace

TEST_CASE("kill -9 at random moments loses nothing" * doctest::test_suite("slow")) {
#ifndef GLASSBOX_PROGRAM
  skip("the program glassbox is not built");
#else
  const char* wanted = std::getenv("GLASSBOX_KILLS");
  const int most = wanted ? std::atoi(wanted) : 40;
  const TempFolder folder;
  make_small_mnist(folder / "data", 800, 100);
  const auto first = [&](const std::string& run) -> std::vector<std::string> {
    return {GLASSBOX_PROGRAM,
            "train",
            "--model",
            "mnist",
            "--data",
            folder / "data",
            "--run",
            run,
            "--epochs",
            "3",
            "--batch-size",
            "16",
            "--checkpoint-every",
            "20",
            "--threads",
            "1",
            "--optimizer",
            "adam",
            "--schedule",
            "cosine"};
  };
  const std::string whole = folder / "whole", log = folder / "log";
  const End undisturbed = run_program(first(whole), log, Milliseconds(1e7));
  check_ended_well(undisturbed, log);

  const unsigned seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 random(seed);
  int kills = 0, resumes = 0, finished = 0;
  while (kills < most) {
    const std::string run = folder / ("run-" + std::to_string(finished));
    bool done = false;
    while (!done) {
      // Before its config.json is there a run has not begun.
      const bool begun = fs::exists(run + "/config.json");
      if (!begun) fs::remove_all(run);
      resumes += begun;
      std::uniform_real_distribution<double> moment(0, 1.1 * undisturbed.time.count());
      const End end =
          run_program(begun ? std::vector<std::string>{GLASSBOX_PROGRAM, "train", "--resume", run,
                                                       "--threads", "1"}
                            : first(run),
                      log, Milliseconds(moment(random)));
      kills += end.killed;
      done = !end.killed;
      if (done) check_ended_well(end, log);
    }
    ++finished;
    CHECK(read_bytes(run + "/model.safetensors") == read_bytes(whole + "/model.safetensors"));
    CHECK(results(run) == results(whole));
  }
  MESSAGE(kills, " kills, ", resumes, " resumes, ", finished, " trainings finished");
  CHECK(finished > 0);
  CHECK(resumes > 0);
#endif
}

}  // namespace glassbox::test
