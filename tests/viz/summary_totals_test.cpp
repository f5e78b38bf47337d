// The zoo's totals beside those of other tools (tests/data/summary/make_totals.py): equal where
// they are right; where one is wrong, its figure is made again from ours by its own rule.
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "layers/models/models.h"
#include "tests/viz/golden.h"
#include "viz/summary.h"
#include "viz/symbolic.h"

using namespace glassbox;

namespace {

using Row = viz::Summary::Row;

double elements(const viz::TensorInfo& tensor) { return static_cast<double>(tensor.at(1).numel()); }

// The parameters that the module at `path` lists, tied ones too.
std::int64_t listed_parameters(const viz::Summary& summary, const std::string& path) {
  std::int64_t listed = 0;
  layers::ModuleBase& module = summary.recording->model->get_submodule(path);
  module.visit_tensors([&](std::string_view, Tensor& tensor, bool is_parameter) {
    if (is_parameter) listed += tensor.numel();
  });
  return listed;
}

// torchinfo 1.8.0 multiplies the parameters of a layer, its bias too, by what the layer repeats
// them for: a convolution, a transposed one too, by its output's pixels, a recurrent one by its
// steps, all else by the batch, 1 here; attention counts nothing. A tensor of two layers counts in
// both.
struct Torchinfo {
  double mult_adds = 0;
  std::int64_t parameters = 0;
};
Torchinfo torchinfo(const viz::Summary& summary) {
  Torchinfo total{0, summary.totals.parameters};
  for (const Row& row : summary.rows) {
    if (row.kind != Row::Kind::module) continue;
    if (!summary.recording->model->get_submodule(row.path).named_children().empty()) continue;
    const std::int64_t listed = listed_parameters(summary, row.path);
    if (row.call < 2) total.parameters += listed - row.total;
    if (row.call == 0) continue;
    if (summary.rows[static_cast<std::size_t>(std::max(0, row.parent))].type ==
        "MultiheadAttention") {
      continue;
    }
    const viz::TensorInfo& y = row.outputs[0];
    double times = 1;
    if (row.type.find("Conv") != std::string::npos)
      times = static_cast<double>(y.dims[2].at(1) * y.dims[3].at(1));
    if (row.type == "LSTM") times = static_cast<double>(y.dims[0].at(1) * y.dims[1].at(1));
    total.mult_adds += times * static_cast<double>(listed);
  }
  return total;
}

// fvcore counts two for each output of a batch norm and one for each input of an adaptive pool.
double fvcore_total(const viz::Summary& summary) {
  double total = summary.totals.macs.at(1);
  for (const Row& row : summary.rows) {
    if (row.node < 0 || row.outputs.empty()) continue;
    const auto& name = summary.recording->graph.nodes[static_cast<std::size_t>(row.node)].op.name();
    if (name == "batch_norm") total += 2 * elements(row.outputs[0]);
    if (name == "adaptive_avg_pool2d") total += elements(row.inputs[0]);
  }
  return total;
}

// PyTorch counts the gradient of a grouped weight as if every output channel read every input
// channel, and takes no gradient of an LSTM's first state, which our op computes.
double flop_counter_backward(const viz::Summary& summary) {
  double macs = 0;
  const Graph& graph = summary.recording->graph;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Graph::Node& node = graph.nodes[i];
    if (node.phase != Phase::backward) continue;
    double times = 1;
    if (node.op.name() == "lstm_grad") {
      const Shape& w = graph.values[static_cast<std::size_t>(node.inputs[7])].spec.shape;  // w_hh
      macs -= static_cast<double>(w.numel());
    }
    if (node.op.name() == "conv2d_grad_weight") {
      for (const Attr& attr : node.op.attrs(graph.in_specs(node))) {
        if (attr.name == "groups") times = static_cast<double>(std::get<std::int64_t>(attr.value));
      }
    }
    macs += times * summary.sizes->macs(static_cast<int>(i)).at(1);
  }
  return 2 * macs;
}

}  // namespace

TEST_CASE("summary: totals of the zoo beside torch, torchinfo and fvcore") {
  const nlohmann::json json =
      nlohmann::json::parse(test::read_data("summary/totals.json"))["totals"];
  const DeviceScope meta(Device::meta());
  int compared = 0;
  for (const models::Entry& entry : models::zoo()) {
    if (!json.contains(entry.name)) continue;
    CAPTURE(entry.name);
    ++compared;
    const nlohmann::json& theirs = json[entry.name];
    const auto model = entry.make();
    const viz::Summary training = viz::summary(*model, {}, {.backward = true});
    // PyTorch counts multiply-adds twice and nothing else.
    CHECK(2 * training.totals.macs.at(1) == theirs["flop_counter"]["forward"].get<double>());
    CHECK(flop_counter_backward(training) == theirs["flop_counter"]["backward"].get<double>());
    const bool differs =
        entry.name == "resnext50_32x4d" || entry.name == "mobilenet_v2" || entry.name == "char_rnn";
    CHECK((2 * training.totals.macs_backward.at(1) ==
           theirs["flop_counter"]["backward"].get<double>()) == !differs);
    CHECK(training.totals.macs.fixed == 0);
    const auto parameters = theirs["torchinfo"]["params"].get<std::int64_t>();
    const bool is_tied = entry.name == "autoencoder";
    CHECK((training.totals.parameters == parameters) == !is_tied);
    CHECK(training.totals.frozen == 0);
    CHECK(theirs["torchinfo"]["trainable"].get<std::int64_t>() == parameters);

    model->eval();
    const viz::Summary evaluation = viz::summary(*model);
    CHECK(torchinfo(evaluation).mult_adds == theirs["torchinfo"]["mult_adds"].get<double>());
    CHECK(torchinfo(evaluation).parameters == parameters);
    if (theirs.contains("fvcore"))
      CHECK(fvcore_total(evaluation) == theirs["fvcore"].get<double>());
    if (theirs.contains("flop_counter_evaluation")) {
      const viz::Summary both = viz::summary(*model, {}, {.backward = true});
      const nlohmann::json& counted = theirs["flop_counter_evaluation"];
      CHECK(2 * both.totals.macs.at(1) == counted["forward"].get<double>());
      CHECK(2 * both.totals.macs_backward.at(1) == counted["backward"].get<double>());
    }
  }
  CHECK(compared == static_cast<int>(json.size()));
}
