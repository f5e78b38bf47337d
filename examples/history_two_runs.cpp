// Two histories in one plot, kept in files and loaded again, as in the article.
//   history_two_runs [FOLDER to write to]
#include <glassbox/glassbox.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <random>
#include <string>

using namespace glassbox;

namespace {

viz::History experiment(unsigned seed) {
  viz::History history;
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> uniform(-0.09, 0.1);
  double loss = 1, accuracy = 0;
  for (int step = 0; step < 800; ++step) {
    loss -= loss * uniform(random);
    accuracy = std::max(0.0, accuracy + (1 - accuracy) * uniform(random));
    if (step % 10 == 0) history.log(step, {{"loss", loss}, {"accuracy", accuracy}});
  }
  return history;
}

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path folder = argc > 1 ? argv[1] : ".";
  // Save experiments 1 and 2, and load them into new objects to see that it works.
  experiment(1).save(folder / "experiment1.jsonl");
  experiment(2).save(folder / "experiment2.jsonl");
  viz::History h1, h2;
  h1.load(folder / "experiment1.jsonl");
  h2.load(folder / "experiment2.jsonl");

  viz::Canvas canvas(folder / "two_runs.svg");
  {
    const auto frame = canvas.frame();  // both plots together
    canvas.draw_plot({h1["loss"], h2["loss"]}, {.labels = {"Loss 1", "Loss 2"}});
    canvas.draw_plot({h1["accuracy"], h2["accuracy"]}, {.labels = {"Accuracy 1", "Accuracy 2"}});
  }
  canvas.wait();
  std::printf("wrote %s\n", (folder / "two_runs.svg").c_str());
}
