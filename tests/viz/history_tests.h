#pragma once
// What the history's tests share: what a history says, kept instead of written to stderr, and
// stores to look at.
#include <doctest/doctest.h>

#include <mutex>
#include <string>
#include <vector>

#include "engine/ops/create.h"
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

template <class Call>
std::string message_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "(nothing was thrown)";
}

inline bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// A closed store of `n` steps with a number, every third a text, every seventh a tensor.
inline void make_store(const std::string& folder, int n) {
  viz::History history(folder);
  for (int i = 0; i < n; ++i) {
    history.log(i, {{"loss", 1.0 / (1 + i)}});
    if (i % 3 == 0) history.log(i, {{"note", "step " + std::to_string(i)}});
    if (i % 7 == 0) history.log(i, {{"w", full({2, 2}, i)}});
  }
}

inline viz::History reader(const std::string& folder, Said& said) {
  viz::HistoryOptions options = said.options();
  options.read_only = true;
  return viz::History(folder, options);
}
inline viz::History reader(const std::string& folder) {
  Said said;
  viz::History history = reader(folder, said);
  CHECK(said.all == std::vector<std::string>{});
  return history;
}

inline void check_store(const viz::History& history, int n) {
  REQUIRE(history["loss"].size() == static_cast<std::size_t>(n));
  for (int i = 0; i < n; i += 3) {
    if (history["loss"].at(i) != 1.0 / (1 + i)) FAIL("loss at ", i);
    if (history["note"].text(static_cast<std::size_t>(i / 3)) != "step " + std::to_string(i))
      FAIL("note at ", i);
  }
  CHECK(history["w"].size() == static_cast<std::size_t>((n + 6) / 7));
  const std::size_t last = history["w"].size() - 1;
  CHECK(history["w"].tensor(last).to_vector<double>() ==
        std::vector<double>(4, static_cast<double>(7 * last)));
}

}  // namespace glassbox::test
