#include "glassbox/interrupt.h"

#include <csignal>

namespace glassbox {

namespace {

volatile std::sig_atomic_t noted = 0;
struct sigaction old_interrupt, old_terminate;

}  // namespace

InterruptGuard::InterruptGuard() {
  noted = 0;
  struct sigaction action {};
  action.sa_handler = [](int) { noted = 1; };
  // The handler is for one signal: the next one does what it did before.
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, &old_interrupt);
  ::sigaction(SIGTERM, &action, &old_terminate);
}

InterruptGuard::~InterruptGuard() {
  ::sigaction(SIGINT, &old_interrupt, nullptr);
  ::sigaction(SIGTERM, &old_terminate, nullptr);
}

bool InterruptGuard::interrupted() const { return noted != 0; }

}  // namespace glassbox
