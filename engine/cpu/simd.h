// Pack<T>: the widest vector of T that the target has (64 bytes with AVX-512, 32 with AVX, else
// 16), and elementary functions on it under the names of ops/math.h, found by argument-dependent
// lookup. Contract: a value type, nothing allocates or throws; loads and stores need no alignment,
// and the partial ones touch exactly the lanes that they name. Results of one build do not depend
// on threads.
#pragma once

#ifdef __SSE2__
#include <immintrin.h>
#endif

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

// The build compiles this folder once per instruction set and names each copy.
#ifndef GLASSBOX_CPU_LEVEL
#define GLASSBOX_CPU_LEVEL native
#endif

namespace glassbox::cpu {
inline namespace GLASSBOX_CPU_LEVEL {

#if defined(__AVX512F__)
inline constexpr int kPackBytes = 64;
inline constexpr int kPackRegisters = 32;
#elif defined(__AVX__)
inline constexpr int kPackBytes = 32;
inline constexpr int kPackRegisters = 16;
#else
inline constexpr int kPackBytes = 16;
inline constexpr int kPackRegisters = 16;
#endif

// Why spelled out per type: g++ 12 drops the attribute where the element type depends on a
// template.
template <class T>
struct VectorOf;
template <>
struct VectorOf<float> {
  typedef float Values __attribute__((vector_size(kPackBytes)));
  typedef int32_t Bits __attribute__((vector_size(kPackBytes)));
  using Int = int32_t;
};
template <>
struct VectorOf<double> {
  typedef double Values __attribute__((vector_size(kPackBytes)));
  typedef int64_t Bits __attribute__((vector_size(kPackBytes)));
  using Int = int64_t;
};

// One truth value per lane: all bits or none.
template <class T>
struct Mask {
  using Int = typename VectorOf<T>::Int;
  using Vector = typename VectorOf<T>::Bits;
  Vector v;

  friend Mask operator&(Mask a, Mask b) { return {a.v & b.v}; }
  friend Mask operator|(Mask a, Mask b) { return {a.v | b.v}; }
  friend Mask operator!(Mask a) { return {~a.v}; }
};

template <class T>
struct Pack {
  using Vector = typename VectorOf<T>::Values;
  using Bits = typename VectorOf<T>::Bits;
  using Int = typename VectorOf<T>::Int;
  static constexpr int lanes = kPackBytes / int(sizeof(T));
  Vector v;

  Pack() = default;
  Pack(Vector vector) : v(vector) {}
  Pack(T x) : v(x - Vector{}) {}  // Why x - 0: keeps -0, and both compilers emit one broadcast.

  T operator[](int lane) const { return v[lane]; }

  friend Pack operator+(Pack a, Pack b) { return a.v + b.v; }
  friend Pack operator-(Pack a, Pack b) { return a.v - b.v; }
  friend Pack operator*(Pack a, Pack b) { return a.v * b.v; }
  friend Pack operator/(Pack a, Pack b) { return a.v / b.v; }
  friend Pack operator-(Pack a) { return -a.v; }
  friend Pack& operator+=(Pack& a, Pack b) { return a = a + b; }
  friend Pack& operator-=(Pack& a, Pack b) { return a = a - b; }
  friend Pack& operator*=(Pack& a, Pack b) { return a = a * b; }
  friend Pack& operator/=(Pack& a, Pack b) { return a = a / b; }

  // As for scalars, every comparison with NaN is false except !=.
  friend Mask<T> operator<(Pack a, Pack b) { return {a.v < b.v}; }
  friend Mask<T> operator<=(Pack a, Pack b) { return {a.v <= b.v}; }
  friend Mask<T> operator>(Pack a, Pack b) { return {a.v > b.v}; }
  friend Mask<T> operator>=(Pack a, Pack b) { return {a.v >= b.v}; }
  friend Mask<T> operator==(Pack a, Pack b) { return {a.v == b.v}; }
  friend Mask<T> operator!=(Pack a, Pack b) { return {a.v != b.v}; }

  friend Pack select(Mask<T> m, Pack a, Pack b) {
    return Vector((m.v & Bits(a.v)) | (~m.v & Bits(b.v)));
  }
  // A NaN in either operand wins; of equal operands the second is returned (see ops/math.h).
  friend Pack max(Pack a, Pack b) { return select((a > b) | (a != a), a, b); }
  friend Pack min(Pack a, Pack b) { return select((a < b) | (a != a), a, b); }
  friend Pack abs(Pack a) { return Vector(Bits(a.v) & std::numeric_limits<Int>::max()); }
};

// a * b + c, with one rounding where the target has FMA, else two. Why intrinsics: a contracted a *
// b + c is the compiler's choice, made anew for every loop, and then results depend on which loop
// ran.
inline Pack<float> fma(Pack<float> a, Pack<float> b, Pack<float> c) {
#if defined(__AVX512F__)
  return Pack<float>::Vector(_mm512_fmadd_ps(a.v, b.v, c.v));
#elif defined(__AVX__) && defined(__FMA__)
  return Pack<float>::Vector(_mm256_fmadd_ps(a.v, b.v, c.v));
#else
  return a.v * b.v + c.v;
#endif
}

inline Pack<double> fma(Pack<double> a, Pack<double> b, Pack<double> c) {
#if defined(__AVX512F__)
  return Pack<double>::Vector(_mm512_fmadd_pd(a.v, b.v, c.v));
#elif defined(__AVX__) && defined(__FMA__)
  return Pack<double>::Vector(_mm256_fmadd_pd(a.v, b.v, c.v));
#else
  return a.v * b.v + c.v;
#endif
}

template <class T>
inline Pack<T> broadcast(T x) {
  return Pack<T>(x);
}

template <class T>
inline Pack<T> loadu(const T* p) {
  Pack<T> r;
  std::memcpy(&r.v, p, sizeof r.v);
  return r;
}

template <class T>
inline void storeu(T* p, Pack<T> a) {
  std::memcpy(p, &a.v, sizeof a.v);
}

// Makes the compiler load once and reuse the register. Why: g++ 12 otherwise repeats the load as a
// memory operand of each use, which saturates the load ports of a multiply-add loop.
template <class T>
inline void keep_in_register([[maybe_unused]] Pack<T>& a) {
#if defined(__AVX512F__)
  asm("" : "+v"(a.v));
#elif defined(__SSE2__)
  asm("" : "+x"(a.v));
#endif
}

// Lanes 0 .. n-1.
template <class T>
inline Mask<T> first_lanes(int n) {
  typename Mask<T>::Int lane[Pack<T>::lanes];
  for (int i = 0; i < Pack<T>::lanes; ++i) lane[i] = i;
  typename Mask<T>::Vector index;
  std::memcpy(&index, lane, sizeof index);
  return {index < typename Mask<T>::Int(n)};
}

// Lanes 0 .. n-1 come from p, the others hold `fill`; reads nothing past p + n.
template <class T>
inline Pack<T> load_partial(const T* p, int n, T fill = T(0)) {
  if (n >= Pack<T>::lanes) return loadu(p);
#if defined(__AVX512F__)
  const auto bits = (1u << n) - 1;
  if constexpr (sizeof(T) == 4)
    return Pack<T>(_mm512_mask_loadu_ps(Pack<T>(fill).v, bits, p));
  else
    return Pack<T>(_mm512_mask_loadu_pd(Pack<T>(fill).v, bits, p));
#elif defined(__AVX__)
  const Mask<T> m = first_lanes<T>(n);
  typename Pack<T>::Vector v;
  if constexpr (sizeof(T) == 4)
    v = _mm256_maskload_ps(p, __m256i(m.v));
  else
    v = _mm256_maskload_pd(p, __m256i(m.v));
  return select(m, Pack<T>(v), Pack<T>(fill));
#else
  T lane[Pack<T>::lanes];
  for (int i = 0; i < Pack<T>::lanes; ++i) lane[i] = i < n ? p[i] : fill;
  return loadu(lane);
#endif
}

// Writes lanes 0 .. n-1 and nothing past p + n.
template <class T>
inline void store_partial(T* p, Pack<T> a, int n) {
  if (n >= Pack<T>::lanes) return storeu(p, a);
#if defined(__AVX512F__)
  const auto bits = (1u << n) - 1;
  if constexpr (sizeof(T) == 4)
    _mm512_mask_storeu_ps(p, bits, a.v);
  else
    _mm512_mask_storeu_pd(p, bits, a.v);
#elif defined(__AVX__)
  const Mask<T> m = first_lanes<T>(n);
  if constexpr (sizeof(T) == 4)
    _mm256_maskstore_ps(p, __m256i(m.v), a.v);
  else
    _mm256_maskstore_pd(p, __m256i(m.v), a.v);
#else
  for (int i = 0; i < n; ++i) p[i] = a.v[i];
#endif
}

template <class T>
inline bool any(Mask<T> m) {
  typename Mask<T>::Int bits = 0;
  for (int i = 0; i < Pack<T>::lanes; ++i) bits |= m.v[i];
  return bits != 0;
}

template <class T>
inline bool all(Mask<T> m) {
  return !any(!m);
}

// Adds lanes i and i + lanes/2, then halves again: the order is fixed for a given width.
#if defined(__AVX__)
inline float horizontal_sum(Pack<float> a) {
  __m256 part[sizeof a.v / sizeof(__m256)];
  std::memcpy(part, &a.v, sizeof part);
  for (size_t i = 1; i < sizeof part / sizeof part[0]; ++i) part[0] += part[i];
  __m128 s = _mm256_castps256_ps128(part[0]) + _mm256_extractf128_ps(part[0], 1);
  s += _mm_movehl_ps(s, s);
  return s[0] + s[1];
}

inline double horizontal_sum(Pack<double> a) {
  __m256d part[sizeof a.v / sizeof(__m256d)];
  std::memcpy(part, &a.v, sizeof part);
  for (size_t i = 1; i < sizeof part / sizeof part[0]; ++i) part[0] += part[i];
  __m128d s = _mm256_castpd256_pd128(part[0]) + _mm256_extractf128_pd(part[0], 1);
  return s[0] + s[1];
}
#else
template <class T>
inline T horizontal_sum(Pack<T> a) {
  T lane[Pack<T>::lanes];
  storeu(lane, a);
  for (int half = Pack<T>::lanes / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) lane[i] += lane[i + half];
  }
  return lane[0];
}
#endif

template <class T, class F>
inline Pack<T> map_lanes(Pack<T> a, F f) {
  T lane[Pack<T>::lanes];
  storeu(lane, a);
  for (T& x : lane) x = f(x);
  return loadu(lane);
}

// Why no AVX-512 intrinsic: g++ 12 warns inside its own header; it vectorises the loop anyway.
inline Pack<float> sqrt(Pack<float> x) {
#if defined(__AVX__) && !defined(__AVX512F__)
  return Pack<float>::Vector(_mm256_sqrt_ps(x.v));
#else
  return map_lanes(x, [](float a) { return std::sqrt(a); });
#endif
}

inline Pack<double> sqrt(Pack<double> x) {
#if defined(__AVX__) && !defined(__AVX512F__)
  return Pack<double>::Vector(_mm256_sqrt_pd(x.v));
#else
  return map_lanes(x, [](double a) { return std::sqrt(a); });
#endif
}

}  // namespace GLASSBOX_CPU_LEVEL
}  // namespace glassbox::cpu

#include "engine/cpu/simd_math.h"
