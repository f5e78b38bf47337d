// Errors. Every error says which operation (or file) failed, which fact is wrong, and, when a
// module was running, the module's path: "conv2d: input has 3 channels but ... in Net.conv2".
#pragma once
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace glassbox {

// What the library throws, this or a type derived from it.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A device has no more memory: the message says what was asked for, what is held and by whom. A
// smaller batch may go.
class OutOfMemoryError : public Error {
 public:
  using Error::Error;
};

// Joins anything printable with << into one string.
template <class... Args>
std::string cat(const Args&... args) {
  std::ostringstream out;
  (out << ... << args);
  return out.str();
}

// Throws Error("what: fact in Path"). `what` is an op's name, a file or a function. The path is
// that of the module that is running on this thread, and is left out when none is.
[[noreturn]] void fail(std::string_view what, std::string_view fact);

}  // namespace glassbox
