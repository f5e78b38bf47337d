// A switch for tests. Not part of the library's interface.
#pragma once

namespace glassbox::cpu {

// While on, every convolution of this process goes through im2col and a matrix product, the
// reference (conv_gemm.h). Not while another thread convolves.
void force_reference_conv(bool on);

}  // namespace glassbox::cpu
