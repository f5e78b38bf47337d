#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "engine/core/error.h"
#include "engine/io/file.h"
#include "viz/chart.h"
#include "viz/chart_png.h"
#include "viz/svg.h"
#include "viz/svg_writer.h"
#include "viz/text.h"

namespace glassbox::viz {
namespace {

using detail::xml_escaped;

// Two decimals at most: a hundredth of a pixel still counts in a printed curve.
std::string number(double value) {
  if (!std::isfinite(value)) return "0";
  std::string text = fixed(std::clamp(value, -1e6, 1e6), 2);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

constexpr std::string_view dashes[] = {"", "6 3", "2 2.5", "8 3 2 3"};

class SvgPainter final : public Painter {
 public:
  SvgPainter(const ChartOptions& options)
      : Painter(options.theme == ThemeMode::dark ? dark_chart_theme() : light_chart_theme()),
        is_automatic_(options.theme == ThemeMode::automatic) {}

  bool is_terminal() const override { return false; }
  double text_width(std::string_view text, double size, Face face) const override {
    return viz::text_width(text, size, face);
  }
  double line_height(double size) const override { return std::ceil(size * 1.3); }

  void polyline(std::span<const Point> points, const Stroke& stroke) override {
    if (points.size() < 2 || !stroke.paint.visible() || stroke.width <= 0) return;
    text_ += "<path d=\"" + path(points) + "\" fill=\"none\"";
    put_stroke(stroke);
    text_ += " stroke-linejoin=\"round\" stroke-linecap=\"" +
             std::string(stroke.dash > 0 || points.size() == 2 ? "butt" : "round") + "\"/>\n";
  }

  void polygon(std::span<const Point> points, const Paint& fill, const Stroke& outline) override {
    if (points.size() < 3) return;
    text_ += "<path d=\"" + path(points) + "Z\"";
    put_fill(fill);
    put_stroke(outline);
    text_ += " stroke-linejoin=\"round\"/>\n";
  }

  void rect(const Rect& box, const Paint& fill, const Stroke& outline, double radius) override {
    text_ += "<rect";
    put_box(box);
    if (radius > 0) text_ += " rx=\"" + number(radius) + "\"";
    put_fill(fill);
    put_stroke(outline);
    text_ += "/>\n";
  }

  void mark(Point at, Mark mark, const Paint& paint, double size) override {
    const double r = size / 2;
    if (mark == Mark::dot || mark == Mark::ring) {
      text_ += "<circle cx=\"" + number(at.x) + "\" cy=\"" + number(at.y) + "\" r=\"" +
               number(mark == Mark::ring ? r - 0.5 : r) + "\"";
      put_fill(mark == Mark::ring ? ink_paint(Ink::background) : paint);
      if (mark == Mark::ring) put_stroke({paint, 1.5});
      text_ += "/>\n";
    } else if (mark == Mark::cross) {
      const Point a[] = {{at.x - r, at.y - r}, {at.x + r, at.y + r}};
      const Point b[] = {{at.x - r, at.y + r}, {at.x + r, at.y - r}};
      polyline(a, {paint, 1.5});
      polyline(b, {paint, 1.5});
    } else {
      const double tip = mark == Mark::up ? -r : r;
      const Point points[] = {{at.x, at.y + tip}, {at.x - r, at.y - tip}, {at.x + r, at.y - tip}};
      polygon(points, paint, {});
    }
  }

  void text(Point at, std::string_view text, const TextStyle& style) override {
    if (text.empty() || !style.paint.visible()) return;
    // From the capitals' middle, the line's top or its bottom to the baseline.
    const double height = line_height(style.size);
    const double middle = style.align == Align::top      ? height / 2
                          : style.align == Align::bottom ? -height / 2
                                                         : 0;
    const double down = middle + style.size * 0.36;
    text_ += "<text";
    if (style.upwards) {
      text_ +=
          " transform=\"translate(" + number(at.x + down) + " " + number(at.y) + ") rotate(-90)\"";
    } else {
      text_ += " x=\"" + number(at.x) + "\" y=\"" + number(at.y + down) + "\"";
    }
    text_ += " font-size=\"" + number(style.size) + "\"";
    if (style.anchor != Anchor::start)
      text_ += style.anchor == Anchor::middle ? " text-anchor=\"middle\"" : " text-anchor=\"end\"";
    if (style.face == Face::bold) text_ += " font-weight=\"bold\"";
    if (style.face == Face::mono) text_ += cat(" font-family=\"", mono_family, "\"");
    put_paint("fill", style.paint, style.role);
    text_ += ">" + xml_escaped(text) + "</text>\n";
  }

  void image(const Rect& box, int width, int height, std::span<const Rgb> pixels) override {
    if (width <= 0 || height <= 0 || box.width <= 0 || box.height <= 0) return;
    // Enlarged here: not everything that shows an SVG leaves the edges of pixels sharp.
    int by = 1;
    if (box.width >= 1.5 * width)
      by = std::clamp(static_cast<int>(std::ceil(2 * box.width / width)), 1, 64);
    while (by > 1 && double(width) * by * height * by > 1e6) --by;
    std::vector<Rgb> large;
    for (int y = 0; by > 1 && y < height * by; ++y)
      for (int x = 0; x < width * by; ++x)
        large.push_back(pixels[static_cast<std::size_t>(y / by) * static_cast<std::size_t>(width) +
                               static_cast<std::size_t>(x / by)]);
    text_ += "<image";
    put_box(box);
    text_ +=
        " preserveAspectRatio=\"none\" "
        "style=\"image-rendering:pixelated\" "
        "href=\"data:image/png;base64," +
        detail::base64(by > 1 ? detail::encode_png(width * by, height * by, large)
                              : detail::encode_png(width, height, pixels)) +
        "\"/>\n";
  }

  // A nested <svg> clips without an id, of which another drawing in the same page may have one.
  void begin_clip(const Rect& box) override {
    text_ += "<svg";
    put_box(box);
    text_ += " viewBox=\"" + number(box.x) + " " + number(box.y) + " " + number(box.width) + " " +
             number(box.height) + "\" overflow=\"hidden\">\n";
  }
  void end_clip() override { text_ += "</svg>\n"; }
  void begin_group(std::string_view tooltip) override {
    text_ += "<g>";
    if (!tooltip.empty()) text_ += "<title>" + xml_escaped(tooltip) + "</title>";
    text_ += "\n";
  }
  void end_group() override { text_ += "</g>\n"; }

  std::string finish(double width, double height, std::string_view title) const {
    const std::string w = number(width), h = number(height);
    std::string out = cat("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"", w, "\" height=\"",
                          h, "\" viewBox=\"0 0 ", w, " ", h, "\" role=\"img\" font-family=\"",
                          sans_family, "\">\n<title>", xml_escaped(title), "</title>\n");
    if (!rules_.empty()) {
      out += "<style>@media (prefers-color-scheme: dark) {\n";
      for (const std::string& rule : rules_) out += rule + "\n";
      out += "}</style>\n";
    }
    return out + text_ + "</svg>\n";
  }

 private:
  static std::string path(std::span<const Point> points) {
    std::string text;
    for (const Point& p : points) {
      text += text.empty() ? "M" : "L";
      text += number(p.x) + " " + number(p.y);
    }
    return text;
  }
  void put_box(const Rect& box) {
    text_ += " x=\"" + number(box.x) + "\" y=\"" + number(box.y) + "\" width=\"" +
             number(std::max(0.0, box.width)) + "\" height=\"" + number(std::max(0.0, box.height)) +
             "\"";
  }
  void put_fill(const Paint& paint) {
    if (paint.visible())
      put_paint("fill", paint);
    else
      text_ += " fill=\"none\"";
  }
  void put_stroke(const Stroke& stroke) {
    if (!stroke.paint.visible() || stroke.width <= 0) return;
    put_paint("stroke", stroke.paint);
    if (stroke.width != 1) text_ += " stroke-width=\"" + number(stroke.width) + "\"";
    if (stroke.dash > 0)
      text_ += cat(" stroke-dasharray=\"",
                   dashes[1 + static_cast<std::size_t>(stroke.dash - 1) % 3], "\"");
  }
  // The colour as an attribute, which everything reads; a class overrides it where the reader's
  // setting is dark. A class's name is its two colours: so it means the same in every drawing of a
  // page.
  void put_paint(std::string_view attribute, const Paint& paint, std::string_view role = {}) {
    const std::string color = hex_of(theme().color_of(paint));
    text_ += cat(" ", attribute, "=\"", color, "\"");
    std::string classes(role);
    if (is_automatic_ && paint.ink != Ink::exact) {
      const std::string dark = hex_of(dark_chart_theme().color_of(paint));
      const std::string name = cat("gb-", attribute[0], color.substr(1), dark.substr(1));
      rules_.insert(cat(".", name, "{", attribute, ":", dark, "}"));
      classes += (classes.empty() ? "" : " ") + name;
    }
    // An element that is filled and drawn has two classes: they are joined in finish().
    if (!classes.empty()) put_class(classes);
    if (paint.opacity < 1) text_ += cat(" ", attribute, "-opacity=\"", number(paint.opacity), "\"");
  }
  // One class attribute for each element: the second name goes into the first's.
  void put_class(const std::string& classes) {
    const std::size_t element = text_.rfind('<');
    const std::size_t had = text_.find(" class=\"", element);
    if (had == text_.npos) {
      text_ += " class=\"" + classes + "\"";
    } else {
      text_.insert(text_.find('"', had + 8), " " + classes);
    }
  }

  bool is_automatic_;
  std::string text_;
  std::set<std::string> rules_;
};

}  // namespace

std::string to_svg(const Chart& chart, const ChartOptions& options) {
  constexpr double most = 20'000;
  if (!(options.width >= 1 && options.width <= most))
    fail("to_svg", cat("a width of ", options.width, " is none; it is 1 to ", most, " pixels"));
  if (!(options.height >= 0 && options.height <= most))
    fail("to_svg", cat("a height of ", options.height, " is none; it is 0 to ", most, " pixels"));
  SvgPainter painter(options);
  const double width = options.width,
               height = options.height > 0
                            ? options.height
                            : std::clamp(std::ceil(chart.height_for(painter, width)), 1.0, most);
  painter.rect({0, 0, width, height}, ink_paint(Ink::background), {}, 0);
  chart.draw(painter, {0, 0, width, height});
  return painter.finish(width, height, chart.description());
}

void save_chart(const Chart& chart, const std::string& path, const ChartOptions& options) {
  if (path.ends_with(".svg")) {
    io::write_file(path, to_svg(chart, options));
  } else if (path.ends_with(".png")) {
    io::write_file(path, to_png(to_svg(chart, options)));
  } else if (path.ends_with(".pdf")) {
    io::write_file(path, to_pdf(to_svg(chart, options)));
  } else if (path.ends_with(".txt")) {
    io::write_file(
        path, to_terminal(chart, {.columns = std::max(20, static_cast<int>(options.width) / 8)}));
  } else {
    fail(path, "a chart can be written as .svg, .png, .pdf or .txt");
  }
}

}  // namespace glassbox::viz
