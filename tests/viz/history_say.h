#pragma once
// What a history says of its files, kept instead of written to stderr.
#include <mutex>
#include <string>
#include <vector>

#include "viz/history.h"

namespace glassbox::test {

struct Said {
  std::vector<std::string> all;
  std::mutex mutex;
  std::size_t count() {
    const std::lock_guard lock(mutex);
    return all.size();
  }
  viz::HistoryOptions options() {
    viz::HistoryOptions out;
    out.say = [this](const std::string& what) {
      const std::lock_guard lock(mutex);
      all.push_back(what);
    };
    return out;
  }
};

}  // namespace glassbox::test
