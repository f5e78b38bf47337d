// One golden file for each renderer and format, and what must hold of each.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "engine/io/file.h"
#include "layers/models/models.h"
#include "tests/temp_folder.h"
#include "tests/viz/golden.h"
#include "tests/viz/sample_models.h"
#include "viz/summary.h"
#include "viz/text.h"

using namespace glassbox;
using viz::Column;
using viz::Format;
using viz::Style;

namespace {

std::vector<Column> unmeasured() {
  std::vector<Column> columns;
  for (const Column column : viz::all_columns()) {
    if (!viz::is_measured(column)) columns.push_back(column);
  }
  return columns;
}

viz::Summary siamese_summary(viz::SummaryOptions options = {}) {
  test::Siamese model;
  return viz::summary(model, {{3, 32, 32}, {3, 32, 32}}, options);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// Columns of one line of CSV.
std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells{""};
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      cells.emplace_back();
    } else {
      cells.back() += c;
    }
  }
  return cells;
}

}  // namespace

TEST_CASE("summary: each format is its golden file") {
  models::CifarModel cifar;
  const viz::Summary summary = cifar.summary({3, 32, 32}, {.backward = true});
  test::check_golden("cifar_model.summary.md", summary.to_string(Format::markdown));
  test::check_golden("cifar_model.summary.csv", summary.to_string(Format::csv));
  test::check_golden("cifar_model.summary.json", summary.to_string(Format::json));
  test::check_golden("cifar_model.summary.html", summary.to_string(Format::html));
  test::check_golden("cifar_model.keras.txt",
                     cifar.summary({3, 32, 32}, {.style = Style::keras}).to_string());
  const viz::Summary all = siamese_summary({.columns = unmeasured()});
  test::check_golden("siamese.all.txt", all.to_string());
  test::check_golden("siamese.summary.json", all.to_string(Format::json));
  test::check_golden("siamese.keras.txt", siamese_summary({.style = Style::keras}).to_string());
}

TEST_CASE("summary: the same bytes each time") {
  for (const Format format :
       {Format::text, Format::markdown, Format::csv, Format::json, Format::html}) {
    CHECK(siamese_summary({.backward = true}).to_string(format) ==
          siamese_summary({.backward = true}).to_string(format));
  }
}

TEST_CASE("summary: JSON has every row, and its sums are the totals") {
  const nlohmann::json json =
      nlohmann::json::parse(siamese_summary({.backward = true}).to_string(Format::json));
  CHECK(json["schema"] == "glassbox.summary/1");
  std::int64_t parameters = 0;
  double flops = 0, saved = 0, backward = 0;
  for (const auto& row : json["rows"]) {
    parameters += row["parameters"]["own"].get<std::int64_t>();
    if (!row.contains("costs")) continue;
    flops += row["costs"]["flops"].get<double>();
    backward += row["costs"]["flops_backward"].get<double>();
    saved += row["costs"]["saved_bytes"].get<double>();
  }
  CHECK(parameters == json["totals"]["parameters"].get<std::int64_t>());
  CHECK(flops == json["totals"]["flops"].get<double>());
  CHECK(backward == json["totals"]["flops_backward"].get<double>());
  CHECK(saved == json["totals"]["saved_bytes"].get<double>());
  CHECK(json["rows"][0]["inputs"].size() == 2);
  CHECK(json["rows"][0]["outputs"][1]["shape"] == nlohmann::json({"N", 16}));
}

TEST_CASE("summary: CSV has the same columns in every line, and numbers without units") {
  const std::vector<std::string> lines = lines_of(siamese_summary().to_string(Format::csv));
  const std::vector<std::string> head = cells_of(lines[0]);
  for (const std::string& line : lines) CHECK(cells_of(line).size() == head.size());
  const auto macs = static_cast<std::size_t>(std::ranges::find(head, "macs") - head.begin());
  REQUIRE(macs < head.size());
  CHECK(cells_of(lines[1])[macs] == "2801952");
}

TEST_CASE("summary: markup in names is escaped") {
  struct Evil : layers::Module<Evil> {
    layers::Linear fc{2, 2};
    Tensor forward(const Tensor& x) { return fc(x); }
    void fields(layers::Fields& f) { f("<script>alert(1)</script>|`\"&", fc); }
  };
  Evil model;
  const viz::Summary summary = viz::summary(model, {{2}});
  CHECK(summary.to_string(Format::html).find("<script>alert") == std::string::npos);
  const std::string markdown = summary.to_string(Format::markdown);
  for (const std::string& line : lines_of(markdown)) {
    if (line.find("alert") != std::string::npos)
      CHECK(line.find("<script>alert(1)</script>  \"&") != std::string::npos);  // inside backticks
  }
  CHECK(summary.to_string(Format::csv).find("\"<script>alert(1)</script>|`\"\"&\"") !=
        std::string::npos);
}

TEST_CASE("summary: depth, ops and repeats") {
  const auto rows = [](viz::SummaryOptions options) {
    const std::string text = siamese_summary(options).to_string();
    return text.substr(0, text.find("\nParameters"));
  };
  CHECK(lines_of(rows({.depth = 0})).size() == 6);
  CHECK(rows({.depth = 1}).find("stem") == std::string::npos);
  CHECK(rows({.ops = false}).find("()") == std::string::npos);
  CHECK(rows({}).find("2nd call") != std::string::npos);
  CHECK(rows({.repeats = false}).find("2nd call") == std::string::npos);
  // What is hidden is in the figures of what contains it.
  CHECK(rows({.depth = 1}).find("1,440") != std::string::npos);
}

TEST_CASE("summary: a narrow terminal wraps, and nothing is lost") {
  viz::SummaryOptions options{.columns = unmeasured()};
  const std::string wide = siamese_summary(options).to_string();
  options.width = 150;
  const std::string narrow = siamese_summary({.width = 75}).to_string();
  for (const std::string& line : lines_of(narrow)) CHECK(viz::width_of(line) <= 75);
  const auto letters = [](const std::string& text) {
    std::string out;
    for (const char c : text) {
      if (c != ' ' && c != '\n' && static_cast<unsigned char>(c) < 0x80) out += c;
    }
    std::ranges::sort(out);
    return out;
  };
  CHECK(letters(narrow) == letters(siamese_summary().to_string()));
  CHECK(letters(siamese_summary(options).to_string()) == letters(wide));
}

TEST_CASE("summary: ascii is ascii, in every style") {
  for (const Style style : {Style::tree, Style::keras, Style::torchsummary}) {
    const std::string text =
        siamese_summary({.style = style, .columns = {}, .ascii = true}).to_string();
    for (const char c : text) REQUIRE(static_cast<unsigned char>(c) < 0x80);
  }
  viz::SummaryOptions all{.columns = unmeasured(), .ascii = true};
  for (const char c : siamese_summary(all).to_string())
    REQUIRE(static_cast<unsigned char>(c) < 0x80);
}

TEST_CASE("summary: saved by the file's ending") {
  const test::TempFolder folder;
  models::Net net;
  const viz::Summary summary = net.summary({1, 28, 28});
  for (const auto& [ending, format] :
       {std::pair{".txt", Format::text}, std::pair{".md", Format::markdown},
        std::pair{".csv", Format::csv}, std::pair{".json", Format::json},
        std::pair{".html", Format::html}}) {
    const std::string file = folder.path() + "/net" + ending;
    summary.save(file);
    CHECK(io::read_file(file) == summary.to_string(format));
  }
  CHECK_THROWS_WITH_AS(summary.save("net.pdf"), doctest::Contains(".html"), Error);
}

TEST_CASE("summary: columns are found by name") {
  for (const Column column : viz::all_columns()) CHECK(viz::column_of(name_of(column)) == column);
  CHECK_THROWS_WITH_AS(viz::column_of("param"), doctest::Contains("they are path, type"), Error);
}

namespace {

struct Broken : layers::Module<Broken> {
  layers::Conv2d first{3, 8, 3};
  layers::Sequential body{layers::Conv2d{8, 16, 3}, layers::Conv2d{8, 4, 3}};
  layers::Linear head{4, 2};
  Tensor forward(const Tensor& x) { return head(body(relu(first(x)))); }
  void fields(layers::Fields& f) {
    f("first", first);
    f("body", body);
    f("head", head);
  }
};

}  // namespace

TEST_CASE("summary: a model that fails is shown up to where it does") {
  Broken model;
  const viz::Summary summary = viz::summary(model, {{3, 16, 16}});
  REQUIRE(summary.failure);
  CHECK(summary.failure->op == "conv2d");
  CHECK(summary.rows[static_cast<std::size_t>(summary.failure->row)].path == "body.1");
  REQUIRE(summary.failure->inputs.size() >= 2);
  CHECK(viz::to_string(summary.failure->inputs[0], -1) == "[N, 16, 12, 12]");
  CHECK(viz::to_string(summary.failure->inputs[1], -1) == "[4, 8, 3, 3]");
  CHECK(summary.failure->suggestion == "Conv2d{16, 4, 3, ...} takes it");
  test::check_golden("broken.tree.txt", summary.to_string());
  CHECK(summary.to_string(Format::html).find("The forward pass failed") != std::string::npos);
  CHECK(nlohmann::json::parse(summary.to_string(Format::json))["failure"]["op"] == "conv2d");
  CHECK_THROWS_WITH_AS(viz::summary(model, {{3, 16, 16}}, {.style = Style::keras}).to_string(),
                       doctest::Contains("in Broken.body.1"), Error);
}
