// History's interface: steps, records, what they come out as, in memory and from files.
#include "viz/history.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <thread>

#include "engine/ops/create.h"
#include "tests/temp_folder.h"
#include "tests/viz/history_tests.h"

using namespace glassbox;
using test::message_of;
using test::Said;
using viz::Bucket;
using viz::format_step;
using viz::History;
using viz::Metric;
using viz::Step;
using Doubles = std::vector<double>;
using Strings = std::vector<std::string>;

namespace {

Doubles times_of(const History& history) { return history["loss"].times(); }

}  // namespace

TEST_CASE("steps are written as HiddenLayer writes them") {
  CHECK(format_step(790) == "790");
  CHECK(format_step(790, true) == "000790");
  CHECK(format_step({9, 99}) == "9:99");
  CHECK(format_step({9, 99}, true) == "0009:000099");
  CHECK(format_step(-3) == "-3");
  CHECK(format_step(12345678, true) == "12345678");
  CHECK(Step(1) < Step(2));
  CHECK(Step(1, 99) < Step(2, 0));
}

TEST_CASE("records of one step come together, and a name that comes again replaces its value") {
  History history;
  CHECK(history.log(10, {{"loss", 0.5}, {"accuracy", 0.25F}}));
  history.log(20, {{"loss", 1}});
  history.log(20, {{"accuracy", true}});
  history.log(20, {{"loss", 0.125}});
  CHECK(history.metrics() == Strings{"loss", "accuracy"});
  CHECK(history.formatted_steps() == Strings{"10", "20"});
  CHECK(history["loss"].values() == Doubles{0.5, 0.125});
  CHECK(history["accuracy"].values() == Doubles{0.25, 1});
  CHECK(history["loss"].x() == Doubles{10, 20});
  CHECK(history.step() == Step(20));
  CHECK(history["loss"].last() == 0.125);
  CHECK(history["loss"].at(10) == 0.5);
  CHECK(std::isnan(history["loss"].at(15)));
}

TEST_CASE("a metric has the steps at which it was logged; NaN is only what was logged as NaN") {
  History history;
  history.log(1, {{"a", 1}});
  history.log(2, {{"b", NAN}});
  history.log(3, {{"a", 3}, {"b", -INFINITY}});
  CHECK(history["a"].formatted_steps() == Strings{"1", "3"});
  CHECK(history["b"].formatted_steps() == Strings{"2", "3"});
  CHECK(std::isnan(history["b"].values()[0]));
  CHECK(history["b"].values()[1] == -HUGE_VAL);
}

TEST_CASE("epochs and batches: order, and an axis in epochs") {
  History history;
  for (int epoch = 0; epoch < 3; ++epoch)
    for (int batch = 0; batch < 5; ++batch)
      history.log({epoch, batch}, {{"loss", epoch + batch / 5.0}});
  CHECK(history["loss"].formatted_steps().back() == "2:4");
  CHECK(history["loss"].x() == history["loss"].values());
  CHECK(history.progress_text() == "Step 2:4: loss: 2.8  ");
}

TEST_CASE("steps of two kinds in one history are an error that says both") {
  History count, pairs;
  count.log(790, {{"loss", 1}});
  pairs.log({9, 99}, {{"loss", 1}});
  CHECK(message_of([&] {
          count.log({1, 2}, {{"loss", 1}});
        }) ==
        "history: step 1:2 is {epoch, batch} where this history counts steps (the last is 790)");
  CHECK(message_of([&] {
          pairs.log(3, {{"loss", 1}});
        }) ==
        "history: step 3 is a number where this history counts {epoch, batch} (the last is 9:99)");
  CHECK(message_of([&] { pairs.rewind(3); }).find("is a number") != std::string::npos);
  CHECK_THROWS_AS(pairs.log({-2, 1}, {{"loss", 1}}), Error);
  CHECK_THROWS_AS(pairs.log({2, -1}, {{"loss", 1}}), Error);
  CHECK(count["loss"].size() == 1);
}

TEST_CASE("progress and summary, as HiddenLayer prints them") {
  History history;
  CHECK(history.progress_text() == "No steps");
  CHECK(history.summary_text() == "Last Step: none\nTraining Time: 0:00:00");
  history.log(780, {{"loss", 3}, {"later", 1}});
  history.log(790, {{"loss", 0.0017109890003187407},
                    {"accuracy", 0.9869219842773483},
                    {"image", zeros({2, 2})},
                    {"seen", 50000},
                    {"note", "warm"}});
  CHECK(history.progress_text() ==
        "Step 790: loss: 0.001711  accuracy: 0.9869  seen: 50000  note: warm  ");
  const std::string summary = history.summary_text();
  CHECK(summary.find("Last Step: 790\nTraining Time: 0:00:0") == 0);
  const Doubles times = times_of(history);
  CHECK(history.total_time() == times[1] - times[0]);
}

TEST_CASE("tensors: copied, of any type, off the tape; without dimensions they are numbers") {
  History history;
  Tensor weight = from<float>({1, 2, 3, 4, 5, 6}, {2, 3});
  weight.set_requires_grad();
  history.log(1, {{"w", weight}, {"loss", weight.sum()}});
  weight.mutable_data<float>()[0] = 99;
  history.log(2, {{"w", weight}});
  CHECK(history["w"].kind() == Metric::Kind::tensor);
  CHECK(history["w"].tensor(0).to_vector<double>() == Doubles{1, 2, 3, 4, 5, 6});
  CHECK_FALSE(history["w"].tensor(0).requires_grad());
  CHECK(history["w"].tensors(1)[0].to_vector<double>()[0] == 99);
  CHECK(history["w"].tensors().size() == 2);
  CHECK(history["loss"].last() == 21);
  for (const DType dtype :
       {DType::f64, DType::f16, DType::bf16, DType::i32, DType::i64, DType::u8, DType::boolean}) {
    const std::string name(name_of(dtype));
    history.log(3, {{name, tensor<float>({0, 1, 1}).to(dtype)}});
    CHECK(history[name].tensor(0).dtype() == dtype);
    CHECK(history[name].tensor(0).to_vector<double>() == Doubles{0, 1, 1});
  }
  history.log(4, {{"empty", empty({0, 3})}});
  CHECK(history["empty"].tensor(0).shape() == Shape{0, 3});
  CHECK(message_of([&] {
          history.log(5, {{"w", Tensor()}});
        }).find("undefined tensor") != std::string::npos);
  CHECK(message_of([&] {
          history.log(5, {{"w", empty({2}, DType::f32, Device::meta())}});
        }).find("meta device") != std::string::npos);
}

TEST_CASE("what cannot be logged is an error that says why, and nothing of the record is kept") {
  History history;
  history.log(1, {{"loss", 1.0}, {"note", "a"}});
  CHECK(message_of([&] {
          history.log(2, {{"new", 1}, {"loss", "text"}});
        }) == "history: \"loss\" is a text at step 2 and was a number before");
  CHECK(message_of([&] {
          history.log(2, {{"twice", 1}, {"twice", "a"}});
        }).find("two kinds") != std::string::npos);
  CHECK(message_of([&] { history.log(2, {{"", 1}}); }) == "history: a metric has no name");
  CHECK_THROWS_AS(history.log(2, {{std::string(2000, 'x'), 1}}), Error);
  CHECK(history.formatted_steps() == Strings{"1"});
  CHECK(history.metrics() == Strings{"loss", "note"});
  CHECK(message_of([&] { history["lost"]; }) ==
        "history: no metric \"lost\"; there are: loss, note");
  CHECK(message_of([&] {
          history["note"].values();
        }).find("\"note\" holds texts, so it has no values") != std::string::npos);
  CHECK_THROWS_AS(history["loss"].text(), Error);
  CHECK_THROWS_AS(history["loss"].tensor(0), Error);
  CHECK_THROWS_AS(history["note"].text(1), Error);
}

TEST_CASE("a tensor that is too large is left out, which is said once for each metric") {
  Said said;
  viz::HistoryOptions options = said.options();
  options.max_tensor_bytes = 16;
  const test::TempFolder folder;
  History history(folder / "run", options);
  for (int step = 0; step < 3; ++step)
    history.log(step, {{"w", zeros({5})}, {"small", zeros({4})}, {"loss", step}});
  CHECK_FALSE(history.contains("w"));
  CHECK(history["small"].size() == 3);
  REQUIRE(said.all.size() == 1);
  CHECK(said.all[0] ==
        "\"w\" is a tensor of 20 bytes ([5] f32), more than the 16 of max_tensor_bytes: it is left "
        "out");
  CHECK(history.notes() == said.all);
  const History read(folder / "run", {.read_only = true});
  CHECK(read.metrics() == Strings{"small", "loss"});
}

TEST_CASE("values that come late are sorted in, and of two for one step the later stays") {
  History history;
  std::vector<int> order(10'000);
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
  std::shuffle(order.begin(), order.end(), std::mt19937(1));
  for (const int step : order) history.log(step, {{"x", -1}});
  for (const int step : order) history.log(step, {{"x", 2 * step}});
  const Metric x = history["x"];
  REQUIRE(x.size() == order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    REQUIRE(x.steps()[0] == Step(0));
    if (x.at(static_cast<int>(i)) != 2 * static_cast<double>(i)) FAIL("step ", i);
  }
  const Doubles xs = x.x();
  CHECK(std::is_sorted(xs.begin(), xs.end()));
}

TEST_CASE("buckets: all points where they are few, else least, greatest and mean by plain loops") {
  History history;
  std::mt19937 random(3);
  std::normal_distribution<double> normal;
  const std::size_t n = 20'001;
  Doubles values;
  for (std::size_t i = 0; i < n; ++i) {
    values.push_back(i % 97 == 5 ? NAN : i % 1009 == 7 ? INFINITY : normal(random));
    history.log(10 * i, {{"x", values.back()}});
  }
  const Metric x = history["x"];
  for (const std::size_t most :
       {1UL, 2UL, 7UL, 100UL, 1250UL, 2000UL, 19'999UL, 20'001UL, 50'000UL}) {
    CAPTURE(most);
    const std::vector<Bucket> buckets = x.downsample(most);
    CHECK(buckets.size() <= most);
    CHECK(buckets.size() * 2 >= std::min(most, n));
    std::size_t at = 0;
    for (const Bucket& bucket : buckets) {
      Bucket want{Step(std::int64_t(10 * at)),
                  {},
                  10.0 * static_cast<double>(at),
                  0,
                  HUGE_VAL,
                  -HUGE_VAL,
                  0,
                  bucket.points,
                  0};
      for (std::int64_t k = 0; k < bucket.points; ++k, ++at) {
        if (!std::isfinite(values[at])) continue;
        want.min = std::min(want.min, values[at]);
        want.max = std::max(want.max, values[at]);
        want.mean += values[at];
        ++want.finite;
      }
      if (bucket.first != want.first || bucket.x_first != want.x_first ||
          bucket.finite != want.finite || bucket.x_last != 10.0 * static_cast<double>(at - 1))
        FAIL("bucket that ends at point ", at);
      if (want.finite == 0) {
        CHECK(std::isnan(bucket.mean));
        continue;
      }
      if (bucket.min != want.min || bucket.max != want.max) FAIL("bucket that ends at point ", at);
      REQUIRE(bucket.mean == doctest::Approx(want.mean / static_cast<double>(want.finite)));
    }
    CHECK(at == n);
  }
  // A part of the axis.
  const std::vector<Bucket> part = x.downsample(1000, 555, 1005);
  REQUIRE(part.size() == 45);
  CHECK(part.front().x_first == 560);
  CHECK(part.back().x_last == 1000);
  const std::vector<Bucket> coarse = x.downsample(10, 40'000, 120'000);
  CHECK(coarse.size() <= 10);
  CHECK(coarse.front().x_first <= 40'000);
  CHECK(coarse.back().x_last >= 120'000);
  CHECK(x.downsample(10, 1e9).empty());
  CHECK(x.downsample(10, 5, 4).empty());
  CHECK(x.downsample(0).empty());
}

TEST_CASE("the mean of values near the end of double's range stays between them") {
  History history;
  for (int i = 0; i < 200; ++i) history.log(i, {{"x", 1.5e308}});
  for (const Bucket& bucket : history["x"].downsample(3)) CHECK(bucket.mean == 1.5e308);
}

TEST_CASE("rewinding forgets what came after the checkpoint") {
  const test::TempFolder folder;
  {
    History history(folder / "run");
    for (int i = 0; i < 10'000; ++i) history.log(i, {{"loss", i}, {"note", std::to_string(i)}});
    history.log(10'000, {{"only late", 1}});
    history.rewind(6'000);
    CHECK(history.step() == Step(6'000));
    CHECK(history["loss"].size() == 6'001);
    CHECK(history["loss"].last() == 6'000);
    CHECK(history["note"].text(6'000) == "6000");
    CHECK_FALSE(history.contains("only late"));
    history.rewind(7'000);  // nothing is after it
    history.log(6'001, {{"loss", -1}, {"only late", "of another kind now"}});
    CHECK(history["loss"].last() == -1);
  }
  const History again(folder / "run");
  CHECK(again["loss"].size() == 6'002);
  CHECK(again["loss"].last() == -1);
  CHECK(again["loss"].at(6'000) == 6'000);
  CHECK(again["only late"].text() == Strings{"of another kind now"});
  History memory;
  memory.log(1, {{"a", 1}});
  memory.rewind(0);
  CHECK(memory.metrics().empty());
  memory.log({0, 0}, {{"a", 1}});  // empty: either kind of step
}

TEST_CASE("a metric and a snapshot stay as they were") {
  History history;
  for (int i = 0; i < 5'000; ++i) history.log(i, {{"x", i}});
  const Metric x = history["x"];
  History snapshot = history.snapshot();
  history.log(4'999, {{"x", -1}});
  history.log(5'000, {{"x", 1}, {"y", "text"}});
  CHECK(x.size() == 5'000);
  CHECK(x.last() == 4'999);
  CHECK(snapshot["x"].last() == 4'999);
  CHECK(snapshot.metrics() == Strings{"x"});
  snapshot.log(9'999, {{"x", 7}});
  CHECK(history["x"].last() == 1);
  History moved = std::move(history);
  CHECK(moved["y"].text() == Strings{"text"});
}

TEST_CASE("one thread logs while others read") {
  const test::TempFolder folder;
  History history(folder / "run");
  history.log(0, {{"x", 0}, {"text", "0"}, {"w", full({2}, 0)}});
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0}, reads{0};
  const auto read = [&] {
    do {
      const Metric x = history["x"];
      const Doubles values = x.values();
      for (std::size_t i = 0; i < values.size(); ++i) wrong += values[i] != static_cast<double>(i);
      std::int64_t points = 0;
      for (const Bucket& bucket : x.downsample(100)) points += bucket.points;
      wrong += points != static_cast<std::int64_t>(x.size());
      const Metric text = history["text"];
      wrong += text.text(text.size() - 1) != format_step(text.steps().back());
      const Metric w = history["w"];
      wrong += w.tensor(w.size() - 1).to_vector<double>()[1] !=
               static_cast<double>(w.steps().back().batch);
      wrong += history.snapshot().progress_text().find("Step ") != 0;
      ++reads;
    } while (!done);
  };
  std::thread first(read), second(read);
  for (int i = 1; i < 20'000; ++i) {
    history.log(i, {{"x", i}});
    if (i % 100 == 0) history.log(i, {{"text", std::to_string(i)}, {"w", full({2}, i)}});
  }
  done = true;
  first.join();
  second.join();
  CHECK(wrong == 0);
  CHECK(reads >= 2);
}

TEST_CASE("durations as Python writes them") {
  History history;
  const test::TempFolder folder;
  const auto time_of = [&](const std::string& last) {
    test::write_bytes(
        folder / "x.jsonl",
        "{\"step\":1,\"time\":1000.000000,\"values\":{\"a\":1}}\n{\"step\":2,\"time\":" + last +
            ",\"values\":{\"a\":1}}\n");
    history.load(folder / "x.jsonl");
    return history.summary_text();
  };
  CHECK(time_of("1029.312315") == "Last Step: 2\nTraining Time: 0:00:29.312315");
  CHECK(time_of("1060.000000") == "Last Step: 2\nTraining Time: 0:01:00");
  CHECK(time_of("87400") == "Last Step: 2\nTraining Time: 1 day, 0:00:00");
  CHECK(time_of("180061.500000") == "Last Step: 2\nTraining Time: 2 days, 1:44:21.500000");
}
