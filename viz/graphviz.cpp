#include "viz/graphviz.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "engine/core/error.h"

extern char** environ;

namespace glassbox::viz {
namespace {

// A file without a name. Why no pipes: whoever writes one while the other end writes back has to
// watch both.
class Scratch {
 public:
  Scratch() : file_(std::tmpfile()) {
    if (!file_) fail("graphviz", cat("no temporary file: ", std::strerror(errno)));
    // A program that is started beside this one shall not hold it.
    fcntl(descriptor(), F_SETFD, FD_CLOEXEC);
  }
  int descriptor() const { return fileno(file_.get()); }

  void write(const std::string& text) {
    if (std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size() ||
        std::fflush(file_.get()) != 0)
      fail("graphviz", cat("no temporary file: ", std::strerror(errno)));
    std::rewind(file_.get());
  }

  std::string read() {
    std::string text;
    char block[1 << 16];
    std::rewind(file_.get());
    while (const std::size_t size = std::fread(block, 1, sizeof block, file_.get()))
      text.append(block, size);
    return text;
  }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> file_;
};

struct FileActions {
  posix_spawn_file_actions_t actions;
  FileActions() { posix_spawn_file_actions_init(&actions); }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions); }
  void put(const Scratch& file, int as) {
    posix_spawn_file_actions_adddup2(&actions, file.descriptor(), as);
  }
};

}  // namespace

std::string graphviz(const std::string& dot, const std::string& format) {
  Scratch in, out, errors;
  in.write(dot);
  FileActions files;
  files.put(in, STDIN_FILENO);
  files.put(out, STDOUT_FILENO);
  files.put(errors, STDERR_FILENO);
  std::string name = "dot", option = "-T" + format;
  char* arguments[] = {name.data(), option.data(), nullptr};
  pid_t child = 0;
  const int error = posix_spawnp(&child, name.c_str(), &files.actions, nullptr, arguments, environ);
  if (error == ENOENT) fail("graphviz", "there is no program dot; package graphviz has it");
  if (error != 0) fail("graphviz", cat("dot cannot be started: ", std::strerror(error)));
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) fail("graphviz", cat("dot is lost: ", std::strerror(errno)));
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    std::string words = errors.read();
    while (words.ends_with('\n')) words.pop_back();
    fail("graphviz", cat("dot ", option, " failed", words.empty() ? "" : ": ", words));
  }
  return out.read();
}

}  // namespace glassbox::viz
