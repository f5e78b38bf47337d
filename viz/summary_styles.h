// The renderers of a summary, one file each. Detail of summary.cpp.
#pragma once
#include <string>
#include <vector>

#include "viz/summary.h"

namespace glassbox::viz::detail {

std::string render_tree(const Summary& summary);
std::string render_torchsummary(const Summary& summary);
std::string render_keras(const Summary& summary);
std::string render_markdown(const Summary& summary);
std::string render_csv(const Summary& summary);
std::string render_json(const Summary& summary);
std::string render_html(const Summary& summary);

// The tree's rows that the options show, with the branches that draw it.
struct TableRow {
  int row;
  std::string branch, name;
  std::vector<std::string> cells;  // one per column
  std::string below;               // what continues the branches on a second line
};
struct Table {
  std::vector<Column> columns;  // the options', else the usual ones
  std::vector<TableRow> rows;
};
Table table_of(const Summary& summary);

// Below the table, as pairs of a label and a line; then the conventions, a sentence each.
std::vector<std::pair<std::string, std::string>> totals_of(const Summary& summary);
std::vector<std::string> footnotes_of(const Summary& summary, const std::vector<Column>& columns);
// "[N, 3, 32, 32] f32, ..."
std::string inputs_text(const Summary& summary);

}  // namespace glassbox::viz::detail
