// The figures of a summary's rows: costs, receptive fields, and which rows they read.
#include <algorithm>

#include "viz/receptive_field.h"
#include "viz/summary_rows.h"
#include "viz/titles.h"

namespace glassbox::viz::detail {
namespace {

using Row = Summary::Row;

class Figures {
 public:
  Figures(Summary& summary, const Symbolic& symbolic)
      : summary_(summary),
        graph_(summary.recording->graph),
        symbolic_(symbolic),
        row_of_node_(rows_of_nodes(summary)) {
    add_costs();
    if (summary_.has_backward) add_saved();
    add_fields();
    add_sources();
    for (std::size_t i = summary_.rows.size(); i-- > 0;) {
      Row& row = summary_.rows[i];
      row.total_costs += row.costs;
      if (row.parent >= 0)
        summary_.rows[static_cast<std::size_t>(row.parent)].total_costs += row.total_costs;
    }
    if (!summary_.rows.empty()) static_cast<Costs&>(summary_.totals) = summary_.rows[0].total_costs;
    for (const int v : graph_.inputs) summary_.totals.input_bytes += symbolic_.bytes_of(v);
  }

 private:
  Row* row_of(int node) {
    const int row = node < 0 ? -1 : row_of_node_[static_cast<std::size_t>(node)];
    return row < 0 ? nullptr : &summary_.rows[static_cast<std::size_t>(row)];
  }
  const Graph::Value& value(int v) const { return graph_.values[static_cast<std::size_t>(v)]; }

  void add_costs() {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Graph::Node& node = graph_.nodes[i];
      const int n = static_cast<int>(i);
      if (node.phase == Phase::forward) {
        Row* row = row_of(n);
        if (!row) continue;
        row->costs.macs += symbolic_.macs(n);
        row->costs.flops += symbolic_.flops(n);
        row->costs.bytes += symbolic_.bytes(n);
        for (const int v : shown_outputs(graph_, node)) {
          if (value(v).alias_of < 0) row->costs.activations += symbolic_.bytes_of(v);
        }
      } else if (node.phase == Phase::backward) {
        Row* row = row_of(node.forward_node);
        if (!row) continue;
        row->costs.macs_backward += symbolic_.macs(n);
        row->costs.flops_backward += symbolic_.flops(n);
        row->costs.bytes_backward += symbolic_.bytes(n);
      }
    }
  }

  // Bytes that the tape keeps, each value once, in the row that keeps it first. Parameters, buffers
  // and the model's inputs are there anyway.
  void add_saved() {
    std::vector<bool> wants(graph_.values.size(), false), kept(graph_.values.size(), false);
    for (std::size_t v = 0; v < graph_.values.size(); ++v) {
      const Graph::Value& value = graph_.values[v];
      wants[v] = value.producer < 0 && value.external.defined() && value.external.requires_grad();
    }
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Graph::Node& node = graph_.nodes[i];
      if (node.phase != Phase::forward) continue;
      std::uint32_t wanted = 0;
      for (std::size_t k = 0; k < node.inputs.size(); ++k) {
        if (node.inputs[k] >= 0 && wants[static_cast<std::size_t>(node.inputs[k])])
          wanted |= k < 32 ? 1u << k : ~0u;
      }
      const OpType& type = node.op.type();
      if (!wanted || !type.backward || type.writes) continue;
      for (const int v : node.outputs) {
        if (is_floating(value(v).spec.dtype)) wants[static_cast<std::size_t>(v)] = true;
      }
      if (!type.saves) continue;
      Row* row = row_of(static_cast<int>(i));
      for (const Saves::Item& item : type.saves(node.op.get()).items) {
        const std::vector<int>& list = item.is_output ? node.outputs : node.inputs;
        if (!(item.needed_by & wanted) || item.index >= list.size() || list[item.index] < 0)
          continue;
        const int root = owner_of_memory(list[item.index]);
        if (value(root).producer < 0 || kept[static_cast<std::size_t>(root)] || !row) continue;
        kept[static_cast<std::size_t>(root)] = true;
        row->costs.saved += symbolic_.bytes_of(root);
        row->saved.push_back(root);
      }
    }
  }

  int owner_of_memory(int v) const {
    while (value(v).alias_of >= 0) v = value(v).alias_of;
    return v;
  }

  void add_fields() {
    const std::vector<ReceptiveField> fields = receptive_fields(graph_);
    for (Row& row : summary_.rows) {
      if (row.node < 0) continue;
      const Graph::Node& node = graph_.nodes[static_cast<std::size_t>(row.node)];
      row.field = fields[static_cast<std::size_t>(node.outputs[0])];
    }
    // A module's is that of its last op which has one and makes what it returns.
    for (std::size_t i = summary_.rows.size(); i-- > 0;) {
      Row& row = summary_.rows[i];
      if (row.node >= 0 || row.kind != Row::Kind::module) continue;
      for (int below = row.end - 1; below > static_cast<int>(i); --below) {
        const Row& last = summary_.rows[static_cast<std::size_t>(below)];
        if (last.node < 0 || last.outputs != row.outputs) continue;
        row.field = last.field;
        break;
      }
    }
  }

  // Beside each other below the closest module that contains both: the reader's side of the tree
  // names the other side.
  void add_sources() {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      const int reader = row_of_node_[i];
      if (reader < 0) continue;
      for (const int v : graph_.nodes[i].inputs) {
        if (v < 0) continue;
        const Role role = value(v).role;  // neither a parameter nor a generator's state connects
        if (role != Role::input && role != Role::activation) continue;
        const int producer = value(v).producer;
        if (producer < 0) {
          const auto at = std::ranges::find(graph_.inputs, v);
          if (at == graph_.inputs.end()) continue;
          const int source = -1 - static_cast<int>(at - graph_.inputs.begin());
          for (int r = reader; r >= 0; r = summary_.rows[static_cast<std::size_t>(r)].parent)
            add_source(r, source);
          continue;
        }
        const int from = row_of_node_[static_cast<std::size_t>(producer)];
        if (from < 0) continue;
        const auto contains = [this](int outer, int inner) {
          return outer <= inner && inner < summary_.rows[static_cast<std::size_t>(outer)].end;
        };
        for (int r = reader; r >= 0 && !contains(r, from);
             r = summary_.rows[static_cast<std::size_t>(r)].parent) {
          int source = from;
          for (int up = from; up >= 0 && !contains(up, reader);
               up = summary_.rows[static_cast<std::size_t>(up)].parent) {
            source = up;
          }
          add_source(r, source);
        }
      }
    }
  }
  void add_source(int row, int source) {
    std::vector<int>& sources = summary_.rows[static_cast<std::size_t>(row)].sources;
    if (std::ranges::find(sources, source) == sources.end()) sources.push_back(source);
  }

  Summary& summary_;
  const Graph& graph_;
  const Symbolic& symbolic_;
  const std::vector<int> row_of_node_;
};

}  // namespace

void add_figures(Summary& summary, const Symbolic& symbolic) {
  const Figures figures(summary, symbolic);
}

}  // namespace glassbox::viz::detail
