// Convolution by cuDNN's graph API: an operation graph of one node, the heuristics' list of ways to
// run it, and the first of them that can be built and is allowed here. All tensors are dense NCHW.
#include "engine/cuda/vendor_state.h"

namespace glassbox::cuda {
namespace {

constexpr std::int64_t largest_workspace = std::int64_t(512) << 20;
constexpr std::int64_t candidates = 64;  // asked of each heuristic mode

enum Uid : std::int64_t { x_uid = 1, w_uid = 2, y_uid = 3 };

std::vector<std::int64_t> sizes(const Shape& shape) { return {shape.begin(), shape.end()}; }
std::vector<std::int64_t> strides(const Shape& shape) {
  std::vector<std::int64_t> out;
  for (int d = 0; d < shape.rank(); ++d) out.push_back(shape.product(d + 1, shape.rank()));
  return out;
}

// Every call of a plan's making, until one fails.
class Building {
 public:
  explicit Building(std::string_view op) : op_(op) {}
  bool ok() const { return ok_; }
  void take(cudnnStatus_t status) { ok_ = ok_ && status == CUDNN_STATUS_SUCCESS; }

  Descriptor tensor(const Shape& shape, DType dtype, std::int64_t uid) {
    Descriptor t(op_, CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    take(t.set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, cudnn_type(dtype)));
    take(t.set(CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, sizes(shape)));
    take(t.set(CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, strides(shape)));
    take(t.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, uid));
    take(t.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, std::int64_t(16)));
    take(t.finalize());
    return t;
  }

  Descriptor convolution(const ConvProblem& p) {
    using Numbers = std::vector<std::int64_t>;
    const Numbers padding{p.padding.h, p.padding.w};
    Descriptor c(op_, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
    take(c.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE,
               p.dtype == DType::f64 ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT));
    take(c.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE,
               CUDNN_CROSS_CORRELATION));
    take(c.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, std::int64_t(2)));
    take(c.set(CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64,
               Numbers{p.dilation.h, p.dilation.w}));
    take(c.set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64,
               Numbers{p.stride.h, p.stride.w}));
    take(c.set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, padding));
    take(c.set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, padding));
    take(c.finalize());
    return c;
  }

  // The one node. cuDNN takes the number of groups from the channels of x and w.
  Descriptor operation(const ConvProblem& p, const Descriptor& c, const Descriptor& x,
                       const Descriptor& w, const Descriptor& y) {
    struct Names {
      cudnnBackendDescriptorType_t type;
      cudnnBackendAttributeName_t conv, x, w, y, alpha, beta;
    };
    constexpr Names names[] = {
        {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
         CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
         CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
         CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
         CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA},
        {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA},
        {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA},
    };
    const Names& n = names[static_cast<int>(p.kind)];
    Descriptor op(op_, n.type);
    take(op.set(n.conv, c));
    take(op.set(n.x, x));
    take(op.set(n.w, w));
    take(op.set(n.y, y));
    if (p.dtype == DType::f64) {
      take(op.set(n.alpha, CUDNN_TYPE_DOUBLE, 1.0));
      take(op.set(n.beta, CUDNN_TYPE_DOUBLE, 0.0));
    } else {
      take(op.set(n.alpha, CUDNN_TYPE_FLOAT, 1.0f));
      take(op.set(n.beta, CUDNN_TYPE_FLOAT, 0.0f));
    }
    take(op.finalize());
    return op;
  }

 private:
  std::string_view op_;
  bool ok_ = true;
};

// The ways to run a graph, best first, by one heuristic mode.
std::vector<Descriptor> engine_configs(std::string_view op, const Descriptor& graph,
                                       const PlanTarget& target, cudnnBackendHeurMode_t mode) {
  Descriptor heuristic(op, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  if (target.properties &&
      heuristic.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, *target.properties) != CUDNN_STATUS_SUCCESS) {
    return {};
  }
  if (heuristic.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph) != CUDNN_STATUS_SUCCESS ||
      heuristic.set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, mode) !=
          CUDNN_STATUS_SUCCESS ||
      heuristic.finalize() != CUDNN_STATUS_SUCCESS) {
    return {};
  }
  std::vector<Descriptor> configs;
  std::vector<cudnnBackendDescriptor_t> handles;
  for (std::int64_t i = 0; i < candidates; ++i) {
    configs.emplace_back(op, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    handles.push_back(configs.back().get());
  }
  std::int64_t count = 0;
  if (cudnnBackendGetAttribute(heuristic.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS,
                               CUDNN_TYPE_BACKEND_DESCRIPTOR, candidates, &count,
                               handles.data()) != CUDNN_STATUS_SUCCESS) {
    return {};
  }
  configs.resize(static_cast<std::size_t>(std::min(count, candidates)));
  return configs;
}

// Whether the engine keeps what this process asks for.
bool is_allowed(std::string_view op, const PlanLimits& limits, DType dtype,
                const Descriptor& config) {
  Descriptor engine(op, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  cudnnBackendDescriptor_t handle = engine.get();
  std::int64_t count = 0;
  if (cudnnBackendGetAttribute(config.get(), CUDNN_ATTR_ENGINECFG_ENGINE,
                               CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count,
                               &handle) != CUDNN_STATUS_SUCCESS) {
    return false;
  }
  cudnnBackendNumericalNote_t notes[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
  if (cudnnBackendGetAttribute(engine.get(), CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                               CUDNN_TYPE_NUMERICAL_NOTE, CUDNN_NUMERICAL_NOTE_TYPE_COUNT, &count,
                               notes) != CUDNN_STATUS_SUCCESS) {
    return false;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    if (limits.deterministic && notes[i] == CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC) return false;
    // What tensor cores do to f32 is TF32.
    const bool rounds = notes[i] == CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS ||
                        notes[i] == CUDNN_NUMERICAL_NOTE_TENSOR_CORE;
    if (dtype == DType::f32 && !limits.allow_tf32 && rounds) return false;
  }
  return true;
}

cudnnStatus_t set_target(Descriptor& plan, const PlanTarget& target) {
  if (target.properties) return plan.set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, *target.properties);
  return plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, target.handle);
}

bool make_plan_of(std::string_view op, const PlanTarget& target, const Descriptor& config,
                  ConvPlan& plan) {
  Descriptor made(op, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  if (set_target(made, target) != CUDNN_STATUS_SUCCESS ||
      made.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config) != CUDNN_STATUS_SUCCESS ||
      made.finalize() != CUDNN_STATUS_SUCCESS) {
    return false;
  }
  std::int64_t bytes = 0, count = 0;
  if (cudnnBackendGetAttribute(made.get(), CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                               CUDNN_TYPE_INT64, 1, &count, &bytes) != CUDNN_STATUS_SUCCESS ||
      bytes > largest_workspace) {
    return false;
  }
  plan.plan = std::move(made);
  plan.workspace = bytes;
  return true;
}

std::string describe(const Context& ctx, const ConvProblem& p) {
  constexpr const char* kinds[] = {"forward", "grad_input", "grad_weight"};
  return cat("conv ", kinds[static_cast<int>(p.kind)], " ", name_of(p.dtype), " x", p.x, " w", p.w,
             " y", p.y, " stride ", to_string(p.stride), " padding ", to_string(p.padding),
             " dilation ", to_string(p.dilation), ctx.allow_tf32 ? " tf32" : "",
             ctx.deterministic ? " deterministic" : "");
}

}  // namespace

std::string to_json(const ConvPlan& plan) {
  std::int64_t size = 0;
  if (cudnnBackendGetAttribute(plan.plan.get(), CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION,
                               CUDNN_TYPE_CHAR, 0, &size, nullptr) != CUDNN_STATUS_SUCCESS ||
      size <= 0) {
    return "";
  }
  std::string text(static_cast<std::size_t>(size), '\0');
  if (cudnnBackendGetAttribute(plan.plan.get(), CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION,
                               CUDNN_TYPE_CHAR, size, &size, text.data()) != CUDNN_STATUS_SUCCESS) {
    return "";
  }
  while (!text.empty() && text.back() == '\0') text.pop_back();
  return text;
}

bool from_json(std::string_view op, const std::string& text, const PlanTarget& target,
               ConvPlan& plan) {
  Descriptor made(op, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  const auto length = static_cast<std::int64_t>(text.size());
  if (set_target(made, target) != CUDNN_STATUS_SUCCESS ||
      cudnnBackendSetAttribute(made.get(), CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION,
                               CUDNN_TYPE_CHAR, length, text.data()) != CUDNN_STATUS_SUCCESS ||
      made.finalize() != CUDNN_STATUS_SUCCESS) {
    return false;
  }
  std::int64_t bytes = 0, count = 0;
  if (cudnnBackendGetAttribute(made.get(), CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                               CUDNN_TYPE_INT64, 1, &count, &bytes) != CUDNN_STATUS_SUCCESS ||
      bytes < 0 || bytes > largest_workspace) {
    return false;
  }
  plan.plan = std::move(made);
  plan.workspace = bytes;
  return true;
}

ConvPlan make_conv_plan(std::string_view op, const ConvProblem& p, const PlanTarget& target,
                        const PlanLimits& limits, int* listed) {
  ConvPlan plan;
  Building b(op);
  Descriptor x = b.tensor(p.x, p.dtype, x_uid), w = b.tensor(p.w, p.dtype, w_uid);
  Descriptor y = b.tensor(p.y, p.dtype, y_uid), c = b.convolution(p);
  Descriptor operation = b.operation(p, c, x, w, y);
  Descriptor graph(op, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  if (target.handle) {
    b.take(graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, target.handle));
  }
  b.take(graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, operation));
  b.take(graph.finalize());
  if (!b.ok()) return plan;
  for (const auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
    for (Descriptor& config : engine_configs(op, graph, target, mode)) {
      if (listed) ++*listed;
      if (plan.workspace >= 0 || !is_allowed(op, limits, p.dtype, config) ||
          !make_plan_of(op, target, config, plan)) {
        continue;
      }
      plan.parts.push_back(std::move(config));
      if (!listed) break;
    }
    if (plan.workspace >= 0) break;
  }
  if (plan.workspace >= 0) {
    for (Descriptor* part : {&x, &w, &y, &c, &operation, &graph}) {
      plan.parts.push_back(std::move(*part));
    }
  }
  return plan;
}

namespace {

// The plan that an earlier process chose, else one that the heuristics do.
ConvPlan find_plan(const Context& ctx, const ConvProblem& p) {
  ConvPlan plan;
  PlanCache& choices = ctx.vendor->choices;
  const std::string problem = describe(ctx, p);
  if (const auto known = choices.find(problem)) {
    if (*known == "none" || from_json(ctx.op, *known, {ctx.vendor->dnn}, plan)) return plan;
  }
  plan = make_conv_plan(ctx.op, p, {ctx.vendor->dnn}, {ctx.allow_tf32, ctx.deterministic});
  const std::string json = plan.workspace >= 0 ? to_json(plan) : "none";
  if (!json.empty()) choices.put(problem, json);
  return plan;
}

ConvKey key_of(const Context& ctx, const ConvProblem& p) {
  ConvKey key{static_cast<int>(p.kind),
              static_cast<int>(p.dtype),
              ctx.allow_tf32,
              ctx.deterministic,
              p.stride.h,
              p.stride.w,
              p.padding.h,
              p.padding.w,
              p.dilation.h,
              p.dilation.w,
              p.groups};
  std::size_t at = 11;
  for (const Shape* shape : {&p.x, &p.w, &p.y}) {
    for (const std::int64_t size : *shape) key[at++] = size;
  }
  return key;
}

const ConvPlan& plan_for(const Context& ctx, const ConvProblem& p) {
  Vendor& vendor = *ctx.vendor;
  const std::lock_guard lock(vendor.mutex);
  const ConvKey key = key_of(ctx, p);
  const auto it = vendor.conv_plans.find(key);
  if (it != vendor.conv_plans.end()) return it->second;
  return vendor.conv_plans.emplace(key, find_plan(ctx, p)).first->second;
}

}  // namespace

std::int64_t conv_workspace(const Context& ctx, const ConvProblem& p) {
  return plan_for(ctx, p).workspace;
}

void conv(const Context& ctx, const ConvProblem& p, const void* a, const void* b, void* result,
          void* workspace) {
  const ConvPlan& plan = plan_for(ctx, p);
  // forward: x, w, y; grad_input: dy, w, dx; grad_weight: x, dy, dw.
  const std::int64_t uids[3][3] = {
      {x_uid, w_uid, y_uid}, {y_uid, w_uid, x_uid}, {x_uid, y_uid, w_uid}};
  const std::int64_t* const names = uids[static_cast<int>(p.kind)];
  void* const data[] = {const_cast<void*>(a), const_cast<void*>(b), result};
  Descriptor pack(ctx.op, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  check(ctx.op, "cuDNN variant pack",
        cudnnBackendSetAttribute(pack.get(), CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64,
                                 3, names));
  check(ctx.op, "cuDNN variant pack",
        cudnnBackendSetAttribute(pack.get(), CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS,
                                 CUDNN_TYPE_VOID_PTR, 3, data));
  check(ctx.op, "cuDNN variant pack",
        cudnnBackendSetAttribute(pack.get(), CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR,
                                 1, &workspace));
  check(ctx.op, "cuDNN variant pack", pack.finalize());
  ++*ctx.launches;
  const std::lock_guard lock(ctx.vendor->mutex);
  check(ctx.op, "cudnnBackendExecute",
        cudnnBackendExecute(ctx.vendor->dnn, plan.plan.get(), pack.get()));
}

}  // namespace glassbox::cuda
