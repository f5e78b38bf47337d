// What a notebook shows, as the functions that its kernel calls.
#include "viz/jupyter.h"

#include <doctest/doctest.h>

#include "engine/core/error.h"
#include "layers/models/models.h"
#include "tests/skip.h"
#include "viz/build_graph.h"
#include "viz/graphviz.h"

using namespace glassbox;

TEST_CASE("notebook: a summary is its page and its table") {
  models::CifarModel model;
  const viz::Summary summary = model.summary();
  const nlohmann::json bundle = mime_bundle_repr(summary);
  CHECK(bundle["text/plain"] == summary.to_string());
  const std::string html = bundle["text/html"];
  CHECK(html.starts_with("<iframe srcdoc=\"&lt;!DOCTYPE html&gt;"));
  // Nothing of the page ends the attribute that holds it.
  CHECK(html.find("\" style=\"") == html.rfind("\" style=\""));
  CHECK(html.find('<', 1) == html.rfind("</iframe>"));
}

TEST_CASE("notebook: a diagram is its picture and its drawing") {
  models::CifarModel model;
  const nlohmann::json bundle = mime_bundle_repr(viz::build_graph(model));
  CHECK(bundle["image/svg+xml"].get<std::string>().starts_with("<svg "));
  CHECK(bundle["text/plain"].get<std::string>().find("┌") != std::string::npos);
}

TEST_CASE("Graphviz draws where it is, or its package is named") {
  try {
    CHECK(viz::graphviz("digraph { a -> b }", "svg").find("<svg") != std::string::npos);
  } catch (const Error& error) {
    CHECK(std::string(error.what()) ==
          "graphviz: there is no program dot; package graphviz has it");
    return test::skip("Graphviz (package graphviz) is not installed");
  }
  CHECK_THROWS_AS(viz::graphviz("digraph {", "svg"), Error);
  CHECK_THROWS_AS(viz::graphviz("digraph { a }", "nothing"), Error);
}
