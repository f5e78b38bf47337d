// Which modules and tensors of a model a text means: a path ("features.3"), or a pattern over
// paths, in which * is any text within one name, ** any text at all, and ? one character. "" is the
// model.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "layers/module.h"

namespace glassbox::viz {

bool is_pattern(std::string_view text);
bool matches(std::string_view pattern, std::string_view path);

// Throw Error that names what there is when nothing is meant. A path may be a second one of a
// shared module or a tied tensor; a pattern finds each once, under its first.
std::vector<layers::Named<layers::ModuleBase*>> modules_at(layers::ModuleBase& model,
                                                           std::string_view path);
// Parameters: that of this name, those of the module of this path and of all below it, or those for
// which the pattern matches the name or the path of the module that holds it. A buffer has to be
// named itself.
std::vector<layers::Named<Tensor>> tensors_at(layers::ModuleBase& model, std::string_view path);

// The path, or the model's type where it is empty: a name that a metric can have.
std::string label_of(layers::ModuleBase& model, const std::string& path);

}  // namespace glassbox::viz
