#include <csetjmp>
#include <cstdio>
#include <vector>

#include "datasets/image_codec.h"

#ifdef GLASSBOX_HAS_JPEG
#include <jerror.h>
#include <jpeglib.h>
#endif

namespace glassbox::datasets {

#ifndef GLASSBOX_HAS_JPEG

bool can_read_jpeg() { return false; }

Tensor decode_jpeg(std::string_view, const std::string& name, const ImageOptions&) {
  fail(name, "this build has no libjpeg (package libjpeg-dev turns it on)");
}

#else

namespace {

// libjpeg's calls are made in functions whose locals need no destructor, since its errors jump out
// of them: whatever has one lives here.
struct Reading {
  jpeg_error_mgr errors;
  jmp_buf back;
  jpeg_decompress_struct jpeg;
  char reason[JMSG_LENGTH_MAX] = "";
  bool made = false;
  std::vector<std::uint8_t> row;
  Tensor planes;

  Reading() = default;
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;
  ~Reading() {
    if (made) jpeg_destroy_decompress(&jpeg);
  }
};

[[noreturn]] void on_error(j_common_ptr jpeg) {
  auto* reading = static_cast<Reading*>(jpeg->client_data);
  jpeg->err->format_message(jpeg, reading->reason);
  std::longjmp(reading->back, 1);
}

// libjpeg fills what is missing with grey and goes on; here a file that ends too early is broken.
void on_message(j_common_ptr jpeg, int level) {
  if (level >= 0) return;
  const int code = jpeg->err->msg_code;
  if (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER) on_error(jpeg);
}
void print_nothing(j_common_ptr) {}

bool read_header(Reading& r, std::string_view bytes) {
  r.jpeg.err = jpeg_std_error(&r.errors);
  r.jpeg.client_data = &r;
  r.errors.error_exit = on_error;
  r.errors.emit_message = on_message;
  r.errors.output_message = print_nothing;
  if (setjmp(r.back)) return false;
  jpeg_create_decompress(&r.jpeg);
  r.made = true;
  jpeg_mem_src(&r.jpeg, reinterpret_cast<const unsigned char*>(bytes.data()),
               static_cast<unsigned long>(bytes.size()));
  jpeg_read_header(&r.jpeg, TRUE);
  // Inks have no conversion to RGB in libjpeg.
  const bool inks = r.jpeg.num_components == 4;
  r.jpeg.out_color_space = inks ? JCS_CMYK : JCS_RGB;
  return true;
}

// Pillow's rule: inks are stored inverted, as Adobe does; black leaves so much of the white paper,
// and each ink takes its share of that.
void inks_to_rgb(std::uint8_t* row, unsigned width) {
  for (unsigned x = 0; x < width; ++x) {
    const std::uint8_t* inks = row + 4 * x;
    const int paper = inks[3];
    std::uint8_t rgb[3];
    for (int c = 0; c < 3; ++c) {
      const int product = (255 - inks[c]) * paper + 128;
      rgb[c] = static_cast<std::uint8_t>(paper - ((product + (product >> 8)) >> 8));
    }
    for (int c = 0; c < 3; ++c) row[3 * x + static_cast<unsigned>(c)] = rgb[c];
  }
}

bool read_pixels(Reading& r) {
  if (setjmp(r.back)) return false;
  jpeg_start_decompress(&r.jpeg);
  while (r.jpeg.output_scanline < r.jpeg.output_height) {
    const JDIMENSION y = r.jpeg.output_scanline;
    JSAMPROW row = r.row.data();
    jpeg_read_scanlines(&r.jpeg, &row, 1);
    if (r.jpeg.out_color_space == JCS_CMYK) inks_to_rgb(row, r.jpeg.output_width);
    put_row(row, y, r.planes);
  }
  jpeg_finish_decompress(&r.jpeg);
  return true;
}

}  // namespace

bool can_read_jpeg() { return true; }

Tensor decode_jpeg(std::string_view bytes, const std::string& name, const ImageOptions& options) {
  Reading r;
  if (!read_header(r, bytes)) fail(name, cat("cannot be read as JPEG: ", r.reason));
  const std::int64_t h = r.jpeg.image_height, w = r.jpeg.image_width;
  check_image_size(w, h, name, options);
  r.row.resize(static_cast<std::size_t>(4 * w));
  r.planes = empty({3, h, w}, DType::u8, Device::cpu());
  if (!read_pixels(r)) fail(name, cat("cannot be read as JPEG: ", r.reason));
  return r.planes;
}

#endif

}  // namespace glassbox::datasets
