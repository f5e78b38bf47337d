// The suite's main: doctest's run, then the reasons of the cases that skipped themselves.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "tests/cuda/cuda_device.h"
#include "tests/skip.h"

namespace {

using Case = std::pair<std::string, unsigned>;  // file and line: names may repeat

// Reason -> cases. Why a set: a case with sub-cases runs several times and is counted once.
std::map<std::string, std::set<Case>>& skipped_cases() {
  static std::map<std::string, std::set<Case>> cases;
  return cases;
}

}  // namespace

void glassbox::test::skip(const std::string& reason) {
  const auto* test = doctest::getContextOptions()->currentTest;
  skipped_cases()[reason].emplace(test->m_file.c_str(), test->m_line);
}

#if defined(__SANITIZE_ADDRESS__)
#define GLASSBOX_LEAKS_ARE_FOUND
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GLASSBOX_LEAKS_ARE_FOUND
#endif
#endif
#ifdef GLASSBOX_LEAKS_ARE_FOUND
// librsvg's fonts come from fontconfig, which keeps its tables until the process ends; clang's
// OpenMP keeps what it made for threads that have ended.
extern "C" const char* __lsan_default_suppressions() { return "leak:libfontconfig\nleak:libomp\n"; }
#endif

int main(int argc, char** argv) {
  doctest::Context context(argc, argv);
  glassbox::test::prepare_device();
  const int result = context.run();
  for (const auto& [reason, cases] : skipped_cases())
    std::printf("skipped %zu: %s\n", cases.size(), reason.c_str());
  return result;
}
