// Two models beside each other: their summaries' rows aligned by structure.
#pragma once
#include <string>
#include <vector>

#include "viz/summary.h"

namespace glassbox::viz {

struct Comparison {
  enum class Kind { same, changed, removed, added };
  struct Row {
    Kind kind = Kind::same;
    int left = -1, right = -1;  // rows of the summaries; -1: there is none
    std::string name;           // "layer1.0.conv1"; both, where they differ
    int depth = 0;
    std::vector<std::string> changes;  // "output [N, 64, 56, 56] → [N, 64, 28, 28]"
  };
  std::string left, right;          // the models
  std::vector<Row> rows;            // in the order of execution
  std::vector<std::string> totals;  // that differ: "parameters 11,689,512 → 21,797,672 (+86.5 %)"
  bool equal() const { return totals.empty() && count(Kind::same) == rows.size(); }
  std::size_t count(Kind kind) const;

  // With `all` false, rows that are the same are left out.
  std::string to_string(bool all = false, bool color = false) const;
};

// Rows are aligned level by level: of aligned rows, the children of one type, in order, those first
// that agree in shapes, kernel and parameters, then those of one name. Compared are type, options,
// shapes, parameters, FLOPs and activation memory. Throws Error for a summary with a failure.
Comparison compare(const Summary& left, const Summary& right);

// Limits that a model must keep: "params=25M,macs=4G,flops=8G,activations=100MiB,peak=2GiB". A
// number takes k, M, G, T (1000) or KiB, MiB, GiB, TiB (1024).
struct Budget {
  struct Limit {
    std::string figure, text;  // "params", "25M"
    double most = 0;
  };
  std::vector<Limit> limits;
  // Throws Error for an unknown figure or a number that is none.
  static Budget parse(const std::string& text);
  bool needs(std::string_view figure) const;
  // One line for each limit that is exceeded, with the rows that have most of it. `peak_bytes` is
  // what predict_memory says; read where a limit is on "peak".
  std::vector<std::string> exceeded(const Summary& summary, double peak_bytes = 0) const;
};

// "25M" -> 25e6, "8GiB" -> 2^33. Throws Error that names `what`.
double parse_quantity(const std::string& text, std::string_view what);

}  // namespace glassbox::viz
