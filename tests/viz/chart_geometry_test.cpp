// Reads the SVG of charts back: is it well-formed, is all of it inside, do any two texts touch?
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/viz/chart_samples.h"
#include "viz/chart.h"
#include "viz/font_metrics.h"

using namespace glassbox;

namespace {

struct Box {
  double left, top, right, bottom;
  std::string what;
};

bool touch(const Box& a, const Box& b) {
  constexpr double slack = 0.3;
  return a.left + slack < b.right && b.left + slack < a.right && a.top + slack < b.bottom &&
         b.top + slack < a.bottom;
}

std::string unescaped(std::string text) {
  const std::pair<const char*, const char*> pairs[] = {
      {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&#39;", "'"}, {"&amp;", "&"}};
  for (const auto& [from, to] : pairs)
    for (std::size_t at; (at = text.find(from)) != text.npos;)
      text.replace(at, std::string_view(from).size(), to == std::string_view("&") ? "\x01" : to);
  std::replace(text.begin(), text.end(), '\x01', '&');
  return text;
}

class Reader {
 public:
  explicit Reader(const std::string& svg) : svg_(svg) { read(); }
  std::vector<std::string> problems;
  std::vector<Box> texts, shapes;
  std::size_t points = 0;

 private:
  using Attributes = std::map<std::string, std::string>;

  void wrong(const std::string& what) {
    if (problems.size() < 5) problems.push_back(what);
  }

  void read() {
    std::vector<std::string> open;
    for (std::size_t at = 0; at < svg_.size();) {
      const std::size_t begin = svg_.find('<', at);
      const std::string between = svg_.substr(at, begin == svg_.npos ? svg_.npos : begin - at);
      if (between.find('>') != between.npos) wrong("a bare > in " + between);
      if (begin == svg_.npos) break;
      const std::size_t end = svg_.find('>', begin);  // attributes have them escaped
      if (end == svg_.npos) return wrong("a tag is not closed");
      std::string tag = svg_.substr(begin + 1, end - begin - 1);
      at = end + 1;
      if (tag[0] == '/') {
        if (open.empty() || open.back() != tag.substr(1)) return wrong("unexpected " + tag);
        if (open.back() == "svg") --clipped_;
        open.pop_back();
        continue;
      }
      const bool is_closed = tag.back() == '/';
      if (is_closed) tag.pop_back();
      const std::string name = tag.substr(0, tag.find(' '));
      const Attributes attributes = attributes_of(tag);
      static const std::vector<std::string> known = {"svg",  "title", "style", "g",     "text",
                                                     "rect", "path",  "image", "circle"};
      if (std::find(known.begin(), known.end(), name) == known.end()) wrong("an element " + tag);
      const std::string content = svg_.substr(at, svg_.find('<', at) - at);
      if (!is_closed) open.push_back(name);
      element(name, attributes, content);
    }
    if (!open.empty()) wrong("<" + open.back() + "> is not closed");
  }

  Attributes attributes_of(const std::string& tag) {
    Attributes found;
    for (std::size_t at = tag.find(' '); at != tag.npos && at + 1 < tag.size();) {
      const std::size_t equals = tag.find("=\"", at);
      if (equals == tag.npos) {
        wrong("no attribute in " + tag);
        break;
      }
      const std::size_t end = tag.find('"', equals + 2);
      const std::string key = tag.substr(at + 1, equals - at - 1);
      if (!found.emplace(key, tag.substr(equals + 2, end - equals - 2)).second)
        wrong("twice: " + key);
      if (key.find(' ') != key.npos || key.starts_with("on") || key == "id")
        wrong("attribute " + key);
      if (key == "href" && !found[key].starts_with("data:image/png;base64,")) wrong("a link");
      at = tag.find(' ', end);
    }
    return found;
  }

  double number(const Attributes& attributes, const std::string& key) {
    const auto found = attributes.find(key);
    if (found == attributes.end()) {
      wrong("no " + key);
      return 0;
    }
    char* end = nullptr;
    const double value = std::strtod(found->second.c_str(), &end);
    if (*end != 0 || !std::isfinite(value)) wrong(key + " is " + found->second);
    return value;
  }

  void add_shape(const Box& box) {
    if (clipped_ > 1) return;  // cut at the edges of a box that was looked at
    constexpr double slack = 0.6;
    if (box.left < -slack || box.top < -slack || box.right > width_ + slack ||
        box.bottom > height_ + slack)
      wrong("outside: " + box.what);
    shapes.push_back(box);
  }

  void element(const std::string& name, const Attributes& all, const std::string& content) {
    if (name == "svg" && clipped_++ == 0) {
      width_ = number(all, "width");
      height_ = number(all, "height");
      return;
    }
    if (name == "rect" || name == "image" || name == "svg") {
      const double x = number(all, "x"), y = number(all, "y");
      const int clipped = clipped_;
      if (name == "svg") clipped_ = 1;
      add_shape({x, y, x + number(all, "width"), y + number(all, "height"), name});
      clipped_ = clipped;
    } else if (name == "circle") {
      const double x = number(all, "cx"), y = number(all, "cy"), r = number(all, "r");
      add_shape({x - r, y - r, x + r, y + r, name});
    } else if (name == "path") {
      path(all);
    } else if (name == "text") {
      text(all, content);
    }
  }

  void path(const Attributes& all) {
    const std::string& d = all.at("d");
    Box box{1e9, 1e9, -1e9, -1e9, "path " + d.substr(0, 60)};
    std::vector<double> numbers;
    for (const char* at = d.c_str(); *at != 0;) {
      if (*at == 'M' || *at == 'L' || *at == 'Z' || *at == ' ') {
        ++at;
        continue;
      }
      char* end = nullptr;
      numbers.push_back(std::strtod(at, &end));
      if (end == at || !std::isfinite(numbers.back())) return wrong("path " + d.substr(0, 80));
      at = end;
    }
    if (numbers.size() % 2 != 0 || numbers.empty()) wrong("path " + d.substr(0, 80));
    points += numbers.size() / 2;
    for (std::size_t i = 0; i + 1 < numbers.size(); i += 2) {
      box.left = std::min(box.left, numbers[i]);
      box.right = std::max(box.right, numbers[i]);
      box.top = std::min(box.top, numbers[i + 1]);
      box.bottom = std::max(box.bottom, numbers[i + 1]);
    }
    add_shape(box);
  }

  void text(const Attributes& all, const std::string& content) {
    const double size = number(all, "font-size");
    const viz::Face face = all.contains("font-weight") ? viz::Face::bold : viz::Face::regular;
    const std::string shown = unescaped(content);
    const double width = viz::text_width(shown, size, face) / 1.03;  // without its margin
    const std::string anchor = all.contains("text-anchor") ? all.at("text-anchor") : "start";
    const double before = anchor == "start" ? 0 : anchor == "middle" ? width / 2 : width;
    Box box{0, 0, 0, 0, shown.substr(0, 60)};
    if (all.contains("transform")) {  // translate(x y) rotate(-90): read from below
      const std::string& transform = all.at("transform");
      char* end = nullptr;
      const double x = std::strtod(transform.c_str() + 10, &end), y = std::strtod(end, &end);
      if (std::string_view(end) != ") rotate(-90)") wrong("transform " + transform);
      box = {x - 0.74 * size, y - width + before, x + 0.2 * size, y + before, box.what};
    } else {
      const double x = number(all, "x") - before, y = number(all, "y");
      box = {x, y - 0.74 * size, x + width, y + 0.2 * size, box.what};
    }
    if (box.left < -0.5 || box.top < -0.5 || box.right > width_ + 0.5 || box.bottom > height_ + 0.5)
      wrong("text outside: " + box.what);
    for (const Box& other : texts)
      if (touch(box, other)) wrong("\"" + box.what + "\" on \"" + other.what + "\"");
    texts.push_back(box);
  }

  const std::string& svg_;
  double width_ = 0, height_ = 0;
  int clipped_ = 0;
};

std::string problems_of(const std::string& svg) {
  std::string text;
  for (const std::string& problem : Reader(svg).problems) text += problem + "\n";
  return text;
}

}  // namespace

TEST_CASE("chart geometry: the check finds what is wrong") {
  const std::string head = "<svg width=\"100\" height=\"50\">", tail = "</svg>\n";
  const auto text = [](int x, int y, const char* s) {
    return "<text x=\"" + std::to_string(x) + "\" y=\"" + std::to_string(y) +
           "\" font-size=\"10\">" + s + "</text>";
  };
  CHECK(problems_of(head + text(10, 20, "abc") + text(10, 40, "abc") + tail) == "");
  CHECK(problems_of(head + text(10, 20, "abc") + text(20, 22, "abc") + tail) != "");
  CHECK(problems_of(head + text(90, 20, "abc") + tail) != "");
  CHECK(problems_of(head + text(10, 5, "abc") + tail) != "");
  CHECK(problems_of(head + "<rect x=\"-9\" y=\"0\" width=\"5\" height=\"5\"/>" + tail) != "");
  CHECK(problems_of(head + "<path d=\"M0 0L200 0\"/>" + tail) != "");
  CHECK(problems_of(head + "<path d=\"M0 nanL20 0\"/>" + tail) != "");
  CHECK(problems_of(head + "<script>" + tail) != "");
  CHECK(problems_of(head + "<g onclick=\"x\"></g>" + tail) != "");
}

TEST_CASE("chart geometry: every kind in three sizes and every theme") {
  for (const auto& named : test::sample_charts()) {
    const auto& name = named.first;
    const auto& chart = named.second;
    CAPTURE(name);
    for (const auto& size : {std::pair(320.0, 200.0), {640.0, 360.0}, {1280.0, 720.0}}) {
      const double width = size.first, height = size.second;
      for (const auto theme :
           {viz::ThemeMode::light, viz::ThemeMode::dark, viz::ThemeMode::automatic}) {
        CAPTURE(width);
        CHECK(problems_of(viz::to_svg(*chart, {width, height, theme})) == "");
      }
      CHECK(problems_of(viz::to_svg(*chart, {width, 0})) == "");
    }
    // At the size it wants, it says something.
    const std::string svg = viz::to_svg(*chart);
    CHECK(Reader(svg).shapes.size() > 2);
  }
}

namespace {

void check_random_charts(unsigned seed, int rounds) {
  constexpr std::pair<double, double> sizes[] = {{320, 200}, {640, 360}, {1280, 720},
                                                 {60, 40},   {150, 500}, {500, 90}};
  std::mt19937 random(seed);
  for (int round = 0; round < rounds; ++round) {
    CAPTURE(round);
    for (const auto& named : test::random_charts(random)) {
      const auto& name = named.first;
      const auto& chart = named.second;
      CAPTURE(name);
      const auto theme = static_cast<viz::ThemeMode>(round % 3);
      for (const std::pair<double, double>& size : sizes) {
        const double width = size.first, height = size.second;
        CAPTURE(width);
        CHECK(problems_of(viz::to_svg(*chart, {width, height, theme})) == "");
      }
      CHECK(problems_of(viz::to_svg(*chart, {480, 0, theme})) == "");
      CHECK(problems_of(viz::to_svg(*chart, {1, 1, theme})) == "");
    }
  }
}

}  // namespace

TEST_CASE("chart geometry: any data in any size") { check_random_charts(2024, 4); }

TEST_SUITE("slow") {
  TEST_CASE("chart geometry: much random data in any size") { check_random_charts(7, 20); }
}

TEST_CASE("chart geometry: one-sided, single and flat data are drawn") {
  for (const double v : {0.0, 1.0, -3.5, 1e-300, 1e300, -1e300}) {
    CAPTURE(v);
    viz::LineChart chart;
    chart.series = {{"one", {3}, {v}}};
    const std::string one = viz::to_svg(chart);
    CHECK(problems_of(one) == "");
    CHECK(one.find("<circle") != one.npos);
    chart.series = {{"flat", {1, 2, 3, 4}, {v, v, v, v}}};
    const Reader flat(viz::to_svg(chart));
    CHECK(flat.problems.empty());
    CHECK(flat.texts.size() >= 4);  // name, value and ticks
  }
  viz::LineChart empty;
  CHECK(viz::to_svg(empty).find(">no data</text>") != std::string::npos);
}
