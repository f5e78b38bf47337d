// Checkpoints: RUN/checkpoints/step-N/ holds model.safetensors (the weights alone, as PyTorch names
// them), training.safetensors (what the optimizer, the generator and so on remember) and state.json
// (where the training was). A checkpoint is a folder that appears whole or not at all, so training
// may be killed at any moment.
#pragma once
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/io/safetensors.h"
#include "layers/module.h"

namespace glassbox {

struct Checkpoint {
  std::int64_t step = 0;    // optimizer steps done
  layers::StateDict model;  // tensors to save, or those that were read
  io::NamedTensors training;
  nlohmann::ordered_json state;
};

class CheckpointFolder {
 public:
  // `path` is RUN/checkpoints; it is made at the first save.
  explicit CheckpointFolder(std::string path, int keep = 2) : path_(std::move(path)), keep_(keep) {}

  // Writes step-N and takes away all but the newest `keep`. Throws Error when it cannot be written:
  // the older ones are then still there.
  void save(const Checkpoint& checkpoint) const;

  // The newest that is whole, or nothing. `skipped` gets one line for each newer one that is not.
  std::optional<Checkpoint> load_newest(std::vector<std::string>& skipped) const;

  std::string newest() const;  // its path; empty when there is none

 private:
  std::vector<std::int64_t> steps() const;  // newest first
  std::string folder(std::int64_t step) const;
  std::string path_;
  int keep_;
};

}  // namespace glassbox
