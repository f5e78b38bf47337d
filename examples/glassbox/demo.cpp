#include <fmt/format.h>

#include <cstdio>
#include <iostream>

#include "engine/core/threads.h"
#include "glassbox/train.h"
#include "viz/viz.h"

namespace glassbox {

namespace {

// Peak resident memory of this process in MB (1e6 bytes), 0 where the system does not tell.
double peak_memory_mb() {
  const std::string status = [] {
    std::FILE* file = std::fopen("/proc/self/status", "r");
    std::string text(8192, '\0');
    if (!file) return std::string();
    text.resize(std::fread(text.data(), 1, text.size(), file));
    std::fclose(file);
    return text;
  }();
  const std::size_t at = status.find("VmHWM:");
  if (at == std::string::npos) return 0;
  return static_cast<double>(std::stol(status.substr(at + 6))) * 1024 / 1e6;
}

}  // namespace

void demo(layers::ModuleBase& model, TrainOptions options) {
  std::cout << "The network of the article, seen before anything runs:\n\n"
            << model.summary() << "\n";
  const TrainResult result = train(model, options);
  const std::string graph = result.run + "/graph.html";
  viz::save(viz::build_graph(model, {}, {}), graph);
  fmt::print("wrote the graph to {}\n", graph);
  fmt::print("a linear model on the same images reaches {:.4f}\n", linear_baseline(options));
  fmt::print("peak memory {:.0f} MB\n", peak_memory_mb());
}

}  // namespace glassbox
