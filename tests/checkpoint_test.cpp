// Checkpoints: whole or not at all, the newest that can be read, and the older ones taken away.
#include "glassbox/checkpoint.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "engine/ops/create.h"
#include "tests/skip.h"
#include "tests/temp_folder.h"

namespace glassbox::test {
namespace {

namespace fs = std::filesystem;

Checkpoint at_step(std::int64_t step) {
  Checkpoint c;
  c.step = step;
  c.model = {{"weight", full({2, 3}, static_cast<double>(step))}};
  c.training = {{"generator", from<std::int64_t>({step, 7}, {2})}};
  c.state = {{"batch", step % 10}};
  return c;
}

TEST_CASE("checkpoint: what was saved is what is read, and only the newest are kept") {
  const TempFolder folder;
  const CheckpointFolder checkpoints(folder / "run/checkpoints", 2);
  std::vector<std::string> skipped;
  CHECK_FALSE(checkpoints.load_newest(skipped).has_value());
  CHECK(checkpoints.newest().empty());
  for (const std::int64_t step : {9, 20, 100}) checkpoints.save(at_step(step));
  CHECK(names_in(folder / "run/checkpoints") == std::vector<std::string>{"step-100", "step-20"});
  CHECK(checkpoints.newest() == folder / "run/checkpoints/step-100");
  const auto read = checkpoints.load_newest(skipped);
  CHECK(skipped.empty());
  REQUIRE(read.has_value());
  CHECK(read->step == 100);
  CHECK(read->state.at("batch") == 0);
  CHECK(read->model.at(0).first == "weight");
  CHECK(read->model.at(0).second.to_vector<float>() == std::vector<float>(6, 100));
  CHECK(read->training.at(0).second.to_vector<std::int64_t>() == std::vector<std::int64_t>{100, 7});
}

TEST_CASE("checkpoint: what a killed program left is no checkpoint and is cleared away") {
  const TempFolder folder;
  const std::string path = folder / "checkpoints";
  const CheckpointFolder checkpoints(path, 2);
  checkpoints.save(at_step(1));
  fs::create_directories(path + "/.step-2");
  write_bytes(path + "/.step-2/model.safetensors", "half");
  fs::create_directories(path + "/step-2x");
  fs::create_directories(path + "/step--3");
  std::vector<std::string> skipped;
  CHECK(checkpoints.load_newest(skipped)->step == 1);
  CHECK(skipped.empty());
  checkpoints.save(at_step(2));
  CHECK_FALSE(fs::exists(path + "/.step-2"));
  CHECK(checkpoints.load_newest(skipped)->step == 2);
}

TEST_CASE("checkpoint: a damaged one is skipped, and said") {
  const TempFolder folder;
  const CheckpointFolder checkpoints(folder.path(), 3);
  for (const std::int64_t step : {1, 2, 3}) checkpoints.save(at_step(step));
  write_bytes(folder / "step-3/state.json", "{");
  fs::remove(folder / "step-2/training.safetensors");
  std::vector<std::string> skipped;
  CHECK(checkpoints.load_newest(skipped)->step == 1);
  REQUIRE(skipped.size() == 2);
  CHECK(skipped[0].find("step-3 cannot be read (") != std::string::npos);
  CHECK(skipped[1].find("training.safetensors") != std::string::npos);
  // Another format is not guessed at.
  write_bytes(folder / "step-1/state.json", R"({"format": 99})");
  skipped.clear();
  CHECK_FALSE(checkpoints.load_newest(skipped).has_value());
  CHECK(skipped.back().find("has format 99; this program reads 1") != std::string::npos);
}

TEST_CASE("checkpoint: one that cannot be written leaves the older ones") {
  const TempFolder folder;
  const CheckpointFolder checkpoints(folder.path(), 2);
  checkpoints.save(at_step(1));
  fs::permissions(folder.path(), fs::perms(0555));
  {
    const WithoutRights without;
    if (without.works(folder.path())) {
      CHECK_THROWS_WITH_AS(checkpoints.save(at_step(2)), doctest::Contains(": Permission denied"),
                           Error);
    } else {
      skip("needs to give up the rights of root");
    }
  }
  fs::permissions(folder.path(), fs::perms(0755));
  std::vector<std::string> skipped;
  CHECK(checkpoints.load_newest(skipped)->step == 1);
  CHECK(names_in(folder.path()) == std::vector<std::string>{"step-1"});
}

}  // namespace
}  // namespace glassbox::test
