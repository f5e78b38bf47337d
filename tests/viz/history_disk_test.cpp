// A disk that is full or slow, and an index that is missing, old, of another file, or damaged.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <random>

#include "engine/ops/create.h"
#include "tests/skip.h"
#include "tests/small_disk.h"
#include "tests/temp_folder.h"
#include "tests/viz/history_tests.h"
#include "viz/history.h"
#include "viz/history_appender.h"

using namespace glassbox;
namespace fs = std::filesystem;
using test::contains;
using test::reader;
using test::Said;
using test::TempFolder;
using viz::History;
using viz::Step;
using viz::detail::Appender;
using Doubles = std::vector<double>;
using Strings = std::vector<std::string>;

namespace {

// A disk of a test's own making: it fails, or waits, when it is told to.
class Disk {
 public:
  Appender::Options options(bool map, Said& said) {
    Appender::Options out;
    out.map = map;
    // Longer than any test: a disk that answers, if only that it is full, is waited for.
    out.patience = std::chrono::minutes(10);
    out.retry = std::chrono::milliseconds(1);
    out.max_waiting_bytes = 100'000;
    out.say = said.options().say;
    out.write = [this](int file, const void* from, std::size_t n, off_t at) -> ssize_t {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return !stuck_; });
      if (full_) {
        // As a real one: what still fits is written.
        n = std::min(n, room_);
        room_ -= n;
        if (n == 0) return errno = ENOSPC, -1;
      }
      return ::pwrite(file, from, n, at);
    };
    return out;
  }
  void set(bool stuck, bool full, std::size_t room = 0) {
    const std::lock_guard lock(mutex_);
    stuck_ = stuck;
    full_ = full;
    room_ = room;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stuck_ = false, full_ = false;
  std::size_t room_ = 0;
};

std::unique_ptr<Appender> appender(const TempFolder& folder, Appender::Options options) {
  const std::string path = folder / "history.jsonl";
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
  const int tensors = ::open((folder / "tensors.bin").c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
  return std::make_unique<Appender>(path, file, tensors, 0, std::move(options));
}

std::string line_of(int i) { return "{\"line\":" + std::to_string(i) + "}\n"; }

// The lines that the file has, blank ones apart; each must be whole and they must be in order.
int lines_in(const std::string& path, int* last = nullptr) {
  std::istringstream in(test::read_bytes(path));
  int count = 0, before = -1;
  for (std::string line; std::getline(in, line);) {
    if (line.find_first_not_of('\0') == std::string::npos) continue;
    const int i = std::stoi(line.substr(8));
    REQUIRE(line + "\n" == line_of(i));
    REQUIRE(i > before);
    before = i;
    ++count;
  }
  if (last) *last = before;
  return count;
}

}  // namespace

TEST_CASE("a record that is safe is in the file, mapped or written") {
  for (const bool map : {true, false}) {
    const TempFolder folder;
    Disk disk;
    Said said;
    Appender::Options options = disk.options(map, said);
    options.max_waiting_bytes = 20'000'000;
    const auto append = appender(folder, std::move(options));
    std::uint64_t offset = 0;
    for (int i = 0; i < 20'000; ++i) {
      const Appender::Place place = append->append(line_of(i));
      REQUIRE(place.safe);
      REQUIRE(place.offset == offset);
      offset += line_of(i).size();
      if (i % 1999 == 0) REQUIRE(lines_in(folder / "history.jsonl") == i + 1);
    }
    // Longer than what is prepared.
    const std::string large = "{\"" + std::string(9'000'000, 'x') + "\"}\n";
    CHECK(append->append(large).offset == offset);
    CHECK(append->append(line_of(1)).offset == offset + large.size());
    append->flush();
    CHECK(said.all.empty());
  }
}

TEST_CASE("a disk that hangs does not stop who logs; when it goes on, nothing is lost") {
  for (const bool map : {true, false}) {
    CAPTURE(map);
    const TempFolder folder;
    Disk disk;
    Said said;
    Appender::Options options = disk.options(map, said);
    options.patience = std::chrono::milliseconds(1);
    auto append = appender(folder, std::move(options));
    for (int i = 0; i < 10; ++i) append->append(line_of(i));
    append->flush();
    disk.set(true, false);
    // Until nothing prepared is left, and then some: it is this loop's end that is tested.
    int i = 10, waiting = 0;
    for (; waiting < 100; ++i) waiting += !append->append(line_of(i)).safe;
    REQUIRE(said.all.size() == 1);
    CHECK(contains(said.all[0], "the disk is slow: records wait in memory"));
    disk.set(false, false);
    append->flush();
    CHECK(lines_in(folder / "history.jsonl") == i);
    append->append(line_of(i));
    append->flush();
    append.reset();
    CHECK(lines_in(folder / "history.jsonl") == i + 1);
    CHECK(said.all.size() == 1);
  }
}

TEST_CASE("a full disk is said once, records wait, and what is beyond the bound is counted") {
  for (const bool map : {true, false}) {
    CAPTURE(map);
    const TempFolder folder;
    Disk disk;
    Said said;
    auto append = appender(folder, disk.options(map, said));
    disk.set(false, true, 10'001);
    int safe = 0, i = 0;
    for (; said.count() < 2; ++i) safe += append->append(line_of(i)).safe;
    CHECK(safe > 0);
    CHECK(contains(said.all[0],
                   "history.jsonl: cannot be written: No space left on device: records wait in "
                   "memory, up to 100000 bytes"));
    CHECK(contains(said.all[1],
                   "more than 100000 bytes wait for the disk: further records are not written"));
    CHECK_THROWS_AS(append->flush(), Error);
    int last = 0;
    CHECK(lines_in(folder / "history.jsonl", &last) == safe);
    CHECK(last == safe - 1);
    for (int k = 0; k < 10; ++k) append->append(line_of(i++));
    disk.set(false, false);
    CHECK_THROWS_AS(append->flush(), Error);  // some are lost, and flush does not say otherwise
    const int after = lines_in(folder / "history.jsonl", &last);
    CHECK(after == last + 1);
    CHECK(after == i - 11);
    append.reset();
    REQUIRE(said.all.size() == 3);
    CHECK(contains(said.all[2],
                   "11 records could not be written and are lost: No space left on device"));
  }
}

TEST_CASE("a disk that stays full loses only what waited, and says how much") {
  for (const bool map : {true, false}) {
    const TempFolder folder;
    Disk disk;
    Said said;
    disk.set(false, true, 5'000);  // before: nothing is prepared yet
    auto append = appender(folder, disk.options(map, said));
    int safe = 0;
    for (int i = 0; i < 1'000; ++i) safe += append->append(line_of(i)).safe;
    append.reset();
    REQUIRE(said.all.size() == 2);
    CHECK(contains(said.all[1],
                   std::to_string(1'000 - safe) + " records could not be written and are lost"));
    CHECK(lines_in(folder / "history.jsonl") == safe);
    CHECK_FALSE(contains(test::read_bytes(folder / "history.jsonl"), "\n\n"));
  }
}

TEST_CASE("a history on a full disk goes on, and is whole when there is room again") {
  test::SmallDisk disk;
  if (!disk.why_not().empty()) return test::skip(disk.why_not());
  Said said;
  const std::string folder = disk / "run";
  const int n = 30'000;
  {
    History history(folder, said.options());
    int waiting = 0;
    for (int i = 0; i < n; ++i) {
      waiting += !history.log(i, {{"loss", i}});
      if (i % 1'000 == 0)
        waiting += !history.log(i, {{"w", full({2'000}, i)}, {"note", std::to_string(i)}});
    }
    CHECK(waiting > 0);
    REQUIRE(said.all.size() == 1);
    CHECK(contains(said.all[0], "cannot be written: No space left on device"));
    CHECK_THROWS_AS(history.flush(), Error);
    CHECK(history["loss"].last() == n - 1);
    CHECK(history["w"].tensor(29).to_vector<double>()[1'999] == 29'000);
    // What is in the file is what a reader gets, up to where the disk was full.
    const History before = reader(folder);
    const Doubles values = before["loss"].values();
    CHECK(values.size() < n);
    for (std::size_t i = 0; i < values.size(); ++i) REQUIRE(values[i] == static_cast<double>(i));
    disk.resize("100m");
    history.flush();
    CHECK(history.log(n, {{"loss", n}}));
  }
  const History read = reader(folder);
  CHECK(read["loss"].size() == n + 1);
  for (std::size_t i = 0; i < 30; ++i) {
    CHECK(read["w"].tensor(i).to_vector<double>()[7] == 1'000.0 * static_cast<double>(i));
    CHECK(read["note"].text(i) == std::to_string(1'000 * i));
  }
  CHECK(said.all.size() == 1);
}

namespace {

// Lines enough that an index is made. Two metrics, one of which has texts between.
constexpr int many = 60'000;
void make_long(const std::string& folder, double factor = 1) {
  History history(folder);
  for (int i = 0; i < many; ++i) {
    history.log(i, {{"loss", factor * i}, {"other", -i}});
    if (i % 10'000 == 5) history.log(i, {{"note", std::to_string(i)}});
  }
}
void check_long(const History& history, double factor = 1, int n = many) {
  REQUIRE(history["loss"].size() == static_cast<std::size_t>(n));
  REQUIRE(history["other"].size() == static_cast<std::size_t>(n));
  const Doubles loss = history["loss"].values();
  for (std::size_t i = 0; i < loss.size(); ++i)
    if (loss[i] != factor * static_cast<double>(i)) FAIL("loss at ", i);
  CHECK(history["loss"].at(4'096) == factor * 4'096);
  double at = 0;
  for (const viz::Bucket& bucket : history["loss"].downsample(500)) {
    REQUIRE(bucket.min == factor * at);
    at += static_cast<double>(bucket.points);
    REQUIRE(bucket.max == factor * (at - 1));
  }
  REQUIRE(at == n);
  CHECK(history["note"].text(4) == "40005");
  CHECK(history["other"].last() == 1 - n);
}

}  // namespace

TEST_CASE("the index is made when it is missing, and used") {
  const TempFolder folder;
  make_long(folder / "run");
  const std::string index = folder / "run/history.index";
  CHECK_FALSE(fs::exists(index));
  check_long(reader(folder / "run"));
  REQUIRE(fs::exists(index));
  check_long(reader(folder / "run"));
  const auto made = fs::last_write_time(index);
  // Records after it are read from the lines, and rewinding reaches into it.
  {
    History history(folder / "run");
    history.log(many, {{"loss", many}, {"other", -many}});
    check_long(history, 1, many + 1);
  }
  check_long(reader(folder / "run"), 1, many + 1);
  {
    History history(folder / "run");
    history.log(5, {{"loss", 5}});  // late, into what is indexed
    history.rewind(50'000);
    check_long(history, 1, 50'001);
  }
  check_long(reader(folder / "run"), 1, 50'001);
  CHECK(fs::last_write_time(index) == made);
  // The folder of somebody else: no index can be made, and nothing is missed.
  fs::remove(index);
  fs::permissions(folder / "run", fs::perms(0555));
  {
    const test::WithoutRights without;
    if (without.works(folder / "run")) {
      check_long(reader(folder / "run"), 1, 50'001);
      CHECK_FALSE(fs::exists(index));
    }
  }
  fs::permissions(folder / "run", fs::perms(0755));
}

TEST_CASE("an index of other lines is not used") {
  const TempFolder folder;
  make_long(folder / "a", 1);
  make_long(folder / "b", 2);
  check_long(reader(folder / "a"), 1);
  check_long(reader(folder / "b"), 2);
  fs::copy_file(folder / "a/history.index", folder / "b/history.index",
                fs::copy_options::overwrite_existing);
  check_long(reader(folder / "b"), 2);
  // The lines were cut, or changed, behind its back.
  const std::string path = folder / "a/history.jsonl", whole = test::read_bytes(path);
  const std::size_t cut = whole.find("\"step\":50000,");
  test::write_bytes(path, whole.substr(0, whole.rfind('\n', cut) + 1));
  check_long(reader(folder / "a"), 1, 50'000);
}

TEST_CASE("an index that is damaged at any place, or cut off, is made again") {
  const TempFolder folder;
  make_long(folder / "run");
  check_long(reader(folder / "run"));
  const std::string index = folder / "run/history.index", whole = test::read_bytes(index);
  std::mt19937_64 random(7);
  for (int i = 0; i < 120; i += 3) {
    CAPTURE(i);
    std::string changed = whole;
    if (i < 24) {
      changed[static_cast<std::size_t>(4 * i)] ^= static_cast<char>(0x55);  // the header
    } else if (i < 80) {
      changed[random() % whole.size()] ^= static_cast<char>(1 << (i % 8));
    } else if (i < 100) {
      changed.resize(random() % whole.size());
    } else if (i < 110) {
      for (std::size_t k = 0; k < 8; ++k)
        changed[changed.size() - 200 + 8 * static_cast<std::size_t>(i % 10) + k] = '\xFF';
    } else {
      changed = i % 2 ? std::string(static_cast<std::size_t>(i), 'x') : changed + "more";
    }
    test::write_bytes(index, changed);
    check_long(reader(folder / "run"));
  }
  check_long(reader(folder / "run"));
  CHECK(test::read_bytes(index) == whole);
  fs::remove(index);
  fs::create_directory(index);
  check_long(reader(folder / "run"));
}

TEST_CASE("a reader that holds an index goes on when the file is replaced by another history") {
  const TempFolder folder;
  make_long(folder / "a", 1);
  make_long(folder / "b", 2);
  check_long(reader(folder / "a"));
  History read = reader(folder / "a");
  const viz::Metric old = read["note"];
  fs::rename(folder / "b/history.jsonl", folder / "a/history.jsonl");
  CHECK(read.refresh());
  check_long(read, 2);
  CHECK(old.text(4) == "40005");
}
