// The digits of numbers. Detail of axes.
#pragma once
#include <string>

namespace glassbox::viz::detail {

// The double nearest to `digits` times ten to the power of `exponent`; infinite beyond them.
double decimal(long long digits, int exponent);

// The shortest decimal that is read back as `value`, which is finite and not 0: 0.00125 is
// digits "125" with the first of them at 10^-3.
struct Digits {
  std::string digits;  // no zeros at either end
  int first = 0;
  int last() const { return first - static_cast<int>(digits.size()) + 1; }
};
Digits digits_of(double value);

}  // namespace glassbox::viz::detail
