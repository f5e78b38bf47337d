// The tree: one row per call, drawn below the module that made it, and the ops that a module runs
// itself. A row's parameters are its own and those below it, each tensor once.
#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <unordered_map>
#include <vector>

#include "viz/summary_styles.h"
#include "viz/text.h"

namespace glassbox::viz::detail {
namespace {

using Row = Summary::Row;

constexpr std::size_t columns = 5;
constexpr std::string_view titles[columns] = {"Layer", "Type", "Output", "Parameters", ""};
constexpr std::size_t parameters_column = 3;

struct Line {
  std::array<std::string, columns> cells;
  std::string branches;  // the part of cell 0 that draws the tree
  bool is_op = false;
};

// Which rows are shown and how they hang together.
class Tree {
 public:
  explicit Tree(const Summary& summary) : summary_(summary), children_(summary.rows.size()) {
    for (std::size_t i = 0; i < summary.rows.size(); ++i) {
      const Row& row = summary.rows[i];
      if (row.parent >= 0) children_[static_cast<std::size_t>(row.parent)].push_back(i);
      if (row.kind == Row::Kind::module && row.call == 1) first_calls_.emplace(row.path, i);
    }
    if (!summary.rows.empty()) add(0, "", "");
  }
  const std::vector<Line>& lines() const { return lines_; }

 private:
  void add(std::size_t index, const std::string& branch, const std::string& below) {
    const Row& row = summary_.rows[index];
    std::vector<std::string> notes = row.notes;
    const bool as_before = is_repetition(index);
    if (as_before) notes.push_back("as above");
    lines_.push_back(line_of(row, branch, notes));
    if (as_before) return;
    const std::vector<std::size_t>& children = children_[index];
    for (const std::size_t child : children) {
      const bool last = child == children.back();
      add(child, below + (last ? "└─ " : "├─ "), below + (last ? "   " : "│  "));
    }
  }

  // A later call of a module whose inside looks as it did at the first call.
  bool is_repetition(std::size_t index) const {
    const Row& row = summary_.rows[index];
    if (row.call < 2 || children_[index].empty()) return false;
    const auto first = first_calls_.find(row.path);
    return first != first_calls_.end() && same_inside(first->second, index);
  }
  bool same_inside(std::size_t a, std::size_t b) const {
    const Row &x = summary_.rows[a], &y = summary_.rows[b];
    if (x.type != y.type || x.outputs != y.outputs) return false;
    const auto ran = [this](std::size_t i) {
      std::vector<std::size_t> called;
      for (const std::size_t child : children_[i]) {
        if (summary_.rows[child].call > 0) called.push_back(child);
      }
      return called;
    };
    const std::vector<std::size_t> xs = ran(a), ys = ran(b);
    return std::ranges::equal(xs, ys,
                              [this](std::size_t i, std::size_t j) { return same_inside(i, j); });
  }

  Line line_of(const Row& row, const std::string& branch,
               const std::vector<std::string>& notes) const {
    Line line;
    line.branches = branch;
    line.is_op = row.kind == Row::Kind::op;
    line.cells[0] = branch + row.name + (line.is_op ? "()" : "");
    if (!line.is_op && row.type != row.name) line.cells[1] = row.type;
    if (!row.kernel.empty()) line.cells[1] += (line.cells[1].empty() ? "" : " ") + row.kernel;
    for (const TensorInfo& output : row.outputs) {
      line.cells[2] +=
          (line.cells[2].empty() ? "" : ", ") + to_string(output, summary_.options.batch);
    }
    if (summary_.inputs.empty() && row.kind == Row::Kind::module) line.cells[2] = "?";
    if (row.total > 0) line.cells[parameters_column] = with_commas(row.total);
    for (const std::string& note : notes)
      line.cells[4] += (line.cells[4].empty() ? "" : ", ") + note;
    return line;
  }

  const Summary& summary_;
  std::vector<std::vector<std::size_t>> children_;
  std::unordered_map<std::string, std::size_t> first_calls_;
  std::vector<Line> lines_;
};

class Ink {
 public:
  explicit Ink(bool color) : color_(color) {}
  std::string dim(const std::string& text) const { return in("\033[2m", text); }
  std::string bold(const std::string& text) const { return in("\033[1m", text); }

 private:
  std::string in(const char* code, const std::string& text) const {
    return color_ && !text.empty() ? code + text + "\033[0m" : text;
  }
  bool color_;
};

std::string without_trailing_spaces(std::string text) {
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

std::string inputs_of(const Summary& summary) {
  std::string text = summary.inputs.size() == 1 ? "input " : "inputs ";
  for (std::size_t i = 0; i < summary.inputs.size(); ++i) {
    const TensorInfo& input = summary.inputs[i];
    text += (i ? ", " : "") + to_string(input, summary.options.batch) + " " +
            std::string(name_of(input.dtype));
  }
  return text;
}

std::string parameters_of(const Summary::Totals& totals) {
  std::string text = with_commas(totals.parameters);
  if (totals.parameters == 0) return text;
  text += " (" + with_binary_unit(totals.parameter_bytes) + ")";
  if (totals.frozen == 0) {
    text += ", all trainable";
  } else {
    text += ", " + with_commas(totals.parameters - totals.frozen) + " trainable, " +
            with_commas(totals.frozen) + " frozen";
  }
  if (totals.unread > 0) text += ", " + with_commas(totals.unread) + " never read";
  return text;
}

void add_totals(std::string& text, const Summary& summary, const Ink& ink) {
  const Summary::Totals& totals = summary.totals;
  const auto put = [&](std::string_view name, const std::string& value) {
    text += ink.bold(pad_right(std::string(name), 13)) + value + "\n";
  };
  put("Parameters", parameters_of(totals));
  if (totals.buffers > 0) {
    put("Buffers",
        with_commas(totals.buffers) + " (" + with_binary_unit(totals.buffer_bytes) + ")");
  }
  if (summary.inputs.empty()) return;

  // For one sample where that is all there is to say, in three digits; else for a batch.
  bool proportional = true;
  for (const PerBatch& quantity :
       {totals.flops, totals.macs, totals.input_bytes, totals.activation_bytes}) {
    proportional = proportional && std::abs(quantity.fixed) <= 1e-3 * quantity.per_sample;
  }
  const bool per_sample = summary.options.batch < 0 && proportional;
  const std::int64_t n = per_sample ? 1 : summary.options.batch < 0 ? 2 : summary.options.batch;
  const std::string unit = per_sample ? " per sample" : " for a batch of " + with_commas(n);
  put("Forward", with_si(totals.macs.at(n)) + " multiply-adds, " + with_si(totals.flops.at(n)) +
                     " FLOPs" + unit);
  put("Memory", "input " + with_binary_unit(totals.input_bytes.at(n)) + ", activations " +
                    with_binary_unit(totals.activation_bytes.at(n)) + unit);
}

std::string footnote(const Summary& summary) {
  if (summary.inputs.empty()) {
    return "Shapes are unknown: give an input without the batch, as in summary({3, 32, 32}).\n";
  }
  return std::string(summary.options.batch < 0 ? "N is the batch; recorded" : "Recorded") + " in " +
         (summary.training ? "training" : "evaluation") +
         " mode; every tensor counts once, views do not.\n"
         "A multiply-add, of convolutions and matrix products, is 2 FLOPs; 1 KiB is 1024 B.\n";
}

}  // namespace

std::string render_tree(const Summary& summary) {
  const Tree tree(summary);
  const Ink ink(summary.options.color);
  std::array<std::size_t, columns> widths{};
  for (std::size_t c = 0; c < columns; ++c) {
    widths[c] = width_of(titles[c]);
    for (const Line& line : tree.lines()) widths[c] = std::max(widths[c], width_of(line.cells[c]));
  }
  std::size_t total = 0;
  const auto join = [&](const auto& cells) {
    std::string text;
    for (std::size_t c = 0; c < columns; ++c) {
      if (widths[c] == 0) continue;
      if (c > 0) text += "   ";
      text += c == parameters_column ? pad_left(cells[c], widths[c])
                                     : pad_right(std::string(cells[c]), widths[c]);
    }
    return without_trailing_spaces(text);
  };
  for (std::size_t c = 0; c < columns; ++c) total += widths[c] ? widths[c] + (c ? 3 : 0) : 0;
  std::string rule;
  for (std::size_t i = 0; i < total; ++i) rule += "─";
  rule = ink.dim(rule) + "\n";

  std::string text = ink.bold(summary.model);
  if (!summary.inputs.empty()) text += ", " + inputs_of(summary);
  text += "\n" + rule + ink.bold(join(titles)) + "\n" + rule;
  for (const Line& line : tree.lines()) {
    const std::string whole = join(line.cells);
    text +=
        line.is_op ? ink.dim(whole) : ink.dim(line.branches) + whole.substr(line.branches.size());
    text += "\n";
  }
  text += rule;
  add_totals(text, summary, ink);
  return text + ink.dim(footnote(summary));
}

}  // namespace glassbox::viz::detail
