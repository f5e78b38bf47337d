// The history's files: what is in them, who may write, torn and hostile ones, the index, export.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>

#include "engine/ops/create.h"
#include "tests/temp_folder.h"
#include "tests/viz/history_tests.h"
#include "viz/history.h"
#include "viz/history_record.h"

using namespace glassbox;
namespace fs = std::filesystem;
using nlohmann::json;
using test::check_store;
using test::contains;
using test::make_store;
using test::message_of;
using test::reader;
using test::Said;
using test::TempFolder;
using viz::History;
using viz::Step;
using Doubles = std::vector<double>;
using Strings = std::vector<std::string>;
using namespace std::string_literals;

TEST_CASE("a closed history is lines of JSON, one for each record, and tensors by their offset") {
  const TempFolder folder;
  {
    History history(folder / "run");
    history.log({0, 7}, {{"train/loss", 0.1}, {"note", "a \"b\" <c>\n"}});
    history.log({0, 8}, {{"w", tensor<float>({1, 2, 3})}, {"nan", NAN}, {"inf", -INFINITY}});
    history.rewind({0, 7});
  }
  CHECK(test::names_in(folder / "run") == Strings{"history.jsonl", "tensors.bin"});
  const std::string text = test::read_bytes(folder / "run/history.jsonl");
  std::vector<json> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
  REQUIRE(lines.size() == 4);
  CHECK(text.back() == '\n');
  CHECK_FALSE(contains(text, "<"));
  CHECK(lines[0]["glassbox.history"] == 1);
  CHECK(lines[1]["step"] == json{0, 7});
  CHECK(lines[1]["values"]["train/loss"] == 0.1);
  CHECK(lines[1]["values"]["note"] == "a \"b\" <c>\n");
  CHECK(lines[2]["values"]["nan"]["number"] == "nan");
  CHECK(lines[2]["values"]["inf"]["number"] == "-inf");
  CHECK(lines[2]["values"]["w"]["tensor"] == "f32");
  CHECK(lines[2]["values"]["w"]["shape"] == json{3});
  CHECK(lines[3]["rewind"] == json{0, 7});
  const auto offset = lines[2]["values"]["w"]["offset"].get<std::size_t>();
  const float want[] = {1, 2, 3};
  CHECK(test::read_bytes(folder / "run/tensors.bin").substr(offset) ==
        std::string(reinterpret_cast<const char*>(want), sizeof want));
}

TEST_CASE("XXH64 is the one that others have") {
  using viz::detail::xxh64;
  CHECK(xxh64("") == 0xEF46DB3751D8E999);
  CHECK(xxh64("abc") == 0x44BC2CF5AD770999);
  CHECK(xxh64("Nobody inspects the spammish repetition") == 0xFBCEA83C8A378BF1);
}

TEST_CASE("a store goes on where it was, and reading sees what is written at once") {
  const TempFolder folder;
  make_store(folder / "run", 100);
  History history(folder / "run");
  check_store(history, 100);
  History read = reader(folder / "run");
  CHECK_FALSE(read.refresh());
  for (int i = 100; i < 5'000; ++i) {
    REQUIRE(history.log(i, {{"loss", 1.0 / (1 + i)}}));
    if (i % 3 == 0) REQUIRE(history.log(i, {{"note", "step " + std::to_string(i)}}));
    if (i % 7 == 0) REQUIRE(history.log(i, {{"w", full({2, 2}, i)}}));
  }
  check_store(history, 5'000);
  CHECK(read.refresh());
  check_store(read, 5'000);
  check_store(reader(folder / "run"), 5'000);
  history.flush();
  history.rewind(10);
  CHECK(read.refresh());
  CHECK(read["loss"].size() == 11);
}

TEST_CASE("one writes; who comes second is refused; readers are not") {
  const TempFolder folder;
  make_store(folder / "run", 10);
  {
    const History first(folder / "run");
    CHECK(contains(message_of([&] { History second(folder / "run"); }),
                   "is being written by another process or object: open it with read_only"));
    check_store(reader(folder / "run"), 10);
  }
  History read = reader(folder / "run");
  CHECK(contains(message_of([&] { read.log(11, {{"loss", 1}}); }), "was opened to be read"));
  CHECK(contains(message_of([&] { read.rewind(1); }), "was opened to be read"));
  const History after(folder / "run");
}

TEST_CASE("a child of fork() that ends leaves its parent's file alone") {
  const TempFolder folder;
  History history(folder / "run");
  history.log(0, {{"loss", 0}});
  const pid_t child = ::fork();
  if (child == 0) {
    { const History gone = std::move(history); }
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  for (int i = 1; i < 3'000; ++i) REQUIRE(history.log(i, {{"loss", i}}));
  CHECK(reader(folder / "run")["loss"].values().size() == 3'000);
}

TEST_CASE("a torn tail is cut, kept aside and said, at whatever byte it is torn") {
  const TempFolder folder;
  {
    History history(folder / "run");
    for (int i = 0; i < 4; ++i) history.log(i, {{"loss", 0.125 * i}, {"note", "abc"}});
  }
  const std::string path = folder / "run/history.jsonl", whole = test::read_bytes(path);
  std::vector<std::size_t> ends;  // of lines, their newlines left out
  for (std::size_t i = 0; i < whole.size(); ++i)
    if (whole[i] == '\n') ends.push_back(i);
  for (std::size_t n = ends[0] + 1; n <= whole.size(); ++n) {
    // A whole line without its newline is a record all the same.
    std::size_t records = 0;
    while (records + 1 < ends.size() && ends[records + 1] <= n) ++records;
    const bool torn = whole[n - 1] != '\n' && n != ends[records];
    for (const std::string& tail :
         {std::string(), std::string(n % 2 ? 100 : 5'000, n % 2 ? '\n' : '\0')}) {
      test::write_bytes(path, whole.substr(0, n) + tail);
      fs::remove(path + ".torn");
      Said read_said, said;
      History read = reader(folder / "run", read_said);
      CHECK(read.steps().size() == records);
      CHECK(read_said.all.empty());  // it may be a record that is being written
      {
        History history(folder / "run", said.options());
        CHECK(history.steps().size() == records);
        REQUIRE(said.all.size() == static_cast<std::size_t>(torn));
        history.log(77, {{"loss", 77}});
      }
      CHECK(fs::exists(path + ".torn") == torn);
      if (torn) {
        CHECK(contains(
            said.all[0],
            "bytes behind the last record are a part of one that was never finished: cut"));
        CHECK(test::read_bytes(path + ".torn") ==
              whole.substr(ends[records] + 1, n - ends[records] - 1));
      }
      // All lines are whole again.
      std::istringstream in(test::read_bytes(path));
      std::size_t lines = 0;
      for (std::string line; std::getline(in, line); ++lines) CHECK(json::accept(line));
      CHECK(lines == records + 2);
      CHECK(read.refresh());
      CHECK(read["loss"].last() == 77);
    }
  }
}

TEST_CASE("lines that are no records are left out and said; the others stay") {
  const TempFolder folder;
  make_store(folder / "run", 10);
  const std::string path = folder / "run/history.jsonl", whole = test::read_bytes(path);
  const std::string bad[] = {
      "x",
      "{",
      "[]",
      "{}",
      "null",
      "\"text\"",
      R"({"step":1,"time":1.000000,"values":{"loss":}})",
      R"({"step":1,"time":1.000000,"values":{"loss":1e999}})",
      R"({"step":1,"time":1.000000,"values":{"loss":nan}})",
      R"({"step":1,"time":1.000000,"values":{"loss":[1]}})",
      R"({"step":1,"time":1.000000,"values":{"loss":null}})",
      R"({"step":1,"time":1.000000,"values":{"":1}})",
      R"({"step":1,"time":1.000000,"values":[1]})",
      R"({"step":1,"time":1.000000})",
      R"({"step":1,"values":{"loss":1}})",
      R"({"step":1,"time":"now","values":{"loss":1}})",
      R"({"step":1.5,"time":1.000000,"values":{"loss":1}})",
      R"({"step":99999999999999999999,"time":1.000000,"values":{"loss":1}})",
      R"({"step":18446744073709551615,"time":1.000000,"values":{"loss":1}})",
      R"({"step":"1","time":1.000000,"values":{"loss":1}})",
      R"({"step":[1,2],"time":1.000000,"values":{"loss":1}})",
      R"({"step":[1,-2],"time":1.000000,"values":{"loss":1}})",
      R"({"step":[1,2,3],"time":1.000000,"values":{"loss":1}})",
      R"({"rewind":[1,2],"time":1.000000})",
      R"({"rewind":null,"time":1.000000})",
      R"({"step":1,"time":1.000000,"values":{"w":{"tensor":"f32"}}})",
      R"({"step":1,"time":1.000000,"values":{"w":{"tensor":"f99","shape":[1]}}})",
      R"({"step":1,"time":1.000000,"values":{"w":{"tensor":"f32","shape":[-1]}}})",
      R"({"step":1,"time":1.000000,"values":{"w":{"tensor":"f32","shape":[4611686018427387904,4]}}})",
      R"({"step":1,"time":1.000000,"values":{"w":{"tensor":"f32","shape":[0,4611686018427387904,4]}}})",
      R"({"step":1,"time":1.000000,"values":{"w":{"tensor":"f32","shape":[1,1,1,1,1,1,1,1,1]}}})",
      "{\"step\":1,\"time\":1.000000,\"values\":{\"a\xFF\":\"\xC0\"}}",
      std::string(3'000'000, '['),
      R"({"step":1,"time":1.000000,"values":)" + std::string(100'000, '{'),
      "\0\0{\"step\":"s,
      std::string(70 << 20, 'a'),
  };
  for (const std::string& line : bad) {
    CAPTURE(line.substr(0, 100));
    const std::size_t middle = whole.find('\n', whole.size() / 2) + 1;
    test::write_bytes(path, whole.substr(0, middle) + line + "\n" + whole.substr(middle));
    Said said;
    History history = reader(folder / "run", said);
    check_store(history, 10);
    REQUIRE(said.all.size() == 1);
    CHECK(contains(said.all[0], "1 lines are no records and are left out, the first at byte " +
                                    std::to_string(middle + (line[0] == '\0' ? 2 : 0))));
    Said writing;
    check_store(History(folder / "run", writing.options()), 10);
    CHECK(writing.all == said.all);
  }
}

TEST_CASE("values of another kind than their metric are left out and said") {
  const TempFolder folder;
  make_store(folder / "run", 10);
  const std::string path = folder / "run/history.jsonl";
  test::write_bytes(path, test::read_bytes(path) +
                              R"({"step":11,"time":1.000000,"values":{"loss":"a","b":1}})" + "\n");
  Said said;
  const History history = reader(folder / "run", said);
  CHECK(history["loss"].size() == 10);
  CHECK(history["b"].last() == 1);
  REQUIRE(said.all.size() == 1);
  CHECK(contains(said.all[0], "1 values are of another kind"));
}

TEST_CASE("a file that is no history is left as it is") {
  const TempFolder folder;
  for (const std::string& text :
       {"a,b,c\n1,2,3\n"s, std::string(100, '\1'), R"({"name":"package"})"s}) {
    fs::create_directory(folder / "x");
    test::write_bytes(folder / "x/history.jsonl", text);
    CHECK(
        contains(message_of([&] { History history(folder / "x"); }), "has no record of a history"));
    CHECK(contains(message_of([&] { reader(folder / "x"); }), "has no record of a history"));
    CHECK(test::read_bytes(folder / "x/history.jsonl") == text);
  }
  test::write_bytes(folder / "x/history.jsonl", "{\"glassbox.history\":2}\n");
  CHECK(
      contains(message_of([&] { History history(folder / "x"); }), "has version 2 of the format"));
  fs::remove(folder / "x/history.jsonl");
  CHECK(contains(message_of([&] { reader(folder / "x"); }), "holds no history"));
  fs::create_directory(folder / "x/history.jsonl");
  CHECK_THROWS_AS(History(folder / "x"), Error);
  CHECK_THROWS_AS(reader(folder / "x"), Error);
  fs::remove(folder / "x/history.jsonl");
  REQUIRE(::mkfifo((folder / "x/history.jsonl").c_str(), 0600) == 0);
  CHECK(contains(message_of([&] { History history(folder / "x"); }), "is not a regular file"));
  CHECK(contains(message_of([&] { reader(folder / "x"); }), "is not a regular file"));
  test::write_bytes(folder / "file", "");
  CHECK_THROWS_AS(History(folder / "file"), Error);
}

TEST_CASE(
    "tensors that are said to be where nothing is, or are damaged, are errors when they are read") {
  const TempFolder folder;
  make_store(folder / "run", 10);
  const std::string path = folder / "run/tensors.bin", whole = test::read_bytes(path);
  test::write_bytes(path, whole.substr(0, whole.size() - 1));
  CHECK(reader(folder / "run")["w"].tensor(0).to_vector<double>() == Doubles(4, 0));
  CHECK(contains(message_of([&] { reader(folder / "run")["w"].tensor(1); }), "is said to be at"));
  std::string changed = whole;
  changed[3] ^= 1;
  test::write_bytes(path, changed);
  CHECK(contains(message_of([&] { reader(folder / "run")["w"].tensor(0); }), "is damaged"));
  fs::remove(path);
  CHECK_THROWS_AS(reader(folder / "run")["w"].tensor(0), Error);
  for (const char* claim :
       {R"("offset":18446744073709551615)", R"("offset":-1)", R"("offset":"0")"}) {
    test::write_bytes(
        folder / "run/history.jsonl",
        R"({"step":1,"time":1.000000,"values":{"w":{"tensor":"f32","shape":[2305843009213693951],)"s +
            claim + R"(,"xxh64":"0000000000000000"}}})" + "\n");
    CHECK_THROWS_AS(reader(folder / "run")["w"].tensor(0), Error);
  }
}
