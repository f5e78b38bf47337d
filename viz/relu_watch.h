// Dead units behind every ReLU of a pass: modules (ReLU, ReLU6) and the calls of relu() that a
// module's forward makes itself, which are found on the tape. Detail of Health.
#pragma once
#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "layers/module.h"

namespace glassbox::viz::detail {

class ReluWatch {
 public:
  void begin() { *this = {}; }
  // As each call of a module ends, those inside before it. A relu() without a tape (all behind it
  // is frozen) cannot be found.
  void on_call(layers::ModuleBase& module, const std::string& label, const Tensors& in,
               const Tensors& out);
  // By the module's path, "PATH#2" for its second one; the share of dead units, of [0, 1].
  const std::vector<layers::Named<double>>& dead() const { return dead_; }

 private:
  void add(const std::string& label, const Tensor& y);

  std::vector<layers::Named<double>> dead_;
  std::unordered_map<std::string, int> seen_;  // by label
  std::unordered_set<std::uint64_t> taken_;    // nodes of the tape: each is the innermost module's
};

}  // namespace glassbox::viz::detail
