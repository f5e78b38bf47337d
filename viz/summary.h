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
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "layers/module.h"
#include "viz/record.h"

namespace glassbox::viz {
namespace detail {
class Symbolic;
}

enum class Style {
  tree,          // modules and the ops they run, each parameter counted once
  torchsummary,  // the table of torchsummary 1.5.1 to the byte, its miscounts included
  keras,         // the boxed table of Keras' model.summary(), with its connections
};
enum class Format { text, markdown, csv, json, html };

// What a column of the table shows; name_of gives its name on the command line. A module's figures
// are of all that is inside it.
enum class Column : std::uint8_t {
  path,              // "layer1.0.conv2"
  type,              // "Conv2d"; beside it the kernel, where that is no column of its own
  kernel,            // "3×3"
  stride,            // "2×2"
  padding,           // "1×1"
  groups,            //
  input,             // shapes that it reads
  output,            // shapes that it returns, all of them
  dtype,             // of the outputs
  params,            // elements, each tensor counted once
  params_percent,    // of the model's
  buffers,           // elements
  trainable,         // yes, no, partly
  mode,              // train or eval
  macs,              // multiply-adds of convolutions, matrix products, attention, recurrent layers
  flops,             // every op by its own rule; a multiply-add is two
  flops_backward,    // of the ops that compute the gradients of this one
  bytes,             // read and written by the forward ops
  intensity,         // FLOPs per byte moved
  activations,       // bytes that its ops write; views are none
  saved,             // bytes that its ops keep for backward beside parameters and inputs
  receptive_field,   // pixels of the input that one pixel of the output sees
  effective_stride,  // pixels of the input from one pixel of the output to the next
  connected_to,      // the rows whose outputs it reads
  time,              // forward, measured: median and spread
  time_backward,     //
  gflops,            // FLOPs per measured second
  roof,              // of what this machine can do at that intensity, in percent
  notes,             // shared, tied, frozen, never called
};
std::string_view name_of(Column column);  // "params%" of params_percent
Column column_of(std::string_view name);  // throws Error that lists the names
bool is_measured(Column column);          // needs measure() first
const std::vector<Column>& all_columns();

struct SummaryOptions {
  Style style = Style::tree;
  std::int64_t batch = -1;  // -1: any; N in the tree, -1 in torchsummary
  // Of the inputs; those left out have the model's usual types.
  std::vector<DType> dtypes = {};
  std::vector<Column> columns = {};  // empty: type, output, params, notes
  int depth = -1;                    // levels below the model that are shown; -1: all
  bool ops = true;                   // rows of ops that a module runs itself
  bool repeats = true;               // rows of a module's second call and of those after it
  // Record the gradients too; set by itself where a column needs it. JSON and HTML show what there
  // is.
  bool backward = false;
  bool color = false;  // ANSI colours in the tree
  bool ascii = false;  // no characters beyond ASCII
  int width = 0;       // columns of the terminal: cells are wrapped to fit; 0: as wide as it is
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
  Spec at(std::int64_t batch) const;
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

// What running something costs. Bytes are those that ops read and write.
struct Costs {
  PerBatch macs, flops, bytes, activations;
  PerBatch macs_backward, flops_backward, bytes_backward, saved;  // 0 without a recorded backward
  Costs& operator+=(const Costs& other);
};

// Seconds of one run, measured.
struct Timing {
  double median = 0, low = 0, high = 0;  // quartiles
};

// What one pixel of an output sees of the input.
struct ReceptiveField {
  Pair size = 1, stride = 1;
  bool whole = false;  // all of the input: after a linear layer, attention, a global pooling
  bool known = false;  // false: not of an image, or through an op that has no rule here
};

// What stopped the forward pass; the rows then end there.
struct SummaryFailure {
  int row = -1;         // of the op or module that failed
  std::string message;  // with the module's path
  std::string op;       // "" when it was no op
  std::vector<TensorInfo> inputs;
  std::string suggestion;
};
// The speed of the machine that measured.
struct SummaryMachine {
  int threads = 1, runs = 0;
  double peak_flops = 0, bandwidth = 0;  // per second
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
    std::string name;  // as its parent calls it: "c2d", "0", "blocks.3"; "relu"; "cls_token"
    std::string path;  // "features.0", "features/relu", "cls_token"
    std::string type;  // "Conv2d"; an op's kind: "Relu"
    std::string kernel, stride, padding, groups;  // "3×3"; "" where there is none
    int parent = -1, depth = 0;
    int end = 0;    // rows [this, end) are this one and those below it
    int call = 0;   // 1 for a module's first call, 2 for the second, ...; 0 when it is never called
    int node = -1;  // the op that the row itself is, in the recording
    bool training = true;
    bool same_as_first = false;  // a later call whose inside looks as at the first
    std::vector<TensorInfo> inputs, outputs;
    std::int64_t parameters = 0;        // own elements that no other row counts
    std::int64_t frozen = 0;            // of those, the ones that want no gradient
    std::int64_t buffers = 0;           // own elements that no other row counts
    std::int64_t floating_buffers = 0;  // of those, the ones that are no counters
    std::int64_t total = 0, total_frozen = 0, total_buffers = 0;  // with all rows below
    std::vector<std::string> notes;
    Costs costs, total_costs;  // of the ops that the row itself runs; with all rows below
    ReceptiveField field;
    std::vector<int> sources;  // rows whose outputs it reads; -1 - i: the model's input i
    std::vector<int> saved;    // values of the recording that it keeps first for backward
    std::optional<Timing> time, time_backward;  // with all rows below

    // What torchsummary sees: its hooks on the module, whether the result is a tuple, and the
    // attributes `weight` and `bias`.
    int hooks = 0;
    bool returns_list = false;
    std::int64_t weight_and_bias = 0;
    bool weight_trainable = false;
  };
  struct Totals : Costs {
    std::int64_t parameters = 0, frozen = 0, buffers = 0;  // elements, each tensor once
    std::int64_t unread = 0;  // parameters that the forward pass does not read
    double parameter_bytes = 0, buffer_bytes = 0;
    PerBatch input_bytes;
  };
  using Failure = SummaryFailure;
  using Machine = SummaryMachine;

  std::string model;               // "CifarModel"
  std::vector<TensorInfo> inputs;  // empty when the model was not recorded
  std::vector<Row> rows;           // the model first, then what is inside it, in order of execution
  std::vector<int> completion;     // rows of modules, as their calls ended
  Totals totals;
  bool training = false, has_backward = false;
  bool has_halves = false;  // a size is an odd number of halves of the batch
  std::optional<Failure> failure;
  std::optional<Machine> machine;  // when it was measured
  SummaryOptions options;
  // What the rows are views of, and its sizes by batch.
  std::shared_ptr<const Recording> recording;
  std::shared_ptr<const detail::Symbolic> sizes;

  // In the style of `options`. Throws Error when that style needs an input and there was none, or
  // cannot show a failure or that format.
  std::string to_string(Format format = Format::text) const;
  // By its ending: .txt, .md, .csv, .json, .html. Throws Error for any other, and for a disk that
  // refuses; a file is whole or as it was.
  void save(const std::string& file) const;
  friend std::ostream& operator<<(std::ostream& out, const Summary& summary);

  // The batch that figures are for: the option's, else 1, or 2 where a size is a half of N.
  std::int64_t figures_batch() const;
};

// Shapes are without the batch, one per input of forward; with none, the model's usual ones. A
// model without those is listed with its parameters and unknown shapes. A forward that throws is
// no error here: the result says what stopped it and has the rows before.
Summary summary(layers::ModuleBase& model, const std::vector<Shape>& inputs = {},
                const SummaryOptions& options = {});

}  // namespace glassbox::viz
