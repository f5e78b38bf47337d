// Images against Pillow's and torchvision's bytes (tests/data/images/make.py), and broken ones.
#include "datasets/image.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <sstream>

#include "tests/skip.h"
#include "tests/temp_folder.h"

namespace glassbox::datasets {
namespace {

using test::TempFolder;

constexpr const char* no_png = "this build has no libpng";
constexpr const char* no_jpeg = "this build has no libjpeg";

std::string data(const std::string& name) {
  return std::string(GLASSBOX_TEST_DATA) + "/images/" + name;
}

// A binary PPM as u8 [3,h,w].
Tensor read_ppm(const std::string& name) {
  std::istringstream in(test::read_bytes(data(name)));
  std::string magic;
  std::int64_t w = 0, h = 0, most = 0;
  in >> magic >> w >> h >> most;
  REQUIRE(magic == "P6");
  in.get();
  Tensor image = empty({3, h, w}, DType::u8, Device::cpu());
  const auto to = image.mutable_data<std::uint8_t>();
  for (std::int64_t i = 0; i < h * w; ++i) {
    for (std::int64_t c = 0; c < 3; ++c)
      to[static_cast<std::size_t>(c * h * w + i)] = static_cast<std::uint8_t>(in.get());
  }
  return image;
}

// The largest difference of two images of one shape.
int difference(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  REQUIRE(a.dtype() == DType::u8);
  int largest = 0;
  for (std::size_t i = 0; i < a.data<std::uint8_t>().size(); ++i) {
    largest = std::max(largest,
                       std::abs(int(a.data<std::uint8_t>()[i]) - int(b.data<std::uint8_t>()[i])));
  }
  return largest;
}

TEST_CASE("PNG images of every kind become the RGB that Pillow makes of them") {
  if (!can_use_png()) return test::skip(no_png);
  for (const std::string name :
       {"rgb.png", "rgba.png", "grey.png", "grey_alpha.png", "bits.png", "palette.png",
        "palette_alpha.png", "interlaced.png", "rgb16.png", "grey16.png"}) {
    CAPTURE(name);
    CHECK(difference(read_image(data(name)), read_ppm(name + ".ppm")) == 0);
  }
}

TEST_CASE("JPEG images of every kind become the RGB that Pillow makes of them") {
  if (!can_read_jpeg()) return test::skip(no_jpeg);
  for (const std::string name : {"rgb.jpg", "progressive.jpg", "grey.jpg", "inks.jpg"}) {
    CAPTURE(name);
    // Versions of libjpeg may round differently.
    CHECK(difference(read_image(data(name)), read_ppm(name + ".ppm")) <= 2);
  }
}

TEST_CASE("resizing gives Pillow's bytes") {
  if (!can_use_png()) return test::skip(no_png);
  const Tensor wide = read_image(data("wide.png"));
  for (const Pair size :
       {Pair(16), Pair(50, 70), Pair(23, 10), Pair(7, 37), Pair(1), Pair(24, 36)}) {
    CAPTURE(to_string(size));
    CHECK(difference(resize(wide, size), read_ppm("wide_" + to_string(size) + ".ppm")) == 0);
  }
  CHECK(difference(resize(wide, {23, 37}), wide) == 0);
}

TEST_CASE("the shorter side to size and the middle of that gives torchvision's bytes") {
  if (!can_use_png()) return test::skip(no_png);
  for (const std::string name : {"wide", "tall"}) {
    const Tensor image = read_image(data(name + ".png"));
    for (const int size : {16, 7, 40}) {
      CAPTURE(size);
      CHECK(difference(resize_and_crop(image, size),
                       read_ppm(name + "_crop" + std::to_string(size) + ".ppm")) == 0);
    }
  }
  const Tensor wide = read_image(data("wide.png"));
  for (const Pair size : {Pair(1, 50), Pair(50, 1), Pair(23, 37), Pair(100, 200)})
    CHECK(resize_and_crop(wide, size).shape() == Shape{3, size.h, size.w});
}

TEST_CASE("a constant image stays constant at every size") {
  Tensor image = empty({2, 5, 9}, DType::u8, Device::cpu());
  for (auto& value : image.mutable_data<std::uint8_t>()) value = 255;
  for (const Pair size : {Pair(1), Pair(3, 4), Pair(100, 2), Pair(5, 9)}) {
    const Tensor result = resize(image, size);
    CHECK(result.shape() == Shape{2, size.h, size.w});
    for (const int value : result.to_vector<int>()) CHECK(value == 255);
  }
}

TEST_CASE("resize and center_crop refuse what makes no sense") {
  const Tensor image = empty({3, 4, 6}, DType::u8, Device::cpu());
  CHECK_THROWS_WITH_AS(resize(image, 0), "resize: size 0x0 must be at least 1", Error);
  CHECK_THROWS_WITH_AS(resize(empty({3, 0, 6}, DType::u8, Device::cpu()), 2),
                       doctest::Contains("[3,0,6] u8"), Error);
  CHECK_THROWS_WITH_AS(resize(empty({3, 4, 6}, DType::f32, Device::cpu()), 2),
                       doctest::Contains("[3,4,6] f32"), Error);
  CHECK_THROWS_WITH_AS(center_crop(image, {5, 6}), "center_crop: size 5x6 does not fit 4x6", Error);
  CHECK_THROWS_WITH_AS(resize_and_crop(image, {0, 6}),
                       "resize_and_crop: size 0x6 must be at least 1", Error);
}

TEST_CASE("a PNG that is written is read back, grey, colour and with alpha") {
  if (!can_use_png()) return test::skip(no_png);
  const TempFolder folder;
  const std::string path = folder / "x.png";
  for (const std::int64_t c : {1, 3, 4}) {
    Tensor image = empty({c, 7, 5}, DType::u8, Device::cpu());
    for (std::size_t i = 0; auto& value : image.mutable_data<std::uint8_t>())
      value = static_cast<std::uint8_t>(37 * i++);
    write_png(path, image);
    const Tensor back = read_image(path);
    REQUIRE(back.shape() == Shape{3, 7, 5});
    for (std::int64_t k = 0; k < 3; ++k)
      CHECK(back[k].to_vector<int>() == image[c == 1 ? 0 : k].to_vector<int>());
    if (c != 1) continue;
    write_png(path, image[0]);
    CHECK(difference(read_image(path), back) == 0);
  }
  CHECK(test::names_in(folder.path()) == std::vector<std::string>{"x.png"});
  CHECK_THROWS_WITH_AS(write_png(path, empty({2, 7, 5}, DType::u8, Device::cpu())),
                       doctest::Contains("[2,7,5] u8"), Error);
  CHECK_THROWS_AS(write_png(path, empty({3, 0, 5}, DType::u8, Device::cpu())), Error);
  CHECK_THROWS_AS(write_png(path, empty({3, 7, 5}, DType::f32, Device::cpu())), Error);
  CHECK_THROWS_AS(write_png(folder / "none/x.png", empty({7, 5}, DType::u8, Device::cpu())), Error);
}

TEST_CASE("an image file is known by its content, and what is none says what it is") {
  const TempFolder folder;
  const auto message = [&](const std::string& bytes) -> std::string {
    test::write_bytes(folder / "x.png", bytes);
    try {
      read_image(folder / "x.png");
    } catch (const Error& error) {
      const std::string text = error.what();
      CHECK(text.starts_with(folder / "x.png: "));
      return text.substr((folder / "x.png: ").size());
    }
    return "no error";
  };
  CHECK(message("") == "is empty");
  CHECK(message("GIF89a...") == "is a GIF image; PNG and JPEG are read");
  CHECK(message("RIFF....WEBPVP8 ") == "is a WebP image; PNG and JPEG are read");
  CHECK(message("BM......") == "is a BMP image; PNG and JPEG are read");
  CHECK(message("<!DOCTYPE html>") == "is text (HTML?), neither PNG nor JPEG");
  CHECK(message("hello") == "is neither PNG nor JPEG");
  if (can_read_jpeg()) CHECK(message(test::read_bytes(data("rgb.jpg"))) == "no error");
  CHECK_THROWS_AS(read_image(folder / "none.png"), Error);
  CHECK_THROWS_AS(read_image(folder.path()), Error);
}

// Every way to cut a file short, and single bits that are wrong: an error or an image, never more.
void abuse(const std::string& name, std::size_t tail) {
  const std::string whole = test::read_bytes(data(name));
  for (std::size_t n = 0; n + tail < whole.size(); ++n)
    CHECK_THROWS_AS(decode_image(std::string_view(whole).substr(0, n), "x"), Error);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const int flip : {1, 0x80, 0xff}) {
      std::string damaged = whole;
      damaged[i] = static_cast<char>(damaged[i] ^ flip);
      try {
        const Tensor image = decode_image(damaged, "x", {.max_pixels = 10'000});
        CHECK(image.size(0) == 3);
      } catch (const Error&) {
        continue;
      }
    }
  }
}

TEST_CASE("PNG files that are cut off or damaged are errors") {
  if (!can_use_png()) return test::skip(no_png);
  for (const std::string name : {"rgb.png", "palette_alpha.png", "interlaced.png", "grey16.png"})
    abuse(name, 0);
}

TEST_CASE("JPEG files that are cut off or damaged are errors") {
  if (!can_read_jpeg()) return test::skip(no_jpeg);
  // Without its last bytes the end marker and padding are missing, which may go unnoticed.
  for (const std::string name : {"rgb.jpg", "grey.jpg", "inks.jpg"}) abuse(name, 8);
  abuse("progressive.jpg", 60);
}

TEST_CASE("an image that claims to be huge is refused before memory is taken") {
  if (!can_use_png()) return test::skip(no_png);
  const ImageOptions small{.max_pixels = 142};
  CHECK_THROWS_WITH_AS(
      read_image(data("rgb.png"), small),
      (data("rgb.png") + ": says that it has 11x13 pixels; at most 142 are read").c_str(), Error);
  CHECK(read_image(data("rgb.png"), {.max_pixels = 143}).defined());
  if (!can_read_jpeg()) return;
  CHECK_THROWS_WITH_AS(read_image(data("rgb.jpg"), small),
                       doctest::Contains("says that it has 19x26 pixels"), Error);
}

}  // namespace
}  // namespace glassbox::datasets
