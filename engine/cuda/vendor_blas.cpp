// Matrix products by cuBLASLt. It is column-major: a row-major C = A B is its C^T = B^T A^T, so B
// is its first factor, and a bias along C's columns is one along its rows.
#include <algorithm>

#include "engine/cuda/vendor_state.h"

namespace glassbox::cuda {
namespace {

cudaDataType_t data_type(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return CUDA_R_64F;
    case DType::f16:
      return CUDA_R_16F;
    case DType::bf16:
      return CUDA_R_16BF;
    default:
      return CUDA_R_32F;
  }
}

// The largest power of two, up to 256, that divides the address.
unsigned alignment(const void* p) {
  const auto address = reinterpret_cast<std::uintptr_t>(p);
  unsigned a = 256;
  while (address % a != 0) a /= 2;
  return a;
}

struct Alignments {
  unsigned a, b, c, bias;
};

template <class T>
void set(const Context& ctx, cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t name,
         const T& value) {
  check(ctx.op, "cublasLtMatmulDescSetAttribute",
        cublasLtMatmulDescSetAttribute(desc, name, &value, sizeof value));
}
template <class T>
void set(const Context& ctx, cublasLtMatmulPreference_t preference,
         cublasLtMatmulPreferenceAttributes_t name, const T& value) {
  check(ctx.op, "cublasLtMatmulPreferenceSetAttribute",
        cublasLtMatmulPreferenceSetAttribute(preference, name, &value, sizeof value));
}

cublasLtMatrixLayout_t layout(const Context& ctx, DType dtype, std::int64_t rows,
                              std::int64_t columns, std::int64_t batch, std::int64_t stride) {
  cublasLtMatrixLayout_t made = nullptr;
  check(ctx.op, "cublasLtMatrixLayoutCreate",
        cublasLtMatrixLayoutCreate(&made, data_type(dtype), static_cast<std::uint64_t>(rows),
                                   static_cast<std::uint64_t>(columns), rows));
  if (batch > 1) {
    const auto count = static_cast<std::int32_t>(batch);
    check(ctx.op, "cublasLtMatrixLayoutSetAttribute",
          cublasLtMatrixLayoutSetAttribute(made, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count,
                                           sizeof count));
    check(ctx.op, "cublasLtMatrixLayoutSetAttribute",
          cublasLtMatrixLayoutSetAttribute(made, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET,
                                           &stride, sizeof stride));
  }
  return made;
}

MatmulPlan make_plan(const Context& ctx, const Gemm& g, const Alignments& align, const void* bias) {
  MatmulPlan plan;
  cublasComputeType_t compute = CUBLAS_COMPUTE_32F;
  cudaDataType_t scale = CUDA_R_32F;
  if (g.dtype == DType::f64) {
    compute = CUBLAS_COMPUTE_64F;
    scale = CUDA_R_64F;
  } else if (g.dtype == DType::f32 && ctx.allow_tf32) {
    compute = CUBLAS_COMPUTE_32F_FAST_TF32;
  }
  check(ctx.op, "cublasLtMatmulDescCreate",
        cublasLtMatmulDescCreate(&plan.operation, compute, scale));
  const cublasOperation_t first = g.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N;
  const cublasOperation_t second = g.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N;
  set(ctx, plan.operation, CUBLASLT_MATMUL_DESC_TRANSA, first);
  set(ctx, plan.operation, CUBLASLT_MATMUL_DESC_TRANSB, second);
  if (g.bias) {
    const cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_BIAS;
    set(ctx, plan.operation, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue);
    // The heuristic reads its alignment.
    set(ctx, plan.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
  }
  // As columns: B is [n,k] or, given transposed, [k,n]; A is [k,m] or [m,k]; C is [n,m].
  plan.a = layout(ctx, g.dtype, g.transpose_b ? g.k : g.n, g.transpose_b ? g.n : g.k, g.batch,
                  g.stride_b);
  plan.b = layout(ctx, g.dtype, g.transpose_a ? g.m : g.k, g.transpose_a ? g.k : g.m, g.batch,
                  g.stride_a);
  plan.c = layout(ctx, g.dtype, g.n, g.m, g.batch, g.stride_c);

  cublasLtMatmulPreference_t preference = nullptr;
  check(ctx.op, "cublasLtMatmulPreferenceCreate", cublasLtMatmulPreferenceCreate(&preference));
  set(ctx, preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, ctx.vendor->workspace_bytes);
  set(ctx, preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, align.b);
  set(ctx, preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, align.a);
  set(ctx, preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, align.c);
  set(ctx, preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, align.c);
  // Where a sum over k is split, its parts are added as they were computed, not as they are stored.
  const std::uint32_t schemes = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
  set(ctx, preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, schemes);
  cublasLtMatmulHeuristicResult_t result{};
  int found = 0;
  const cublasStatus_t status =
      cublasLtMatmulAlgoGetHeuristic(ctx.vendor->blas, plan.operation, plan.a, plan.b, plan.c,
                                     plan.c, preference, 1, &result, &found);
  cublasLtMatmulPreferenceDestroy(preference);
  if (status != CUBLAS_STATUS_NOT_SUPPORTED) {
    check(ctx.op, "cublasLtMatmulAlgoGetHeuristic", status);
    plan.found = found > 0;
    plan.algorithm = result.algo;
    plan.workspace = result.workspaceSize;
  }
  return plan;
}

MatmulKey key_of(const Context& ctx, const Gemm& g, const Alignments& align) {
  return {static_cast<int>(g.dtype),
          g.transpose_a,
          g.transpose_b,
          g.m,
          g.n,
          g.k,
          g.batch,
          g.stride_a,
          g.stride_b,
          g.stride_c,
          g.bias,
          ctx.allow_tf32,
          align.a,
          align.b,
          align.c,
          align.bias};
}

}  // namespace

void fail_cublas(std::string_view op, std::string_view call, cublasStatus_t status) {
  fail(op, cat(call, ": ", cublasLtGetStatusString(status), " (cuBLAS ", status, ")"));
}

void gemm(const Context& ctx, const Gemm& g, const void* a, const void* b, const void* bias,
          void* c) {
  constexpr std::int64_t most_batches = 65535;  // that one call takes
  if (g.batch > most_batches) {
    for (std::int64_t first = 0; first < g.batch; first += most_batches) {
      Gemm part = g;
      part.batch = std::min(most_batches, g.batch - first);
      const auto size = static_cast<std::int64_t>(size_of(g.dtype));
      const auto at = [&](const void* p, std::int64_t stride) {
        return static_cast<const char*>(p) + first * stride * size;
      };
      gemm(ctx, part, at(a, g.stride_a), at(b, g.stride_b), bias,
           const_cast<char*>(at(c, g.stride_c)));
    }
    return;
  }
  Vendor& vendor = *ctx.vendor;
  const Alignments align{alignment(a), alignment(b), alignment(c), alignment(bias)};
  const std::lock_guard lock(vendor.mutex);
  const MatmulKey key = key_of(ctx, g, align);
  auto it = vendor.matmul_plans.find(key);
  if (it == vendor.matmul_plans.end()) {
    it = vendor.matmul_plans.emplace(key, make_plan(ctx, g, align, bias)).first;
  }
  const MatmulPlan& plan = it->second;
  if (!plan.found) {
    fail(ctx.op, cat("cuBLASLt has no algorithm for [", g.m, ",", g.k, "] x [", g.k, ",", g.n,
                     "] in ", g.dtype));
  }
  if (g.bias) set(ctx, plan.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
  const float one = 1, beta = g.accumulate ? 1 : 0;
  const double one_f64 = 1, beta_f64 = g.accumulate ? 1 : 0;
  const bool f64 = g.dtype == DType::f64;
  ++*ctx.launches;
  check(ctx.op, "cublasLtMatmul",
        cublasLtMatmul(vendor.blas, plan.operation, f64 ? static_cast<const void*>(&one_f64) : &one,
                       b, plan.a, a, plan.b, f64 ? static_cast<const void*>(&beta_f64) : &beta, c,
                       plan.c, c, plan.c, &plan.algorithm, vendor.workspace, vendor.workspace_bytes,
                       ctx.stream));
}

}  // namespace glassbox::cuda
