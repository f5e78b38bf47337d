// A look into a model while it trains: probes [FOLDER to write to]
//
// What a layer's activations and another's weights are like, and whether the training is well, with
// no line in the model. docs/probes.md explains it.
#include <glassbox/glassbox.h>

#include <cmath>
#include <iostream>
#include <string>

using namespace glassbox;

int main(int argc, char** argv) {
  const std::string folder = argc > 1 ? argv[1] : ".";
  manual_seed(0);
  layers::Sequential model{layers::Conv2d{1, 8, 3, {.padding = 1}},
                           layers::ReLU{},
                           layers::Conv2d{8, 8, 3, {.padding = 1}},
                           layers::ReLU{},
                           layers::AdaptiveAvgPool2d{1},
                           layers::Flatten{},
                           layers::Linear{8, 2}};
  optim::SGD optimizer(model.parameters(), {.lr = 0.1, .momentum = 0.9});

  viz::History history;
  viz::TrainingProbes probes(model, history,
                             {.probes = {"3:activations:histogram:20", "1:activations:image:20",
                                         "*.weight:weights:stats:10"},
                              .health = true,
                              .health_options = {.folder = folder}});
  for (int step = 0; step <= 100; ++step) {
    // Stripes across or down.
    const Tensor labels = randint({32}, 0, 2);
    Tensor images = randn({32, 1, 12, 12}) * 0.5;
    const auto truth = labels.data<std::int64_t>();
    auto pixels = images.mutable_data<float>();
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      const std::size_t across = i % 12, down = i / 12 % 12;
      pixels[i] += (truth[i / 144] == 0 ? across : down) % 2 == 0 ? 1.0f : -1.0f;
    }
    optimizer.zero_grad();
    probes.begin_step(step);
    const Tensor loss = cross_entropy(model(images), labels);
    loss.backward();
    probes.after_backward();  // before clipping and the update
    optimizer.step();
    probes.end_step();
    history.log(step, {{"loss", loss}});
  }

  viz::Canvas canvas(folder + "/probes.svg");
  {
    const auto frame = canvas.frame();
    canvas.draw_plot({history["loss"], history["grad_norm"]});
    canvas.draw_plot({history["update_ratio/0.weight"], history["update_ratio/2.weight"],
                      history["update_ratio/6.weight"]},
                     {.log_y = true});
    canvas.draw_plot({history["dead_relu/1"], history["dead_relu/3"]});
    canvas.draw_hist(history["3/histogram"]);
    canvas.draw_image(history["1/image"]);
  }
  canvas.wait();
  std::cout << "the loss is " << history["loss"].last() << ", the update of 2.weight "
            << history["update_ratio/2.weight"].last() << " of its norm\n";

  // A model that falls ill is found at once; its last inputs are replayed.
  Tensor weight = model.get<layers::Conv2d>(2).weight;
  weight.mutable_data<float>()[0] = NAN;
  probes.begin_step(101);
  model(randn({1, 1, 12, 12}));
  probes.end_step();
  if (const viz::NonFinite* ill = probes.health()->first_non_finite()) {
    std::cout << ill->text << '\n' << viz::replay(ill->file, model).text << '\n';
  }
}
