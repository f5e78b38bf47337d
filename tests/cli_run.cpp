#include "tests/cli_run.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "engine/core/threads.h"
#include "tests/temp_folder.h"

namespace glassbox::test {

namespace {

// Sends a descriptor to a file while it lives.
class Redirected {
 public:
  Redirected(int descriptor, const std::string& file)
      : descriptor_(descriptor), before_(::dup(descriptor)) {
    flush();
    const int to = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    REQUIRE(to >= 0);
    ::dup2(to, descriptor_);
    ::close(to);
  }
  ~Redirected() {
    flush();
    ::dup2(before_, descriptor_);
    ::close(before_);
    // After a write that failed.
    std::cout.clear();
    std::clearerr(stdout);
  }
  Redirected(const Redirected&) = delete;
  Redirected& operator=(const Redirected&) = delete;

 private:
  static void flush() {
    std::cout.flush();
    std::cerr.flush();
    std::fflush(nullptr);
  }
  int descriptor_, before_;
};

int call(const std::string& out, const std::string& err, std::vector<std::string> arguments,
         const std::vector<models::Entry>& own) {
  arguments.insert(arguments.begin(), "glassbox");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const int threads = num_threads();
  const Redirected to_out(STDOUT_FILENO, out), to_err(STDERR_FILENO, err);
  const int code = cli(static_cast<int>(arguments.size()), argv.data(), own);
  set_num_threads(threads);
  return code;
}

}  // namespace

CliResult run_cli(const std::vector<std::string>& arguments,
                  const std::vector<models::Entry>& own) {
  const TempFolder folder;
  CliResult result;
  result.code = call(folder / "out", folder / "err", arguments, own);
  result.out = read_bytes(folder / "out");
  result.err = read_bytes(folder / "err");
  return result;
}

CliResult run_cli_into(const std::string& file, const std::vector<std::string>& arguments) {
  const TempFolder folder;
  CliResult result;
  result.code = call(file, folder / "err", arguments, {});
  result.err = read_bytes(folder / "err");
  return result;
}

}  // namespace glassbox::test
