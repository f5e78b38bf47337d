// A run's folder, runs/MODEL-N: config.json (options, data set, command lines, versions, machine),
// checkpoints/, model.safetensors, result.json. It is made before training begins, so that what
// cannot be written is known at once, and an existing folder is only written into to resume it. One
// process at a time holds it.
#pragma once
#include <nlohmann/json.hpp>
#include <string>

namespace glassbox {

class RunFolder {
 public:
  // `wanted` empty: the next free runs/MODEL-N. Throws UsageError when `wanted` exists, Error when
  // the folder cannot be made.
  static RunFolder make(const std::string& wanted, const std::string& model_name);
  // The first of them, before the long work that comes between.
  static void refuse_existing(const std::string& wanted);
  // To go on with. Throws UsageError when it is no run's folder, Error when another process trains
  // in it.
  static RunFolder open(const std::string& path);

  RunFolder(RunFolder&& other) noexcept;
  RunFolder& operator=(RunFolder&&) = delete;
  ~RunFolder();

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  explicit RunFolder(std::string path) : path_(std::move(path)) {}
  void lock();
  std::string path_;
  int lock_ = -1;
};

// RUN/config.json. Throws UsageError when `run` is no run's folder, Error when the file is broken.
nlohmann::ordered_json read_config(const std::string& run);

}  // namespace glassbox
