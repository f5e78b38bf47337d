// What the CUDA library exports, and its loading. The library is opened when a CUDA device is first
// asked for; it fills the ops' CUDA kernels in, in the order of AllOps.
#pragma once
#include <cstdint>
#include <string>

#include "engine/core/backend.h"
#include "engine/op.h"

namespace glassbox::cuda {

struct Kernel {
  void (*run)(const void* op, Context&, Ins, Outs) = nullptr;
  std::size_t (*scratch)(const void* op, const Context&, Specs in, Specs out) = nullptr;
};

struct Library {
  std::uint64_t fingerprint;  // op_fingerprint() of the engine that it was built with
  std::size_t count;          // kernels, in the order of AllOps
  const Kernel* kernels;
  Backend* backend;     // null: no GPU that it can use
  std::string why_not;  // why, if so
};

// The exported function.
using LibraryFunction = const Library*();
inline constexpr const char* library_symbol = "glassbox_cuda_library";

// Of the version and of all ops' names, so that a library of another build is not used.
std::uint64_t op_fingerprint();

// What is said of a library that does not load, from the loader's message.
std::string explain_load_error(const std::string& message);

}  // namespace glassbox::cuda
