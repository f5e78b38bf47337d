#pragma once
// The command line in this process, its output captured.
#include <string>
#include <vector>

#include "glassbox/cli.h"

namespace glassbox::test {

struct CliResult {
  int code = 0;
  std::string out, err;
};

// Runs `glassbox ARGUMENTS`. The number of threads is afterwards what it was.
CliResult run_cli(const std::vector<std::string>& arguments,
                  const std::vector<models::Entry>& own = {});
// The same with standard output going to that file.
CliResult run_cli_into(const std::string& file, const std::vector<std::string>& arguments);

}  // namespace glassbox::test
