#pragma once
// A small set in MNIST's format that a model can learn: the digit d is a bright block at the d-th
// of ten places, on noise.
#include <cstdint>
#include <string>

namespace glassbox::test {

// Writes the four IDX files into `folder`, which is made.
void make_small_mnist(const std::string& folder, std::int64_t train, std::int64_t test);

}  // namespace glassbox::test
