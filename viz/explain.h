// Where a figure of a summary comes from: its formula, in words and in numbers, or the terms that
// it is the sum of.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "viz/summary.h"

namespace glassbox::viz {

struct Explanation {
  std::string title;    // "MACs", "Field, height"
  double value = 0;     // in the unit of the column: FLOPs, bytes, seconds, pixels, percent
  std::string formula;  // "N · oh · ow · out channels · (in channels / groups) · kh · kw"
  std::string numbers;  // "1 × 112 × 112 × 64 × (3 / 1) × 7 × 7": what it is in numbers
  std::vector<std::pair<std::string, double>> terms;  // or these, added
};

// The row at a path ("features.0", "features/relu", the model's name for all of it) or the number
// of a row. Throws Error that names the nearest path.
int find_row(const Summary& summary, std::string_view path);
// Every figure of the row that the summary has.
std::vector<Explanation> explain(const Summary& summary, int row);
std::string explain_text(const Summary& summary, std::string_view path);

}  // namespace glassbox::viz
