#include <csetjmp>
#include <cstring>
#include <vector>

#include "datasets/image_codec.h"
#include "engine/io/file.h"

#ifdef GLASSBOX_HAS_PNG
#include <png.h>
#endif

namespace glassbox::datasets {

#ifndef GLASSBOX_HAS_PNG

namespace {
constexpr std::string_view no_png = "this build has no libpng (package libpng-dev turns it on)";
}

bool can_use_png() { return false; }

Tensor decode_png(std::string_view, const std::string& name, const ImageOptions&) {
  fail(name, no_png);
}

void write_png(const std::string& path, const Tensor&) { fail(path, no_png); }

#else

namespace {

// libpng's calls are made in functions whose locals need no destructor, since its errors jump out
// of them: whatever has one lives here.
struct Reading {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::string_view bytes;
  char reason[128] = "";
  bool interlaced = false;
  png_uint_32 width = 0, height = 0;
  std::vector<std::uint8_t> pixels;  // a row, or all of them when interlaced
  std::vector<png_bytep> rows;
  Tensor planes;

  Reading() = default;
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;
  ~Reading() { png_destroy_read_struct(&png, &info, nullptr); }
};

void keep_reason(char (&reason)[128], const char* text) {
  std::strncpy(reason, text ? text : "damaged", sizeof reason - 1);
}

[[noreturn]] void on_read_error(png_structp png, const char* text) {
  keep_reason(static_cast<Reading*>(png_get_error_ptr(png))->reason, text);
  png_longjmp(png, 1);
}
void on_warning(png_structp, const char*) {}

void on_read(png_structp png, png_bytep to, std::size_t count) {
  auto* reading = static_cast<Reading*>(png_get_io_ptr(png));
  if (count > reading->bytes.size()) png_error(png, "ends too early");
  std::memcpy(to, reading->bytes.data(), count);
  reading->bytes.remove_prefix(count);
}

// Up to the pixels, which will come as RGB of 8 bits.
bool read_header(Reading& r) {
  if (setjmp(png_jmpbuf(r.png))) return false;
  png_set_read_fn(r.png, &r, on_read);
  png_read_info(r.png, r.info);
  r.width = png_get_image_width(r.png, r.info);
  r.height = png_get_image_height(r.png, r.info);
  const int colour = png_get_color_type(r.png, r.info);
  if (png_get_bit_depth(r.png, r.info) == 16) png_set_strip_16(r.png);
  if (colour == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(r.png);
  if ((colour & PNG_COLOR_MASK_COLOR) == 0) {
    png_set_expand_gray_1_2_4_to_8(r.png);
    png_set_gray_to_rgb(r.png);
  }
  png_set_strip_alpha(r.png);  // of a palette too, whose transparency comes as alpha
  r.interlaced = png_set_interlace_handling(r.png) > 1;
  png_read_update_info(r.png, r.info);
  if (png_get_rowbytes(r.png, r.info) != std::size_t(3) * r.width)
    png_error(r.png, "does not become RGB");
  return true;
}

bool read_pixels(Reading& r) {
  if (setjmp(png_jmpbuf(r.png))) return false;
  if (r.interlaced) {
    png_read_image(r.png, r.rows.data());
  } else {
    for (png_uint_32 y = 0; y < r.height; ++y) {
      png_read_row(r.png, r.pixels.data(), nullptr);
      put_row(r.pixels.data(), y, r.planes);
    }
  }
  png_read_end(r.png, nullptr);
  return true;
}

struct Writing {
  png_structp png = nullptr;
  png_infop info = nullptr;
  char reason[128] = "";
  std::string file;
  std::vector<std::uint8_t> row;
  const std::uint8_t* planes = nullptr;
  png_uint_32 channels = 1, width = 0, height = 0;

  Writing() = default;
  Writing(const Writing&) = delete;
  Writing& operator=(const Writing&) = delete;
  ~Writing() { png_destroy_write_struct(&png, &info); }
};

[[noreturn]] void on_write_error(png_structp png, const char* text) {
  keep_reason(static_cast<Writing*>(png_get_error_ptr(png))->reason, text);
  png_longjmp(png, 1);
}

void on_write(png_structp png, png_bytep from, std::size_t count) {
  bool full = false;
  try {
    static_cast<Writing*>(png_get_io_ptr(png))->file.append(reinterpret_cast<char*>(from), count);
  } catch (...) {
    full = true;  // the jump must not leave the handler
  }
  if (full) png_error(png, "out of memory");
}
void on_flush(png_structp) {}

bool write_all(Writing& w) {
  if (setjmp(png_jmpbuf(w.png))) return false;
  png_set_write_fn(w.png, &w, on_write, on_flush);
  const int colour = w.channels == 1   ? PNG_COLOR_TYPE_GRAY
                     : w.channels == 3 ? PNG_COLOR_TYPE_RGB
                                       : PNG_COLOR_TYPE_RGB_ALPHA;
  png_set_IHDR(w.png, w.info, w.width, w.height, 8, colour, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(w.png, w.info);
  const std::size_t plane = std::size_t(w.width) * w.height;
  for (png_uint_32 y = 0; y < w.height; ++y) {
    for (png_uint_32 x = 0; x < w.width; ++x) {
      for (png_uint_32 c = 0; c < w.channels; ++c)
        w.row[x * w.channels + c] = w.planes[c * plane + std::size_t(y) * w.width + x];
    }
    png_write_row(w.png, w.row.data());
  }
  png_write_end(w.png, nullptr);
  return true;
}

}  // namespace

bool can_use_png() { return true; }

Tensor decode_png(std::string_view bytes, const std::string& name, const ImageOptions& options) {
  Reading r;
  r.bytes = bytes;
  r.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r, on_read_error, on_warning);
  if (r.png) r.info = png_create_info_struct(r.png);
  if (!r.info) fail(name, "libpng cannot be started");
  if (!read_header(r)) fail(name, cat("cannot be read as PNG: ", r.reason));
  check_image_size(r.width, r.height, name, options);
  const std::size_t row = std::size_t(3) * r.width;
  r.pixels.resize(r.interlaced ? row * r.height : row);
  if (r.interlaced) {
    for (png_uint_32 y = 0; y < r.height; ++y) r.rows.push_back(r.pixels.data() + y * row);
  }
  r.planes = empty({3, r.height, r.width}, DType::u8, Device::cpu());
  if (!read_pixels(r)) fail(name, cat("cannot be read as PNG: ", r.reason));
  for (std::size_t y = 0; y < r.rows.size(); ++y)
    put_row(r.rows[y], static_cast<std::int64_t>(y), r.planes);
  return r.planes;
}

void write_png(const std::string& path, const Tensor& image) {
  const int rank = image.dim();
  const std::int64_t c = rank == 3 ? image.size(0) : 1;
  if (image.dtype() != DType::u8 || (rank != 2 && rank != 3) || (c != 1 && c != 3 && c != 4) ||
      image.numel() == 0) {
    fail("write_png", cat("takes u8 [h,w], [1,h,w], [3,h,w] or [4,h,w] that is not empty, not ",
                          to_string(image.spec())));
  }
  Writing w;
  w.channels = static_cast<png_uint_32>(c);
  w.height = static_cast<png_uint_32>(image.size(-2));
  w.width = static_cast<png_uint_32>(image.size(-1));
  w.planes = image.data<std::uint8_t>().data();
  w.row.resize(std::size_t(w.width) * w.channels);
  w.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &w, on_write_error, on_warning);
  if (w.png) w.info = png_create_info_struct(w.png);
  if (!w.info) fail(path, "libpng cannot be started");
  if (!write_all(w)) fail(path, cat("cannot be written as PNG: ", w.reason));
  io::write_file(path, w.file);
}

#endif

}  // namespace glassbox::datasets
