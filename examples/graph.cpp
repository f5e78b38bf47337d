// The graph of a model as DOT text, for Graphviz: graph > cifar.dot && dot -Tsvg cifar.dot
#include <glassbox/glassbox.h>

#include <iostream>

using namespace glassbox;

int main() {
  models::CifarModel model;
  std::cout << viz::to_dot(viz::build_graph(model, {}, {}));
}
