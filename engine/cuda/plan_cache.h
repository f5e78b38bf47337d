// PlanCache: which of a library's ways was chosen for a problem, kept in a file so that the next
// process need not search. A file is of one GPU and one version of the libraries: `owner` says
// which, and a file of another owner is ignored. Host code; knows nothing of the libraries.
#pragma once
#include <map>
#include <optional>
#include <string>

namespace glassbox::cuda {

class PlanCache {
 public:
  // Nothing is kept in files when `file` is empty.
  PlanCache() = default;
  PlanCache(std::string file, std::string owner);

  std::optional<std::string> find(const std::string& problem);
  // Writes the file, to a temporary name first. A file that cannot be written is no error: the next
  // process searches again.
  void put(const std::string& problem, const std::string& choice);

  const std::string& file() const { return file_; }
  std::size_t size() const { return choices_.size(); }

 private:
  void read();
  std::string file_, owner_;
  bool read_ = false;
  std::map<std::string, std::string> choices_;
};

// $GLASSBOX_CACHE, else $XDG_CACHE_HOME/glassbox, else ~/.cache/glassbox; "" where there is none.
std::string cache_folder();

}  // namespace glassbox::cuda
