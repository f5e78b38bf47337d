#include "viz/model_paths.h"

#include <doctest/doctest.h>

#include "tests/viz/probe_nets.h"

using namespace glassbox;
using test::ProbedNet;

TEST_CASE("model paths: paths and patterns") {
  using viz::matches;
  CHECK(matches("features.*", "features.3"));
  CHECK(!matches("features.*", "features.3.conv"));
  CHECK(matches("features.**", "features.3.conv"));
  CHECK(!matches("features.**", "features"));
  CHECK(matches("**conv", "features.3.conv"));
  CHECK(matches("**.conv", "a.conv"));
  CHECK(!matches("*.conv", "a.b.conv"));
  CHECK(matches("conv?", "conv1"));
  CHECK(!matches("conv?", "conv"));
  CHECK(!matches("a?b", "a.b"));
  CHECK(matches("*", ""));
  CHECK(matches("", ""));
  CHECK(!matches("", "a"));
  CHECK(matches("*a*a*a*a*a*a*a*a*a*a*", std::string(400, 'a')));
  CHECK(!matches("*a*a*a*a*a*a*a*a*a*a*b", std::string(400, 'a')));

  ProbedNet model;
  const auto names = [](const auto& list) {
    std::string text;
    for (const auto& entry : list) text += (text.empty() ? "" : " ") + entry.first;
    return text;
  };
  CHECK(names(viz::modules_at(model, "features.*")) == "features.0 features.1 features.2");
  CHECK(names(viz::modules_at(model, "**.act")) == "features.0.act features.2.act");
  CHECK(names(viz::modules_at(model, "")).empty());
  CHECK(viz::modules_at(model, "")[0].second == &model);
  CHECK(names(viz::tensors_at(model, "features.0")) ==
        "features.0.conv.weight features.0.conv.bias");
  CHECK(names(viz::tensors_at(model, "*.weight")) ==
        "stem.weight twice.weight spare.weight head.weight");
  CHECK(names(viz::tensors_at(model, "features.?.conv")) ==
        "features.0.conv.weight features.0.conv.bias features.2.conv.weight features.2.conv.bias");
  CHECK(names(viz::tensors_at(model, "features.1.running_mean")) == "features.1.running_mean");
  CHECK(viz::tensors_at(model, "").size() == model.named_parameters().size());
  CHECK_THROWS_WITH(
      viz::modules_at(model, "feature.*"),
      "probe: \"feature.*\" matches no module of ProbedNet, which has stem, features, "
      "features.0, features.0.conv, features.0.act, features.1, features.2, "
      "features.2.conv, features.2.act, twice, spare, dropout and 1 more");
  CHECK_THROWS_WITH(viz::modules_at(model, "features.7"),
                    "ProbedNet: no module \"features.7\": Sequential has 0, 1, 2, not \"7\"");
  CHECK_THROWS_AS(viz::tensors_at(model, "head.wait"), Error);
  CHECK_THROWS_AS(viz::tensors_at(model, "dropout"), Error);
}
