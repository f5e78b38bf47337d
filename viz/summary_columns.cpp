#include "viz/summary_columns.h"

#include <algorithm>
#include <cmath>

#include "viz/text.h"

namespace glassbox::viz {
namespace {

struct Description {
  Column column;
  std::string_view name, title, unit;
  bool right;
};
constexpr Description descriptions[] = {
    {Column::path, "path", "Path", "", false},
    {Column::type, "type", "Type", "", false},
    {Column::kernel, "kernel", "Kernel", "", false},
    {Column::stride, "stride", "Stride", "", false},
    {Column::padding, "padding", "Padding", "", false},
    {Column::groups, "groups", "Groups", "", true},
    {Column::input, "input", "Input", "", false},
    {Column::output, "output", "Output", "", false},
    {Column::dtype, "dtype", "Dtype", "", false},
    {Column::params, "params", "Parameters", "", true},
    {Column::params_percent, "params%", "Params %", "%", true},
    {Column::buffers, "buffers", "Buffers", "", true},
    {Column::trainable, "trainable", "Trainable", "", false},
    {Column::mode, "mode", "Mode", "", false},
    {Column::macs, "macs", "MACs", "", true},
    {Column::flops, "flops", "FLOPs", "", true},
    {Column::flops_backward, "flops-backward", "FLOPs backward", "", true},
    {Column::bytes, "bytes", "Moved", "B", true},
    {Column::intensity, "intensity", "FLOPs/B", "FLOP/B", true},
    {Column::activations, "activations", "Activations", "B", true},
    {Column::saved, "saved", "Saved", "B", true},
    {Column::receptive_field, "receptive-field", "Field", "", true},
    {Column::effective_stride, "effective-stride", "Eff. stride", "", true},
    {Column::connected_to, "connected-to", "Connected to", "", false},
    {Column::time, "time", "Forward", "s", true},
    {Column::time_backward, "time-backward", "Backward", "s", true},
    {Column::gflops, "gflops", "GFLOP/s", "FLOP/s", true},
    {Column::roof, "roof%", "Of roof", "%", true},
    {Column::notes, "notes", "", "", false},
};

const Description& description_of(Column column) {
  return descriptions[static_cast<std::size_t>(column)];
}

}  // namespace

std::string_view name_of(Column column) { return description_of(column).name; }

Column column_of(std::string_view name) {
  std::string names;
  for (const Description& d : descriptions) {
    if (d.name == name) return d.column;
    names += (names.empty() ? "" : ", ") + std::string(d.name);
  }
  fail("summary", cat("no column is named \"", name, "\"; they are ", names));
}

bool is_measured(Column column) {
  return column == Column::time || column == Column::time_backward || column == Column::gflops ||
         column == Column::roof;
}

const std::vector<Column>& all_columns() {
  static const std::vector<Column> all = [] {
    std::vector<Column> columns;
    for (const Description& d : descriptions) columns.push_back(d.column);
    return columns;
  }();
  return all;
}

namespace detail {

using Row = Summary::Row;

std::string_view title_of(Column column) { return description_of(column).title; }
bool is_right_aligned(Column column) { return description_of(column).right; }
std::string_view unit_of(Column column) { return description_of(column).unit; }
bool needs_backward(Column column) {
  return column == Column::flops_backward || column == Column::saved;
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string text;
  for (const std::string& part : parts) text.append(text.empty() ? "" : separator).append(part);
  return text;
}

std::string to_ascii(std::string text) {
  constexpr std::pair<std::string_view, std::string_view> replacements[] = {
      {"─", "-"}, {"├", "|"}, {"└", "`"}, {"│", "|"}, {"×", "x"}, {"±", "~"}, {"·", "*"},
      {"━", "="}, {"┏", "+"}, {"┓", "+"}, {"┃", "|"}, {"┡", "+"}, {"┩", "+"}, {"╇", "+"},
      {"┳", "+"}, {"┤", "+"}, {"┼", "+"}, {"┘", "+"}, {"┴", "+"}, {"→", ">"}, {"−", "-"}};
  for (const auto& [from, to] : replacements) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
      text.replace(at, from.size(), to);
  }
  return text;
}

std::string name_of_source(const Summary& summary, const Row& reader, int source) {
  if (source < 0) return summary.inputs.size() < 2 ? "input" : "input" + std::to_string(-source);
  const Row& row = summary.rows[static_cast<std::size_t>(source)];
  std::string name = row.parent == reader.parent ? row.name : row.path;
  if (row.parent < 0) return name;
  // Ops of one name in one module are told apart by their order, calls of one module likewise.
  int before = 0;
  for (int i = row.parent + 1; i < source; i = summary.rows[static_cast<std::size_t>(i)].end) {
    const Row& other = summary.rows[static_cast<std::size_t>(i)];
    before += other.kind == row.kind && other.path == row.path && other.call > 0;
  }
  if (before > 0) name += "#" + std::to_string(before + 1);
  return name;
}

double roof_of(const Summary::Machine& machine, double flops, double bytes) {
  return bytes <= 0 ? machine.peak_flops
                    : std::min(machine.peak_flops, machine.bandwidth * flops / bytes);
}

std::vector<Column> known_columns(const Summary& summary) {
  std::vector<Column> columns;
  for (const Column column : all_columns()) {
    if (is_measured(column) && !summary.machine) continue;
    if (needs_backward(column) && !summary.has_backward) continue;
    columns.push_back(column);
  }
  return columns;
}

namespace {

std::string shapes_of(const std::vector<TensorInfo>& tensors, std::int64_t batch) {
  std::vector<std::string> parts;
  for (const TensorInfo& tensor : tensors) parts.push_back(viz::to_string(tensor, batch));
  return join(parts);
}

std::string dtypes_of(const Row& row) {
  std::vector<std::string> parts;
  for (const TensorInfo& tensor : row.outputs) {
    const std::string name(glassbox::name_of(tensor.dtype));
    if (std::ranges::find(parts, name) == parts.end()) parts.push_back(name);
  }
  return join(parts);
}

std::string pair_text(Pair pair) { return std::to_string(pair.h) + "×" + std::to_string(pair.w); }

std::string with_time_unit(double seconds) {
  if (seconds < 1e-3) return fixed(seconds * 1e6, seconds < 1e-4 ? 1 : 0) + " µs";
  if (seconds < 1) return fixed(seconds * 1e3, seconds < 0.1 ? 2 : 0) + " ms";
  return fixed(seconds, 2) + " s";
}

std::string timing_text(const std::optional<Timing>& timing) {
  if (!timing) return "";
  const double half = (timing->high - timing->low) / 2;
  const double percent = timing->median > 0 ? 100 * half / timing->median : 0;
  return with_time_unit(timing->median) + " ±" + fixed(percent, 0) + " %";
}

const PerBatch* cost_of(const Row& row, Column column) {
  const Costs& costs = row.total_costs;
  switch (column) {
    case Column::macs:
      return &costs.macs;
    case Column::flops:
      return &costs.flops;
    case Column::flops_backward:
      return &costs.flops_backward;
    case Column::bytes:
      return &costs.bytes;
    case Column::activations:
      return &costs.activations;
    case Column::saved:
      return &costs.saved;
    default:
      return nullptr;
  }
}

}  // namespace

std::optional<double> number_of(const Summary& summary, const Row& row, Column column) {
  const std::int64_t n = summary.figures_batch();
  const bool ran = row.kind != Row::Kind::tensor && row.call > 0;
  if (const PerBatch* cost = cost_of(row, column)) {
    if (!ran || (needs_backward(column) && !summary.has_backward)) return {};
    return cost->at(n);
  }
  const double flops = row.total_costs.flops.at(n), bytes = row.total_costs.bytes.at(n);
  switch (column) {
    case Column::params:
      return static_cast<double>(row.total);
    case Column::params_percent:
      if (summary.totals.parameters == 0) return {};
      return 100.0 * static_cast<double>(row.total) /
             static_cast<double>(summary.totals.parameters);
    case Column::buffers:
      return static_cast<double>(row.total_buffers);
    case Column::intensity:
      if (!ran || bytes <= 0) return {};
      return flops / bytes;
    case Column::time:
      if (!row.time) return {};
      return row.time->median;
    case Column::time_backward:
      if (!row.time_backward) return {};
      return row.time_backward->median;
    case Column::gflops:
      if (!row.time || row.time->median <= 0 || flops <= 0) return {};
      return flops / row.time->median;
    case Column::roof:
      if (!row.time || row.time->median <= 0 || flops <= 0 || !summary.machine) return {};
      return 100 * flops / row.time->median / roof_of(*summary.machine, flops, bytes);
    default:
      return {};
  }
}

std::string cell_of(const Summary& summary, const Row& row, Column column) {
  const std::int64_t batch = summary.options.batch;
  const std::optional<double> number = number_of(summary, row, column);
  const bool is_zero = !number || *number == 0;
  switch (column) {
    case Column::path:
      return row.path;
    case Column::type:
      return row.type;
    case Column::kernel:
      return row.kernel;
    case Column::stride:
      return row.stride;
    case Column::padding:
      return row.padding;
    case Column::groups:
      return row.groups;
    case Column::input:
      return shapes_of(row.inputs, batch);
    case Column::output: {
      const bool unknown = summary.inputs.empty() && row.kind == Row::Kind::module;
      return unknown ? "?" : shapes_of(row.outputs, batch);
    }
    case Column::dtype:
      return dtypes_of(row);
    case Column::params:
    case Column::buffers:
      return is_zero ? "" : with_commas(static_cast<std::int64_t>(*number));
    case Column::params_percent:
      return is_zero ? "" : fixed(*number, 2);
    case Column::trainable:
      if (row.total == 0) return "";
      return row.total_frozen == 0 ? "yes" : row.total_frozen == row.total ? "no" : "partly";
    case Column::mode:
      return row.kind == Row::Kind::module ? (row.training ? "train" : "eval") : "";
    case Column::macs:
    case Column::flops:
    case Column::flops_backward:
      return is_zero ? "" : with_si(*number);
    case Column::bytes:
    case Column::activations:
    case Column::saved:
      return is_zero ? "" : with_binary_unit(*number);
    case Column::intensity:
      return is_zero ? "" : fixed(*number, *number < 9.995 ? 2 : 1);
    case Column::receptive_field:
      if (!row.field.known) return "";
      return row.field.whole ? "all" : pair_text(row.field.size);
    case Column::effective_stride:
      return !row.field.known || row.field.whole ? "" : pair_text(row.field.stride);
    case Column::connected_to: {
      std::vector<std::string> names;
      for (const int source : row.sources) names.push_back(name_of_source(summary, row, source));
      return join(names);
    }
    case Column::time:
      return timing_text(row.time);
    case Column::time_backward:
      return timing_text(row.time_backward);
    case Column::gflops:
      return is_zero ? "" : fixed(*number * 1e-9, *number < 9.995e9 ? 2 : 1);
    case Column::roof:
      return is_zero ? "" : fixed(*number, 0) + " %";
    case Column::notes:
      return join(row.notes);
  }
  __builtin_unreachable();
}

}  // namespace detail
}  // namespace glassbox::viz
