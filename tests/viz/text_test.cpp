#include "viz/text.h"

#include <doctest/doctest.h>

using namespace glassbox::viz;

TEST_CASE("text: numbers") {
  CHECK(with_commas(0) == "0");
  CHECK(with_commas(999) == "999");
  CHECK(with_commas(1000) == "1,000");
  CHECK(with_commas(-132868840) == "-132,868,840");
  // Ties go to the even digit of the exact binary value, as in Python.
  CHECK(fixed(0.125, 2) == "0.12");
  CHECK(fixed(0.375, 2) == "0.38");
  CHECK(fixed(2.675, 2) == "2.67");
  CHECK(fixed(689.268280029296875, 2) == "689.27");
  CHECK(with_si(0) == "0");
  CHECK(with_si(999) == "999");
  CHECK(with_si(1000) == "1.00 k");
  CHECK(with_si(7.609e9) == "7.61 G");
  CHECK(with_si(99.96e6) == "100 M");
  CHECK(with_binary_unit(40) == "40 B");
  CHECK(with_binary_unit(1024) == "1.00 KiB");
  CHECK(with_binary_unit(531475360) == "507 MiB");
  CHECK(ordinal(1) == "1st");
  CHECK(ordinal(2) == "2nd");
  CHECK(ordinal(11) == "11th");
  CHECK(ordinal(23) == "23rd");
}

TEST_CASE("text: widths are in code points") {
  CHECK(width_of("├─ 3×3") == 6);
  CHECK(pad_right("×", 3) == "×  ");
  CHECK(pad_left("×", 3) == "  ×");
}
