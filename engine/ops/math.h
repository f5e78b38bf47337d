// Scalar elementary functions under the names that cpu/simd.h gives to packs, for float and double.
// Contract: a formula written once as a template, in namespace glassbox::math or below
// `using namespace glassbox::math`, means the same for float, double and cpu::Pack<T>:
//     template <class T> GLASSBOX_HD T softplus(T x) { return max(x, T(0)) + log(T(1) +
//     exp(-abs(x))); }
// Write constants as T(0.5), combine conditions with & | !, branch with select(). Nothing here
// allocates or throws; it compiles as CUDA device code too.
#pragma once

#include <cmath>
#include <type_traits>

#include "engine/core/hd.h"

namespace glassbox::math {

GLASSBOX_HD inline float exp(float x) { return std::exp(x); }
GLASSBOX_HD inline double exp(double x) { return std::exp(x); }
GLASSBOX_HD inline float log(float x) { return std::log(x); }
GLASSBOX_HD inline double log(double x) { return std::log(x); }
GLASSBOX_HD inline float sqrt(float x) { return std::sqrt(x); }
GLASSBOX_HD inline double sqrt(double x) { return std::sqrt(x); }
GLASSBOX_HD inline float tanh(float x) { return std::tanh(x); }
GLASSBOX_HD inline double tanh(double x) { return std::tanh(x); }
GLASSBOX_HD inline float sin(float x) { return std::sin(x); }
GLASSBOX_HD inline double sin(double x) { return std::sin(x); }
GLASSBOX_HD inline float cos(float x) { return std::cos(x); }
GLASSBOX_HD inline double cos(double x) { return std::cos(x); }
GLASSBOX_HD inline float erf(float x) { return std::erf(x); }
GLASSBOX_HD inline double erf(double x) { return std::erf(x); }
GLASSBOX_HD inline float abs(float x) { return std::fabs(x); }
GLASSBOX_HD inline double abs(double x) { return std::fabs(x); }
GLASSBOX_HD inline float pow(float x, float y) { return std::pow(x, y); }
GLASSBOX_HD inline double pow(double x, double y) { return std::pow(x, y); }
GLASSBOX_HD inline float pow(float x, double y) { return std::pow(x, float(y)); }

// a * b + c; whether it rounds once or twice is the target's choice, as it is for packs.
GLASSBOX_HD inline float fma(float a, float b, float c) { return a * b + c; }
GLASSBOX_HD inline double fma(double a, double b, double c) { return a * b + c; }

// Never a blend of both: the value not chosen may be NaN or infinite.
template <class T>
GLASSBOX_HD T select(bool condition, T a, std::type_identity_t<T> b) {
  return condition ? a : b;
}

// A NaN in either operand wins, as in torch.maximum and torch.minimum; of equal operands
// (+0 and -0 are equal) the second is returned.
template <class T>
requires std::is_floating_point_v<T> GLASSBOX_HD T max(T a, std::type_identity_t<T> b) {
  return a > b || a != a ? a : b;
}
template <class T>
requires std::is_floating_point_v<T> GLASSBOX_HD T min(T a, std::type_identity_t<T> b) {
  return a < b || a != a ? a : b;
}

}  // namespace glassbox::math
