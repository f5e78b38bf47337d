// Summary: what a model is made of, before anything is run. One recording on the meta device gives
// the rows; styles are views of the one result:
//
//   std::cout << model.summary({3, 32, 32});                              // the tree
//   std::cout << model.summary({3, 32, 32}, {.style = Style::torchsummary});
//
// The model is left as it was: no data is allocated, no generator, buffer or mode changes.
#pragma once
#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "layers/module.h"

namespace glassbox::viz {

enum class Style {
  tree,          // modules and the ops they run, each parameter counted once
  torchsummary,  // the table of torchsummary 1.5.1 to the byte, its miscounts included
};

struct SummaryOptions {
  Style style = Style::tree;
  std::int64_t batch = -1;  // -1: any; N in the tree, -1 in torchsummary
  // Of the inputs; those left out have the type of the model's first floating-point parameter.
  std::vector<DType> dtypes = {};
  bool color = false;  // ANSI colours in the tree
};

// A size that depends on the batch N, as halves N / 2 + fixed.
struct Dim {
  std::int64_t halves = 0, fixed = 0;
  std::int64_t at(std::int64_t n) const { return halves * n / 2 + fixed; }
  friend bool operator==(const Dim&, const Dim&) = default;
};

struct TensorInfo {
  std::vector<Dim> dims;
  DType dtype = DType::f32;
  friend bool operator==(const TensorInfo&, const TensorInfo&) = default;
};
// "[N, 16, 32, 32]" for batch -1, else with the batch put in.
std::string to_string(const TensorInfo& tensor, std::int64_t batch);

// A quantity that grows with the batch.
struct PerBatch {
  double per_sample = 0, fixed = 0;
  double at(std::int64_t n) const { return per_sample * static_cast<double>(n) + fixed; }
  PerBatch& operator+=(const PerBatch& other) {
    per_sample += other.per_sample;
    fixed += other.fixed;
    return *this;
  }
};

class Summary {
 public:
  struct Row {
    enum class Kind {
      module,  // one call of a module, or a module that is never called
      op,      // an op that a module runs itself; not shown where it is all that the module does
      tensor,  // a parameter that a module holds beside its children
    };
    Kind kind = Kind::module;
    std::string name;    // as its parent calls it: "c2d", "0", "blocks.3"; "relu"; "cls_token"
    std::string path;    // "features.0", "features/relu", "cls_token"
    std::string type;    // "Conv2d"; an op's kind: "Relu"
    std::string kernel;  // "3x3"
    int parent = -1, depth = 0;
    int call = 0;  // 1 for a module's first call, 2 for the second, ...; 0 when it is never called
    std::vector<TensorInfo> outputs;
    std::int64_t parameters = 0;  // own elements that no other row counts
    std::int64_t frozen = 0;      // of those, the ones that want no gradient
    std::int64_t total = 0;       // parameters of this row and of all below it
    std::vector<std::string> notes;
    PerBatch flops, macs;  // of the ops that the row itself runs

    // What torchsummary sees: its hooks on the module, whether the result is a tuple, and the
    // attributes `weight` and `bias`.
    int hooks = 0;
    bool returns_list = false;
    std::int64_t weight_and_bias = 0;
    bool weight_trainable = false;
  };
  struct Totals {
    std::int64_t parameters = 0, frozen = 0, buffers = 0;  // elements, each tensor once
    std::int64_t unread = 0;  // parameters that the forward pass does not read
    double parameter_bytes = 0, buffer_bytes = 0;
    PerBatch input_bytes;
    PerBatch activation_bytes;  // what the ops write, views left out
    PerBatch flops, macs;       // of the forward pass
  };

  std::string model;               // "CifarModel"
  std::vector<TensorInfo> inputs;  // empty when the model was not recorded
  std::vector<Row> rows;           // the model first, then what is inside it, in order of execution
  std::vector<int> completion;     // rows of modules, as their calls ended
  Totals totals;
  bool training = false;
  SummaryOptions options;

  // In the style of `options`. Throws Error when that style needs an input and there was none.
  std::string to_string() const;
  friend std::ostream& operator<<(std::ostream& out, const Summary& summary);
};

// Shapes are without the batch, one per input of forward; with none, the model's usual ones. A
// model without those is listed with its parameters and unknown shapes. Throws what the model
// throws.
Summary summary(layers::ModuleBase& model, const std::vector<Shape>& inputs = {},
                const SummaryOptions& options = {});

}  // namespace glassbox::viz
