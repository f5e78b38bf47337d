#include "datasets/image.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "datasets/image_codec.h"
#include "engine/io/file.h"

namespace glassbox::datasets {

namespace {

constexpr std::size_t file_limit = std::size_t(1) << 28;  // bytes; no honest photograph has more

// What a file that is neither PNG nor JPEG is, for the error.
std::string_view other_format(std::string_view bytes) {
  if (bytes.empty()) return "is empty";
  if (bytes.starts_with("GIF8")) return "is a GIF image; PNG and JPEG are read";
  if (bytes.starts_with("BM")) return "is a BMP image; PNG and JPEG are read";
  if (bytes.starts_with("RIFF") && bytes.substr(0, 12).ends_with("WEBP"))
    return "is a WebP image; PNG and JPEG are read";
  if (bytes.starts_with("II*") || bytes.starts_with("MM"))
    return "is a TIFF image; PNG and JPEG are read";
  if (bytes.starts_with("<")) return "is text (HTML?), neither PNG nor JPEG";
  return "is neither PNG nor JPEG";
}

void check_planes(std::string_view what, const Tensor& image) {
  if (image.dtype() != DType::u8 || image.dim() != 3 || image.numel() == 0) {
    fail(what, cat("takes an image u8 [C,h,w] that is not empty, not ", to_string(image.spec())));
  }
}

}  // namespace

ImageFormat image_format(std::string_view bytes) {
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return ImageFormat::png;
  if (bytes.starts_with("\xff\xd8\xff")) return ImageFormat::jpeg;
  return ImageFormat::unknown;
}

Tensor read_image(const std::string& path, const ImageOptions& options) {
  return decode_image(io::read_file(path, file_limit), path, options);
}

Tensor decode_image(std::string_view bytes, const std::string& name, const ImageOptions& options) {
  switch (image_format(bytes)) {
    case ImageFormat::png:
      return decode_png(bytes, name, options);
    case ImageFormat::jpeg:
      return decode_jpeg(bytes, name, options);
    default:
      fail(name, other_format(bytes));
  }
}

void check_image_size(std::int64_t width, std::int64_t height, const std::string& name,
                      const ImageOptions& options) {
  if (width < 1 || height < 1) fail(name, cat("says that it has ", height, "x", width, " pixels"));
  if (height > options.max_pixels / width) {
    fail(name, cat("says that it has ", height, "x", width, " pixels; at most ", options.max_pixels,
                   " are read"));
  }
}

void put_row(const std::uint8_t* row, std::int64_t y, Tensor& planes) {
  const std::int64_t h = planes.size(1), w = planes.size(2);
  auto* to = reinterpret_cast<std::uint8_t*>(planes.raw()) + y * w;
  for (std::int64_t x = 0; x < w; ++x) {
    for (std::int64_t c = 0; c < 3; ++c) to[c * h * w + x] = row[3 * x + c];
  }
}

Tensor center_crop(const Tensor& image, Pair size) {
  check_planes("center_crop", image);
  const std::int64_t c = image.size(0), h = image.size(1), w = image.size(2);
  if (size.h < 1 || size.w < 1 || size.h > h || size.w > w)
    fail("center_crop", cat("size ", to_string(size), " does not fit ", h, "x", w));
  // Half an even number of pixels is rounded as Python does, to the even one.
  const auto top = static_cast<std::int64_t>(std::nearbyint(double(h - size.h) / 2));
  const auto left = static_cast<std::int64_t>(std::nearbyint(double(w - size.w) / 2));
  Tensor result = empty({c, size.h, size.w}, DType::u8, Device::cpu());
  for (std::int64_t k = 0; k < c * size.h; ++k) {
    const std::int64_t plane = k / size.h, y = k % size.h;
    std::memcpy(result.raw() + k * size.w, image.raw() + (plane * h + top + y) * w + left,
                static_cast<std::size_t>(size.w));
  }
  return result;
}

Tensor resize_and_crop(const Tensor& image, Pair size) {
  check_planes("resize_and_crop", image);
  if (size.h < 1 || size.w < 1)
    fail("resize_and_crop", cat("size ", to_string(size), " must be at least 1"));
  const std::int64_t h = image.size(1), w = image.size(2);
  // The dimension with less to spare fits; the other one is cut to an integer as torchvision does.
  Pair cover = size;
  if (h * size.w <= w * size.h) {
    cover.w = std::max(size.w, static_cast<int>(double(size.h) * double(w) / double(h)));
  } else {
    cover.h = std::max(size.h, static_cast<int>(double(size.w) * double(h) / double(w)));
  }
  return center_crop(resize(image, cover), size);
}

Tensor to_grey(const Tensor& image) {
  if (image.dtype() != DType::u8 || image.dim() != 3 || image.size(0) != 3) {
    fail("to_grey", "needs an image [3,h,w] u8, got " + to_string(image.spec()));
  }
  Tensor grey = empty({1, image.size(1), image.size(2)}, DType::u8, Device::cpu());
  const auto to = grey.mutable_data<std::uint8_t>();
  const auto from = image.data<std::uint8_t>();
  const std::size_t n = to.size();
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t luma =
        from[i] * 19595u + from[n + i] * 38470u + from[2 * n + i] * 7471u + 0x8000u;
    to[i] = static_cast<std::uint8_t>(luma >> 16);
  }
  return grey;
}

}  // namespace glassbox::datasets
