// Charts in a terminal: golden files, and what must hold of any.
#include <doctest/doctest.h>

#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "tests/viz/chart_samples.h"
#include "tests/viz/golden.h"
#include "viz/chart.h"
#include "viz/chart_text_canvas.h"

using namespace glassbox;
using viz::ColorDepth;
using viz::TerminalOptions;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t at = 0;
  for (std::size_t end; (end = text.find('\n', at)) != text.npos; at = end + 1)
    lines.push_back(text.substr(at, end - at));
  CHECK(at == text.size());
  return lines;
}

// Without its colours; `problem` where there is an escape sequence of another sort.
std::string plain(const std::string& text, std::string& problem) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\x1B') {
      const auto c = static_cast<unsigned char>(text[at]);
      if (c < 0x20 && c != '\n') problem = "a control character " + std::to_string(c);
      out += text[at];
      continue;
    }
    const std::size_t end = text.find('m', at);
    const std::string inside = text.substr(at + 1, end - at - 1);
    if (end == text.npos || inside.find_first_not_of("[0123456789;") != inside.npos)
      problem = "the sequence " + inside;
    at = end;
  }
  return out;
}

}  // namespace

TEST_CASE("chart text: golden files at 80 and 200 columns") {
  for (const auto& named : test::sample_charts()) {
    const auto& name = named.first;
    const auto& chart = named.second;
    for (const int columns : {80, 200}) {
      const std::string file = "chart_" + name + "." + std::to_string(columns) + ".txt";
      test::check_golden(file, viz::to_terminal(*chart, {.columns = columns}));
    }
  }
  TerminalOptions options{.columns = 80, .colors = ColorDepth::full};
  test::check_golden("chart_lines.color.txt", viz::to_terminal(test::sample_lines(), options));
  options.colors = ColorDepth::palette256;
  test::check_golden("chart_images.palette.txt", viz::to_terminal(test::sample_images(), options));
  options = {.columns = 80, .ascii = true};
  test::check_golden("chart_lines.ascii.txt", viz::to_terminal(test::sample_lines(), options));
  test::check_golden("chart_images.ascii.txt", viz::to_terminal(test::sample_images(), options));
}

TEST_CASE("chart text: never wider, no spaces at ends, no control characters") {
  std::mt19937 random(77);
  std::vector<test::NamedChart> charts = test::sample_charts();
  for (int round = 0; round < 25; ++round)
    for (auto& chart : test::random_charts(random)) charts.push_back(chart);
  for (const auto& named : charts) {
    const auto& name = named.first;
    const auto& chart = named.second;
    CAPTURE(name);
    const int columns = 20 + static_cast<int>(random() % 200);
    TerminalOptions options{.columns = columns, .rows = static_cast<int>(random() % 40)};
    options.colors = static_cast<ColorDepth>(random() % 3);
    options.ascii = random() % 3 == 0;
    options.dark = random() % 2 == 0;
    CAPTURE(columns);
    CAPTURE(options.rows);
    std::string problem;
    const std::string text = plain(viz::to_terminal(*chart, options), problem);
    CHECK(problem == "");
    const auto lines = lines_of(text);
    if (options.rows > 0) CHECK(lines.size() == static_cast<std::size_t>(options.rows));
    for (const std::string& line : lines) {
      CHECK(viz::detail::columns_of(line) <= columns);
      if (options.colors == ColorDepth::none && !line.empty()) CHECK(line.back() != ' ');
    }
  }
}

TEST_CASE("chart text: colours change nothing but colours") {
  for (const auto& named : test::sample_charts()) {
    const auto& name = named.first;
    const auto& chart = named.second;
    if (name != "lines" && name != "bars") continue;
    CAPTURE(name);
    std::string problem;
    const auto full = viz::to_terminal(*chart, {.columns = 100, .colors = ColorDepth::full});
    const auto some = viz::to_terminal(*chart, {.columns = 100, .colors = ColorDepth::palette256});
    CHECK(full.find("38;2;") != full.npos);
    CHECK(full.find("38;5;") == full.npos);
    CHECK(some.find("38;5;") != some.npos);
    CHECK(some.find("38;2;") == some.npos);
    CHECK(plain(full, problem) == plain(some, problem));
    const auto none = viz::to_terminal(*chart, {.columns = 100});
    CHECK(none.find('\x1B') == none.npos);
    // Every line that has a colour ends without one.
    for (const std::string& line : lines_of(full))
      if (const std::size_t last = line.rfind('\x1B'); last != line.npos)
        CHECK(line.compare(last, 4, "\x1B[0m") == 0);
  }
}

TEST_CASE("chart text: ASCII is ASCII, names apart") {
  viz::LineChart chart = test::sample_lines();
  const std::string text = viz::to_terminal(chart, {.columns = 80, .ascii = true});
  for (const char c : text) CHECK(static_cast<unsigned char>(c) < 0x80);
  chart.series[0].name = "café";
  CHECK(viz::to_terminal(chart, {.columns = 80, .ascii = true}).find("café") != std::string::npos);
}

TEST_CASE("chart text: a curve is where its values are") {
  viz::LineChart chart;
  chart.series = {{"", {0, 1, 2, 3}, {0, 1, 2, 3}}};
  chart.legend = chart.mark_last = false;
  const auto lines = lines_of(viz::to_terminal(chart, {.columns = 40, .rows = 12, .ascii = true}));
  REQUIRE(lines.size() == 12);
  // It rises: further up each star is further right.
  std::size_t before = 1000;
  int rows = 0;
  for (const std::string& line : lines) {
    const std::size_t at = line.find('*');
    if (at == line.npos) continue;
    CHECK(at < before);
    before = at;
    ++rows;
  }
  CHECK(rows == 10);
  CHECK(lines[0].find('*') > 34);
}

TEST_CASE("chart text: widths of characters") {
  CHECK(viz::detail::columns_of("abc") == 3);
  CHECK(viz::detail::columns_of("猫と犬") == 6);
  CHECK(viz::detail::columns_of("e\xCC\x81") == 1);
  CHECK(viz::detail::columns_of("😀") == 2);
  CHECK(viz::detail::columns_of("a\x1B[31m\x07") == 5);  // what is printed of it
  CHECK(viz::detail::columns_of("\xE2\x80\xAE") == 0);
  CHECK(viz::detail::columns_of("\xFF") == 1);
  const auto glyphs = viz::detail::glyphs_of("\x1B]0;x\x07é");
  REQUIRE(glyphs.size() == 5);
  CHECK(glyphs[0].text == "]");
  CHECK(glyphs[4].text == "é");
}

TEST_CASE("chart text: options") {
  const auto chart = test::sample_lines();
  CHECK_THROWS_AS(viz::to_terminal(chart, {.columns = 19}), Error);
  CHECK_THROWS_AS(viz::to_terminal(chart, {.columns = 80, .rows = -1}), Error);
}

namespace {

// A variable of the environment for one scope.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    const char* old = std::getenv(name);
    had_ = old != nullptr;
    if (had_) old_ = old;
    setenv(name, value, 1);
  }
  ~Variable() {
    if (had_)
      setenv(name_, old_.c_str(), 1);
    else
      unsetenv(name_);
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  bool had_ = false;
  std::string old_;
};

}  // namespace

TEST_CASE("chart text: what a terminal can show") {
  const Variable term("TERM", "xterm-256color"), color("COLORTERM", ""), none("NO_COLOR", "");
  CHECK(viz::color_depth(false) == ColorDepth::none);
  CHECK(viz::color_depth(true) == ColorDepth::palette256);
  {
    const Variable full("COLORTERM", "truecolor");
    CHECK(viz::color_depth(true) == ColorDepth::full);
    CHECK(viz::color_depth(false) == ColorDepth::none);
    const Variable off("NO_COLOR", "1");
    CHECK(viz::color_depth(true) == ColorDepth::none);
  }
  const Variable dumb("TERM", "dumb");
  CHECK(viz::color_depth(true) == ColorDepth::none);
}
