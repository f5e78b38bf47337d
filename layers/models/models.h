// The models that come with Glassbox, and how to make one by name.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "layers/models/cifar.h"
#include "layers/models/mnist.h"
#include "layers/models/vgg.h"

namespace glassbox::models {

struct Entry {
  std::string name;         // "vgg11_bn@2019"
  std::string description;  // one line
  std::function<std::shared_ptr<layers::ModuleBase>()> make;
};

// The zoo, in the order in which it is listed.
const std::vector<Entry>& zoo();

// An Entry's `make` for a module type that is default-constructible.
template <class T>
std::shared_ptr<layers::ModuleBase> make() {
  return std::make_shared<T>();
}

}  // namespace glassbox::models
