#include "datasets/cifar100.h"

#include "datasets/cifar.h"

namespace glassbox::datasets {

namespace {

const CifarFormat& cifar100_format() {
  static const CifarFormat format{
      .what = "CIFAR100",
      .noun = "this file of CIFAR-100",
      .folder = "cifar-100-binary",
      .archive = "cifar-100-binary.tar.gz",
      .md5 = "03b5dce01913d631647c71ecec9e9cb8",
      .files = {{"train.bin", 50'000, true}, {"test.bin", 10'000, false}},
      .labels = {20, 100},
      .class_names = "fine_label_names.txt"};
  return format;
}

// fine_label_names.txt
constexpr const char* fine_names[100] = {
    "apple",       "aquarium_fish", "baby",      "bear",       "beaver",       "bed",
    "bee",         "beetle",        "bicycle",   "bottle",     "bowl",         "boy",
    "bridge",      "bus",           "butterfly", "camel",      "can",          "castle",
    "caterpillar", "cattle",        "chair",     "chimpanzee", "clock",        "cloud",
    "cockroach",   "couch",         "crab",      "crocodile",  "cup",          "dinosaur",
    "dolphin",     "elephant",      "flatfish",  "forest",     "fox",          "girl",
    "hamster",     "house",         "kangaroo",  "keyboard",   "lamp",         "lawn_mower",
    "leopard",     "lion",          "lizard",    "lobster",    "man",          "maple_tree",
    "motorcycle",  "mountain",      "mouse",     "mushroom",   "oak_tree",     "orange",
    "orchid",      "otter",         "palm_tree", "pear",       "pickup_truck", "pine_tree",
    "plain",       "plate",         "poppy",     "porcupine",  "possum",       "rabbit",
    "raccoon",     "ray",           "road",      "rocket",     "rose",         "sea",
    "seal",        "shark",         "shrew",     "skunk",      "skyscraper",   "snail",
    "snake",       "spider",        "squirrel",  "streetcar",  "sunflower",    "sweet_pepper",
    "table",       "tank",          "telephone", "television", "tiger",        "tractor",
    "train",       "trout",         "tulip",     "turtle",     "wardrobe",     "whale",
    "willow_tree", "wolf",          "woman",     "worm"};

}  // namespace

CIFAR100::CIFAR100(const std::string& root, const CIFAR100Options& options) {
  load_cifar(cifar100_format(), root, {options.train, options.download, options.url, options.fetch},
             *this);
  if (classes.size() != 100) classes.assign(std::begin(fine_names), std::end(fine_names));
  transform = options.transform;
}

}  // namespace glassbox::datasets
