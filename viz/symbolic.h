// What of a forward pass depends on the batch, found by recording it at two batches: of the second
// only sizes and costs are kept. Detail of the summary.
#pragma once
#include <vector>

#include "engine/graph/graph.h"
#include "engine/graph/recorder.h"
#include "viz/summary.h"

namespace glassbox::viz::detail {

struct OpCosts {
  double macs = 0, flops = 0, bytes = 0;
};

// Sizes and costs of the ops that run, and nothing else: a fraction of a GraphRecorder's time.
class SizeRecorder final : public Recorder {
 public:
  struct Op {
    const OpType* type;
    Phase phase;
    std::size_t first_shape;  // its outputs' shapes are the next ones from here
    OpCosts costs;
  };
  void on_enter(Scoped&, Ins) override {}
  void on_leave(Scoped&, Ins, bool) override {}
  int on_op(const OpType& type, const void* op, Ins in, Ins out) override;

  std::vector<Op> ops;
  std::vector<Shape> shapes;
};

class Symbolic {
 public:
  static constexpr std::int64_t small = 2, large = 4;

  // Recordings at those batches; the graph must outlive this. Where the second is missing or of
  // another structure, the sizes of dimension 0 that equal the batch are taken for it, and every
  // quantity for proportional.
  Symbolic(const Graph& at_small, SizeRecorder at_large);

  TensorInfo value(int index) const;
  PerBatch bytes_of(int value) const;
  // Forward figures of a node; of a backward node they are those of the gradient.
  PerBatch macs(int node) const { return of(node, &OpCosts::macs); }
  PerBatch flops(int node) const { return of(node, &OpCosts::flops); }
  PerBatch bytes(int node) const { return of(node, &OpCosts::bytes); }

 private:
  PerBatch of(int node, double OpCosts::*figure) const;
  PerBatch line(double at_small, double at_large) const;

  const Graph& small_;
  std::vector<OpCosts> small_costs_;
  SizeRecorder large_;
  bool has_large_ = false;
};

}  // namespace glassbox::viz::detail
