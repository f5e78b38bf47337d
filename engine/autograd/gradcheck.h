// gradcheck: holds backward against central finite differences, in f64. For tests of one's own ops
// and functions; it reports and does not throw for a wrong gradient.
//
//   const GradcheckReport report = gradcheck([](const Tensors& x) { return Tensors{x[0] * x[1]}; },
//                                            {a, b});
//   if (!report.ok) std::cerr << report << '\n';
#pragma once
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "engine/op.h"

namespace glassbox {

struct GradcheckOptions {
  // x is moved by h = step max(1, |x|) to each side. The differences are wrong by about
  // h^2 f'''/6 + 1e-16 |f| / h.
  double step = 1e-5;
  // Largest error that passes; see GradcheckReport::error.
  double tolerance = 1e-7;
  // Gradients whose largest magnitude is below this are compared as if it were this.
  double floor = 1e-3;
  // By input: whose gradients are checked. Empty: every floating-point input's.
  std::vector<bool> differentiable = {};
  // How many elements of each input are checked, drawn at random; 0 checks all.
  std::int64_t elements = 0;
  std::uint64_t seed = 0;  // of the outputs' weights and of the draw
};

struct GradcheckReport {
  bool ok = false;
  // The largest over the checked inputs and elements of |backward - numeric| / scale, where scale
  // is the largest magnitude in either gradient of that input, and at least `floor`. Infinite when
  // either is not finite or backward failed.
  double error = 0;
  // Where it was.
  int input = -1;
  std::int64_t element = -1;  // flat
  Shape index;
  double backward = 0, numeric = 0;
  std::int64_t checked = 0;  // elements
  std::string problem;       // why nothing could be compared, as in a failed backward
};
// "input 1 at [0,3]: backward 0.52, numeric 0.5, error 0.04 over 24 elements"
std::ostream& operator<<(std::ostream& out, const GradcheckReport& report);

using TensorFunction = std::function<Tensors(const Tensors&)>;

// Checks d(sum over outputs of w y)/d(inputs) with random weights w of magnitude 0.5 to 1.5: with
// ones, errors that cancel in a sum go unseen. `f` gives the same outputs whenever it is given the
// same inputs; outputs that are not floating-point are left alone. Inputs are not changed. Throws
// Error when a checked input is not f64 on the CPU.
GradcheckReport gradcheck(const TensorFunction& f, const Tensors& inputs,
                          const GradcheckOptions& options = {});
// The same for one op. Outputs that it writes in place or that only its backward reads are left
// alone.
GradcheckReport gradcheck(const AnyOp& op, const Tensors& inputs,
                          const GradcheckOptions& options = {});

}  // namespace glassbox
