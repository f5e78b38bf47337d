// The procedural images behind SyntheticCifar10: ten classes of shapes and textures in CIFAR-10's
// own pixel format. Each image is a pure function of (seed, index, label), computed in integers
// alone, so that every compiler, machine and set of flags gives the same bytes. Thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace glassbox::datasets {

// The names of labels 0 to 9, in order.
const std::array<std::string_view, 10>& synthetic_class_names();

// The label, 0 to 9, of image `index`. Every ten indices from a multiple of ten hold each label
// once, in an order drawn anew, so any file of 10,000 records holds 1,000 of each class.
uint8_t synthetic_label(uint64_t seed, uint64_t index);

// Writes the 3 x 32 x 32 bytes of image `index` as a CIFAR-10 record stores them: the red plane,
// then green, then blue, each row by row. Mirrored left to right an image keeps its class: figures
// are symmetric, and turned as often one way as the other. Throws Error for a label above 9.
void synthetic_image(uint64_t seed, uint64_t index, uint8_t label, uint8_t* out3072);

}  // namespace glassbox::datasets
