// The boxed table of Keras 3: layers and ops in the order they run, what they are connected to
// where that is not simply the row above, counts with the non-trainable state (running statistics),
// sizes by real types. A shared module is one row per call, counted in the first.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "viz/summary_columns.h"
#include "viz/summary_styles.h"
#include "viz/text.h"

namespace glassbox::viz::detail {
namespace {

using Row = Summary::Row;

struct Line {
  std::array<std::string, 4> cells;
};

// "(None, 16, 32, 32)", as Python writes a tuple.
std::string shape_of(const TensorInfo& tensor, std::int64_t batch) {
  const std::string inside = viz::to_string(tensor, batch);
  std::string text = "(" + inside.substr(1, inside.size() - 2);
  if (tensor.dims.size() == 1) text += ",";
  for (std::size_t at = 0; (at = text.find('N', at)) != std::string::npos; at += 4)
    text.replace(at, 1, "None");
  return text + ")";
}

std::string shapes_of(const std::vector<TensorInfo>& tensors, std::int64_t batch) {
  if (tensors.empty()) return "?";
  std::vector<std::string> parts;
  for (const TensorInfo& tensor : tensors) parts.push_back(shape_of(tensor, batch));
  return parts.size() == 1 ? parts[0] : "[" + join(parts) + "]";
}

// Keras' readable_memory_size: two decimals, KB = 1024 B.
std::string size_text(double bytes) {
  constexpr std::string_view units[] = {"B", "KB", "MB", "GB", "TB", "PB"};
  std::size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < std::size(units)) {
    bytes /= 1024;
    ++unit;
  }
  return fixed(bytes, 2) + " " + std::string(units[unit]);
}

class Keras {
 public:
  explicit Keras(const Summary& summary) : summary_(summary) {
    for (std::size_t i = 0; i < summary.inputs.size(); ++i) {
      add("input_layer" + (i ? "_" + std::to_string(i) : "") + " (InputLayer)",
          shape_of(summary.inputs[i], summary.options.batch), 0, "-");
    }
    int previous = -1;
    for (std::size_t i = 0; i < summary.rows.size(); ++i) {
      const Row& row = summary.rows[i];
      const bool is_leaf = row.end == static_cast<int>(i) + 1;
      const bool at_depth = summary.options.depth >= 0 && row.depth == summary.options.depth;
      const bool too_deep = summary.options.depth >= 0 && row.depth > summary.options.depth;
      if (too_deep || !(is_leaf || at_depth)) continue;
      if (row.parent >= 0 || is_leaf) add_row(row, static_cast<int>(i), previous);
    }
  }

  std::string text() const {
    const std::size_t columns = is_sequential_ ? 3 : 4;
    constexpr std::array<std::string_view, 4> titles = {"Layer (type)", "Output Shape", "Param #",
                                                        "Connected to"};
    std::array<std::size_t, 4> widths = {31, 22, 13, 20};
    for (std::size_t c = 0; c < columns; ++c) {
      for (const Line& line : lines_) widths[c] = std::max(widths[c], width_of(line.cells[c]));
    }
    const auto rule = [&](const char* left, const char* inner, const char* middle,
                          const char* right) {
      std::string text = left;
      for (std::size_t c = 0; c < columns; ++c) {
        if (c) text += middle;
        for (std::size_t i = 0; i < widths[c] + 2; ++i) text += inner;
      }
      return text + right + "\n";
    };
    const auto row = [&](const auto& cells, const std::string& bar) {
      std::string text = bar;
      for (std::size_t c = 0; c < columns; ++c) {
        const std::string cell(cells[c]);
        text += " " + (c == 2 ? pad_left(cell, widths[c]) : pad_right(cell, widths[c])) + " " + bar;
      }
      return text + "\n";
    };
    std::string text = "Model: \"" + summary_.model + "\"\n" + rule("┏", "━", "┳", "┓") +
                       row(titles, "┃") + rule("┡", "━", "╇", "┩");
    for (const Line& line : lines_) {
      text += row(line.cells, "│");
      text += &line == &lines_.back() ? rule("└", "─", "┴", "┘") : rule("├", "─", "┼", "┤");
    }
    return text + totals();
  }

 private:
  void add(std::string layer, std::string shape, std::int64_t parameters, std::string connected) {
    lines_.push_back(
        {{std::move(layer), std::move(shape), with_commas(parameters), std::move(connected)}});
  }

  // Of a module that is not shown itself the last of its layers that ran, as "path[call][output]".
  std::string name_in_table(int source) const {
    const Row* row = &summary_.rows[static_cast<std::size_t>(source)];
    const int depth = summary_.options.depth;
    while (row->end > source + 1 && (depth < 0 || row->depth < depth)) {
      int last = source + 1;
      for (int child = last; child < row->end;
           child = summary_.rows[static_cast<std::size_t>(child)].end) {
        if (summary_.rows[static_cast<std::size_t>(child)].call > 0) last = child;
      }
      source = last;
      row = &summary_.rows[static_cast<std::size_t>(source)];
    }
    return row->path + "[" + std::to_string(std::max(0, row->call - 1)) + "][0]";
  }

  void add_row(const Row& row, int index, int& previous) {
    std::vector<std::string> names;
    for (const int source : row.sources) {
      names.push_back(source < 0
                          ? "input_layer" + (source < -1 ? "_" + std::to_string(-1 - source) : "") +
                                "[0][0]"
                          : name_in_table(source));
    }
    const bool follows = previous < 0 ? row.sources == std::vector<int>{-1}
                                      : row.sources.size() == 1 && row.sources[0] >= 0;
    if (!follows && row.call > 0 && !row.sources.empty()) is_sequential_ = false;
    if (row.call > 1) is_sequential_ = false;
    previous = index;
    const std::int64_t state = row.end == index + 1 ? row.floating_buffers : row.total_buffers;
    const std::string name = row.path.empty() ? row.type : row.path;
    add(name + " (" + row.type + ")",
        summary_.inputs.empty() ? "?" : shapes_of(row.outputs, summary_.options.batch),
        row.total + state, names.empty() ? "-" : join(names));
  }

  std::string totals() const {
    const Summary::Totals& totals = summary_.totals;
    std::int64_t state = 0;
    for (const Row& row : summary_.rows) state += row.floating_buffers;
    const double bytes_each =
        totals.parameters ? totals.parameter_bytes / static_cast<double>(totals.parameters) : 4;
    const auto line = [&](std::string_view name, std::int64_t count) {
      return " " + std::string(name) + ": " + with_commas(count) + " (" +
             size_text(static_cast<double>(count) * bytes_each) + ")\n";
    };
    return line("Total params", totals.parameters + state) +
           line("Trainable params", totals.parameters - totals.frozen) +
           line("Non-trainable params", totals.frozen + state);
  }

  const Summary& summary_;
  std::vector<Line> lines_;
  bool is_sequential_ = true;
};

}  // namespace

std::string render_keras(const Summary& summary) {
  if (summary.failure) fail(summary.model, summary.failure->message);
  const std::string text = Keras(summary).text();
  return summary.options.ascii ? to_ascii(text) : text;
}

}  // namespace glassbox::viz::detail
