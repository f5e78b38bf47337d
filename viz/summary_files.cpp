// A summary as Markdown, CSV and JSON.
#include <cmath>
#include <nlohmann/json.hpp>

#include "viz/summary_columns.h"
#include "viz/summary_styles.h"
#include "viz/text.h"

namespace glassbox::viz::detail {
namespace {

using Json = nlohmann::ordered_json;
using Row = Summary::Row;

constexpr std::string_view kind_names[] = {"module", "op", "parameter"};

// --- Markdown ------------------------------------------------------------------------------------

// What would end a cell or begin markup is escaped.
std::string markdown(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("|\\`*_<>[]#").find(c) != std::string_view::npos) out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

// Inside backticks, where only a backtick and the cell's end count.
std::string code(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '`' || c == '|' || c == '\n' ? ' ' : c;
  return "`" + out + "`";
}

// --- CSV -----------------------------------------------------------------------------------------

// RFC 4180.
std::string csv(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

// The shortest text that reads back as the same number; without a point where it is whole.
std::string number_text(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15)
    return std::to_string(static_cast<std::int64_t>(value));
  return Json(value).dump();
}

// --- JSON ----------------------------------------------------------------------------------------

Json json_of(const std::vector<TensorInfo>& tensors, std::int64_t batch) {
  Json list = Json::array();
  for (const TensorInfo& tensor : tensors) {
    Json shape = Json::array();
    for (const Dim& dim : tensor.dims) {
      if (batch < 0 && dim.halves != 0) {
        TensorInfo one;
        one.dims = {dim};
        const std::string text = viz::to_string(one, batch);
        shape.push_back(text.substr(1, text.size() - 2));
      } else {
        shape.push_back(dim.at(batch));
      }
    }
    list.push_back({{"shape", shape}, {"dtype", name_of(tensor.dtype)}});
  }
  return list;
}

Json json_of(const Costs& costs, bool with_backward, std::int64_t n) {
  Json json;
  json["macs"] = costs.macs.at(n);
  json["flops"] = costs.flops.at(n);
  json["bytes_moved"] = costs.bytes.at(n);
  json["activation_bytes"] = costs.activations.at(n);
  if (with_backward) {
    json["macs_backward"] = costs.macs_backward.at(n);
    json["flops_backward"] = costs.flops_backward.at(n);
    json["bytes_moved_backward"] = costs.bytes_backward.at(n);
    json["saved_bytes"] = costs.saved.at(n);
  }
  return json;
}

Json json_of(const Timing& timing) {
  return {{"median", timing.median}, {"low", timing.low}, {"high", timing.high}};
}

Json json_of(const Summary& summary, const Row& row) {
  const std::int64_t batch = summary.options.batch, n = summary.figures_batch();
  Json json;
  json["kind"] = kind_names[static_cast<std::size_t>(row.kind)];
  json["name"] = row.name;
  json["path"] = row.path;
  json["type"] = row.type;
  json["parent"] = row.parent;
  json["depth"] = row.depth;
  json["call"] = row.call;
  if (row.kind == Row::Kind::module) json["training"] = row.training;
  for (const auto& [name, value] : {std::pair{"kernel", &row.kernel},
                                    {"stride", &row.stride},
                                    {"padding", &row.padding},
                                    {"groups", &row.groups}}) {
    if (!value->empty()) json[name] = *value;
  }
  json["inputs"] = json_of(row.inputs, batch);
  json["outputs"] = json_of(row.outputs, batch);
  json["parameters"] = {{"own", row.parameters},
                        {"own_frozen", row.frozen},
                        {"total", row.total},
                        {"total_frozen", row.total_frozen}};
  json["buffers"] = {{"own", row.buffers}, {"total", row.total_buffers}};
  if (row.kind != Row::Kind::tensor && row.call > 0) {
    json["costs"] = json_of(row.costs, summary.has_backward, n);
    json["total_costs"] = json_of(row.total_costs, summary.has_backward, n);
  }
  if (row.field.known) {
    if (row.field.whole) {
      json["receptive_field"] = "all";
    } else {
      json["receptive_field"] = {{"size", {row.field.size.h, row.field.size.w}},
                                 {"stride", {row.field.stride.h, row.field.stride.w}}};
    }
  }
  if (!row.sources.empty()) {
    Json sources = Json::array();
    for (const int source : row.sources) {
      if (source < 0) {
        sources.push_back({{"input", -1 - source}});
      } else {
        sources.push_back({{"row", source}});
      }
    }
    json["connected_to"] = sources;
  }
  if (row.time) json["seconds_forward"] = json_of(*row.time);
  if (row.time_backward) json["seconds_backward"] = json_of(*row.time_backward);
  if (!row.notes.empty()) json["notes"] = row.notes;
  return json;
}

}  // namespace

std::string render_markdown(const Summary& summary) {
  const Table table = table_of(summary);
  std::string text = "### " + markdown(summary.model) + "\n\n";
  if (!summary.inputs.empty()) text += "Input: " + code(inputs_text(summary)) + "\n\n";
  text += "| Layer |";
  std::string rule = "|:---|";
  for (const Column column : table.columns) {
    const std::string title(column == Column::notes ? "Notes" : title_of(column));
    text += " " + title + " |";
    rule += is_right_aligned(column) ? "---:|" : ":---|";
  }
  text += "\n" + rule + "\n";
  for (const TableRow& row : table.rows) {
    text += "| " + code(row.branch + row.name) + " |";
    for (const std::string& cell : row.cells)
      text += cell.empty() ? " |" : " " + markdown(cell) + " |";
    text += "\n";
  }
  text += "\n";
  for (const auto& [name, value] : totals_of(summary))
    text += "- **" + name + "**: " + markdown(value) + "\n";
  text += "\n";
  for (const std::string& note : footnotes_of(summary, table.columns)) text += markdown(note) + " ";
  text.back() = '\n';
  return text;
}

std::string render_csv(const Summary& summary) {
  const std::vector<Column> columns =
      summary.options.columns.empty() ? known_columns(summary) : summary.options.columns;
  std::string text = "row,parent,kind,name,call";
  for (const Column column : columns) text += "," + std::string(name_of(column));
  text += "\n";
  for (std::size_t i = 0; i < summary.rows.size(); ++i) {
    const Row& row = summary.rows[i];
    text += std::to_string(i) + "," + std::to_string(row.parent) + "," +
            std::string(kind_names[static_cast<std::size_t>(row.kind)]) + "," + csv(row.name) +
            "," + std::to_string(row.call);
    for (const Column column : columns) {
      const std::optional<double> number = number_of(summary, row, column);
      text += "," + (number ? number_text(*number) : csv(cell_of(summary, row, column)));
    }
    text += "\n";
  }
  return text;
}

std::string render_json(const Summary& summary) {
  const Summary::Totals& totals = summary.totals;
  const std::int64_t n = summary.figures_batch();
  Json json;
  json["schema"] = "glassbox.summary/1";
  json["model"] = summary.model;
  json["training"] = summary.training;
  json["batch"] = summary.options.batch < 0 ? Json("N") : Json(summary.options.batch);
  json["figures_for_batch"] = n;
  json["inputs"] = json_of(summary.inputs, summary.options.batch);
  Json sums;
  sums["parameters"] = totals.parameters;
  sums["frozen"] = totals.frozen;
  sums["never_read"] = totals.unread;
  sums["buffers"] = totals.buffers;
  sums["parameter_bytes"] = totals.parameter_bytes;
  sums["buffer_bytes"] = totals.buffer_bytes;
  if (!summary.inputs.empty()) {
    sums["input_bytes"] = totals.input_bytes.at(n);
    sums.update(json_of(totals, summary.has_backward, n));
  }
  json["totals"] = sums;
  if (summary.machine) {
    json["machine"] = {{"threads", summary.machine->threads},
                       {"runs", summary.machine->runs},
                       {"peak_flops", summary.machine->peak_flops},
                       {"bandwidth", summary.machine->bandwidth}};
  }
  if (summary.failure) {
    json["failure"] = {{"row", summary.failure->row},
                       {"message", summary.failure->message},
                       {"op", summary.failure->op},
                       {"operands", json_of(summary.failure->inputs, summary.options.batch)},
                       {"suggestion", summary.failure->suggestion}};
  }
  Json rows = Json::array();
  for (const Row& row : summary.rows) rows.push_back(json_of(summary, row));
  json["rows"] = rows;
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace glassbox::viz::detail
