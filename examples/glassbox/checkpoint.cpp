#include "glassbox/checkpoint.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "engine/io/file.h"

namespace glassbox {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view prefix = "step-";
constexpr int format = 1;

void sync_folder(const std::string& path) {
  if (const std::error_code error = io::sync_folder(path))
    fail(path, "cannot sync this folder: " + error.message());
}

// Takes a folder away if it is there; what cannot be removed is left for the next time.
void discard(const fs::path& path) {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

}  // namespace

std::string CheckpointFolder::folder(std::int64_t step) const {
  return cat(path_, "/", prefix, step);
}

std::vector<std::int64_t> CheckpointFolder::steps() const {
  std::vector<std::int64_t> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(path_, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix)) continue;
    std::int64_t step = 0;
    const char* end = name.data() + name.size();
    const auto [stop, wrong] = std::from_chars(name.data() + prefix.size(), end, step);
    if (wrong == std::errc() && stop == end && step >= 0) found.push_back(step);
  }
  std::sort(found.rbegin(), found.rend());
  return found;
}

std::string CheckpointFolder::newest() const {
  const std::vector<std::int64_t> all = steps();
  return all.empty() ? std::string() : folder(all.front());
}

void CheckpointFolder::save(const Checkpoint& checkpoint) const {
  std::error_code error;
  fs::create_directories(path_, error);
  if (error) fail(path_, "cannot make this folder: " + error.message());
  // What a killed program left behind; the run's lock says that nobody else is at work here.
  for (const auto& entry : fs::directory_iterator(path_, error)) {
    if (entry.path().filename().string().starts_with(".")) discard(entry.path());
  }
  const std::string whole = folder(checkpoint.step);
  const std::string part = cat(path_, "/.", prefix, checkpoint.step);
  if (fs::exists(whole, error)) return;  // the same step has the same bits
  try {
    if (!fs::create_directory(part, error) && error) {
      fail(part, "cannot make this folder: " + error.message());
    }
    io::save_safetensors(part + "/model.safetensors", checkpoint.model, {{"engine", "glassbox"}});
    io::save_safetensors(part + "/training.safetensors", checkpoint.training,
                         {{"engine", "glassbox"}});
    nlohmann::ordered_json state = {{"format", format}, {"step", checkpoint.step}};
    state.update(checkpoint.state);
    io::write_file(part + "/state.json", state.dump(2) + "\n");
    sync_folder(part);
    fs::rename(part, whole, error);
    if (error) fail(whole, "cannot rename the finished checkpoint: " + error.message());
    sync_folder(path_);
  } catch (...) {
    discard(part);
    throw;
  }
  const std::vector<std::int64_t> all = steps();
  for (std::size_t i = static_cast<std::size_t>(keep_); i < all.size(); ++i) {
    // Renamed first: a folder named step-N is always whole.
    const std::string old = cat(path_, "/.old-", all[i]);
    fs::rename(folder(all[i]), old, error);
    if (!error) discard(old);
  }
}

std::optional<Checkpoint> CheckpointFolder::load_newest(std::vector<std::string>& skipped) const {
  for (const std::int64_t step : steps()) {
    const std::string whole = folder(step);
    try {
      Checkpoint read;
      read.step = step;
      read.state = nlohmann::ordered_json::parse(io::read_file(whole + "/state.json", 64 << 20));
      if (read.state.value("format", 0) != format) {
        fail(whole,
             cat("has format ", read.state.value("format", 0), "; this program reads ", format));
      }
      read.model = io::load_safetensors(whole + "/model.safetensors").tensors;
      read.training = io::load_safetensors(whole + "/training.safetensors").tensors;
      return read;
    } catch (const std::exception& e) {
      skipped.push_back(cat(whole, " cannot be read (", e.what(), ")"));
    }
  }
  return std::nullopt;
}

}  // namespace glassbox
