// What this machine can do at best: the roof that measured speeds are compared with.
#pragma once

namespace glassbox::cpu {

// Fused multiply-adds from registers, in GFLOP/s (a multiply-add is two), f32, on `threads`
// threads; the best of several short runs, about 50 ms in all.
double measure_peak_gflops(int threads);

// Bytes per second of a = b + s c over arrays that no cache holds, in GB/s (10^9), each array's
// bytes counted once (McCalpin's STREAM triad); the best of several runs, about 100 ms and 192 MiB.
double measure_bandwidth(int threads);

}  // namespace glassbox::cpu
