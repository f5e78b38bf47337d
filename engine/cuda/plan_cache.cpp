#include "engine/cuda/plan_cache.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

namespace glassbox::cuda {
namespace {

namespace fs = std::filesystem;

constexpr const char* first_line = "glassbox plans 1";
constexpr std::size_t largest_file = std::size_t(64) << 20;

// A problem and a choice are one line each; both are text without line breaks.
bool is_line(const std::string& text) { return text.find_first_of("\r\n") == text.npos; }

}  // namespace

PlanCache::PlanCache(std::string file, std::string owner)
    : file_(std::move(file)), owner_(std::move(owner)) {}

void PlanCache::read() {
  read_ = true;
  if (file_.empty()) return;
  std::error_code ignored;
  const auto bytes = fs::file_size(file_, ignored);
  if (ignored || bytes > largest_file) return;
  std::ifstream in(file_, std::ios::binary);
  std::string line, problem, choice;
  if (!std::getline(in, line) || line != first_line) return;
  if (!std::getline(in, line) || line != owner_) return;
  std::map<std::string, std::string> found;
  while (std::getline(in, problem) && std::getline(in, choice)) {
    if (in.eof()) break;  // the last line was cut off
    found[problem] = choice;
  }
  choices_ = std::move(found);
}

std::optional<std::string> PlanCache::find(const std::string& problem) {
  if (!read_) read();
  const auto it = choices_.find(problem);
  if (it == choices_.end()) return std::nullopt;
  return it->second;
}

void PlanCache::put(const std::string& problem, const std::string& choice) {
  if (!is_line(problem) || !is_line(choice) || !is_line(owner_)) return;
  if (!read_) read();
  choices_[problem] = choice;
  if (file_.empty()) return;
  std::error_code ignored;
  fs::create_directories(fs::path(file_).parent_path(), ignored);
  const std::string temporary = file_ + "." + std::to_string(getpid()) + ".new";
  std::ostringstream text;
  text << first_line << '\n' << owner_ << '\n';
  for (const auto& [p, c] : choices_) text << p << '\n' << c << '\n';
  {
    std::ofstream out(temporary, std::ios::binary);
    out << text.str();
    out.flush();
    if (!out) {
      fs::remove(temporary, ignored);
      return;
    }
  }
  fs::rename(temporary, file_, ignored);
  if (ignored) fs::remove(temporary, ignored);
}

std::string cache_folder() {
  const auto variable = [](const char* name) -> std::string {
    const char* const value = std::getenv(name);
    return value ? value : "";
  };
  if (const std::string own = variable("GLASSBOX_CACHE"); !own.empty()) return own;
  if (const std::string xdg = variable("XDG_CACHE_HOME"); !xdg.empty()) return xdg + "/glassbox";
  if (const std::string home = variable("HOME"); !home.empty()) return home + "/.cache/glassbox";
  return "";
}

}  // namespace glassbox::cuda
