// What this machine can do at best: the roof that measured speeds are compared with.
#pragma once

namespace glassbox::cpu {

// Fused multiply-adds from registers, in GFLOP/s (a multiply-add is two), f32, on `threads`
// threads; the best of several short runs, about 50 ms in all.
double measure_peak_gflops(int threads);

}  // namespace glassbox::cpu
