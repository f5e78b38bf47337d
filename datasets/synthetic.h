// SyntheticCifar10: a procedural stand-in for CIFAR-10, in the archive's own files and size, for
// machines that cannot download the real one. Ten classes of shapes and textures; see
// synthetic_image.h. The files are made once and kept.
#pragma once
#include <cstdint>
#include <functional>
#include <string>

namespace glassbox::datasets {

struct SyntheticOptions {
  std::string folder = "data/synthetic-cifar-10-batches-bin";
  std::uint64_t seed = 0;
  // Called with the number of images done, of 60,000, when files have to be made; from one thread.
  std::function<void(std::int64_t done, std::int64_t total)> progress = {};
};

// Makes the files unless they are there, whole and of this seed; returns the folder, which CIFAR10
// reads. Throws Error when they cannot be written.
std::string make_synthetic_cifar10(const SyntheticOptions& options = {});

}  // namespace glassbox::datasets
