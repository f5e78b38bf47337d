#include "engine/optim/optimizer.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <unordered_set>

#include "engine/autograd/tape.h"
#include "engine/core/scope.h"
#include "engine/core/transfer.h"
#include "engine/graph/recorder.h"
#include "engine/ops/create.h"
#include "engine/ops/update.h"

namespace glassbox::optim {

Optimizer::Optimizer(std::string_view name, const ParamGroups& groups, Names options)
    : name_(name), options_(options) {
  groups_.resize(groups.size());
  for (std::size_t g = 0; g < groups.size(); ++g) {
    if (groups[g].params.empty()) refuse(g, "got no parameters");
    groups_[g].first = parameters_.size();
    groups_[g].count = groups[g].params.size();
    parameters_.insert(parameters_.end(), groups[g].params.begin(), groups[g].params.end());
  }
  if (parameters_.empty()) fail(name, "got no parameters");
  std::unordered_set<const TensorImpl*> seen;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor& p = parameters_[i];
    if (!p.defined() || !p.is_leaf() || !is_floating(p.dtype())) {
      fail(name, cat("parameter ", i, " is not a floating-point leaf tensor"));
    }
    if (!seen.insert(p.impl_or_null()).second) fail(name, cat("parameter ", i, " is given twice"));
    if (p.device() != parameters_[0].device()) {
      fail(name, cat("parameter ", i, " is on ", p.device(), " and parameter 0 on ",
                     parameters_[0].device(), "; use one optimizer for each device"));
    }
  }
}

void Optimizer::refuse(std::size_t g, const std::string& fact) const {
  fail(name_, groups_.size() > 1 ? cat("group ", g, ": ", fact) : fact);
}

void Optimizer::refuse_others(std::size_t g, const ParamGroup& group, Names names) const {
  const auto check = [&](std::string_view name, bool set) {
    if (set && std::find(names.begin(), names.end(), name) == names.end()) {
      refuse(g, cat("sets ", name, ", which ", name_, " does not have"));
    }
  };
  check("lr", group.lr.has_value());
  check("momentum", group.momentum.has_value());
  check("dampening", group.dampening.has_value());
  check("weight_decay", group.weight_decay.has_value());
  check("alpha", group.alpha.has_value());
  check("eps", group.eps.has_value());
  check("betas", group.betas.has_value());
  check("nesterov", group.nesterov.has_value());
  check("amsgrad", group.amsgrad.has_value());
  check("centered", group.centered.has_value());
  check("maximize", group.maximize.has_value());
}

void Optimizer::check_option(std::size_t g, std::string_view name, double value) const {
  const bool fraction = name == "beta1" || name == "beta2";
  if (fraction && !(value >= 0 && value < 1)) {
    refuse(g, cat(name, " ", value, " is not at least 0 and below 1"));
  }
  if (name != "dampening" && !(value >= 0)) {
    refuse(g, cat(name, " ", value, " is not a number of at least 0"));
  }
  if (!std::isfinite(value)) refuse(g, cat(name, " ", value, " is not finite"));
}

void Optimizer::make_state(std::size_t g, std::initializer_list<double> options,
                           const ops::MomentNames& moments) {
  Group& group = groups_[g];
  std::size_t i = 0;
  for (const double value : options) check_option(g, options_[i++], value);
  const NamedScope scope(cat(name_, "'s state"));
  std::vector<double> state(static_cast<std::size_t>(ops::update_header) + group.count);
  std::copy(options.begin(), options.end(), state.begin());
  const Device device = parameters_.front().device();
  group.state = from(state, {static_cast<std::int64_t>(state.size())}, device);
  group.options.assign(options);
  group.moments = moments;
  group.inputs = {group.state};
  group.inputs.reserve(1 + group.count * group.each());
  for (std::size_t k = group.first; k < group.first + group.count; ++k) {
    const Tensor& p = parameters_[k];
    group.inputs.push_back(p);
    group.inputs.emplace_back();  // the gradient
    for (std::size_t m = 0; m < moments.size(); ++m) {
      group.inputs.push_back(zeros(p.shape(), p.dtype(), device));
    }
  }
  if (g + 1 == groups_.size()) make_arena();
}

void Optimizer::make_arena() {
  // One block for all gradients of a device; each starts on a cache line of its own.
  const auto aligned = [](std::size_t bytes) {
    return (bytes + Allocator::alignment - 1) / Allocator::alignment * Allocator::alignment;
  };
  std::size_t total = 0;
  for (const Tensor& p : parameters_) total += aligned(p.spec().bytes());
  const NamedScope scope(cat(name_, "'s gradients"));
  const auto arena = std::make_shared<Storage>(total, parameters_.front().device());
  std::size_t offset = 0;
  for (std::size_t i = parameters_.size(); i-- > 0;) {
    const Tensor& p = parameters_[i];
    auto part = std::make_shared<Storage>(arena, offset, p.spec().bytes());
    set_grad_buffer(p, Tensor(std::make_shared<TensorImpl>(p.spec(), 0, std::move(part))));
    offset += aligned(p.spec().bytes());
  }
}

void Optimizer::step() {
  const NoGrad no_grad;
  const PhaseScope phase(Phase::update);
  if (!stepped_) warn_about_strays();
  stepped_ = true;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    Group& group = groups_[g];
    for (std::size_t k = 0; k < group.count; ++k) {
      group.inputs[2 + k * group.each()] = parameters_[group.first + k].grad();
    }
    update(g, Ins(group.inputs));
  }
}

void Optimizer::zero_grad() {
  for (Tensor& p : parameters_) p.zero_grad();
}

const Optimizer::Group& Optimizer::group(std::size_t g) const {
  if (g >= groups_.size()) {
    fail(name_, cat("has no group ", g, "; it has ", groups_.size(), ", counted from 0"));
  }
  return groups_[g];
}

bool Optimizer::has_option(std::string_view name) const {
  return std::find(options_.begin(), options_.end(), name) != options_.end();
}

std::size_t Optimizer::option_index(std::string_view name) const {
  if (!has_option(name)) {
    std::string names;
    for (const std::string_view known : options_) names += cat(names.empty() ? "" : ", ", known);
    fail(name_, cat("has no option ", name, "; it has ", names));
  }
  return static_cast<std::size_t>(std::find(options_.begin(), options_.end(), name) -
                                  options_.begin());
}

double Optimizer::option(std::string_view name, std::size_t g) const {
  const std::size_t index = option_index(name);
  return group(g).options[index];
}

void Optimizer::set_option(std::string_view name, double value, std::size_t g) {
  option_index(name);
  group(g);
  check_option(g, name, value);
  write_option(name, value, g);
}

void Optimizer::write_option(std::string_view name, double value, std::size_t g) {
  const std::size_t index = option_index(name);
  Tensor state = group(g).state;
  write_bytes(state, index * sizeof value, &value, sizeof value);
  groups_[g].options[index] = value;
}

void Optimizer::set_lr(double lr) {
  for (std::size_t g = 0; g < groups_.size(); ++g) set_option("lr", lr, g);
}

double Optimizer::initial_lr(std::size_t g) {
  if (group(g).initial_lr < 0) groups_[g].initial_lr = lr(g);
  return groups_[g].initial_lr;
}

void Optimizer::set_initial_lr(double lr, std::size_t g) {
  check_option(g, "lr", lr);
  group(g);
  groups_[g].initial_lr = lr;
}

StateDict Optimizer::state_dict() const {
  StateDict out;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const Group& group = groups_[g];
    out.emplace_back(cat("group", g, ".state"), group.state);
    for (std::size_t m = 0; m < group.moments.size(); ++m) {
      for (std::size_t k = 0; k < group.count; ++k) {
        out.emplace_back(cat(group.moments[m], ".", group.first + k),
                         group.inputs[3 + k * group.each() + m]);
      }
    }
  }
  return out;
}

void Optimizer::load_state_dict(const StateDict& state) {
  load_strictly(name_, state_dict(), state);
  reload_options();
}

void Optimizer::reload_options() {
  for (Group& group : groups_) {
    const std::vector<double> values = group.state.to_vector<double>();
    std::copy_n(values.begin(), group.options.size(), group.options.begin());
  }
}

void load_strictly(std::string_view what, const StateDict& own, const StateDict& state) {
  const auto find = [](const StateDict& in, const std::string& name) {
    const auto it =
        std::find_if(in.begin(), in.end(), [&name](const auto& e) { return e.first == name; });
    return it == in.end() ? nullptr : &it->second;
  };
  std::string missing, unexpected, mismatched;
  const auto add = [](std::string& list, const std::string& entry) {
    list += cat(list.empty() ? "" : ", ", entry);
  };
  for (const auto& entry : own) {
    const Tensor* const given = find(state, entry.first);
    if (!given || !given->defined()) {
      add(missing, entry.first);
    } else if (given->shape() != entry.second.shape() || given->dtype() != entry.second.dtype()) {
      add(mismatched, cat(entry.first, " (", to_string(given->spec()), " given, ",
                          to_string(entry.second.spec()), " expected)"));
    }
  }
  for (const auto& entry : state) {
    if (!find(own, entry.first)) add(unexpected, entry.first);
  }
  std::string text;
  for (const auto& [title, list] : {std::pair{"missing: ", missing},
                                    {"unexpected: ", unexpected},
                                    {"mismatched: ", mismatched}}) {
    if (!list.empty()) text += cat(text.empty() ? "" : "; ", title, list);
  }
  if (!text.empty()) {
    fail(what, cat("the state does not fit: ", text,
                   "; it was made by another optimizer, for other parameters or with other "
                   "options"));
  }
  const NoGrad no_grad;
  for (const auto& entry : own) {
    Tensor to = entry.second;
    assign(to, find(state, entry.first)->to(to.device()));
  }
}

void Optimizer::warn_about_strays() {
  const Tensors strays = take_leaves_without_optimizer();
  if (strays.empty()) return;
  std::string shapes;
  for (const Tensor& t : strays) shapes += " " + to_string(t.shape());
  std::fprintf(stderr,
               "glassbox: %zu tensor(s) received a gradient but are in no optimizer:%s. Are they "
               "missing from a module's fields()?\n",
               strays.size(), shapes.c_str());
}

}  // namespace glassbox::optim
