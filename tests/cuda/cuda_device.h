// The CUDA device that tests run on: a GPU where the machine has one, else the emulated runtime
// (tests/cuda/emulator), which runs the same kernels on the processor.
#pragma once
#include <cstdint>
#include <functional>
#include <string>

#include "engine/core/cuda.h"
#include "engine/core/tensor.h"
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

// Warms up, and checks that a training step, which gives its loss, then takes nothing from the
// driver and waits for nothing but the loss. How many launches it has.
std::uint64_t check_warm_step(const std::function<Tensor()>& step);

bool is_emulated();
// Of the emulated runtime; only when is_emulated().
emulator::Settings& emulator_settings();
emulator::Counts& emulator_counts();

}  // namespace glassbox::test
