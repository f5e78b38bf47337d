// What the tree, the Markdown and the HTML have in common: the rows that are shown, and what stands
// below them.
#include <algorithm>
#include <cmath>

#include "viz/summary_columns.h"
#include "viz/summary_styles.h"
#include "viz/text.h"

namespace glassbox::viz::detail {
namespace {

using Row = Summary::Row;

class Builder {
 public:
  explicit Builder(const Summary& summary) : summary_(summary) {
    table_.columns = summary.options.columns;
    if (table_.columns.empty())
      table_.columns = {Column::type, Column::output, Column::params, Column::notes};
    const auto has = [this](Column column) {
      return std::ranges::find(table_.columns, column) != table_.columns.end();
    };
    has_kernel_column_ = has(Column::kernel);
    if (!has(Column::notes)) table_.columns.push_back(Column::notes);
    if (!summary.rows.empty()) add(0, "", "");
  }
  Table take() { return std::move(table_); }

 private:
  bool is_hidden(const Row& row) const {
    const SummaryOptions& options = summary_.options;
    return (options.depth >= 0 && row.depth > options.depth) ||
           (!options.ops && row.kind == Row::Kind::op) || (!options.repeats && row.call > 1);
  }

  void add(int index, const std::string& branch, const std::string& below) {
    const Row& row = summary_.rows[static_cast<std::size_t>(index)];
    std::vector<int> children;
    for (int child = index + 1; child < row.end;
         child = summary_.rows[static_cast<std::size_t>(child)].end) {
      if (!row.same_as_first && !is_hidden(summary_.rows[static_cast<std::size_t>(child)]))
        children.push_back(child);
    }
    table_.rows.push_back(line_of(row, index, branch, below + (children.empty() ? "   " : "│  ")));
    for (const int child : children) {
      const bool last = child == children.back();
      add(child, below + (last ? "└─ " : "├─ "), below + (last ? "   " : "│  "));
    }
  }

  TableRow line_of(const Row& row, int index, const std::string& branch,
                   const std::string& below) const {
    TableRow line;
    line.row = index;
    line.branch = branch;
    line.below = below;
    line.name = row.name + (row.kind == Row::Kind::op ? "()" : "");
    for (const Column column : table_.columns) {
      std::string cell = cell_of(summary_, row, column);
      if (column == Column::type) {
        if (row.kind == Row::Kind::op || row.type == row.name) cell.clear();
        if (!row.kernel.empty() && !has_kernel_column_)
          cell += (cell.empty() ? "" : " ") + row.kernel;
      }
      if (column == Column::notes && row.same_as_first)
        cell += std::string(cell.empty() ? "" : ", ") + "as above";
      line.cells.push_back(summary_.options.ascii ? to_ascii(std::move(cell)) : std::move(cell));
    }
    if (summary_.options.ascii) {
      line.branch = to_ascii(line.branch);
      line.below = to_ascii(line.below);
    }
    return line;
  }

  const Summary& summary_;
  Table table_;
  bool has_kernel_column_ = false;
};

std::string parameters_text(const Summary::Totals& totals) {
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

}  // namespace

Table table_of(const Summary& summary) { return Builder(summary).take(); }

std::string inputs_text(const Summary& summary) {
  std::vector<std::string> parts;
  for (const TensorInfo& input : summary.inputs) {
    parts.push_back(viz::to_string(input, summary.options.batch) + " " +
                    std::string(name_of(input.dtype)));
  }
  return join(parts);
}

std::vector<std::pair<std::string, std::string>> totals_of(const Summary& summary) {
  const Summary::Totals& totals = summary.totals;
  std::vector<std::pair<std::string, std::string>> lines;
  const auto put = [&lines](std::string name, std::string value) {
    lines.emplace_back(std::move(name), std::move(value));
  };
  put("Parameters", parameters_text(totals));
  if (totals.buffers > 0) {
    put("Buffers",
        with_commas(totals.buffers) + " (" + with_binary_unit(totals.buffer_bytes) + ")");
  }
  if (summary.inputs.empty()) return lines;

  // For one sample where that is all there is to say, in three digits; else for a batch.
  bool proportional = true;
  for (const PerBatch& quantity : {totals.flops, totals.macs, totals.input_bytes,
                                   totals.activations, totals.flops_backward, totals.saved}) {
    proportional = proportional && std::abs(quantity.fixed) <= 1e-3 * quantity.per_sample;
  }
  const std::int64_t n = summary.figures_batch();
  const bool per_sample = summary.options.batch < 0 && proportional && n == 1;
  const std::string unit = per_sample ? " per sample" : " for a batch of " + with_commas(n);
  put("Forward", with_si(totals.macs.at(n)) + " multiply-adds, " + with_si(totals.flops.at(n)) +
                     " FLOPs" + unit);
  if (summary.has_backward) {
    put("Backward", with_si(totals.macs_backward.at(n)) + " multiply-adds, " +
                        with_si(totals.flops_backward.at(n)) + " FLOPs" + unit);
  }
  put("Memory",
      "input " + with_binary_unit(totals.input_bytes.at(n)) + ", activations " +
          with_binary_unit(totals.activations.at(n)) +
          (summary.has_backward ? ", saved for backward " + with_binary_unit(totals.saved.at(n))
                                : "") +
          unit);
  if (summary.machine) {
    const Summary::Machine& machine = *summary.machine;
    put("Machine",
        fixed(machine.peak_flops * 1e-9, 1) + " GFLOP/s and " + fixed(machine.bandwidth * 1e-9, 1) +
            " GB/s measured, " +
            (machine.threads == 0 ? "on the GPU, "
                                  : std::to_string(machine.threads) +
                                        (machine.threads == 1 ? " thread, " : " threads, ")) +
            std::to_string(machine.runs) + " runs");
  }
  if (summary.failure) {
    const Summary::Failure& failure = *summary.failure;
    put("Failed", failure.message);
    std::vector<std::string> shapes;
    for (const TensorInfo& input : failure.inputs)
      shapes.push_back(viz::to_string(input, summary.options.batch));
    if (!shapes.empty()) put("Operands", join(shapes));
    if (!failure.suggestion.empty()) put("Try", failure.suggestion);
  }
  return lines;
}

std::vector<std::string> footnotes_of(const Summary& summary, const std::vector<Column>& columns) {
  if (summary.inputs.empty()) {
    return {"Shapes are unknown: give an input without the batch, as in summary({3, 32, 32})."};
  }
  std::vector<std::string> notes;
  notes.push_back(std::string(summary.options.batch < 0 ? "N is the batch; recorded" : "Recorded") +
                  " in " + (summary.training ? "training" : "evaluation") +
                  " mode; every tensor counts once, views do not.");
  notes.push_back(
      "A multiply-add, of convolutions and matrix products, is 2 FLOPs; 1 KiB is 1024 B.");
  const auto has = [&columns](auto... wanted) {
    return std::ranges::any_of(columns, [=](Column c) { return ((c == wanted) || ...); });
  };
  if (has(Column::macs, Column::flops, Column::flops_backward, Column::bytes, Column::activations,
          Column::saved)) {
    const std::int64_t n = summary.figures_batch();
    notes.push_back("Figures of rows are for N = " + with_commas(n) +
                    "; a module's contain those of all that is inside it.");
  }
  if (has(Column::bytes, Column::intensity))
    notes.push_back(
        "Moved: bytes that the forward ops read and write; nothing is taken to stay in a cache.");
  if (has(Column::saved))
    notes.push_back(
        "Saved: what is kept for backward beside parameters and inputs, each value once, where it "
        "is kept first.");
  if (has(Column::receptive_field, Column::effective_stride))
    notes.push_back(
        "Field: pixels of the input that one output sees; statistics of a "
        "normalisation are not counted.");
  if (has(Column::time, Column::time_backward))
    notes.push_back("Times are medians; ± is half of the interquartile range.");
  if (has(Column::roof))
    notes.push_back(
        "Roof: the lesser of the machine's peak and its bandwidth times FLOPs/B; more than 100 % "
        "is "
        "read from caches.");
  return notes;
}

}  // namespace glassbox::viz::detail
