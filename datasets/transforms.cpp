#include "datasets/transforms.h"

namespace glassbox::datasets::transforms {

namespace {
constexpr std::string_view names[] = {"RandomCrop", "RandomHorizontalFlip", "ToTensor",
                                      "Normalize"};
}

Compose::Compose(std::initializer_list<Step> steps) {
  std::size_t next = 0;
  bool tensor = false;
  for (const Step& step : steps) {
    if (step.index() < next) {
      fail("Compose",
           cat(names[step.index()], " comes after ", names[next - 1],
               "; the order is RandomCrop, RandomHorizontalFlip, ToTensor, Normalize, each once"));
    }
    next = step.index() + 1;
    if (const auto* crop = std::get_if<RandomCrop>(&step)) {
      if (crop->size.h < 1 || crop->size.w < 1 || crop->options.padding < 0) {
        fail("RandomCrop", cat("size ", to_string(crop->size), " must be at least 1 and padding ",
                               crop->options.padding, " at least 0"));
      }
      op_.crop = crop->size;
      op_.padding = crop->options.padding;
    } else if (const auto* flip = std::get_if<RandomHorizontalFlip>(&step)) {
      if (!(flip->p >= 0 && flip->p <= 1))
        fail("RandomHorizontalFlip", cat(flip->p, " is not a probability"));
      op_.flip = flip->p;
    } else if (const auto* normal = std::get_if<Normalize>(&step)) {
      if (!tensor) fail("Compose", "Normalize needs ToTensor before it");
      op_.mean = normal->mean;
      op_.std = normal->std;
    } else {
      tensor = op_.scale = true;
    }
  }
  if (steps.size() != 0 && !tensor)
    fail("Compose", "needs ToTensor: a model takes numbers in [0, 1], not bytes");
}

}  // namespace glassbox::datasets::transforms
