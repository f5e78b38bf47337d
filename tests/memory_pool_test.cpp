// The pools of device memory, over a device that is only counted: nothing here needs a GPU.
#include <doctest/doctest.h>

#include <map>
#include <random>
#include <vector>

#include "engine/core/allocator.h"
#include "engine/core/block_pool.h"
#include "engine/core/error.h"
#include "engine/core/pooled_source.h"

namespace glassbox {
namespace {

constexpr std::size_t MiB = std::size_t(1) << 20;

// A device of so many bytes, whose addresses are only numbers.
struct FakeDevice {
  explicit FakeDevice(std::size_t bytes) : free(bytes) {}
  std::size_t free;
  std::uintptr_t next = std::uintptr_t(1) << 32;
  std::map<void*, std::size_t> segments;
  int takes = 0;

  BlockPool::Take take() {
    return [this](std::size_t bytes) -> void* {
      ++takes;
      if (bytes > free) return nullptr;
      free -= bytes;
      void* data = reinterpret_cast<void*>(next);
      next += bytes + (std::uintptr_t(1) << 30);  // never next to each other
      segments[data] = bytes;
      return data;
    };
  }
  BlockPool::Give give() {
    return [this](void* data, std::size_t bytes) {
      REQUIRE(segments.at(data) == bytes);
      segments.erase(data);
      free += bytes;
    };
  }
};

TEST_CASE("block pool: blocks are split off, joined again and used again") {
  FakeDevice device(100 * MiB);
  BlockPool pool(device.take(), device.give());
  void* const a = pool.allocate(1000);
  void* const b = pool.allocate(1000);
  CHECK(static_cast<char*>(b) - static_cast<char*>(a) == 1024);
  CHECK(pool.segments() == 1);
  CHECK(pool.reserved() == 2 * MiB);
  CHECK(pool.in_use() == 2048);
  CHECK(pool.free(a));
  CHECK(pool.allocate(900) == a);  // the smallest that holds it
  CHECK(pool.free(a));
  CHECK(pool.free(b));
  CHECK(pool.free_blocks() == 1);  // all joined
  CHECK(pool.largest_free() == 2 * MiB);
  CHECK_FALSE(pool.free(b));  // twice
  CHECK(device.takes == 1);
  pool.release_cached();
  CHECK(device.segments.empty());
  CHECK(pool.reserved() == 0);
}

TEST_CASE("block pool: large requests have segments that small ones do not break up") {
  FakeDevice device(1000 * MiB);
  BlockPool pool(device.take(), device.give());
  void* const large = pool.allocate(5 * MiB);
  CHECK(pool.reserved() == 20 * MiB);
  void* const larger = pool.allocate(64 * MiB + 1);
  CHECK(pool.reserved() == 86 * MiB);
  void* const small = pool.allocate(100);
  CHECK(pool.segments() == 3);
  CHECK(pool.free(larger));
  // 12 MiB would leave 54 of a segment that a request of 64 takes whole.
  void* const middle = pool.allocate(12 * MiB);
  CHECK(middle != larger);
  CHECK(pool.allocate(60 * MiB) == larger);
  CHECK(pool.free(large));
  CHECK(pool.free(small));
  CHECK(pool.free(middle));
}

TEST_CASE("block pool: when the device is full the cache goes back once") {
  FakeDevice device(64 * MiB);
  BlockPool pool(device.take(), device.give());
  void* const a = pool.allocate(40 * MiB);
  CHECK(pool.free(a));
  CHECK(device.free == 24 * MiB);
  void* const b = pool.allocate(60 * MiB);  // fits only when the 40 are given back
  CHECK(b != nullptr);
  CHECK(device.free == 4 * MiB);
  CHECK(pool.allocate(10 * MiB) == nullptr);
  CHECK(pool.free(b));
  CHECK(pool.allocate(10 * MiB) != nullptr);
}

TEST_CASE("block pool: blocks in use never overlap, and nothing is lost") {
  FakeDevice device(std::size_t(4) << 30);
  BlockPool pool(device.take(), device.give());
  std::mt19937 random(1);
  std::map<char*, std::size_t> used;
  for (int i = 0; i < 20000; ++i) {
    if (used.empty() || random() % 5 < 3) {
      const int digits = static_cast<int>(random() % 25);
      const std::size_t bytes = 1 + random() % (std::size_t(1) << digits);
      auto* const data = static_cast<char*>(pool.allocate(bytes));
      REQUIRE(data != nullptr);
      CHECK(reinterpret_cast<std::uintptr_t>(data) % 512 == 0);
      const auto after = used.lower_bound(data);
      if (after != used.end()) CHECK(data + bytes <= after->first);
      if (after != used.begin()) {
        const auto before = std::prev(after);
        CHECK(before->first + before->second <= data);
      }
      used[data] = bytes;
    } else {
      auto it = used.begin();
      std::advance(it, static_cast<long>(random() % used.size()));
      REQUIRE(pool.free(it->first));
      used.erase(it);
    }
  }
  for (const auto& entry : used) REQUIRE(pool.free(entry.first));
  CHECK(pool.in_use() == 0);
  CHECK(pool.free_blocks() == pool.segments());
  pool.release_cached();
  CHECK(device.segments.empty());
  CHECK(device.free == std::size_t(4) << 30);
}

TEST_CASE("allocator: over a device's source it counts, and says who holds the memory") {
  FakeDevice device(64 * MiB);
  Allocator allocator(std::make_unique<PooledSource>(
      "cuda:7", device.take(), device.give(), [] { return std::string("the rest is elsewhere"); }));
  const Allocator::Block a = [&] {
    const NamedScope scope("cached pictures");
    return allocator.allocate(30 * MiB);
  }();
  const Allocator::Block b = allocator.allocate(100);
  MemoryStats stats = allocator.stats();
  CHECK(stats.allocated == 30 * MiB + 128);
  CHECK(stats.peak == stats.allocated);
  CHECK(stats.reserved == 32 * MiB);
  CHECK(stats.system_calls == 2);
  std::string message;
  try {
    allocator.allocate(40 * MiB);
  } catch (const Error& e) {
    message = e.what();
  }
  CHECK(message.find("out of memory on cuda:7: asked for 41943040 bytes") != message.npos);
  CHECK(message.find("tensors hold 31457408 (cached pictures 31457280, outside any module 128) and "
                     "its cache ") != message.npos);
  CHECK(message.find("the rest is elsewhere") != message.npos);
  allocator.free(a);
  const Allocator::Block c = allocator.allocate(40 * MiB);  // the cache was given back
  allocator.free(b);
  allocator.free(c);
  CHECK(allocator.stats().allocated == 0);
  CHECK(allocator.holders().empty());
  allocator.release_cached();
  CHECK(allocator.stats().reserved == 0);
  CHECK(device.segments.empty());
}

TEST_CASE("allocator: a closed pool goes back when its last block is freed") {
  FakeDevice device(64 * MiB);
  PooledSource source("cuda:0", device.take(), device.give(), [] { return std::string(); });
  void* const shared = source.take(1000);
  CHECK(source.reserved_by_pool(5) == 0);
  CHECK(source.reserved() == 2 * MiB);
  source.close_pool(5);  // never used
  source.give(shared);
  source.release_cached();
  CHECK(device.segments.empty());
  CHECK(source.system_calls() == 1);
}

}  // namespace
}  // namespace glassbox
