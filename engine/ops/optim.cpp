#include "engine/ops/optim.h"

namespace glassbox::ops {

namespace {

// Output 0 is the state; then come p and its moments, which skip the gradient between them.
int group_alias(std::size_t moments, int output) {
  if (output == 0) return 0;
  const int outputs_each = 1 + static_cast<int>(moments), inputs_each = outputs_each + 1;
  const int parameter = (output - 1) / outputs_each, which = (output - 1) % outputs_each;
  return 1 + parameter * inputs_each + (which == 0 ? 0 : which + 1);
}

SpecList infer_group(std::string_view op, const MomentNames& moments, Specs in) {
  const std::size_t each = 2 + moments.size();
  if (in.empty() || (in.size() - 1) % each != 0) {
    fail(op, cat("needs the state and ", each, " tensors for each parameter, got ", in.size()));
  }
  const std::size_t n = (in.size() - 1) / each;
  const Shape want{update_header + static_cast<std::int64_t>(n)};
  if (!in[0].defined || in[0].shape != want || in[0].dtype != DType::f64) {
    fail(op, cat("state must be ", want, " f64, got ", to_string(in[0])));
  }
  SpecList out{in[0]};
  for (std::size_t i = 0; i < n; ++i) {
    const Specs own = in.subspan(1 + i * each, each);
    const Spec& p = own[0];
    if (!p.defined) fail(op, cat("parameter ", i, " is undefined"));
    check_floating(op, own.first(1));
    out.push_back(p);
    for (std::size_t k = 1; k < each; ++k) {
      const std::string_view what = k == 1 ? "gradient" : moments[k - 2];
      if (k > 1 && !own[k].defined)
        fail(op, cat("the ", what, " of parameter ", i, " is undefined"));
      if (own[k].defined && (own[k].shape != p.shape || own[k].dtype != p.dtype)) {
        fail(op,
             cat(what, " ", to_string(own[k]), " does not match parameter ", i, " ", to_string(p)));
      }
      if (k > 1) out.push_back(own[k]);
    }
  }
  return out;
}

Cost group_cost(double flops_each, std::size_t moments, Specs in, Specs out) {
  double elements = 0;
  for (std::size_t i = 1; i < in.size(); i += 2 + moments) {
    elements += static_cast<double>(in[i].numel());
  }
  return streaming_cost(elements * flops_each, in, out);
}

Attr flag(std::string_view name, bool value) { return {std::string(name), value, !value}; }

}  // namespace

MomentNames Sgd::moments() const { return has_momentum ? MomentNames{"momentum"} : MomentNames{}; }
Attrs Sgd::attrs(Specs) const {
  return {flag("has_momentum", has_momentum), flag("nesterov", nesterov),
          flag("maximize", maximize)};
}
int Sgd::alias(int output) const { return group_alias(moments().size(), output); }
SpecList Sgd::infer(Specs in, bool) const { return infer_group(name, moments(), in); }
Cost Sgd::cost(Specs in, Specs out) const {
  return group_cost(has_momentum ? 6 : 4, moments().size(), in, out);
}

MomentNames Adam::moments() const {
  MomentNames names{"exp_avg", "exp_avg_sq"};
  if (amsgrad) names.push_back("max_exp_avg_sq");
  return names;
}
Attrs Adam::attrs(Specs) const {
  return {flag("amsgrad", amsgrad), flag("decoupled_weight_decay", decoupled_weight_decay),
          flag("maximize", maximize)};
}
int Adam::alias(int output) const { return group_alias(moments().size(), output); }
SpecList Adam::infer(Specs in, bool) const { return infer_group(name, moments(), in); }
// A square root counts as one.
Cost Adam::cost(Specs in, Specs out) const {
  return group_cost(amsgrad ? 16 : 15, moments().size(), in, out);
}

MomentNames RmsProp::moments() const {
  MomentNames names{"square_avg"};
  if (has_momentum) names.push_back("momentum");
  if (centered) names.push_back("grad_avg");
  return names;
}
Attrs RmsProp::attrs(Specs) const {
  return {flag("has_momentum", has_momentum), flag("centered", centered),
          flag("maximize", maximize)};
}
int RmsProp::alias(int output) const { return group_alias(moments().size(), output); }
SpecList RmsProp::infer(Specs in, bool) const { return infer_group(name, moments(), in); }
Cost RmsProp::cost(Specs in, Specs out) const {
  return group_cost(11 + (has_momentum ? 2 : 0) + (centered ? 5 : 0), moments().size(), in, out);
}

}  // namespace glassbox::ops
