#include "viz/replay.h"

#include <charconv>
#include <map>

#include "engine/autograd/tape.h"
#include "engine/core/error.h"
#include "engine/graph/recorder.h"
#include "engine/io/safetensors.h"
#include "engine/ops/pointwise.h"
#include "engine/ops/random.h"
#include "engine/ops/reduce.h"

namespace glassbox::viz {

using layers::ModuleBase;

namespace {

constexpr const char* format = "glassbox.replay/1";
constexpr NonFiniteIn all_places[] = {NonFiniteIn::input, NonFiniteIn::activation,
                                      NonFiniteIn::loss, NonFiniteIn::gradient};

// What runs while it lives leaves no trace: not in a recording, in random numbers or in the list of
// leaves without an optimizer.
class Aside {
 public:
  Aside() : generator_(default_generator(Device::cpu()).state().to_vector<std::int64_t>()) {}
  ~Aside() {
    try {
      default_generator(Device::cpu()).set_state(from(generator_, {2}, Device::cpu()));
    } catch (...) {
      // No memory for 16 bytes: what follows will say so.
    }
  }
  Aside(const Aside&) = delete;
  Aside& operator=(const Aside&) = delete;

 private:
  RecordScope unseen_{nullptr};
  StrayLeavesScope strays_;
  std::vector<std::int64_t> generator_;
};

// Backward from all outputs of which the gradient is known, at once: an op must get the gradients
// of all its outputs together. d(sum(y dy))/dy is dy, to the bit.
void run_backward(const Tensors& outputs, const Tensors& gradients) {
  Tensor total;
  for (std::size_t i = 0; i < outputs.size() && i < gradients.size(); ++i) {
    if (!gradients[i].defined() || !outputs[i].requires_grad()) continue;
    const Tensor part = sum(outputs[i] * gradients[i].detach());
    total = total.defined() ? total + part : part;
  }
  if (total.defined()) total.backward();
}

std::string count_text(const NonFiniteCount& count) {
  return cat(count.nan, " NaN, ", count.inf, " Inf");
}

}  // namespace

std::string_view to_string(NonFiniteIn in) {
  switch (in) {
    case NonFiniteIn::input:
      return "input";
    case NonFiniteIn::activation:
      return "activation";
    case NonFiniteIn::loss:
      return "loss";
    case NonFiniteIn::gradient:
      return "gradient";
  }
  return "";
}

ReplayResults detail::run_again(const CallToRun& call) {
  const Aside aside;
  const EnableGrad grad;
  const std::shared_ptr<ModuleBase> copy = call.module->clone_to(Device::cpu());
  copy->zero_grad();
  Tensors inputs;
  for (const Tensor& x : call.inputs) {
    inputs.push_back(x.detach());
    if (is_floating(x.dtype()) && !call.output_gradients.empty()) inputs.back().set_requires_grad();
  }
  // Views of the same memory: a module never writes what it is given.
  const Tensors outputs = copy->call(inputs);
  ReplayResults results;
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (outputs[i].defined()) results.emplace_back(cat("output.", i), outputs[i].detach());
  run_backward(outputs, call.output_gradients);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].grad().defined()) results.emplace_back(cat("grad.input.", i), inputs[i].grad());
  }
  for (const auto& [name, tensor] : copy->named_parameters()) {
    if (tensor.grad().defined()) results.emplace_back("grad." + name, tensor.grad());
  }
  return results;
}

void detail::save_replay(const std::string& file, const ReplayHeader& header, const CallToRun& call,
                         const ReplayResults& results) {
  const RecordScope unseen(nullptr);
  const NoGrad no_grad;
  io::NamedTensors tensors;
  for (std::size_t i = 0; i < call.inputs.size(); ++i)
    tensors.emplace_back(cat("input.", i), call.inputs[i]);
  for (std::size_t i = 0; i < call.output_gradients.size(); ++i) {
    if (call.output_gradients[i].defined())
      tensors.emplace_back(cat("output_gradient.", i), call.output_gradients[i]);
  }
  for (const auto& [name, tensor] : call.module->state_dict())
    tensors.emplace_back("state." + name, tensor);
  for (const auto& [name, tensor] : results) tensors.emplace_back("result." + name, tensor);
  io::save_safetensors(file, tensors,
                       {{"format", format},
                        {"in", std::string(to_string(header.in))},
                        {"path", header.path},
                        {"type", call.module->type_name()},
                        {"call", std::to_string(header.call)},
                        {"step", header.step},
                        {"training", call.module->is_training() ? "1" : "0"},
                        {"text", header.text}});
}

namespace {

class File {
 public:
  explicit File(const std::string& path) : path_(path), file_(io::load_safetensors(path)) {
    if (text("format") != format)
      refuse(cat("is of the format \"", text("format"), "\", not \"", format, "\""));
  }
  std::string text(const std::string& key) const {
    const auto it = file_.metadata.find(key);
    if (it == file_.metadata.end()) refuse(cat("is no file for a replay: it has no \"", key, "\""));
    return it->second;
  }
  int number(const std::string& key) const {
    const std::string digits = text(key);
    int value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || *end != 0) refuse(cat(key, " is \"", digits, "\", no number"));
    return value;
  }
  // "input.0", "input.1", ... by their numbers; undefined where one is missing.
  Tensors numbered(const std::string& prefix) const {
    Tensors list;
    for (const auto& [name, tensor] : below(prefix)) {
      std::size_t i = 0;
      const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), i);
      if (error != std::errc() || *end != 0 || i >= 64)
        refuse(cat("\"", prefix, name, "\" is not numbered"));
      if (i >= list.size()) list.resize(i + 1);
      list[i] = tensor;
    }
    return list;
  }
  std::vector<layers::Named<Tensor>> below(const std::string& prefix) const {
    std::vector<layers::Named<Tensor>> list;
    for (const auto& [name, tensor] : file_.tensors)
      if (name.starts_with(prefix)) list.emplace_back(name.substr(prefix.size()), tensor);
    return list;
  }
  [[noreturn]] void refuse(const std::string& fact) const { fail(path_, fact); }

 private:
  std::string path_;
  io::Safetensors file_;
};

}  // namespace

Replay replay(const std::string& file, ModuleBase& model) {
  const File saved(file);
  Replay out;
  out.path = saved.text("path");
  out.type = saved.text("type");
  out.step = saved.text("step");
  out.call = saved.number("call");
  const std::string in = saved.text("in");
  bool known = false;
  for (const NonFiniteIn place : all_places) {
    if (to_string(place) != in) continue;
    out.in = place;
    known = true;
  }
  if (!known) saved.refuse(cat("\"in\" is \"", in, "\""));
  out.inputs = saved.numbered("input.");
  out.output_gradients = saved.numbered("output_gradient.");
  for (const Tensor& x : out.inputs)
    if (!x.defined()) saved.refuse("lacks one of the inputs");

  ModuleBase& original = model.get_submodule(out.path);
  if (original.type_name() != out.type) {
    saved.refuse(cat("is of ", out.type, " at \"", out.path, "\"; this model has ",
                     original.type_name(), " there"));
  }
  const std::shared_ptr<ModuleBase> copy = original.clone_to(Device::cpu());
  {
    const RecordScope unseen(nullptr);
    copy->load_state_dict(saved.below("state."));
  }
  copy->train(saved.text("training") == "1");
  out.results = detail::run_again({copy.get(), out.inputs, out.output_gradients});

  std::map<std::string, NonFiniteCount> then;
  for (const auto& [name, tensor] : saved.below("result.")) then[name] = count_non_finite(tensor);
  out.text = cat(out.type, out.path.empty() ? "" : " at " + out.path, ", call ", out.call,
                 " in step ", out.step, ":");
  bool any = false, equal = then.size() == out.results.size();
  for (std::size_t i = 0; i < out.inputs.size(); ++i) {
    const NonFiniteCount count = count_non_finite(out.inputs[i]);
    any = any || (out.in == NonFiniteIn::input && count.any());
    out.text += cat("\n  input.", i, " ", glassbox::to_string(out.inputs[i].spec()), ": ",
                    count_text(count));
  }
  for (std::size_t i = 0; i < out.output_gradients.size(); ++i) {
    if (!out.output_gradients[i].defined()) continue;
    const NonFiniteCount count = count_non_finite(out.output_gradients[i]);
    any = any || (out.in == NonFiniteIn::loss && count.any());
    out.text += cat("\n  output_gradient.", i, " ",
                    glassbox::to_string(out.output_gradients[i].spec()), ": ", count_text(count));
  }
  for (const auto& [name, tensor] : out.results) {
    const NonFiniteCount now = count_non_finite(tensor);
    any = any || now.any();
    equal = equal && then.contains(name) && then[name] == now;
    out.text += cat("\n  ", name, " ", glassbox::to_string(tensor.spec()), ": ", count_text(now));
    if (then.contains(name) && then[name] != now)
      out.text += cat(" (then: ", count_text(then[name]), ")");
  }
  out.same = any && equal;
  return out;
}

}  // namespace glassbox::viz
