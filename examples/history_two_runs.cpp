// Two histories in one plot while the second one is made, kept in files and loaded again, as in the
// article.
//   history_two_runs [FOLDER to write to]
#include <glassbox/glassbox.h>

#include <algorithm>
#include <filesystem>
#include <random>

using namespace glassbox;

static viz::History first_experiment() {
  viz::History history;
  std::mt19937 random(1);
  std::uniform_real_distribution<double> uniform(-0.09, 0.1);
  double loss = 1, accuracy = 0;
  for (int step = 0; step < 800; ++step) {
    loss -= loss * uniform(random);
    accuracy = std::max(0.0, accuracy + (1 - accuracy) * uniform(random));
    if (step % 10 == 0) history.log(step, {{"loss", loss}, {"accuracy", accuracy}});
  }
  return history;
}

int main(int argc, char** argv) {
  const std::filesystem::path folder = argc > 1 ? argv[1] : ".";
  const viz::History history1 = first_experiment();

  // New history and canvas objects
  viz::History history2;
  viz::Canvas canvas2({.path = folder / "two_runs.svg", .theme = viz::ThemeMode::automatic});

  // Simulate a training loop with two metrics: loss and accuracy
  std::mt19937 random(2);
  std::uniform_real_distribution<double> uniform(-0.09, 0.1);
  double loss = 1, accuracy = 0;
  for (int step = 0; step < 800; ++step) {
    // Fake loss and accuracy
    loss -= loss * uniform(random);
    accuracy = std::max(0.0, accuracy + (1 - accuracy) * uniform(random));

    // Log metrics and display them at certain intervals
    if (step % 10 == 0) {
      history2.log(step, {{"loss", loss}, {"accuracy", accuracy}});

      // Draw two plots, which come together where the frame ends
      const auto frame = canvas2.frame();
      canvas2.draw_plot({history1["loss"], history2["loss"]}, {.labels = {"Loss 1", "Loss 2"}});
      canvas2.draw_plot({history1["accuracy"], history2["accuracy"]},
                        {.labels = {"Accuracy 1", "Accuracy 2"}});
    }
  }
  canvas2.wait();

  // Save experiments 1 and 2
  history1.save(folder / "experiment1.jsonl");
  history2.save(folder / "experiment2.jsonl");
  // Load them again. To verify it's working, load them into new objects.
  viz::History h1, h2;
  h1.load(folder / "experiment1.jsonl");
  h2.load(folder / "experiment2.jsonl");

  h1.progress();
  h2.progress();
  return h1["loss"].values() == history1["loss"].values() &&
                 h2["accuracy"].steps() == history2["accuracy"].steps()
             ? 0
             : 1;
}
