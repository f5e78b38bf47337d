// SVG to PNG and PDF by librsvg and cairo, which are loaded when the first picture is made: with
// the sixty libraries that they need they would double the start of every program.
#include <algorithm>
#include <memory>
#include <string>

#include "engine/core/error.h"
#include "viz/svg.h"

#ifdef GLASSBOX_HAS_RSVG
#include <cairo-pdf.h>
#include <cairo.h>
#include <dlfcn.h>
#include <librsvg/rsvg.h>
#endif

namespace glassbox::viz {

#ifndef GLASSBOX_HAS_RSVG

const std::string& why_no_pdf() {
  static const std::string reason =
      "this build has no librsvg (package librsvg2-dev turns it on); SVG needs none";
  return reason;
}

std::string to_png(const std::string&, double) { fail("to_png", why_no_pdf()); }
std::string to_pdf(const std::string&) { fail("to_pdf", why_no_pdf()); }

#else

namespace {

#ifdef __APPLE__
constexpr const char* library_name = "librsvg-2.2.dylib";
#else
constexpr const char* library_name = "librsvg-2.so.2";
#endif

// The functions that are called, found through librsvg: it needs all the libraries they lie in.
struct Library {
  void* handle = dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
  std::string missing;  // why it cannot be used

#define GLASSBOX_FOUND(name) decltype(&::name) name = find<decltype(&::name)>(#name)
  GLASSBOX_FOUND(rsvg_handle_new_from_data);
  GLASSBOX_FOUND(rsvg_handle_get_intrinsic_size_in_pixels);
  GLASSBOX_FOUND(rsvg_handle_render_document);
  GLASSBOX_FOUND(g_object_unref);
  GLASSBOX_FOUND(g_error_free);
  GLASSBOX_FOUND(cairo_create);
  GLASSBOX_FOUND(cairo_destroy);
  GLASSBOX_FOUND(cairo_image_surface_create);
  GLASSBOX_FOUND(cairo_paint);
  GLASSBOX_FOUND(cairo_pdf_surface_create_for_stream);
  GLASSBOX_FOUND(cairo_scale);
  GLASSBOX_FOUND(cairo_set_source_rgb);
  GLASSBOX_FOUND(cairo_status);
  GLASSBOX_FOUND(cairo_status_to_string);
  GLASSBOX_FOUND(cairo_surface_destroy);
  GLASSBOX_FOUND(cairo_surface_finish);
  GLASSBOX_FOUND(cairo_surface_status);
  GLASSBOX_FOUND(cairo_surface_write_to_png_stream);
#undef GLASSBOX_FOUND

 private:
  template <class Function>
  Function find(const char* name) {
    if (handle == nullptr) {
      if (missing.empty()) missing = cat(library_name, " cannot be loaded");
      return nullptr;
    }
    void* function = dlsym(handle, name);
    if (function == nullptr && missing.empty())
      missing = cat(library_name, " is too old, it lacks ", name);
    return reinterpret_cast<Function>(function);
  }
};

// Never unloaded: other parts of the program may use what came with it.
const Library& library() {
  static const Library* const loaded = new Library;
  return *loaded;
}

// Cairo's images have no side longer than this.
constexpr double most_pixels = 32'000;

struct Handle {
  struct Unref {
    void operator()(RsvgHandle* handle) const { library().g_object_unref(handle); }
  };
  std::unique_ptr<RsvgHandle, Unref> svg_handle;
  double width = 0, height = 0;

  Handle(std::string_view what, const std::string& svg) {
    if (!why_no_pdf().empty()) fail(what, why_no_pdf());
    GError* error = nullptr;
    svg_handle.reset(library().rsvg_handle_new_from_data(
        reinterpret_cast<const guint8*>(svg.data()), svg.size(), &error));
    if (!svg_handle) refuse(what, error);
    if (!library().rsvg_handle_get_intrinsic_size_in_pixels(svg_handle.get(), &width, &height) ||
        width <= 0 || height <= 0)
      fail(what, "the SVG has no size in pixels; give it a width and a height");
  }

  void draw(std::string_view what, cairo_t* cairo) const {
    const RsvgRectangle view{0, 0, width, height};
    GError* error = nullptr;
    if (!library().rsvg_handle_render_document(svg_handle.get(), cairo, &view, &error))
      refuse(what, error);
  }

  [[noreturn]] static void refuse(std::string_view what, GError* error) {
    const std::string reason = error ? error->message : "unknown error";
    if (error) library().g_error_free(error);
    fail(what, "librsvg cannot read the SVG: " + reason);
  }
};

struct Destroy {
  void operator()(cairo_surface_t* surface) const { library().cairo_surface_destroy(surface); }
  void operator()(cairo_t* cairo) const { library().cairo_destroy(cairo); }
};
using Surface = std::unique_ptr<cairo_surface_t, Destroy>;
using Cairo = std::unique_ptr<cairo_t, Destroy>;

cairo_status_t append(void* bytes, const unsigned char* data, unsigned int length) {
  static_cast<std::string*>(bytes)->append(reinterpret_cast<const char*>(data), length);
  return CAIRO_STATUS_SUCCESS;
}

void check(std::string_view what, cairo_status_t status) {
  if (status != CAIRO_STATUS_SUCCESS)
    fail(what, cat("cairo: ", library().cairo_status_to_string(status)));
}

}  // namespace

const std::string& why_no_pdf() {
  static const std::string reason =
      library().missing.empty()
          ? ""
          : library().missing + " (package librsvg2-2 has it); SVG needs none";
  return reason;
}

std::string to_png(const std::string& svg, double scale) {
  if (!(scale > 0)) fail("to_png", cat("scale ", scale, " must be above 0"));
  const Handle handle("to_png", svg);
  scale = std::min(scale, most_pixels / std::max(handle.width, handle.height));
  const auto pixels = [scale](double length) {
    return std::max(1, static_cast<int>(length * scale + 0.5));
  };
  const Surface surface(library().cairo_image_surface_create(
      CAIRO_FORMAT_RGB24, pixels(handle.width), pixels(handle.height)));
  check("to_png", library().cairo_surface_status(surface.get()));
  const Cairo cairo(library().cairo_create(surface.get()));
  library().cairo_set_source_rgb(cairo.get(), 1, 1, 1);
  library().cairo_paint(cairo.get());
  library().cairo_scale(cairo.get(), scale, scale);
  handle.draw("to_png", cairo.get());
  check("to_png", library().cairo_status(cairo.get()));
  std::string bytes;
  check("to_png", library().cairo_surface_write_to_png_stream(surface.get(), append, &bytes));
  return bytes;
}

std::string to_pdf(const std::string& svg) {
  const Handle handle("to_pdf", svg);
  // Of the 1/72 inch that a PDF counts in, 3 are 4 pixels; a page is at most 200 inches.
  const double scale = std::min(0.75, 14'400 / std::max(handle.width, handle.height));
  std::string bytes;
  const Surface surface(library().cairo_pdf_surface_create_for_stream(
      append, &bytes, handle.width * scale, handle.height * scale));
  check("to_pdf", library().cairo_surface_status(surface.get()));
  {
    const Cairo cairo(library().cairo_create(surface.get()));
    library().cairo_scale(cairo.get(), scale, scale);
    handle.draw("to_pdf", cairo.get());
    check("to_pdf", library().cairo_status(cairo.get()));
  }
  library().cairo_surface_finish(surface.get());
  check("to_pdf", library().cairo_surface_status(surface.get()));
  return bytes;
}

#endif

}  // namespace glassbox::viz
