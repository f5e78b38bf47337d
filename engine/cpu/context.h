// cpu::Context: what a CPU kernel is given besides its operands. Valid for one call.
#pragma once
#include <cstddef>
#include <span>

#include "engine/core/error.h"
#include "engine/core/threads.h"

namespace glassbox::cpu {

class Context {
 public:
  explicit Context(int threads) : threads_(threads) {}
  Context(int threads, void* scratch, std::size_t bytes)
      : threads_(threads), scratch_(scratch), bytes_(bytes) {}

  int threads() const { return threads_; }
  // The block of working memory that the op's scratch() asked for, 64-byte aligned.
  void* scratch() const { return scratch_; }
  std::size_t scratch_bytes() const { return bytes_; }

 private:
  int threads_;
  void* scratch_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace glassbox::cpu
