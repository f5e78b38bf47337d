// Scripts that complete words for bash, zsh and fish, made from the command line's own description:
// a verb, an option or a model that is added completes without another line here.
#pragma once
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace glassbox {

// `shell` is bash, zsh or fish; `program` the name that is completed.
std::string completion(const CLI::App& app, const std::string& shell, const std::string& program,
                       const std::vector<std::string>& models);

}  // namespace glassbox
