// Every printed figure is what its printed formula gives: the numbers are evaluated again, the
// terms added again.
#include "viz/explain.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>

#include "layers/models/models.h"
#include "tests/viz/sample_models.h"
#include "viz/measure.h"
#include "viz/summary_columns.h"

using namespace glassbox;

namespace {

// Sums, products, quotients, parentheses and min(a, b) of numbers.
class Calculator {
 public:
  explicit Calculator(const std::string& text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text.compare(i, 2, "×") == 0) {
        text_ += '*';
        ++i;
      } else if (text.compare(i, 3, "−") == 0) {
        text_ += '-';
        i += 2;
      } else if (text[i] != ' ') {
        text_ += text[i];
      }
    }
  }
  double value() {
    const double v = sum();
    if (at_ != text_.size()) FAIL("cannot read ", text_, " from ", at_);
    return v;
  }

 private:
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  double sum() {
    double v = product();
    for (;;) {
      if (take('+')) {
        v += product();
      } else if (take('-')) {
        v -= product();
      } else {
        return v;
      }
    }
  }
  double product() {
    double v = factor();
    for (;;) {
      if (take('*')) {
        v *= factor();
      } else if (take('/')) {
        v /= factor();
      } else {
        return v;
      }
    }
  }
  double factor() {
    if (text_.compare(at_, 4, "min(") == 0) {
      at_ += 4;
      const double a = sum();
      if (!take(',')) FAIL("min without a second value in ", text_);
      const double b = sum();
      take(')');
      return std::min(a, b);
    }
    if (take('(')) {
      const double v = sum();
      take(')');
      return v;
    }
    const char* begin = text_.c_str() + at_;
    char* end = nullptr;
    const double v = std::strtod(begin, &end);
    if (end == begin) FAIL("no number in ", text_, " at ", at_);
    at_ += static_cast<std::size_t>(end - begin);
    return v;
  }

  std::string text_;
  std::size_t at_ = 0;
};

bool close(double a, double b) {
  return std::abs(a - b) <= 1e-9 * std::max(std::abs(a), std::abs(b));
}

// How often a figure was given "by the op's own rule", which explains nothing.
int check_explanations(const viz::Summary& summary, std::set<std::string>& titles) {
  int bare = 0;
  for (int i = 0; i < static_cast<int>(summary.rows.size()); ++i) {
    const viz::Summary::Row& row = summary.rows[static_cast<std::size_t>(i)];
    std::map<std::string, double> explained;
    for (const viz::Explanation& e : viz::explain(summary, i)) {
      const std::string where = summary.model + " " + row.path + " " + e.title;
      INFO(where, ": ", e.numbers);
      titles.insert(e.title);
      explained[e.title] = e.value;
      CHECK((!e.numbers.empty() || !e.terms.empty()));
      if (!e.numbers.empty()) CHECK(close(Calculator(e.numbers).value(), e.value));
      if (!e.terms.empty()) {
        double total = 0;
        for (const auto& [name, value] : e.terms) total += value;
        CHECK(close(total, e.value));
      }
      bare += e.formula == "by the op's own rule";
    }
    // Every figure of the table is explained, and is the one in the table.
    for (const viz::Column column : viz::all_columns()) {
      const std::optional<double> number = viz::detail::number_of(summary, row, column);
      if (!number || *number == 0 || column == viz::Column::time ||
          column == viz::Column::time_backward) {
        continue;
      }
      const std::string title(viz::detail::title_of(column));
      INFO(summary.model, " ", row.path, " ", title);
      REQUIRE(explained.contains(title));
      CHECK(close(explained[title], *number));
    }
  }
  return bare;
}

}  // namespace

TEST_CASE("explain: the printed terms give the printed figures") {
  std::set<std::string> titles;
  const DeviceScope meta(Device::meta());
  for (const std::string name :
       {"cifar", "mnist", "resnet18", "googlenet", "mobilenet_v2", "alexnet", "unet", "siamese",
        "autoencoder", "mlp", "transformer", "char_rnn"}) {
    CAPTURE(name);
    const auto entry =
        std::ranges::find_if(models::zoo(), [&](const auto& e) { return e.name == name; });
    REQUIRE(entry != models::zoo().end());
    const auto model = entry->make();
    for (const std::int64_t batch : {-1, 7}) {
      const viz::Summary summary = viz::summary(*model, {}, {.batch = batch, .backward = true});
      check_explanations(summary, titles);
    }
  }
  test::Siamese siamese;
  check_explanations(viz::summary(siamese, {{3, 32, 32}, {3, 32, 32}}, {.backward = true}), titles);
  check_explanations(viz::summary(siamese), titles);
  for (const viz::Column column : viz::all_columns()) {
    if (viz::is_measured(column) || viz::detail::unit_of(column).empty()) continue;
    CHECK(titles.contains(std::string(viz::detail::title_of(column))));
  }
  CHECK(titles.contains("MACs"));
  CHECK(titles.contains("Field, height"));
  CHECK(titles.contains("Eff. stride, width"));
}

TEST_CASE("explain: convolutions and matrix products have formulas of their own") {
  const DeviceScope meta(Device::meta());
  std::set<std::string> titles;
  models::CifarModel cifar;
  const viz::Summary summary = cifar.summary({3, 32, 32}, {.backward = true});
  for (std::size_t i = 0; i < summary.rows.size(); ++i) {
    for (const viz::Explanation& e : viz::explain(summary, static_cast<int>(i))) {
      if (e.title == "MACs") CHECK(e.formula != "by the op's own rule");
    }
  }
  const std::string text = viz::explain_text(summary, "c2d");
  CHECK(text.find("MACs                  442,368\n"
                  "  = N · oh · ow · out channels · (in channels / groups) · kh · kw\n"
                  "  = 1 × 32 × 32 × 16 × (3 / 1) × 3 × 3\n") != std::string::npos);
  CHECK(text.find("Parameters            448\n  = weight + bias\n  = 16 × 3 × 3 × 3 + 16\n") !=
        std::string::npos);
  CHECK(viz::explain_text(summary, "CifarModel").find("  + 35,024   features\n") !=
        std::string::npos);
  CHECK_THROWS_WITH_AS(viz::explain_text(summary, "features.77"),
                       doctest::Contains("no row is at \"features.77\"; did you mean features"),
                       Error);
}

TEST_CASE("explain: measured figures too") {
  models::Net net;
  viz::Summary summary = viz::summary(net, {{1, 28, 28}}, {.batch = 4, .backward = true});
  viz::measure(summary, net, {.runs = 3, .seconds = 0});
  std::set<std::string> titles;
  check_explanations(summary, titles);
  CHECK(titles.contains("GFLOP/s"));
  CHECK(titles.contains("Of roof"));
}
