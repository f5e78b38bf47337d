// The models that come with Glassbox, and how to make one by name.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "layers/models/alexnet.h"
#include "layers/models/char_rnn.h"
#include "layers/models/cifar.h"
#include "layers/models/densenet.h"
#include "layers/models/googlenet.h"
#include "layers/models/mnist.h"
#include "layers/models/mobilenet.h"
#include "layers/models/resnet.h"
#include "layers/models/small.h"
#include "layers/models/squeezenet.h"
#include "layers/models/transformer.h"
#include "layers/models/unet.h"
#include "layers/models/vgg.h"

namespace glassbox::models {

// A model by name: {"mynet", make<MyNet>}, {"mynet", "my network", make<MyNet>}.
struct Entry {
  using Make = std::function<std::shared_ptr<layers::ModuleBase>()>;
  std::string name;         // "vgg11_bn@2019"
  std::string description;  // one line
  Make make;

  Entry(std::string n, Make m) : name(std::move(n)), make(std::move(m)) {}
  Entry(std::string n, std::string d, Make m)
      : name(std::move(n)), description(std::move(d)), make(std::move(m)) {}
};

// The zoo, in the order in which it is listed.
const std::vector<Entry>& zoo();

// An Entry's `make` for a module type that is default-constructible.
template <class T>
std::shared_ptr<layers::ModuleBase> make() {
  return std::make_shared<T>();
}

}  // namespace glassbox::models
