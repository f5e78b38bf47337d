// Ctrl-C: the first one is noted, so that the work can end in order; a second one ends the program
// at once.
#pragma once

namespace glassbox {

class InterruptGuard {
 public:
  InterruptGuard();  // catches SIGINT and SIGTERM from now on
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  bool interrupted() const;
};

}  // namespace glassbox
