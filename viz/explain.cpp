#include "viz/explain.h"

#include <algorithm>
#include <cmath>

#include "viz/explain_ops.h"
#include "viz/summary_columns.h"
#include "viz/text.h"
#include "viz/titles.h"

namespace glassbox::viz {
namespace {

using detail::Formula;
using detail::OpAt;
using detail::plain_number;
using Row = Summary::Row;

class Explainer {
 public:
  Explainer(const Summary& summary, int index)
      : summary_(summary),
        index_(index),
        row_(summary.rows[static_cast<std::size_t>(index)]),
        n_(summary.figures_batch()) {}

  std::vector<Explanation> all() {
    tensors(Column::params, true);
    share();
    tensors(Column::buffers, false);
    if (row_.kind != Row::Kind::tensor && row_.call > 0 && summary_.recording) {
      costs();
      fields();
      times();
    }
    return std::move(out_);
  }

 private:
  static std::string title(Column column) { return std::string(detail::title_of(column)); }
  bool is_leaf() const { return row_.node >= 0; }

  void put(std::string name, double value, Formula formula) {
    out_.push_back(
        {std::move(name), value, std::move(formula.words), std::move(formula.numbers), {}});
  }

  // The rows below, and what the row itself has beside them.
  void sum(Column column, double own, std::string_view own_name) {
    const std::optional<double> value = detail::number_of(summary_, row_, column);
    if (!value || *value == 0) return;
    Explanation e{title(column), *value, "", "", {}};
    if (own != 0) e.terms.emplace_back(own_name, own);
    for (int child = index_ + 1; child < row_.end;
         child = summary_.rows[static_cast<std::size_t>(child)].end) {
      const Row& below = summary_.rows[static_cast<std::size_t>(child)];
      const std::optional<double> part = detail::number_of(summary_, below, column);
      if (part && *part != 0)
        e.terms.emplace_back(detail::name_of_source(summary_, below, child), *part);
    }
    out_.push_back(std::move(e));
  }

  void tensors(Column column, bool parameters) {
    const std::int64_t own = parameters ? row_.parameters : row_.buffers;
    const std::int64_t total = parameters ? row_.total : row_.total_buffers;
    if (total == 0) return;
    if (row_.end > index_ + 1) return sum(column, static_cast<double>(own), "of its own");
    std::vector<std::string> words, numbers;
    if (row_.kind == Row::Kind::tensor) {
      words.push_back(row_.name);
      numbers.push_back(detail::product_text(row_.outputs[0].at(n_).shape));
    } else if (summary_.recording) {
      layers::ModuleBase& module = summary_.recording->model->get_submodule(row_.path);
      module.visit_tensors([&](std::string_view name, Tensor& tensor, bool is_parameter) {
        const bool tied = std::ranges::any_of(row_.notes, [&](const std::string& note) {
          return note.starts_with(std::string(name) + " tied to ");
        });
        if (is_parameter != parameters || tied) return;
        words.emplace_back(name);
        numbers.push_back(detail::product_text(tensor.shape()));
      });
    }
    if (words.empty())
      return put(title(column), static_cast<double>(total),
                 {"elements of its tensors", std::to_string(total)});
    put(title(column), static_cast<double>(total),
        {detail::join(words, " + "), detail::join(numbers, " + ")});
  }

  void share() {
    if (row_.total == 0) return;
    put(title(Column::params_percent),
        100.0 * static_cast<double>(row_.total) / static_cast<double>(summary_.totals.parameters),
        {"100 · parameters / all parameters", "100 × " + std::to_string(row_.total) + " / " +
                                                  std::to_string(summary_.totals.parameters)});
  }

  void costs() {
    constexpr Column summed[] = {Column::macs,  Column::flops,       Column::flops_backward,
                                 Column::bytes, Column::activations, Column::saved};
    for (const Column column : summed) {
      const std::optional<double> value = detail::number_of(summary_, row_, column);
      if (!value || *value == 0) continue;
      if (!is_leaf()) {
        sum(column, 0, "");
      } else {
        of_op(column, *value);
      }
    }
    const double flops = row_.total_costs.flops.at(n_), bytes = row_.total_costs.bytes.at(n_);
    if (bytes > 0 && flops > 0)
      put(title(Column::intensity), flops / bytes,
          {"FLOPs / bytes moved", plain_number(flops) + " / " + plain_number(bytes)});
  }

  void of_op(Column column, double value) {
    const OpAt op(summary_, row_.node, n_);
    if (column == Column::saved || column == Column::flops_backward) {
      Explanation e{title(column), value, "", "", {}};
      column == Column::saved ? add_saved(e) : add_backward(e);
      out_.push_back(std::move(e));
      return;
    }
    Formula formula;
    if (column == Column::macs) formula = detail::macs_formula(op);
    if (column == Column::flops) formula = detail::flops_formula(op, value, row_.costs.macs.at(n_));
    if (column == Column::bytes) formula = detail::bytes_formula(op, value);
    if (column == Column::activations) {
      const Graph& graph = summary_.recording->graph;
      const Graph::Node& node = graph.nodes[static_cast<std::size_t>(row_.node)];
      std::vector<std::string> numbers;
      for (const int v : shown_outputs(graph, node)) {
        if (graph.values[static_cast<std::size_t>(v)].alias_of >= 0) continue;
        const Spec spec = summary_.sizes->value(v).at(n_);
        numbers.push_back(detail::product_text(spec.shape) + " × " +
                          std::to_string(size_of(spec.dtype)));
      }
      formula = {"elements written · bytes of one", detail::join(numbers, " + ")};
    }
    if (formula.words.empty()) formula = {"by the op's own rule", plain_number(value)};
    put(title(column), value, std::move(formula));
  }

  void add_saved(Explanation& e) const {
    const Graph& graph = summary_.recording->graph;
    for (const int v : row_.saved) {
      const Graph::Value& value = graph.values[static_cast<std::size_t>(v)];
      const Graph::Node& maker = graph.nodes[static_cast<std::size_t>(value.producer)];
      const std::string path =
          maker.call < 0 ? "" : graph.calls[static_cast<std::size_t>(maker.call)].path;
      e.terms.emplace_back((value.spec.internal ? "what backward alone reads of " : "output of ") +
                               (path.empty() ? "" : path + "/") + std::string(maker.op.name()) +
                               " " +
                               viz::to_string(summary_.sizes->value(v), summary_.options.batch),
                           summary_.sizes->bytes_of(v).at(n_));
    }
  }

  void add_backward(Explanation& e) const {
    const Graph& graph = summary_.recording->graph;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      const Graph::Node& node = graph.nodes[i];
      if (node.phase != Phase::backward || node.forward_node != row_.node) continue;
      const double flops = summary_.sizes->flops(static_cast<int>(i)).at(n_);
      if (flops != 0) e.terms.emplace_back(node.op.name(), flops);
    }
  }

  void fields() {
    if (!row_.field.known || row_.field.whole || !is_leaf()) return;
    const OpAt op(summary_, row_.node, n_);
    const ReceptiveField before = field_before();
    const auto pair = [&op](std::string_view name) -> Pair {
      for (const Attr& attr : op.attrs) {
        const auto* sizes = std::get_if<std::vector<std::int64_t>>(&attr.value);
        if (attr.name == name && sizes && sizes->size() == 2)
          return {static_cast<int>((*sizes)[0]), static_cast<int>((*sizes)[1])};
      }
      return 1;
    };
    const bool slides = op.name == "conv2d" || op.name == "max_pool2d" || op.name == "avg_pool2d";
    const Pair kernel = slides ? pair("kernel_size") : Pair(1), stride = pair("stride"),
               dilation = pair("dilation");
    const auto side = [&](std::string_view name, int field, int step, int in_field, int in_step,
                          int k, int s, int d) {
      const std::string suffix = ", " + std::string(name);
      if (!slides) {
        put(title(Column::receptive_field) + suffix, field,
            {"of what it reads", std::to_string(field)});
        put(title(Column::effective_stride) + suffix, step,
            {"of what it reads", std::to_string(step)});
        return;
      }
      put(title(Column::receptive_field) + suffix, field,
          {"field of what it reads + dilation · (kernel − 1) · its stride",
           std::to_string(in_field) + " + " + std::to_string(d) + " × (" + std::to_string(k) +
               " − 1) × " + std::to_string(in_step)});
      put(title(Column::effective_stride) + suffix, step,
          {"stride of what it reads · stride",
           std::to_string(in_step) + " × " + std::to_string(s)});
    };
    side("height", row_.field.size.h, row_.field.stride.h, before.size.h, before.stride.h, kernel.h,
         stride.h, dilation.h);
    side("width", row_.field.size.w, row_.field.stride.w, before.size.w, before.stride.w, kernel.w,
         stride.w, dilation.w);
  }

  ReceptiveField field_before() const;

  void times() {
    if (!row_.time || !summary_.machine) return;
    const Summary::Machine& machine = *summary_.machine;
    const double flops = row_.total_costs.flops.at(n_), bytes = row_.total_costs.bytes.at(n_);
    const double seconds = row_.time->median;
    if (seconds <= 0 || flops <= 0) return;
    put(title(Column::gflops), flops / seconds,
        {"FLOPs / seconds", plain_number(flops) + " / " + plain_number(seconds)});
    put(title(Column::roof), 100 * flops / seconds / detail::roof_of(machine, flops, bytes),
        {"100 · FLOPs / seconds / min(peak, bandwidth · FLOPs / bytes)",
         "100 × " + plain_number(flops) + " / " + plain_number(seconds) + " / min(" +
             plain_number(machine.peak_flops) + ", " + plain_number(machine.bandwidth) + " × " +
             plain_number(flops) + " / " + plain_number(bytes) + ")"});
  }

  const Summary& summary_;
  const int index_;
  const Row& row_;
  const std::int64_t n_;
  std::vector<Explanation> out_;
};

ReceptiveField Explainer::field_before() const {
  ReceptiveField before;
  for (const int source : row_.sources) {
    if (source < 0) continue;
    const ReceptiveField& field = summary_.rows[static_cast<std::size_t>(source)].field;
    before.size.h = std::max(before.size.h, field.size.h);
    before.size.w = std::max(before.size.w, field.size.w);
    before.stride = field.stride;
  }
  return before;
}

std::string value_text(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15)
    return with_commas(static_cast<std::int64_t>(value));
  return plain_number(value);
}

}  // namespace

int find_row(const Summary& summary, std::string_view path) {
  const bool is_number =
      !path.empty() && std::ranges::all_of(path, [](char c) { return c >= '0' && c <= '9'; });
  int best = -1;
  std::size_t best_common = 0;
  for (std::size_t i = 0; i < summary.rows.size(); ++i) {
    const Row& row = summary.rows[i];
    if (row.path == path || (i == 0 && path == summary.model)) return static_cast<int>(i);
    const auto [a, b] = std::ranges::mismatch(row.path, path);
    const auto common = static_cast<std::size_t>(a - row.path.begin());
    if (best < 0 || common > best_common) {
      best = static_cast<int>(i);
      best_common = common;
    }
  }
  if (is_number && path.size() < 9) {
    const int index = std::stoi(std::string(path));
    if (index < static_cast<int>(summary.rows.size())) return index;
  }
  fail("summary",
       cat("no row is at \"", path, "\"",
           best > 0 ? cat("; did you mean ", summary.rows[static_cast<std::size_t>(best)].path, "?")
                    : ""));
}

std::vector<Explanation> explain(const Summary& summary, int row) {
  if (row < 0 || row >= static_cast<int>(summary.rows.size()))
    fail("explain", cat("row ", row, " of ", summary.rows.size()));
  return Explainer(summary, row).all();
}

std::string explain_text(const Summary& summary, std::string_view path) {
  const int index = find_row(summary, path);
  const Row& row = summary.rows[static_cast<std::size_t>(index)];
  std::string text = (row.path.empty() ? summary.model : row.path) + ", " + row.type +
                     (row.kernel.empty() ? "" : " " + row.kernel);
  if (!summary.inputs.empty()) text += ", for a batch of " + with_commas(summary.figures_batch());
  text += "\n";
  for (const Explanation& e : explain(summary, index)) {
    text += "\n" + pad_right(e.title, 22) + value_text(e.value) + "\n";
    if (!e.formula.empty()) text += "  = " + e.formula + "\n";
    if (!e.numbers.empty()) text += "  = " + e.numbers + "\n";
    std::size_t width = 0;
    for (const auto& [name, value] : e.terms) width = std::max(width, value_text(value).size());
    for (std::size_t i = 0; i < e.terms.size(); ++i) {
      text += std::string(i ? "  + " : "  = ") + pad_left(value_text(e.terms[i].second), width) +
              "   " + e.terms[i].first + "\n";
    }
  }
  return summary.options.ascii ? detail::to_ascii(text) : text;
}

}  // namespace glassbox::viz
