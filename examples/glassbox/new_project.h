// `glassbox new NAME`: a small project with a model of one's own that builds against the installed
// package.
#pragma once
#include <string>

namespace glassbox {

// Writes the folder NAME, whole or not at all. Throws UsageError when the name does not serve or is
// taken, Error when the folder cannot be written.
void new_project(const std::string& name);

// "my-net": the file my_net.h with the model MyNet.
std::string file_stem(const std::string& name);
std::string type_name(const std::string& name);

}  // namespace glassbox
