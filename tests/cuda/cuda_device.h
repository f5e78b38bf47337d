// The CUDA device that tests run on: a GPU where the machine has one, else the emulated runtime
// (tests/cuda/emulator), which runs the same kernels on the processor.
#pragma once
#include <string>

#include "engine/core/cuda.h"
#include "tests/cuda/emulator/emulator.h"

namespace glassbox::test {

// Loads the CUDA backend, before a test asks for it, and says where trainings run for which no test
// names a device: on the CPU, or with GLASSBOX_TEST_DEVICE=cuda there.
void prepare_device();

// False where there is neither; then the case says that it is skipped.
bool have_cuda();
// A real GPU; else the case says that it is skipped.
bool have_gpu();
inline Device cuda_device() { return Device::cuda(0); }

bool is_emulated();
// Of the emulated runtime; only when is_emulated().
emulator::Settings& emulator_settings();
emulator::Counts& emulator_counts();

}  // namespace glassbox::test
