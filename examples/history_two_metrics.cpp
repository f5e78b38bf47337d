// A training that is made up, and two metrics of it drawn while it runs.
//   history_two_metrics [FILE.svg]      on a terminal it is drawn there too
#include <glassbox/glassbox.h>

#include <algorithm>
#include <random>

using namespace glassbox;

int main(int argc, char** argv) {
  viz::History history;
  viz::Canvas canvas(
      {.path = argc > 1 ? argv[1] : "two_metrics.svg", .theme = viz::ThemeMode::automatic});

  std::mt19937 random(1);
  std::uniform_real_distribution<double> uniform(-0.09, 0.1);
  double loss = 1, accuracy = 0;
  for (int step = 0; step < 800; ++step) {
    loss -= loss * uniform(random);
    accuracy = std::max(0.0, accuracy + (1 - accuracy) * uniform(random));
    if (step % 10 == 0) {
      history.log(step, {{"loss", loss}, {"accuracy", accuracy}});
      canvas.draw_plot({history["loss"], history["accuracy"]});
    }
  }
  canvas.wait();
  history.progress();
  history.summary();
}
