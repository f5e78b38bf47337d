// Asks cuDNN, without a GPU, which plans it would run for convolutions of common networks on a GPU
// that is only described. A program of its own, built with the CUDA backend; it fails where a
// convolution that cuDNN takes gets no plan, so that a wrong descriptor is found on any machine.
#include <cstdio>
#include <string>
#include <vector>

#include "engine/cuda/vendor_state.h"

namespace {

using namespace glassbox;
using namespace glassbox::cuda;

constexpr std::string_view h200 =
    R"({"deviceVer":900,"maxGridSize":[2147483647,65535,65535],"maxBlockSize":[1024,1024,64],)"
    R"("regsPerBlock":65536,"multiProcessorCount":132,"warpSize":32,)"
    R"("maxSharedMemoryPerBlock":49152,"maxSharedMemoryPerBlockOptin":232448,)"
    R"("reservedSharedMemoryPerBlock":1024,"maxRegistersPerSM":65536,"maxCtasPerSM":32,)"
    R"("maxThreadsPerBlock":1024,"maxThreadsPerSM":2048,"pciDeviceId":9013,"isTccDriver":0,)"
    R"("supportCoopLaunch":1,"smClockRateKHz":1980000,"memClockRateKHz":3201000,)"
    R"("l2CacheSize":62914560,"deviceName":"NVIDIA H200","totalGlobalMem":150754820096,)"
    R"("cudaDeviceId":0,"driverVer":13000})";

struct Layer {
  const char* name;
  std::int64_t n, c, size, o;
  int kernel, stride, padding, groups;
};
constexpr Layer layers[] = {
    {"CifarModel, first", 128, 3, 32, 16, 3, 1, 1, 1},
    {"CifarModel, 16 to 16", 128, 16, 32, 16, 3, 1, 1, 1},
    {"CifarModel, 32 to 32", 128, 32, 8, 32, 3, 1, 1, 1},
    {"ResNet-50, first", 128, 3, 224, 64, 7, 2, 3, 1},
    {"ResNet-50, 1x1", 128, 256, 56, 64, 1, 1, 0, 1},
    {"ResNet-50, stride 2", 128, 128, 56, 128, 3, 2, 1, 1},
    {"MobileNet, depthwise", 32, 96, 56, 96, 3, 1, 1, 96},
};

ConvProblem problem_of(const Layer& l, ConvKind kind, DType dtype) {
  ConvProblem p;
  p.kind = kind;
  p.dtype = dtype;
  const std::int64_t out = (l.size + 2 * l.padding - l.kernel) / l.stride + 1;
  p.x = {l.n, l.c, l.size, l.size};
  p.w = {l.o, l.c / l.groups, l.kernel, l.kernel};
  p.y = {l.n, l.o, out, out};
  p.stride = l.stride;
  p.padding = l.padding;
  p.groups = l.groups;
  return p;
}

}  // namespace

int main() {
  constexpr const char* kinds[] = {"forward", "grad input", "grad weight"};
  int missing = 0, lost = 0, plans = 0;
  try {
    Descriptor gpu("check", CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
    check("check", "set device properties",
          cudnnBackendSetAttribute(gpu.get(), CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION,
                                   CUDNN_TYPE_CHAR, static_cast<std::int64_t>(h200.size()),
                                   h200.data()));
    check("check", "finalize device properties", gpu.finalize());
    const PlanTarget target{nullptr, &gpu};
    for (const Layer& layer : layers) {
      for (const auto kind : {ConvKind::forward, ConvKind::grad_input, ConvKind::grad_weight}) {
        for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
          for (const bool tf32 : {false, true}) {
            if (tf32 && dtype != DType::f32) continue;
            int listed = 0;
            const ConvPlan plan = make_conv_plan("check", problem_of(layer, kind, dtype), target,
                                                 {tf32, true}, &listed);
            // What is kept in a file is the same plan.
            ConvPlan again;
            const std::string json = plan.workspace >= 0 ? to_json(plan) : "";
            const bool kept = !json.empty() && json.find('\n') == json.npos &&
                              from_json("check", json, target, again) &&
                              again.workspace == plan.workspace;
            lost += !kept;
            std::printf("%-22s %-12s %-5s %s %3d listed, workspace %lld%s\n", layer.name,
                        kinds[static_cast<int>(kind)],
                        tf32 ? "tf32" : std::string(name_of(dtype)).c_str(),
                        plan.workspace >= 0 ? "ok  " : "NONE", listed,
                        static_cast<long long>(plan.workspace), kept ? "" : ", not kept");
            missing += plan.workspace < 0;
            ++plans;
          }
        }
      }
    }
  } catch (const Error& e) {
    std::fprintf(stderr, "check_plans: %s\n", e.what());
    return 1;
  }
  std::printf("%d of %d convolutions have a plan, %d of them are read back as they were written\n",
              plans - missing, plans, plans - lost);
  return missing > 0 || lost > 0;
}
