// A canvas with a drawing of one's own: the article's pie chart and growing sine image.
//   my_canvas [FILE.svg]
#include <glassbox/glassbox.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

using namespace glassbox;

// Extending Canvas to add a pie chart.
struct MyCanvas : viz::Canvas {
  using Canvas::Canvas;
  void draw_pie(const viz::Metric& metric) {
    const double value = std::clamp(metric.last(), 0.0, 1.0);
    viz::Pie pie;
    pie.slices = {{"Accuracy", value}, {"", 1 - value}};
    draw(pie);
  }
};

// image = sin(sum over both axes of ((i − 16) · 0.5 · accuracy)²)
Tensor sine_image(double accuracy) {
  std::vector<float> pixels;
  for (int y = 0; y < 32; ++y) {
    for (int x = 0; x < 32; ++x) {
      const double a = (y - 16) * 0.5 * accuracy, b = (x - 16) * 0.5 * accuracy;
      pixels.push_back(static_cast<float>(std::sin(a * a + b * b)));
    }
  }
  return from(pixels, {32, 32});
}

int main(int argc, char** argv) {
  viz::History history;
  MyCanvas canvas(viz::CanvasOptions{.path = argc > 1 ? argv[1] : ""});

  std::mt19937 random(3);
  std::uniform_real_distribution<double> uniform(-0.09, 0.1);
  double loss = 1, accuracy = 0;
  for (int step = 0; step < 400; ++step) {
    loss -= loss * uniform(random);
    accuracy = std::max(0.0, accuracy + (1 - accuracy) * uniform(random));
    if (step % 10 == 0) {
      history.log(step, {{"loss", loss}, {"accuracy", accuracy}});
      history.log(step, {{"image", sine_image(accuracy)}});

      const auto frame = canvas.frame();
      canvas.draw_pie(history["accuracy"]);
      canvas.draw_plot({history["accuracy"], history["loss"]});
      canvas.draw_image(history["image"]);
    }
  }
}
