// Mean and squared deviations, and how those of parts are merged (Chan, Golub & LeVeque 1979). For
// engine/cpu only.
#pragma once

namespace glassbox::cpu {

struct Moments {
  double mean = 0, m2 = 0, n = 0;  // m2: the sum of squared deviations from the mean
  void merge(const Moments& other) {
    const double both = n + other.n, delta = other.mean - mean;
    if (both == 0) return;
    mean += delta * other.n / both;
    m2 += other.m2 + delta * delta * n * other.n / both;
    n = both;
  }
};

}  // namespace glassbox::cpu
