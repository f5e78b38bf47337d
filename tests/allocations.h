// Counts calls of operator new on this thread, for tests that promise to allocate nothing extra.
#pragma once
#include <cstdint>

namespace glassbox::test {

// False under a sanitizer, which has an operator new of its own.
extern const bool allocations_counted;
std::uint64_t allocations();

}  // namespace glassbox::test
