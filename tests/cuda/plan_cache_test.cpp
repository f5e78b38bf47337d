// The file of chosen plans.
#include "engine/cuda/plan_cache.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "tests/temp_folder.h"

namespace glassbox::test {
namespace {

using cuda::PlanCache;

TEST_CASE("plan cache: what one process chose, the next one finds") {
  const TempFolder folder;
  const std::string file = folder.path() + "/below/plans.txt";
  PlanCache first(file, "GPU, cuDNN 9.19");
  CHECK_FALSE(first.find("conv"));
  first.put("conv", "{\"engine\": 3}");
  first.put("other", "none");
  first.put("conv", "{\"engine\": 4}");
  PlanCache second(file, "GPU, cuDNN 9.19");
  CHECK(second.find("conv") == "{\"engine\": 4}");
  CHECK(second.find("other") == "none");
  CHECK(second.size() == 2);
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path() + "/below")) {
    files += entry.is_regular_file();
  }
  CHECK(files == 1);  // no temporary one stays
}

TEST_CASE("plan cache: another GPU's or library's file is not used, and is written over") {
  const TempFolder folder;
  const std::string file = folder.path() + "/plans.txt";
  PlanCache(file, "cuDNN 9.18").put("conv", "old");
  PlanCache now(file, "cuDNN 9.19");
  CHECK_FALSE(now.find("conv"));
  now.put("conv", "new");
  CHECK(PlanCache(file, "cuDNN 9.19").find("conv") == "new");
  CHECK_FALSE(PlanCache(file, "cuDNN 9.18").find("conv"));
}

TEST_CASE("plan cache: damaged files and places that cannot be written lose nothing") {
  const TempFolder folder;
  const std::string file = folder.path() + "/plans.txt";
  PlanCache(file, "owner").put("conv", "choice");
  const auto size = std::filesystem::file_size(file);
  for (std::uintmax_t cut = 0; cut < size; ++cut) {
    std::filesystem::resize_file(file, size - cut);
    const auto found = PlanCache(file, "owner").find("conv");
    if (cut == 0)
      CHECK(found == "choice");
    else
      CHECK_FALSE(found);
    std::filesystem::remove(file);
    PlanCache(file, "owner").put("conv", "choice");
  }
  std::ofstream(file, std::ios::binary) << std::string(1000, '\0');
  CHECK_FALSE(PlanCache(file, "owner").find("conv"));

  PlanCache nowhere(folder.path() + "/plans.txt/below/it.txt", "owner");
  nowhere.put("conv", "choice");
  CHECK(nowhere.find("conv") == "choice");  // kept in memory
  PlanCache none;
  none.put("conv", "choice");
  CHECK(none.find("conv") == "choice");
  none.put("two\nlines", "choice");
  CHECK_FALSE(none.find("two\nlines"));
}

}  // namespace
}  // namespace glassbox::test
