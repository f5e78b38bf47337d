#include "viz/font_metrics.h"

#include <doctest/doctest.h>

using glassbox::viz::Face;
using glassbox::viz::text_width;

// Helvetica's widths, from Adobe's font metrics (AFM), in thousandths: digits 556, A 667, i 222,
// space 278, multiply 584; of Helvetica-Bold: A 722, i 278.
TEST_CASE("font metrics: as Helvetica's, with a margin") {
  const auto is = [](double width, double thousandths) {
    CHECK(width == doctest::Approx(thousandths * 1.03 / 1000));
  };
  is(text_width("0123456789", 1), 5560);
  is(text_width("A", 1), 667);
  is(text_width("i i", 1), 222 + 278 + 222);
  is(text_width("3×3", 1), 556 + 584 + 556);
  is(text_width("A", 1, Face::bold), 722);
  is(text_width("i", 1, Face::bold), 278);
  is(text_width("→", 1), 1000);
  CHECK(text_width("Conv", 22) == doctest::Approx(2 * text_width("Conv", 11)));
  CHECK(text_width("", 11) == 0);
}

TEST_CASE("font metrics: mono is as wide for every character") {
  CHECK(text_width("iii", 10, Face::mono) == text_width("W×→", 10, Face::mono));
}

TEST_CASE("font metrics: characters that no table has, and bytes that are no character") {
  CHECK(text_width("層", 10) == doctest::Approx(10.3));
  CHECK(text_width("\xF0\x9F\x98\x80", 10) > 10.3);
  CHECK(text_width("e\xCC\x81", 10) == text_width("e", 10));  // an accent of its own
  CHECK(text_width("\xFF\xE2\x86", 10) == doctest::Approx(2 * 10.3));
}
