// `glassbox plot`: runs side by side, from whatever a training left.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>

#include "engine/engine.h"
#include "glassbox/plot.h"
#include "glassbox/usage_error.h"
#include "tests/cli_run.h"
#include "tests/temp_folder.h"

namespace glassbox::test {
namespace {

namespace fs = std::filesystem;
using Arguments = std::vector<std::string>;

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++n;
  return n;
}

// Loss 1 / (i + 1) + shift of so many steps, and its accuracy.
void make_counts(const std::string& folder, int steps, double shift = 0) {
  viz::History history(folder);
  for (int i = 0; i < steps; ++i) {
    const double loss = 1.0 / (i + 1) + shift;
    history.log(i, {{"loss", loss}, {"accuracy", 1 - loss}});
  }
}

// Four batches an epoch, and what the epochs reached.
void make_epochs(const std::string& folder, int epochs, double shift = 0) {
  viz::History history(folder);
  for (int e = 0; e < epochs; ++e) {
    for (int b = 0; b < 4; ++b) history.log({e, b}, {{"loss", 10 - e - b * 0.25 + shift}});
    history.log({e, 3}, {{"epoch/accuracy", e * 0.1}, {"map", ones({2, 2})}, {"note", "x"}});
  }
}

void check_fails(const Arguments& arguments, int code, const Arguments& facts) {
  const CliResult result = run_cli(arguments);
  CHECK(result.code == code);
  CHECK(result.out.empty());
  for (const std::string& fact : facts)
    CHECK_MESSAGE(has(result.err, fact), fact, " in ", result.err);
}

Plot plot_of(const PlotRequest& request) { return RunPlot(request).draw(); }

TEST_CASE("plot: patterns of metrics, and short names of runs") {
  using detail::matches;
  CHECK(matches("loss", "loss"));
  CHECK_FALSE(matches("loss", "losses"));
  CHECK(matches("*", ""));
  CHECK(matches("epoch/*", "epoch/test_accuracy"));
  CHECK(matches("*accuracy", "epoch/test_accuracy"));
  CHECK(matches("e*t?st*acy", "epoch/test_accuracy"));
  CHECK_FALSE(matches("?", ""));
  CHECK_FALSE(matches("a*b", "acbd"));
  CHECK(matches("a*b*c", "abbbbcbc"));
  // Many stars end soon, too.
  CHECK_FALSE(matches(std::string(60, '*') + "x", std::string(20'000, 'y')));

  CHECK(detail::run_names({"runs/a-1/", "runs/b/history", "c/history/history.jsonl"}) ==
        Arguments{"a-1", "b", "c"});
  CHECK(detail::run_names({"x/a", "y/a", "y/b"}) == Arguments{"x/a", "y/a", "b"});
}

TEST_CASE("plot: without a file it draws in the terminal, with a table below") {
  const TempFolder folder;
  make_counts(folder / "one/history", 5);
  make_counts(folder / "two/history", 4, 1);
  const CliResult result = run_cli({"plot", folder / "one", folder / "two"});
  CHECK(result.err.empty());
  CHECK(result.code == 0);
  CHECK(has(result.out, "loss"));
  CHECK_FALSE(has(result.out, "\x1b"));  // no terminal: plain
  const std::size_t table = result.out.find("metric    run");
  REQUIRE(table != std::string::npos);
  CHECK(result.out.substr(table) ==
        "metric    run   last   min    max  points  last step\n"
        "loss      one    0.2   0.2      1       5          4\n"
        "loss      two   1.25  1.25      2       4          3\n"
        "accuracy  one    0.8     0    0.8       5          4\n"
        "accuracy  two  −0.25    −1  −0.25       4          3\n");
  CHECK(run_cli({"plot", folder / "one", "--color", "always"}).out.find("\x1b[") !=
        std::string::npos);
}

TEST_CASE("plot: CSV has every point, over steps, epochs or seconds") {
  const TempFolder folder;
  make_epochs(folder / "run", 2);
  make_counts(folder / "counts", 2);
  const std::string file = folder / "out.csv";
  const auto csv = [&](const Arguments& more) {
    Arguments all{"plot", folder / "run", "-o", file};
    all.insert(all.end(), more.begin(), more.end());
    const CliResult result = run_cli(all);
    CHECK_MESSAGE(result.code == 0, result.err);
    CHECK(result.out == "wrote " + file + "\n");
    return read_bytes(file);
  };
  const std::string head = "metric,run,step,x,value\r\n";
  CHECK(csv({"--metric", "epoch/*"}) ==
        head + "epoch/accuracy,run,0:3,1,0\r\nepoch/accuracy,run,1:3,2,0.1\r\n");
  CHECK(csv({"--metric", "epoch/*", "--x", "step"}) ==
        head + "epoch/accuracy,run,0:3,3,0\r\nepoch/accuracy,run,1:3,7,0.1\r\n");
  CHECK(has(csv({}), "loss,run,0:0,0.25,10\r\nloss,run,0:1,0.5,9.75\r\n"));
  CHECK(has(csv({"--x", "time"}), "loss,run,0:0,0,10\r\n"));
  // Of runs of both kinds, steps are what they share.
  CHECK(has(csv({folder / "counts"}), "loss,counts,1,1,0.5\r\n"));
  CHECK(has(csv({folder / "counts"}), "loss,run,1:2,6,8.5\r\n"));
  check_fails({"plot", folder / "run", folder / "counts", "--x", "epoch"}, 2,
              {"--x epoch: counts was logged by counts of steps"});
}

TEST_CASE("plot: what is not there is said with what is") {
  const TempFolder folder;
  make_epochs(folder / "cifar-1/history", 2);
  make_epochs(folder / "cifar-2/history", 2);
  write_bytes(folder / "cifar-1/config.json", "{}");
  write_bytes(folder / "cifar-2/config.json", "{}");
  const std::string run = folder / "cifar-1";
  check_fails({"plot", folder / "cifar-3"}, 2,
              {"cifar-3: does not exist; " + folder.path() + " has cifar-1, cifar-2"});
  check_fails({"plot", folder.path()}, 2,
              {"holds neither a run nor a history", "has cifar-1, cifar-2"});
  check_fails({"plot", run, "--metric", "lss"}, 2,
              {"--metric lss: was not logged; the numbers are loss, epoch/accuracy"});
  check_fails({"plot", run, "--metric", "map"}, 2, {"--metric map: is no number"});
  check_fails({"plot", run, "--metric", "loss", "--metric", "x*"}, 2, {"--metric x*"});
  check_fails({"plot", run, "--smooth", "1"}, 2, {"--smooth 1 must be in [0, 1)"});
  check_fails({"plot", run, "--x", "week"}, 2, {"--x", "week"});
  check_fails({"plot", run, "-o", folder / "a.jpeg"}, 2, {"a.jpeg", ".svg .png .pdf"});
  check_fails({"plot", run, "-o", folder / "none/a.svg"}, 1, {"none/a.svg: cannot write"});
  check_fails({"plot"}, 2, {"runs is required"});
  fs::create_directory(folder / "new");
  write_bytes(folder / "new/config.json", "{}");
  check_fails({"plot", folder / "new"}, 2, {"has logged nothing yet"});
  write_bytes(folder / "notes.txt", "x");
  check_fails({"plot", folder / "notes.txt"}, 2, {"notes.txt: is neither a folder nor"});
  // A metric that only some have.
  { viz::History(folder / "other").log(0, {{"only", 1.0}}); }
  const CliResult some = run_cli({"plot", run, folder / "other", "--metric", "only"});
  CHECK(some.code == 0);
  CHECK(some.err == "glassbox: cifar-1 has no only\n");
}

TEST_CASE("plot: files are charts and pages that stand alone") {
  const TempFolder folder;
  make_counts(folder / "one", 5);
  for (const char* name : {"a.svg", "a.txt", "a.html"}) {
    const std::string file = folder / name;
    CAPTURE(file);
    const CliResult result = run_cli({"plot", folder / "one", "-o", file, "--smooth", "0.5"});
    CHECK_MESSAGE(result.code == 0, result.err);
    CHECK(has(result.out, "wrote " + file + "\n"));
    CHECK(has(read_bytes(file), "loss"));
  }
  CHECK(read_bytes(folder / "a.svg").starts_with("<svg"));
  const std::string page = read_bytes(folder / "a.html");
  CHECK(count(page, "<svg ") >= 2);
  CHECK(has(page, "<td class=n>0.2</td>"));
}

TEST_CASE("plot: many points are drawn as means between the least and the greatest") {
  const TempFolder folder;
  std::vector<double> all;
  {
    viz::History history(folder / "run");
    for (int i = 0; i < 9000; ++i) {
      all.push_back(std::sin(i * 0.01) + (i % 7) * 0.1);
      history.log(i, {{"loss", all.back()}});
    }
  }
  const Plot plot = plot_of({.runs = {folder / "run"}});
  REQUIRE(plot.charts.size() == 1);
  const viz::Series& line = plot.charts[0].series.at(0);
  CHECK(line.x.size() > 500);
  CHECK(line.x.size() <= 2001);
  CHECK(line.y.back() == all.back());
  CHECK(*std::max_element(line.high.begin(), line.high.end()) ==
        *std::max_element(all.begin(), all.end()));
  CHECK(*std::min_element(line.low.begin(), line.low.end()) ==
        *std::min_element(all.begin(), all.end()));
  for (std::size_t i = 0; i < line.x.size(); ++i) {
    CHECK(line.low[i] <= line.y[i]);
    CHECK(line.y[i] <= line.high[i]);
  }
  REQUIRE(plot.rows.size() == 1);
  CHECK(plot.rows[0].max == *std::max_element(all.begin(), all.end()));
  CHECK(plot.rows[0].points == all.size());
  // A weight of single points is one of the means of so many.
  CHECK(smoothing_of(0.9, 1) == 0.9);
  CHECK(smoothing_of(0.9, 4) == doctest::Approx(0.6561));
  // Over time the means are over the same number of points.
  const Plot timed = plot_of({.runs = {folder / "run"}, .x = XAxis::time});
  const viz::Series& by_time = timed.charts[0].series.at(0);
  CHECK(by_time.x.front() >= 0);
  CHECK(std::is_sorted(by_time.x.begin(), by_time.x.end()));
  double mean = 0;
  for (int i = 0; i < 5; ++i) mean += all[static_cast<std::size_t>(i)] / 5;
  CHECK(by_time.y.front() == doctest::Approx(mean));
}

TEST_CASE("plot: a group is the mean of its runs and a deviation to both sides") {
  const TempFolder folder;
  for (int i = 1; i <= 3; ++i)
    make_counts(folder / ("cifar-" + std::to_string(i)), 4, i * i);  // +1, +4, +9
  make_counts(folder / "other", 4);
  const Plot plot = plot_of(
      {.runs = {folder / "cifar-1", folder / "cifar-2", folder / "cifar-3", folder / "other"},
       .metrics = {"loss"},
       .group = true});
  REQUIRE(plot.charts.size() == 1);
  REQUIRE(plot.charts[0].series.size() == 2);
  const viz::Series& mean = plot.charts[0].series[0];
  CHECK(mean.name == "cifar (mean of 3 runs)");
  CHECK(plot.charts[0].series[1].name == "other");
  REQUIRE(mean.y.size() == 4);
  const double sd = std::sqrt(((1 - 14 / 3.0) * (1 - 14 / 3.0) + (4 - 14 / 3.0) * (4 - 14 / 3.0) +
                               (9 - 14 / 3.0) * (9 - 14 / 3.0)) /
                              2);
  for (int i = 0; i < 4; ++i) {
    const auto k = static_cast<std::size_t>(i);
    CHECK(mean.y[k] == doctest::Approx(1.0 / (i + 1) + 14 / 3.0));
    CHECK(mean.high[k] - mean.y[k] == doctest::Approx(sd));
    CHECK(mean.y[k] - mean.low[k] == doctest::Approx(sd));
  }
  CHECK(plot.rows.size() == 4);
}

TEST_CASE("plot: names with markup and control characters are text") {
  const TempFolder folder;
  const std::string evil = "<script>alert(1)</script>\"&'", run = folder / ("a<b>&\x1b[2Jz");
  { viz::History(run).log(0, {{evil, 1.0}, {"colour\x1b[31m", 2.0}}); }
  const CliResult shown = run_cli({"plot", run});
  CHECK(shown.code == 0);
  CHECK_FALSE(has(shown.out, "\x1b"));
  CHECK(has(shown.out, "<script>alert(1)"));
  for (const char* name : {"a.svg", "a.html"}) {
    CHECK(run_cli({"plot", run, "-o", folder / name}).code == 0);
    const std::string text = read_bytes(folder / name);
    CHECK_FALSE(has(text, "<script"));
    CHECK_FALSE(has(text, "<b>&"));
    CHECK_FALSE(has(text, "\x1b"));
    CHECK(has(text, "&lt;script&gt;alert(1)"));
  }
}

TEST_CASE("plot: a history that was cut off is drawn as far as it goes") {
  const TempFolder folder;
  make_counts(folder / "run", 50);
  fs::remove(folder / "run/history.index");
  const std::string whole = read_bytes(folder / "run/history.jsonl");
  const std::size_t end = whole.rfind("\"loss\"");
  write_bytes(folder / "run/history.jsonl", whole.substr(0, end + 8));
  const CliResult result = run_cli({"plot", folder / "run", "--metric", "loss"});
  CHECK(result.code == 0);
  CHECK(has(result.out, "49         48\n"));
  write_bytes(folder / "run/history.jsonl", "not a history at all");
  const CliResult broken = run_cli({"plot", folder / "run"});
  CHECK(broken.code == 1);
  CHECK(has(broken.err, "history.jsonl"));
  CHECK(count(broken.err, "\n") == 1);
}

TEST_CASE("plot: runs that still train, single files, HiddenLayer's pickles, results alone") {
  const TempFolder folder;
  viz::History living(folder / "run/history");
  living.log(0, {{"loss", 3.0}});
  living.log(1, {{"loss", 2.0}});
  CHECK(has(run_cli({"plot", folder / "run"}).out, "loss    run     2"));
  living.log(2, {{"loss", 1.5}});
  CHECK(has(run_cli({"plot", folder / "run"}).out, "loss    run   1.5"));
  living.save(folder / "one.jsonl");
  CHECK(has(run_cli({"plot", folder / "one.jsonl"}).out, "one.jsonl   1.5"));
  const std::string data = std::string(GLASSBOX_TEST_DATA) + "/history/";
  const CliResult pickle = run_cli({"plot", data + "good_4.pkl"});
  CHECK_MESSAGE(pickle.code == 0, pickle.err);
  CHECK(has(pickle.out, "good_4.pkl"));
  const CliResult evil = run_cli({"plot", data + "evil_system_4.pkl"});
  CHECK(evil.code == 1);
  CHECK(has(evil.err, "system"));

  fs::create_directories(folder / "old");
  write_bytes(folder / "old/result.json",
              R"({"epochs": [{"epoch": 1, "loss": 2, "train_accuracy": 0.25, "test_accuracy": 0.5,
                  "images_per_second": 100, "seconds": 1}]})");
  const CliResult old = run_cli({"plot", folder / "old", "--metric", "epoch/test_accuracy"});
  CHECK_MESSAGE(old.code == 0, old.err);
  CHECK(has(old.out, "epoch/test_accuracy  old   0.5"));
  write_bytes(folder / "old/result.json", R"({"epochs": [{"epoch": "one"}]})");
  CHECK(has(run_cli({"plot", folder / "old"}).err, "holds no results of a training"));
}

}  // namespace
}  // namespace glassbox::test
