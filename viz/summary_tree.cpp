// The tree: one row per call, drawn below the module that made it, and the ops that a module runs
// itself. Cells that do not fit the terminal's width continue on further lines; nothing is cut.
#include <algorithm>
#include <string>
#include <vector>

#include "viz/summary_columns.h"
#include "viz/summary_styles.h"
#include "viz/text.h"

namespace glassbox::viz::detail {
namespace {

using Row = Summary::Row;
constexpr std::size_t gap = 3;

class Ink {
 public:
  explicit Ink(bool color) : color_(color) {}
  std::string dim(const std::string& text) const { return in("\033[2m", text); }
  std::string bold(const std::string& text) const { return in("\033[1m", text); }
  std::string red(const std::string& text) const { return in("\033[31m", text); }

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

// Pieces of at most `width` columns, cut at spaces; a word that is longer stays whole.
std::vector<std::string> wrap(const std::string& text, std::size_t width) {
  if (width_of(text) <= width) return {text};
  std::vector<std::string> lines{""};
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    std::string& line = lines.back();
    if (line.empty()) {
      line = word;
    } else if (width_of(line) + 1 + width_of(word) <= width) {
      line += " " + word;
    } else {
      lines.push_back(word);
    }
    at = end + 1;
  }
  return lines;
}

std::size_t longest_word(const std::string& text) {
  std::size_t longest = 0;
  for (const std::string& word : wrap(text, 1)) longest = std::max(longest, width_of(word));
  return longest;
}

class Layout {
 public:
  Layout(const Table& table, std::size_t width) : table_(table) {
    const std::size_t columns = table.columns.size() + 1;
    widths_.resize(columns);
    minima_.resize(columns);
    for (std::size_t c = 0; c < columns; ++c) {
      widths_[c] = minima_[c] = width_of(title(c));
      for (const TableRow& row : table.rows) {
        const std::size_t own =
            c == 0 ? width_of(row.branch) + width_of(row.name) : width_of(row.cells[c - 1]);
        widths_[c] = std::max(widths_[c], own);
        if (width == 0) continue;  // nothing is to shrink
        const bool shrinks = c > 0 && !is_right(c);
        minima_[c] = std::max(minima_[c], shrinks ? longest_word(row.cells[c - 1]) : own);
      }
    }
    // The widest column that may shrink gives way first.
    while (width > 0 && total() > width) {
      std::size_t widest = columns;
      for (std::size_t c = 1; c < columns; ++c) {
        if (widths_[c] > minima_[c] && (widest == columns || widths_[c] > widths_[widest]))
          widest = c;
      }
      if (widest == columns) break;
      --widths_[widest];
    }
  }

  std::size_t total() const {
    std::size_t sum = 0;
    for (const std::size_t width : widths_) sum += width ? width + (sum ? gap : 0) : 0;
    return sum;
  }
  std::string titles() const {
    std::vector<std::string> cells;
    for (std::size_t c = 1; c < widths_.size(); ++c) cells.emplace_back(title(c));
    return join_cells(std::string(title(0)), cells);
  }
  // The row's lines, the first of which begins with its branch.
  std::vector<std::string> lines_of(const TableRow& row) const {
    std::vector<std::vector<std::string>> wrapped;
    std::size_t count = 1;
    for (std::size_t c = 1; c < widths_.size(); ++c) {
      wrapped.push_back(wrap(row.cells[c - 1], widths_[c]));
      count = std::max(count, wrapped.back().size());
    }
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < count; ++i) {
      std::vector<std::string> cells;
      for (const auto& pieces : wrapped) cells.push_back(i < pieces.size() ? pieces[i] : "");
      lines.push_back(join_cells(i == 0 ? row.branch + row.name : row.below, cells));
    }
    return lines;
  }

 private:
  std::string_view title(std::size_t c) const {
    return c == 0 ? "Layer" : title_of(table_.columns[c - 1]);
  }
  bool is_right(std::size_t c) const { return c > 0 && is_right_aligned(table_.columns[c - 1]); }

  std::string join_cells(const std::string& name, const std::vector<std::string>& cells) const {
    std::string text = pad_right(name, widths_[0]);
    for (std::size_t c = 1; c < widths_.size(); ++c) {
      if (widths_[c] == 0) continue;
      text += std::string(gap, ' ') + (is_right(c) ? pad_left(cells[c - 1], widths_[c])
                                                   : pad_right(cells[c - 1], widths_[c]));
    }
    return without_trailing_spaces(text);
  }

  const Table& table_;
  std::vector<std::size_t> widths_, minima_;
};

}  // namespace

std::string render_tree(const Summary& summary) {
  const Table table = table_of(summary);
  const SummaryOptions& options = summary.options;
  const Ink ink(options.color);
  const std::size_t width = options.width > 0 ? static_cast<std::size_t>(options.width) : 0;
  const Layout layout(table, width);
  std::string rule;
  for (std::size_t i = 0; i < layout.total(); ++i) rule += options.ascii ? "-" : "─";
  rule = ink.dim(rule) + "\n";

  std::string text = ink.bold(summary.model);
  if (!summary.inputs.empty()) {
    text += (summary.inputs.size() == 1 ? ", input " : ", inputs ") + inputs_text(summary);
  }
  text += "\n" + rule + ink.bold(layout.titles()) + "\n" + rule;
  for (const TableRow& row : table.rows) {
    const Row& source = summary.rows[static_cast<std::size_t>(row.row)];
    const bool failed = summary.failure && summary.failure->row == row.row;
    bool first = true;
    for (const std::string& line : layout.lines_of(row)) {
      const std::string& branch = first ? row.branch : row.below;
      const std::string rest = line.size() > branch.size() ? line.substr(branch.size()) : "";
      text += failed                         ? ink.dim(branch) + ink.red(rest)
              : source.kind == Row::Kind::op ? ink.dim(line)
                                             : ink.dim(line.substr(0, branch.size())) + rest;
      text += "\n";
      first = false;
    }
  }
  text += rule;
  const auto ascii = [&options](std::string line) {
    return options.ascii ? to_ascii(std::move(line)) : line;
  };
  constexpr std::size_t label_width = 13;
  for (const auto& [name, value] : totals_of(summary)) {
    std::string label = ink.bold(pad_right(name, label_width));
    if (name == "Failed") label = ink.red(pad_right(name, label_width));
    for (const std::string& line :
         wrap(ascii(value), width > 2 * label_width ? width - label_width : value.size())) {
      text += label + line + "\n";
      label = std::string(label_width, ' ');
    }
  }
  for (const std::string& note : footnotes_of(summary, table.columns)) {
    for (const std::string& line : wrap(ascii(note), width > 0 ? width : note.size()))
      text += ink.dim(line) + "\n";
  }
  return text;
}

}  // namespace glassbox::viz::detail
