// safetensors: the file format for named tensors (https://github.com/huggingface/safetensors). What
// is written here opens in Python, and the reader trusts nothing: every size and offset is checked
// before memory is taken.
#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/tensor.h"

namespace glassbox::io {

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

struct Safetensors {
  NamedTensors tensors;  // in the file's order of data
  std::map<std::string, std::string> metadata;
  // The tensor of that name. Throws Error when there is none.
  const Tensor& at(std::string_view name) const;
  bool contains(std::string_view name) const;
};

// Throws Error with the file and the fact: truncated, oversized header, bad JSON, duplicate names,
// holes or overlaps, a shape that does not match its bytes, a type that Glassbox does not have.
Safetensors load_safetensors(const std::string& path);
// The same from memory; `name` is used in errors.
Safetensors parse_safetensors(std::string_view bytes, const std::string& name);

// Written atomically. Throws Error for a name that is given twice or a tensor on the meta device.
void save_safetensors(const std::string& path, const NamedTensors& tensors,
                      const std::map<std::string, std::string>& metadata = {});

}  // namespace glassbox::io
