// A CUDA runtime that runs on the processor: enough of the API for engine/cuda, so that its kernels
// and launchers are run, not only compiled, where there is no GPU. Device memory is the heap's. A
// stream is a queue: what is enqueued runs when the host waits, in order, so code that forgets to
// wait reads old data here as it would there. A block's threads are fibres: __syncthreads and the
// warp's shuffles switch between them, and a barrier that not all threads reach is reported.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <type_traits>

#define GLASSBOX_CUDA_EMULATED 1
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __restrict__ __restrict
#define __shared__ static
#define __constant__ static
#define __launch_bounds__(...)
#define CUDART_VERSION 13000
#define CUDARTAPI

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
  constexpr dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorStubLibrary = 34,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidDevice = 101,
  cudaErrorNoKernelImageForDevice = 209,
  cudaErrorNotReady = 600,
  cudaErrorIllegalAddress = 700,
  cudaErrorNotPermitted = 800,
  cudaErrorSystemDriverMismatch = 803,
  cudaErrorUnsupportedPtxVersion = 222,
};
enum cudaMemcpyKind {
  cudaMemcpyHostToHost,
  cudaMemcpyHostToDevice,
  cudaMemcpyDeviceToHost,
  cudaMemcpyDeviceToDevice,
  cudaMemcpyDefault
};
struct EmulatedStream;
struct EmulatedEvent;
using cudaStream_t = EmulatedStream*;
using cudaEvent_t = EmulatedEvent*;

constexpr unsigned cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2, cudaEventDefault = 0,
                   cudaHostAllocMapped = 2, cudaHostAllocPortable = 1, cudaHostAllocDefault = 0;

struct cudaDeviceProp {
  char name[256];
  std::size_t totalGlobalMem;
  int major, minor, multiProcessorCount, l2CacheSize;
  std::size_t sharedMemPerBlock;
};
struct cudaLaunchAttribute {
  int id;
};
struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  std::size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
  cudaLaunchAttribute* attrs = nullptr;
  unsigned numAttrs = 0;
};

const char* cudaGetErrorName(cudaError_t);
const char* cudaGetErrorString(cudaError_t);
cudaError_t cudaGetLastError();
cudaError_t cudaPeekAtLastError();
cudaError_t cudaGetDeviceCount(int*);
cudaError_t cudaDriverGetVersion(int*);
cudaError_t cudaRuntimeGetVersion(int*);
cudaError_t cudaSetDevice(int);
cudaError_t cudaGetDevice(int*);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp*, int);
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total);
cudaError_t cudaMalloc(void**, std::size_t);
cudaError_t cudaFree(void*);
cudaError_t cudaHostAlloc(void**, std::size_t, unsigned);
cudaError_t cudaFreeHost(void*);
cudaError_t cudaMemcpyAsync(void*, const void*, std::size_t, cudaMemcpyKind, cudaStream_t);
cudaError_t cudaMemcpyPeerAsync(void*, int, const void*, int, std::size_t, cudaStream_t);
cudaError_t cudaMemsetAsync(void*, int, std::size_t, cudaStream_t);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t*, unsigned);
cudaError_t cudaStreamSynchronize(cudaStream_t);
cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned = 0);
cudaError_t cudaDeviceSynchronize();
cudaError_t cudaEventCreateWithFlags(cudaEvent_t*, unsigned);
cudaError_t cudaEventDestroy(cudaEvent_t);
cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t);
cudaError_t cudaEventQuery(cudaEvent_t);
cudaError_t cudaEventSynchronize(cudaEvent_t);
cudaError_t cudaEventElapsedTime(float*, cudaEvent_t, cudaEvent_t);

namespace emulator {

constexpr unsigned warp_size = 32;

void enqueue(cudaStream_t stream, std::function<void()> work);
cudaError_t check_launch(const cudaLaunchConfig_t& config);
// Runs body as each thread of each block.
void run_grid(dim3 grid, dim3 block, const std::function<void()>& body);
void block_barrier();
// Every lane of the warp that lives gives `bytes` of `mine`, and gets those of lane `from`, if that
// lane lives and is in the warp; else its own.
void exchange(const void* mine, void* theirs, std::size_t bytes, unsigned from);
unsigned ballot(bool mine);

}  // namespace emulator

// Of the thread that runs.
extern dim3 threadIdx, blockIdx, blockDim, gridDim;

template <class... P, class... A>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(P...),
                               A&&... args) {
  if (const cudaError_t e = emulator::check_launch(*config)) return e;
  const dim3 grid = config->gridDim, block = config->blockDim;
  emulator::enqueue(config->stream,
                    [=] { emulator::run_grid(grid, block, [&] { kernel(args...); }); });
  return cudaSuccess;
}

inline void __syncthreads() { emulator::block_barrier(); }
inline void __syncwarp(unsigned = ~0u) { emulator::ballot(true); }
inline unsigned __ballot_sync(unsigned, bool predicate) { return emulator::ballot(predicate); }
namespace emulator {
inline unsigned lane() { return threadIdx.x % warp_size; }
template <class T>
T shuffle(T value, unsigned from) {
  T got = value;
  exchange(&value, &got, sizeof(T), from);
  return got;
}
}  // namespace emulator
template <class T>
T __shfl_sync(unsigned, T value, int from, int = 32) {
  return emulator::shuffle(value, static_cast<unsigned>(from));
}
template <class T>
T __shfl_down_sync(unsigned, T value, unsigned by, int = 32) {
  return emulator::shuffle(value, emulator::lane() + by);
}
template <class T>
T __shfl_xor_sync(unsigned, T value, int mask, int = 32) {
  return emulator::shuffle(value, emulator::lane() ^ static_cast<unsigned>(mask));
}

// Fibres share one processor thread: plain reads and writes are atomic among them.
template <class T>
T atomicAdd(T* at, std::type_identity_t<T> value) {
  const T old = *at;
  *at = old + value;
  return old;
}
template <class T>
T atomicCAS(T* at, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
  const T old = *at;
  if (old == expected) *at = value;
  return old;
}
template <class T>
T atomicCAS_system(T* at, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
  return atomicCAS(at, expected, value);
}
template <class T>
T atomicMax(T* at, std::type_identity_t<T> value) {
  const T old = *at;
  if (value > old) *at = value;
  return old;
}
inline void __threadfence() {}
inline void __threadfence_system() {}
template <class T>
T __ldg(const T* at) {
  return *at;
}
inline float rsqrtf(float x) { return 1 / std::sqrt(x); }
inline double rsqrt(double x) { return 1 / std::sqrt(x); }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return static_cast<unsigned long long>(static_cast<unsigned __int128>(a) * b >> 64);
}
