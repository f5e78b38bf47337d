// exp, log, tanh, sin, cos, erf and pow on packs; include simd.h, which includes this.
// Pack<float>: branch-free polynomials, at most 2 ulp from the true value over the whole range,
// subnormals, infinities and NaN included. Pack<double>: lane by lane through <cmath>.
// Source: the cephes library (S. Moshier, single precision); erf after N. Juffa's erff.
#pragma once

#include "engine/cpu/simd.h"

namespace glassbox::cpu {
inline namespace GLASSBOX_CPU_LEVEL {

namespace detail {

// Horner's rule; the coefficient of the highest power first.
template <class... C>
inline Pack<float> polynomial(Pack<float> x, float leading, C... others) {
  Pack<float> p(leading);
  ((p = fma(p, x, Pack<float>(others))), ...);
  return p;
}

inline Pack<float> copysign(Pack<float> magnitude, Pack<float> sign) {
  using Bits = Pack<float>::Bits;
  constexpr int32_t top = std::numeric_limits<int32_t>::min();
  return Pack<float>::Vector((Bits(magnitude.v) & ~top) | (Bits(sign.v) & top));
}

// Nearest integer for |x| < 2^22, as a float and as an int. It relies on (x + big) - big
// not being simplified: no -ffast-math in this folder.
inline Pack<float> nearest(Pack<float> x, Pack<float>::Bits* integer) {
  const Pack<float> big(12582912.0f);  // 1.5 * 2^23: its last bit counts units
  Pack<float> shifted = x + big;
  *integer = Pack<float>::Bits(shifted.v) - Pack<float>::Bits(big.v);
  return shifted - big;
}

inline Pack<float> power_of_two(Pack<float>::Bits n) {
  return Pack<float>::Vector((n + 127) << 23);
}

}  // namespace detail

inline Pack<float> exp(Pack<float> x) {
  using P = Pack<float>;
  x = select(x > P(89.0f), P(89.0f), x);  // NaN passes: the comparisons are false
  x = select(x < P(-104.0f), P(-104.0f), x);
  P::Bits n;
  P k = detail::nearest(x * P(1.44269504089f), &n);
  P r = fma(k, P(-0.693359375f), x);
  r = fma(k, P(2.12194440e-4f), r);
  P p = detail::polynomial(r, 1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f,
                           4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f);
  p = fma(p, r * r, r) + P(1.0f);
  P::Bits half =
      n >> 1;  // Why two factors: 2^128 and the subnormals are out of one factor's range.
  return p * detail::power_of_two(half) * detail::power_of_two(n - half);
}

inline Pack<float> log(Pack<float> x) {
  using P = Pack<float>;
  constexpr float infinity = std::numeric_limits<float>::infinity();
  Mask<float> subnormal = x < P(1.17549435e-38f);
  P scaled = select(subnormal, x * P(8388608.0f), x);
  // x = m * 2^e with m in [sqrt(1/2), sqrt(2))
  P::Bits shifted = P::Bits(scaled.v) - 0x3f3504f3;
  P::Bits e = (shifted >> 23) - (subnormal.v & 23);
  P m = P::Vector((shifted & 0x007fffff) + 0x3f3504f3);
  P f = m - P(1.0f), k = P::Vector(__builtin_convertvector(e, P::Vector)), z = f * f;
  P p = detail::polynomial(f, 7.0376836292e-2f, -1.1514610310e-1f, 1.1676998740e-1f,
                           -1.2420140846e-1f, 1.4249322787e-1f, -1.6668057665e-1f, 2.0000714765e-1f,
                           -2.4999993993e-1f, 3.3333331174e-1f);
  p = p * f * z + k * P(-2.12194440e-4f) - P(0.5f) * z;
  P result = fma(k, P(0.693359375f), f + p);
  result = select(x == P(infinity), x, result);
  result = select(x == P(0.0f), P(-infinity), result);
  return select(x >= P(0.0f), result, P(std::numeric_limits<float>::quiet_NaN()));
}

inline Pack<float> tanh(Pack<float> x) {
  using P = Pack<float>;
  P a = abs(x), z = x * x;
  P small = detail::polynomial(z, -5.70498872745e-3f, 2.06390887954e-2f, -5.37397155531e-2f,
                               1.33314422036e-1f, -3.33332819422e-1f);
  small = fma(small * z, x, x);
  P large = detail::copysign(P(1.0f) - P(2.0f) / (exp(a + a) + P(1.0f)), x);
  return select(a < P(0.625f), small, select(x == x, large, x));  // NaN stays NaN
}

inline Pack<float> erf(Pack<float> x) {
  using P = Pack<float>;
  P a = abs(x), z = x * x;
  P small = detail::polynomial(z, -5.96761703e-4f, 4.99119423e-3f, -2.67681349e-2f, 1.12819925e-1f,
                               -3.76125336e-1f, 1.28379166e-1f);
  small = fma(small, x, x);
  P t = select(a > P(4.0f), P(4.0f), a);
  P large = detail::polynomial(t, -1.72853470e-5f, 3.83197126e-4f, -3.88396438e-3f, 2.42546219e-2f,
                               -1.06777877e-1f, -6.34846687e-1f, -1.28717512e-1f);
  large = detail::copysign(P(1.0f) - exp(fma(large, t, -t)), x);
  return select(a > P(0.927734375f), large, small);
}

namespace detail {

// Payne-Hanek is not worth its lines: beyond this, lanes go through <cmath>.
inline constexpr float kTrigonometricRange = 1048576.0f;

// sin(x + quarter_turns * pi/2). The reduction to |r| <= pi/4 is done in double, where one
// constant of 33 bits and its remainder keep r accurate up to the range above.
inline Pack<float> sine(Pack<float> x, int quarter_turns) {
  using P = Pack<float>;
  typedef double Wide __attribute__((vector_size(2 * kPackBytes)));
  P::Bits q;
  P k = nearest(x * P(0.63661977236758134f), &q);
  Wide wide_k = __builtin_convertvector(k.v, Wide);
  Wide wide_r = __builtin_convertvector(x.v, Wide) - wide_k * 1.57079632673412561417 -
                wide_k * 6.07710050650619224932e-11;
  P r = P::Vector(__builtin_convertvector(wide_r, P::Vector)), z = r * r;
  P s = polynomial(z, -1.9515295891e-4f, 8.3321608736e-3f, -1.6666654611e-1f);
  s = fma(s * z, r, r);
  P c = polynomial(z, 2.443315711809948e-5f, -1.388731625493765e-3f, 4.166664568298827e-2f);
  c = fma(c * z, z, fma(z, P(-0.5f), P(1.0f)));
  q += quarter_turns;
  P result = select(Mask<float>{(q & 1) == 1}, c, s);
  return P::Vector(P::Bits(result.v) ^ ((q & 2) << 30));
}

}  // namespace detail

inline Pack<float> sin(Pack<float> x) {
  if (any(abs(x) > Pack<float>(detail::kTrigonometricRange))) {
    return map_lanes(x, [](float a) { return std::sin(a); });
  }
  return detail::sine(x, 0);
}

inline Pack<float> cos(Pack<float> x) {
  if (any(abs(x) > Pack<float>(detail::kTrigonometricRange))) {
    return map_lanes(x, [](float a) { return std::cos(a); });
  }
  return detail::sine(x, 1);
}

inline Pack<double> exp(Pack<double> x) {
  return map_lanes(x, [](double a) { return std::exp(a); });
}
inline Pack<double> log(Pack<double> x) {
  return map_lanes(x, [](double a) { return std::log(a); });
}
inline Pack<double> tanh(Pack<double> x) {
  return map_lanes(x, [](double a) { return std::tanh(a); });
}
inline Pack<double> erf(Pack<double> x) {
  return map_lanes(x, [](double a) { return std::erf(a); });
}
inline Pack<double> sin(Pack<double> x) {
  return map_lanes(x, [](double a) { return std::sin(a); });
}
inline Pack<double> cos(Pack<double> x) {
  return map_lanes(x, [](double a) { return std::cos(a); });
}

// Squares, reciprocals and identities by arithmetic (correctly rounded), the rest lane by lane:
// exp(y * log(x)) in float loses digits in proportion to |y log x|.
template <class T>
inline Pack<T> pow(Pack<T> x, std::type_identity_t<T> y) {
  if (y == T(2)) return x * x;
  if (y == T(1)) return x;
  if (y == T(-1)) return Pack<T>(T(1)) / x;
  if (y == T(0)) return Pack<T>(T(1));
  return map_lanes(x, [y](T a) { return std::pow(a, y); });
}

}  // namespace GLASSBOX_CPU_LEVEL
}  // namespace glassbox::cpu
