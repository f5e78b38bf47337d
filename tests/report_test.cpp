// The report of a training: what it shows, and that nothing in a run breaks it.
#include "glassbox/report.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/engine.h"
#include "engine/io/file.h"
#include "glassbox/report_page.h"
#include "glassbox/report_parts.h"
#include "layers/layers.h"
#include "tests/cli_run.h"
#include "tests/small_mnist.h"
#include "tests/temp_folder.h"
#include "viz/history.h"

namespace glassbox::test {
namespace {

namespace fs = std::filesystem;
using Arguments = std::vector<std::string>;

struct ReportedNet : layers::Module<ReportedNet> {
  layers::Conv2d conv{1, 4, 5, {.stride = 2}};
  layers::Linear fc{4 * 12 * 12, 10};
  Tensor forward(const Tensor& x) { return fc(relu(conv(x)).flatten(1)); }
  void fields(layers::Fields& f) {
    f("conv", conv);
    f("fc", fc);
  }
  static Shape input_shape() { return {1, 28, 28}; }
};
// Without a convolution, and without a layer that looks at every pixel.
struct NoFilters : layers::Module<NoFilters> {
  layers::Linear fc{14, 10};
  Tensor forward(const Tensor& x) { return fc(max_pool2d(x, {.kernel_size = {14, 4}}).flatten(1)); }
  void fields(layers::Fields& f) { f("fc", fc); }
  static Shape input_shape() { return {1, 28, 28}; }
};
const std::vector<models::Entry> own{{"reported", "", models::make<ReportedNet>},
                                     {"nofilters", "", models::make<NoFilters>}};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++n;
  return n;
}

struct Place {
  TempFolder folder;
  Place() { make_small_mnist(folder / "data", 160, 60); }
  std::string operator/(const std::string& name) const { return folder / name; }
  CliResult train(const std::string& run, const Arguments& more = {},
                  const char* model = "reported") const {
    Arguments all{"train",        "--model",    model,      "--data",      folder / "data",
                  "--run",        folder / run, "--epochs", "2",           "--lr",
                  "0.002",        "--threads",  "1",        "--log-every", "2",
                  "--batch-size", "16"};
    all.insert(all.end(), more.begin(), more.end());
    return run_cli(all, own);
  }
  std::string report(const std::string& run) const {
    return read_bytes(folder / (run + "/report.html"));
  }
  // Made again from the folder.
  std::string again(const std::string& run) const {
    const CliResult result = run_cli({"report", folder / run, "--threads", "1"}, own);
    CHECK_MESSAGE(result.code == 0, result.err);
    return report(run);
  }
};

// Nothing that runs or is fetched, and as many ends as beginnings.
void check_page(const std::string& page) {
  CHECK(page.starts_with("<!doctype html>"));
  CHECK(page.ends_with("</html>\n"));
  CHECK_FALSE(has(page, "<script"));
  CHECK_FALSE(has(page, "@import"));
  CHECK_FALSE(has(page, "url("));
  CHECK(count(page, "src=\"") == count(page, "src=\"data:image/png;base64,"));
  CHECK(count(page, "href=\"") ==
        count(page, "href=\"#") + count(page, "href=\"data:image/png;base64,"));
  CHECK(count(page, "http") == count(page, "http://www.w3.org/2000/svg") + 1);  // http-equiv
  for (const char* tag : {"section", "table", "figure", "svg", "div", "tr", "g", "style"}) {
    CAPTURE(tag);
    const std::string name(tag);
    CHECK(count(page, "<" + name + ">") + count(page, "<" + name + " ") ==
          count(page, "</" + name + ">"));
  }
}

TEST_CASE("report: every training ends by naming one, with all parts in order") {
  const Place place;
  const CliResult result = place.train("run", {"--schedule", "cosine"});
  REQUIRE_MESSAGE(result.code == 0, result.err);
  CHECK(result.err.empty());
  CHECK(result.out.ends_with("report " + place / "run/report.html" + "\n"));
  const std::string page = place.report("run");
  check_page(page);
  CHECK(page.size() < 1'500'000);
  CHECK_FALSE(has(page, "Left out"));
  std::size_t at = 0;
  for (const char* id : {"curves", "confusion", "mistakes", "filters", "feature-maps", "over-time",
                         "weights", "graph", "summary", "configuration"}) {
    CAPTURE(id);
    const std::size_t found = page.find("<section id=\"" + std::string(id) + "\">", at);
    CHECK(found != std::string::npos);
    at = found;
  }
  for (const char* chart : {"loss of batches", "accuracy of batches", "accuracy of epochs",
                            "loss of epochs", "learning rate"})
    CHECK_MESSAGE(has(page, ">" + std::string(chart) + "</text>"), chart);
  CHECK(has(page, "<title>reported on MNIST in " + place / "data" + "</title>"));
  CHECK(has(page, "conv.weight [4,1,5,5]"));
  CHECK(has(page, "--schedule cosine"));
  CHECK(has(page, "prefers-color-scheme: dark"));
  CHECK(has(page, "@media print"));

  // The figures are those of evaluate, although the training's own pass made them.
  const auto e = nlohmann::json::parse(
      run_cli({"evaluate", place / "run", "--format", "json", "--worst", "12"}, own).out);
  CHECK(has(page, "<span>" + detail::percent(e.at("accuracy").get<double>(), 2) + "</span>"));
  CHECK(count(page, "<figure><img") == e.at("worst").size() + 1);  // and the one of the maps
  for (const auto& mistake : e.at("worst"))
    CHECK(has(page, " · no. " + std::to_string(mistake.at("index").get<int>()) + "<"));
  // Made again from the folder, it is the same page.
  CHECK(place.again("run") == page);
}

TEST_CASE("report: what a run lacks is left out, and said") {
  const Place place;
  REQUIRE(place.train("run").code == 0);
  SUBCASE("a run that was stopped: from its newest checkpoint") {
    fs::remove(place / "run/result.json");
    fs::remove(place / "run/model.safetensors");
    const std::string page = place.again("run");
    check_page(page);
    CHECK_FALSE(has(page, "Left out"));
    CHECK(has(page, "<section id=\"confusion\">"));
  }
  SUBCASE("no history: the curves of the epochs' results") {
    fs::remove_all(place / "run/history");
    const std::string page = place.again("run");
    check_page(page);
    CHECK(has(page, ">accuracy of epochs</text>"));
    CHECK_FALSE(has(page, ">loss of batches</text>"));
    CHECK(has(page, "<b>weights over time</b>: no weights were logged"));
  }
  SUBCASE("a history that is none") {
    write_bytes(place / "run/history/history.jsonl", std::string(5000, 'x'));
    const std::string page = place.again("run");
    check_page(page);
    CHECK(has(page, "<b>history</b>: "));
    CHECK_FALSE(has(page, "<section id=\"curves\">"));
    CHECK(has(page, "<section id=\"mistakes\">"));
  }
  SUBCASE("a history that was cut off, its tensors too") {
    const std::string whole = read_bytes(place / "run/history/history.jsonl");
    write_bytes(place / "run/history/history.jsonl", whole.substr(0, whole.size() / 2));
    write_bytes(place / "run/history/tensors.bin", "x");
    fs::remove(place / "run/history/history.index");
    const std::string page = place.again("run");
    check_page(page);
    CHECK(has(page, ">loss of batches</text>"));
    CHECK(has(page, "<b>weights over time</b>: "));
    CHECK_FALSE(has(page, "<section id=\"weights\">"));
  }
  SUBCASE("weights that are broken: the graph is there") {
    write_bytes(place / "run/model.safetensors", "x");
    const std::string page = place.again("run");
    check_page(page);
    CHECK(has(page, "<b>whatever needs trained weights</b>: "));
    CHECK(has(page, "<section id=\"graph\">"));
    CHECK_FALSE(has(page, "<section id=\"confusion\">"));
  }
  SUBCASE("no test images") {
    fs::remove_all(place / "data");
    const std::string page = place.again("run");
    check_page(page);
    CHECK(has(page, "<b>whatever needs the test images</b>: "));
    CHECK(has(page, "<section id=\"filters\">"));
    CHECK_FALSE(has(page, "<section id=\"mistakes\">"));
  }
  SUBCASE("results that are broken") {
    write_bytes(place / "run/result.json", R"({"epochs": 7})");
    const std::string page = place.again("run");
    check_page(page);
    CHECK(has(page, "<b>results of the epochs</b>: "));
  }
  SUBCASE("no configuration: no run") {
    fs::remove(place / "run/config.json");
    const CliResult result = run_cli({"report", place / "run"}, own);
    CHECK(result.code == 2);
    CHECK(has(result.err, "is no run's folder"));
  }
}

TEST_CASE("report: a model without convolutions") {
  const Place place;
  const CliResult result = place.train("run", {}, "nofilters");
  REQUIRE_MESSAGE(result.code == 0, result.err);
  const std::string page = place.report("run");
  check_page(page);
  CHECK(has(page, "<b>first-layer filters</b>: the model has no convolution"));
  CHECK(has(page, "<b>feature maps</b>: the model has no convolution"));
  CHECK(has(page, "<section id=\"confusion\">"));
}

TEST_CASE("report: one that cannot be written costs nothing of the training") {
  const Place place;
  REQUIRE(place.train("run").code == 0);
  fs::remove(place / "run/report.html");
  fs::create_directories(place / "run/report.html/in the way");
  const CliResult result =
      run_cli({"train", "--resume", place / "run", "--epochs", "3", "--threads", "1"}, own);
  CHECK(result.code == 0);
  CHECK(has(result.err, "glassbox: no report written ("));
  CHECK(count(result.err, "\n") == 1);
  CHECK(nlohmann::json::parse(read_bytes(place / "run/result.json")).at("epochs").size() == 3);
  // Another file may be named.
  CHECK(run_cli({"report", place / "run", "-o", place / "other.html"}, own).out ==
        "wrote " + place / "other.html" + "\n");
  CHECK(run_cli({"report", place / "run"}, own).code == 1);
}

ReportSource source_of(const std::string& run, std::size_t classes) {
  ReportSource source;
  source.run = run;
  source.options.model_name = "model";
  source.info.note = "data";
  for (std::size_t c = 0; c < classes; ++c)
    source.info.classes.push_back("class " + std::to_string(c));
  Evaluator evaluator(classes, mistakes_of_a_report);
  // Of class c, c + 1 images were taken for the class before it, and one for itself.
  const auto n = static_cast<std::int64_t>(std::min<std::size_t>(classes, 40));
  for (std::int64_t c = 0; c < n; ++c) {
    Tensor outputs = zeros({c + 2, static_cast<std::int64_t>(classes)});
    for (std::int64_t i = 0; i < c + 2; ++i)
      outputs.mutable_data<float>()[static_cast<std::size_t>(
          i * static_cast<std::int64_t>(classes) +
          (i == 0 ? c : std::max<std::int64_t>(0, c - 1)))] = 5;
    evaluator.add(outputs, full({c + 2}, c, DType::i64), arange(c + 2));
  }
  Data data;
  data.info = source.info;
  source.evaluation = evaluator.result(data);
  return source;
}

TEST_CASE("report: one class, and a thousand") {
  const TempFolder folder;
  write_bytes(folder / "config.json", "{}");
  const std::string one = report_html(source_of(folder.path(), 1));
  check_page(one);
  CHECK(has(one, "<section id=\"confusion\">"));
  CHECK(has(one, "100.00 %"));
  const std::string thousand = report_html(source_of(folder.path(), 1000));
  check_page(thousand);
  CHECK(thousand.size() < 200'000);
  CHECK(has(thousand, "A matrix of 1,000 classes cannot be read"));
  // The pair that was confused most often is the first.
  CHECK(has(thousand, "<th scope=row>class 39</th><td>class 38</td><td class=n>40</td>"));
  const std::string hundred = report_html(source_of(folder.path(), 100));
  check_page(hundred);
  CHECK(has(hundred, "The 30 classes of the least recall"));
}

TEST_CASE("report: names with markup are text") {
  const TempFolder folder;
  const std::string evil = "</title><script>alert('1')</script>\"onload=\"x";
  const std::string escaped = "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;onload=&quot;x";
  nlohmann::json config;
  config["options"] = {{"model", evil}, {evil, evil}};
  config["commands"] = {{{"time", evil}, {"arguments", {"train", evil, 7, nullptr}}}};
  config["machine"] = 7;
  write_bytes(folder / "config.json", config.dump());
  {
    viz::History history(folder / "history");
    for (int i = 0; i < 3; ++i)
      history.log(i, {{evil, double(i)}, {evil + "weight", ones({2})}, {evil + "m", ones({2, 2})}});
  }
  ReportSource source = source_of(folder.path(), 3);
  source.options.model_name = evil;
  source.info.note = evil;
  source.info.classes = {evil, evil, evil};
  source.evaluation->classes = source.info.classes;
  source.left_out = {{evil, evil}};
  const std::string page = report_html(source);
  check_page(page);
  CHECK(count(page, escaped) > 20);
  CHECK(count(page, "</title>") == count(page, "<title>"));
}

TEST_CASE("report: a drawing in two themes becomes one that follows") {
  const std::string light =
      "<svg height=\"9\"><rect fill=\"#FFFFFF\" stroke=\"#000000\"/><text fill=\"#111111\">a &lt; "
      "b</text></svg>";
  std::string dark = light;
  dark.replace(dark.find("#FFFFFF"), 7, "#101010");
  dark.replace(dark.find("#000000"), 7, "#EEEEEE");
  CHECK(following_svg(light, dark) ==
        "<svg height=\"9\">\n<style>@media screen and (prefers-color-scheme: dark) {\n"
        ".gb-fFFFFFF101010{fill:#101010}\n.gb-s000000EEEEEE{stroke:#EEEEEE}\n}</style>"
        "<rect fill=\"#FFFFFF\" stroke=\"#000000\" class=\"gb-fFFFFFF101010 "
        "gb-s000000EEEEEE\"/><text fill=\"#111111\">a &lt; b</text></svg>");
  CHECK(following_svg(light, light) == light);
  // Not alike but for colours.
  std::string other = dark;
  other.replace(other.find("height=\"9\""), 10, "height=\"8\"");
  CHECK(following_svg(light, other) == light);
  CHECK(following_svg(light, dark + " ") == light);
}

}  // namespace
}  // namespace glassbox::test
