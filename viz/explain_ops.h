// The formulas of single ops. Detail of explain.cpp.
#pragma once
#include <string>
#include <vector>

#include "viz/symbolic.h"

namespace glassbox::viz::detail {

struct Formula {
  std::string words, numbers;
};

// Operands and results of a node at a batch.
struct OpAt {
  OpAt(const Summary& summary, int node, std::int64_t n);
  std::string_view name;
  Attrs attrs;
  std::vector<Spec> in, out;
  std::vector<std::string> in_names;
};

// Multiply-adds; empty words where the op has no rule that is known here.
Formula macs_formula(const OpAt& op);
// FLOPs of one that is no product: a number of them for each element.
Formula flops_formula(const OpAt& op, double flops, double macs);
// What a kernel reads twice (a training batch norm its input) counts twice.
Formula bytes_formula(const OpAt& op, double bytes);

// "64 × 3 × 7 × 7"; "1" of a scalar.
std::string product_text(const Shape& shape);
// As short as it can be and still the same number.
std::string plain_number(double value);

}  // namespace glassbox::viz::detail
