// A call of a module that made a value that is not finite, kept in a safetensors file: its inputs,
// its parameters and buffers, and what it made of them. replay() runs it again, in the debugger or
// with other code, without the training that led there.
//
//   const viz::Replay again = viz::replay("non_finite-12.safetensors", model);
//   std::cout << again.text << '\n';   // "Log at head.act, call 1 in step 12: output.0 [8,4] f32
//   ..."
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "layers/module.h"
#include "viz/tensor_stats.h"

namespace glassbox::viz {

// Where it was seen first.
enum class NonFiniteIn {
  input,       // the model was given it
  activation,  // a module made it in its forward pass
  loss,        // its gradient came into the model: what is behind the model made it
  gradient,    // a module made it in its backward pass
};
std::string_view to_string(NonFiniteIn in);

// What a call gives: "output.0", and where gradients of its outputs are known, "grad.input.0" and
// "grad.NAME" of its parameters.
using ReplayResults = std::vector<layers::Named<Tensor>>;

struct Replay {
  NonFiniteIn in = NonFiniteIn::activation;
  std::string path, type;  // of the module
  std::string step;        // as format_step has it
  int call = 1;            // of that module in the step, from 1
  Tensors inputs;
  Tensors output_gradients;  // by output; none, or undefined, where none was known
  ReplayResults results;     // of this run
  bool same = false;  // as many NaN and infinities in each result as then, and not none at all
  std::string text;   // both in plain words
};

// Runs the call again on a copy of the module at the file's path in `model`, with the parameters
// that the file has: `model` itself is not changed, nor are random numbers that are drawn after.
// Random layers draw anew. Throws Error for a file that is none of these, and where the model has
// another module at that path.
Replay replay(const std::string& file, layers::ModuleBase& model);

namespace detail {

struct CallToRun {
  layers::ModuleBase* module = nullptr;
  Tensors inputs;
  Tensors output_gradients;
};
// On a copy of the module. Throws what its forward or the copying throws.
ReplayResults run_again(const CallToRun& call);

// Everything of a call that replay() needs. Throws Error when the file cannot be written.
struct ReplayHeader {
  NonFiniteIn in;
  std::string path, step, text;
  int call;
};
void save_replay(const std::string& file, const ReplayHeader& header, const CallToRun& call,
                 const ReplayResults& results);

}  // namespace detail
}  // namespace glassbox::viz
