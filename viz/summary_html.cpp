// A summary as one self-contained page: no network, light and dark, readable without scripts. With
// them rows fold, columns are chosen, rows are searched, and a row's figures open beside the table.
#include <nlohmann/json.hpp>
#include <string>

#include "viz/summary_columns.h"
#include "viz/summary_page.h"
#include "viz/summary_styles.h"
#include "viz/svg_writer.h"
#include "viz/text.h"

namespace glassbox::viz::detail {
namespace {

using Row = Summary::Row;

// A share of the model's whole is drawn as a bar behind these.
bool has_bar(Column column) {
  switch (column) {
    case Column::params:
    case Column::macs:
    case Column::flops:
    case Column::flops_backward:
    case Column::bytes:
    case Column::activations:
    case Column::saved:
    case Column::time:
    case Column::time_backward:
      return true;
    default:
      return false;
  }
}

// Shown at first; the others are a click away.
bool is_shown_first(Column column) {
  switch (column) {
    case Column::type:
    case Column::output:
    case Column::params:
    case Column::macs:
    case Column::activations:
    case Column::time:
    case Column::notes:
      return true;
    default:
      return false;
  }
}

class Page {
 public:
  explicit Page(const Summary& summary) : summary_(summary) {
    columns_ = summary.options.columns.empty() ? known_columns(summary) : summary.options.columns;
  }

  std::string text() const {
    std::string page(page_head);
    page += "<title>" + xml_escaped(summary_.model) + " — summary</title>\n<style>" +
            std::string(page_style) + "</style>\n</head>\n<body>\n<header>\n<h1>" +
            xml_escaped(summary_.model) + "</h1>\n";
    if (!summary_.inputs.empty()) {
      page += "<p class=input>input <code>" + xml_escaped(inputs_text(summary_)) + "</code>, " +
              (summary_.training ? "training" : "evaluation") + " mode</p>\n";
    }
    page += "</header>\n" + cards() + failure() + std::string(page_tools);
    page += "<div class=columns hidden>\n";
    for (const Column column : columns_) {
      page += "<label><input type=checkbox data-column=\"" + std::string(name_of(column)) + "\"" +
              (chosen(column) ? " checked" : "") + "> " + xml_escaped(title(column)) + "</label>\n";
    }
    page += "</div>\n<main>\n<div class=scroll><table>\n<thead><tr><th>Layer</th>";
    for (const Column column : columns_)
      page += "<th" + attributes(column) + ">" + xml_escaped(title(column)) + "</th>";
    page += "</tr></thead>\n<tbody>\n";
    for (std::size_t i = 0; i < summary_.rows.size(); ++i) page += row(static_cast<int>(i));
    page += "</tbody>\n</table></div>\n<aside hidden></aside>\n</main>\n<footer>\n";
    for (const std::string& note : footnotes_of(summary_, columns_))
      page += "<p>" + xml_escaped(note) + "</p>\n";
    return page + "</footer>\n<script>" + std::string(page_script) +
           "</script>\n</body>\n</html>\n";
  }

 private:
  bool chosen(Column column) const {
    return !summary_.options.columns.empty() || is_shown_first(column);
  }
  static std::string title(Column column) {
    return std::string(column == Column::notes ? "Notes" : title_of(column));
  }
  std::string attributes(Column column) const {
    return " data-column=\"" + std::string(name_of(column)) + "\"" +
           (is_right_aligned(column) ? " class=number" : "") + (chosen(column) ? "" : " hidden");
  }

  std::string cards() const {
    std::string text = "<section class=cards>\n";
    for (const auto& [name, value] : totals_of(summary_)) {
      const bool is_failure = name == "Failed" || name == "Operands" || name == "Try";
      if (!is_failure)
        text +=
            "<div><b>" + xml_escaped(name) + "</b><span>" + xml_escaped(value) + "</span></div>\n";
    }
    return text + "</section>\n";
  }

  std::string failure() const {
    if (!summary_.failure) return "";
    std::string text = "<section class=failure><b>The forward pass failed.</b>\n<p>" +
                       xml_escaped(summary_.failure->message) + "</p>\n";
    if (!summary_.failure->suggestion.empty())
      text += "<p>Try: " + xml_escaped(summary_.failure->suggestion) + "</p>\n";
    return text + "</section>\n";
  }

  std::string row(int index) const {
    const Row& r = summary_.rows[static_cast<std::size_t>(index)];
    constexpr std::string_view kinds[] = {"module", "op", "tensor"};
    std::string text =
        "<tr id=r" + std::to_string(index) + " data-parent=" + std::to_string(r.parent) +
        " data-depth=" + std::to_string(r.depth) + " data-end=" + std::to_string(r.end) +
        " class=\"" + std::string(kinds[static_cast<std::size_t>(r.kind)]);
    if (r.call == 0 && r.kind == Row::Kind::module && !summary_.inputs.empty()) text += " unused";
    if (summary_.failure && summary_.failure->row == index) text += " failed";
    text += "\" data-path=\"" + xml_escaped(r.path) + "\"";
    nlohmann::json sources = r.sources;
    if (!r.sources.empty()) text += " data-sources=\"" + sources.dump() + "\"";
    const bool folds = r.end > index + 1;
    text += "><th scope=row style=\"--depth:" + std::to_string(r.depth) + "\">" +
            (folds ? "<button class=fold aria-expanded=true title=\"fold or unfold\"></button>"
                   : "<i></i>") +
            "<span>" + xml_escaped(r.name) + (r.kind == Row::Kind::op ? "()" : "") + "</span></th>";
    for (const Column column : columns_) {
      std::string cell = cell_of(summary_, r, column);
      if (column == Column::notes && r.same_as_first)
        cell += std::string(cell.empty() ? "" : ", ") + "as above";
      if (column == Column::type && !r.kernel.empty()) cell += " " + r.kernel;
      const bool ops_type = r.kind == Row::Kind::op && column == Column::type;
      text += "<td" + attributes(column);
      const std::optional<double> part = number_of(summary_, r, column);
      const std::optional<double> whole = number_of(summary_, summary_.rows[0], column);
      if (has_bar(column) && part && whole && *whole > 0 && *part > 0) {
        text += " style=\"--share:" + fixed(100 * std::min(1.0, *part / *whole), 1) +
                "%\" title=\"" + fixed(100 * *part / *whole, 1) + " % of the model\"";
      }
      text += ">" + (ops_type ? "<em>" + xml_escaped(cell) + "</em>" : xml_escaped(cell)) + "</td>";
    }
    return text + "</tr>\n";
  }

  const Summary& summary_;
  std::vector<Column> columns_;
};

}  // namespace

std::string render_html(const Summary& summary) { return Page(summary).text(); }

}  // namespace glassbox::viz::detail
