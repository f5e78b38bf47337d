// The command line as a library: a program gets every verb for its own models with
//   int main(int argc, char** argv) {
//     return glassbox::cli(argc, argv, {{"mynet", "my network", glassbox::models::make<MyNet>}});
//   }
#pragma once
#include <vector>

#include "layers/models/models.h"

namespace glassbox {

// Runs one verb; `own` models come before those of the zoo. Returns the exit code: 0 done, 1
// failed, 2 wrong usage. Errors are one or two lines on stderr.
int cli(int argc, char** argv, std::vector<models::Entry> own = {});

}  // namespace glassbox
