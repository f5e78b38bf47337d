// One neuron, its loss and every gradient on the way back: backpropagation [FILE.svg]
#include <glassbox/glassbox.h>

#include <iostream>

using namespace glassbox;

int main(int argc, char** argv) {
  const Tensor x = full({}, 2.0), target = full({}, 1.0);
  const Tensor w = full({}, -0.5).set_requires_grad(), b = full({}, 0.8).set_requires_grad();

  const viz::KeepValues keep;
  const Tensor y = tanh(w * x + b);
  const Tensor error = y - target, loss = error * error;
  loss.backward();

  const viz::Diagram tape = viz::draw(
      loss, {{"x", x}, {"w", w}, {"b", b}, {"y", y}, {"target", target}, {"error", error}});
  std::cout << viz::to_text(tape);
  if (argc > 1) tape.save(argv[1]);
}
