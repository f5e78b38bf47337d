// SVG to PNG and PDF by librsvg and cairo.
#include <algorithm>
#include <memory>
#include <string>

#include "engine/core/error.h"
#include "viz/svg.h"

#ifdef GLASSBOX_HAS_RSVG
#include <cairo-pdf.h>
#include <cairo.h>
#include <librsvg/rsvg.h>
#endif

namespace glassbox::viz {

#ifndef GLASSBOX_HAS_RSVG

namespace {
constexpr std::string_view no_rsvg =
    "this build has no librsvg (package librsvg2-dev turns it on); SVG needs none";
}

std::string to_png(const std::string&, double) { fail("to_png", no_rsvg); }
std::string to_pdf(const std::string&) { fail("to_pdf", no_rsvg); }

#else

namespace {

// Cairo's images have no side longer than this.
constexpr double most_pixels = 32'000;

struct Handle {
  struct Unref {
    void operator()(RsvgHandle* handle) const { g_object_unref(handle); }
  };
  std::unique_ptr<RsvgHandle, Unref> svg_handle;
  double width = 0, height = 0;

  Handle(std::string_view what, const std::string& svg) {
    GError* error = nullptr;
    svg_handle.reset(
        rsvg_handle_new_from_data(reinterpret_cast<const guint8*>(svg.data()), svg.size(), &error));
    if (!svg_handle) refuse(what, error);
    if (!rsvg_handle_get_intrinsic_size_in_pixels(svg_handle.get(), &width, &height) ||
        width <= 0 || height <= 0)
      fail(what, "the SVG has no size in pixels; give it a width and a height");
  }

  void draw(std::string_view what, cairo_t* cairo) const {
    const RsvgRectangle view{0, 0, width, height};
    GError* error = nullptr;
    if (!rsvg_handle_render_document(svg_handle.get(), cairo, &view, &error)) refuse(what, error);
  }

  [[noreturn]] static void refuse(std::string_view what, GError* error) {
    const std::string reason = error ? error->message : "unknown error";
    if (error) g_error_free(error);
    fail(what, "librsvg cannot read the SVG: " + reason);
  }
};

struct Destroy {
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
  void operator()(cairo_t* cairo) const { cairo_destroy(cairo); }
};
using Surface = std::unique_ptr<cairo_surface_t, Destroy>;
using Cairo = std::unique_ptr<cairo_t, Destroy>;

cairo_status_t append(void* bytes, const unsigned char* data, unsigned int length) {
  static_cast<std::string*>(bytes)->append(reinterpret_cast<const char*>(data), length);
  return CAIRO_STATUS_SUCCESS;
}

void check(std::string_view what, cairo_status_t status) {
  if (status != CAIRO_STATUS_SUCCESS) fail(what, cat("cairo: ", cairo_status_to_string(status)));
}

}  // namespace

std::string to_png(const std::string& svg, double scale) {
  if (!(scale > 0)) fail("to_png", cat("scale ", scale, " must be above 0"));
  const Handle handle("to_png", svg);
  scale = std::min(scale, most_pixels / std::max(handle.width, handle.height));
  const auto pixels = [scale](double length) {
    return std::max(1, static_cast<int>(length * scale + 0.5));
  };
  const Surface surface(
      cairo_image_surface_create(CAIRO_FORMAT_RGB24, pixels(handle.width), pixels(handle.height)));
  check("to_png", cairo_surface_status(surface.get()));
  const Cairo cairo(cairo_create(surface.get()));
  cairo_set_source_rgb(cairo.get(), 1, 1, 1);
  cairo_paint(cairo.get());
  cairo_scale(cairo.get(), scale, scale);
  handle.draw("to_png", cairo.get());
  check("to_png", cairo_status(cairo.get()));
  std::string bytes;
  check("to_png", cairo_surface_write_to_png_stream(surface.get(), append, &bytes));
  return bytes;
}

std::string to_pdf(const std::string& svg) {
  const Handle handle("to_pdf", svg);
  // Of the 1/72 inch that a PDF counts in, 3 are 4 pixels; a page is at most 200 inches.
  const double scale = std::min(0.75, 14'400 / std::max(handle.width, handle.height));
  std::string bytes;
  const Surface surface(cairo_pdf_surface_create_for_stream(append, &bytes, handle.width * scale,
                                                            handle.height * scale));
  check("to_pdf", cairo_surface_status(surface.get()));
  {
    const Cairo cairo(cairo_create(surface.get()));
    cairo_scale(cairo.get(), scale, scale);
    handle.draw("to_pdf", cairo.get());
    check("to_pdf", cairo_status(cairo.get()));
  }
  cairo_surface_finish(surface.get());
  check("to_pdf", cairo_surface_status(surface.get()));
  return bytes;
}

#endif

}  // namespace glassbox::viz
