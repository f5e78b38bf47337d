// What a probe's text may say.
#include <doctest/doctest.h>

#include "tests/viz/probe_nets.h"
#include "viz/training_probes.h"

using namespace glassbox;
using test::ProbedNet;
using viz::ProbeAs;
using viz::ProbeWhat;

TEST_CASE("probe: what a text says, and what is wrong with it") {
  const viz::ProbeOptions all = viz::parse_probe("features.*:activation_gradients:image:25");
  CHECK(all.path == "features.*");
  CHECK(all.what == ProbeWhat::activation_gradients);
  CHECK(all.as == ProbeAs::image);
  CHECK(all.every == 25);
  const viz::ProbeOptions few = viz::parse_probe("conv1");
  CHECK(few.path == "conv1");
  CHECK(few.what == ProbeWhat::activations);
  CHECK(few.as == ProbeAs::stats);
  CHECK(few.every == 100);
  CHECK_THROWS_WITH(viz::parse_probe("a:outputs"),
                    "probe: \"a:outputs\": WHAT (the second part) is \"outputs\", not one of "
                    "activations, weights, gradients, activation_gradients");
  CHECK_THROWS_WITH(viz::parse_probe("a:weights:hist"),
                    "probe: \"a:weights:hist\": AS (the third part) is \"hist\", not one of stats, "
                    "histogram, image");
  for (const char* every : {"0", "-1", "ten", "10x", "", "99999999999"}) {
    CAPTURE(every);
    CHECK_THROWS_WITH(viz::parse_probe(cat("a:weights:stats:", every)),
                      cat("probe: \"a:weights:stats:", every, "\": EVERY (the fourth part) is \"",
                          every, "\", not a count of steps of at least 1")
                          .c_str());
  }
  CHECK_THROWS_WITH(viz::parse_probe("a:b:c:d:e"),
                    "probe: \"a:b:c:d:e\" has 5 parts; it is PATH:WHAT:AS:EVERY, as "
                    "features.3:activations:histogram:100");
  ProbedNet model;
  viz::History history;
  CHECK_THROWS_WITH(viz::Probe(model, history, {.path = "head", .every = 0}),
                    "probe: every is 0; give at least 1");
  CHECK_THROWS_AS(viz::TrainingProbes(model, history, {.probes = {"nowhere"}}), Error);
}
