// What a history is saved to, exported to and loaded from, and names that are anything.
#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/ops/create.h"
#include "tests/temp_folder.h"
#include "tests/viz/history_tests.h"
#include "viz/history.h"

using namespace glassbox;
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

TEST_CASE(
    "names and texts may be anything: markup, quotes, control characters, bytes that are no "
    "UTF-8") {
  const TempFolder folder;
  const Strings names = {"</script><script>alert(1)</script>",
                         "a\"b\\c",
                         "\xE2\x82\xAC/loss",
                         "tab\there",
                         "bad \xFF\xFE",
                         "[31mred",
                         "a,b",
                         "__timestamp__",
                         "step",
                         "time",
                         "=1+1"};
  const Strings clean = {names[0],
                         names[1],
                         names[2],
                         "tab\xEF\xBF\xBDhere",
                         "bad \xEF\xBF\xBD\xEF\xBF\xBD",
                         names[5],
                         names[6],
                         names[7],
                         names[8],
                         names[9],
                         names[10]};
  {
    History history(folder / "run");
    for (const std::string& name : names) {
      history.log(1, {{name, 1.5}});
      history.log(1, {{name + " text", name}});
    }
    CHECK(history[names[4]].last() == 1.5);
  }
  CHECK_FALSE(contains(test::read_bytes(folder / "run/history.jsonl"), "<"));
  const History history = reader(folder / "run");
  for (std::size_t i = 0; i < names.size(); ++i) {
    CAPTURE(clean[i]);
    CHECK(history[clean[i]].last() == 1.5);
    if (i != 3 && i != 4) CHECK(history[clean[i] + " text"].text() == Strings{names[i]});
  }
  history.to_json(folder / "x.json");
  const std::string text = test::read_bytes(folder / "x.json");
  CHECK_FALSE(contains(text, "<"));
  CHECK(json::parse(text)["metrics"][clean[0]]["values"] == json{1.5});
}

TEST_CASE("saved and loaded it is the same, as a file of lines and as a folder") {
  const TempFolder folder;
  make_store(folder / "run", 5'000);
  const History history = reader(folder / "run");
  history.save(folder / "one.jsonl");
  history.save(folder / "copy");
  for (const std::string& path : {folder / "one.jsonl", folder / "copy", folder / "run"}) {
    History loaded;
    loaded.log(1, {{"old", 1}});
    loaded.load(path);
    check_store(loaded, 5'000);
    CHECK(loaded.total_time() == history.total_time());
    CHECK(loaded["loss"].times() == history["loss"].times());
    CHECK(loaded.metrics() == history.metrics());
    CHECK(loaded.step() == Step(4'999));
    loaded.log(5'000, {{"loss", 7}});  // in memory alone
    CHECK(loaded["loss"].last() == 7);
    loaded.load(path);
    check_store(loaded, 5'000);
  }
  CHECK(test::names_in(folder.path()) == Strings{"copy", "one.jsonl", "run"});
  CHECK(contains(message_of([&] { history.save(folder / "copy"); }),
                 "exists: a history is saved to a folder that does not"));
  CHECK(contains(message_of([&] { history.save(folder / "x.pkl"); }),
                 "pickles are read and never written"));
  CHECK(contains(message_of([&] { History(folder / "run").load(folder / "copy"); }),
                 "writes to a folder"));
  CHECK_THROWS_AS(History().load(folder / "nothing"), Error);
  test::write_bytes(folder / "empty.jsonl", "");
  CHECK(contains(message_of([&] { History().load(folder / "empty.jsonl"); }), "is empty"));
  History memory;
  memory.log(1, {{"w", full({300}, 2)}, {"b", full({2}, 1).to(DType::boolean)}});
  memory.save(folder / "memory.jsonl");
  History loaded;
  loaded.load(folder / "memory.jsonl");
  CHECK(loaded["w"].tensor(0).to_vector<double>() == Doubles(300, 2));
  CHECK(loaded["b"].tensor(0).dtype() == DType::boolean);
}

TEST_CASE("CSV and JSON") {
  const TempFolder folder;
  History history;
  history.log({0, 1}, {{"loss", 0.5}, {"a,\"b\"", 2}});
  history.log({0, 2}, {{"note", "two\nlines, \"quoted\""}, {"w", zeros({2, 3})}});
  history.log({1, 0}, {{"loss", NAN}});
  history.to_csv(folder / "x.csv");
  const Doubles times = {history["loss"].times()[0], history["note"].times()[0],
                         history["loss"].times()[1]};
  Strings stamps;
  for (const double time : times) stamps.push_back(json(time).dump());
  CHECK(test::read_bytes(folder / "x.csv") ==
        "epoch,batch,time,loss,\"a,\"\"b\"\"\",note,w\n"
        "0,1," +
            stamps[0] +
            ",0.5,2,,\n"
            "0,2," +
            stamps[1] +
            ",,,\"two\nlines, \"\"quoted\"\"\",\"[2,3] f32\"\n"
            "1,0," +
            stamps[2] + ",nan,,,\n");
  history.to_json(folder / "x.json");
  const json out = json::parse(test::read_bytes(folder / "x.json"));
  CHECK(out["schema"] == "glassbox.history/1");
  CHECK(out["metrics"]["loss"] ==
        json{{"kind", "number"}, {"steps", {{0, 1}, {1, 0}}}, {"values", {0.5, "nan"}}});
  CHECK(out["metrics"]["w"]["values"][0] == json{{"dtype", "f32"}, {"shape", {2, 3}}});
  CHECK_THROWS_AS(history.to_csv(folder / "no/x.csv"), Error);
  History counts;
  counts.log(3, {{"x", 1}});
  counts.to_csv(folder / "y.csv");
  CHECK(test::read_bytes(folder / "y.csv").starts_with("step,time,x\n3,"));
  History().to_json(folder / "z.json");
  CHECK(json::parse(test::read_bytes(folder / "z.json"))["metrics"].is_object());
}
