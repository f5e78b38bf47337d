// A run's folder: runs/MODEL-N, made before training begins so that what cannot be written is known
// at once. An existing folder is never written into.
#pragma once
#include <string>

namespace glassbox {

class RunFolder {
 public:
  // `wanted` empty: the next free runs/MODEL-N. Throws UsageError when `wanted` exists, Error when
  // the folder cannot be made.
  RunFolder(const std::string& wanted, const std::string& model_name);
  // The first of them, before the long work that comes between.
  static void refuse_existing(const std::string& wanted);
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace glassbox
