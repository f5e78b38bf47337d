#include "viz/svg_writer.h"

#include <cmath>

#include "engine/core/error.h"
#include "viz/text.h"

namespace glassbox::viz::detail {
namespace {

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Length of the character at `at`; 0 where there is none.
std::size_t length_at(std::string_view text, std::size_t at) {
  const auto c = static_cast<unsigned char>(text[at]);
  const std::size_t length = c < 0x80                ? 1
                             : c >= 0xC2 && c < 0xE0 ? 2
                             : c >= 0xE0 && c < 0xF0 ? 3
                             : c >= 0xF0 && c < 0xF5 ? 4
                                                     : 0;
  if (length == 0 || at + length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if (!is_continuation(text[at + i])) return 0;
  }
  // Overlong forms, surrogates and what is above U+10FFFF are no characters either.
  const auto second = length > 1 ? static_cast<unsigned char>(text[at + 1]) : 0;
  if ((c == 0xE0 && second < 0xA0) || (c == 0xED && second >= 0xA0) ||
      (c == 0xF0 && second < 0x90) || (c == 0xF4 && second >= 0x90))
    return 0;
  return length;
}

}  // namespace

std::string xml_escaped(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = length_at(text, at);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
      ++at;
      continue;
    }
    const std::string_view character = text.substr(at, length);
    at += length;
    const char c = character[0];
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (c == '\'') {
      out += "&#39;";
    } else if (length > 1 || static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t') {
      const bool is_noncharacter = character == "\xEF\xBF\xBE" || character == "\xEF\xBF\xBF";
      out += is_noncharacter ? "\xEF\xBF\xBD" : character;
    }
  }
  return out;
}

std::string svg_number(double value) {
  std::string text = fixed(value, 1);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text == "-0" ? "0" : text;
}

SvgWriter::SvgWriter(double width, double height, std::string_view title,
                     std::string_view description) {
  const std::string w = svg_number(std::ceil(width)), h = svg_number(std::ceil(height));
  text_ = cat("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"", w, "\" height=\"", h,
              "\" viewBox=\"0 0 ", w, " ", h, "\" role=\"img\" font-family=\"", sans_family,
              "\">\n<title>", xml_escaped(title), "</title>\n<desc>", xml_escaped(description),
              "</desc>\n");
}

void SvgWriter::open_group(std::string_view id, std::string_view tooltip) {
  text_ += "<g data-id=\"" + xml_escaped(id) + "\">";
  if (!tooltip.empty()) text_ += "<title>" + xml_escaped(tooltip) + "</title>";
  text_ += "\n";
}

void SvgWriter::brush(const SvgBrush& brush) {
  text_ += cat(" fill=\"", brush.fill, "\"");
  if (brush.line == "none") return;
  text_ += cat(" stroke=\"", brush.line, "\"");
  if (brush.width != 1) text_ += " stroke-width=\"" + svg_number(brush.width) + "\"";
  if (brush.dashed) text_ += " stroke-dasharray=\"4 2.5\"";
}

void SvgWriter::rect(const Rect& rect, double radius, const SvgBrush& with) {
  text_ += cat("<rect x=\"", svg_number(rect.x), "\" y=\"", svg_number(rect.y), "\" width=\"",
               svg_number(rect.width), "\" height=\"", svg_number(rect.height), "\"");
  if (radius > 0) text_ += " rx=\"" + svg_number(radius) + "\"";
  brush(with);
  text_ += "/>\n";
}

void SvgWriter::point(const Point& p) { text_ += svg_number(p.x) + " " + svg_number(p.y); }

void SvgWriter::path(const std::vector<Point>& points, const SvgBrush& with) {
  if (points.empty()) return;
  text_ += "<path d=\"M";
  point(points[0]);
  for (std::size_t i = 0; i + 3 < points.size(); i += 3) {
    const Point &a = points[i], &b = points[i + 1], &c = points[i + 2], &d = points[i + 3];
    if (a.x == b.x && b.x == c.x && c.x == d.x) {
      text_ += "V" + svg_number(d.y);
    } else if (a.y == b.y && b.y == c.y && c.y == d.y) {
      text_ += "H" + svg_number(d.x);
    } else {
      text_ += "C";
      point(b);
      text_ += " ";
      point(c);
      text_ += " ";
      point(d);
    }
  }
  text_ += "\"";
  brush(with);
  text_ += "/>\n";
}

void SvgWriter::arrow(Point tip, Point from, double length, std::string_view color) {
  const double dx = tip.x - from.x, dy = tip.y - from.y, norm = std::hypot(dx, dy);
  if (norm == 0) return;
  const double ux = dx / norm, uy = dy / norm, half = length * 0.42;
  const Point back{tip.x - ux * length, tip.y - uy * length};
  text_ += "<path d=\"M";
  point(tip);
  text_ += "L";
  point({back.x - uy * half, back.y + ux * half});
  text_ += "L";
  point({back.x + uy * half, back.y - ux * half});
  text_ += cat("Z\" fill=\"", color, "\"/>\n");
}

void SvgWriter::text(Point at, Anchor anchor, double size, Face face, std::string_view color,
                     std::string_view content) {
  text_ += cat("<text x=\"", svg_number(at.x), "\" y=\"", svg_number(at.y), "\" font-size=\"",
               svg_number(size), "\"");
  if (anchor != Anchor::start)
    text_ += anchor == Anchor::middle ? " text-anchor=\"middle\"" : " text-anchor=\"end\"";
  if (face == Face::bold) text_ += " font-weight=\"bold\"";
  if (face == Face::mono) text_ += cat(" font-family=\"", mono_family, "\"");
  text_ += cat(" fill=\"", color, "\">", xml_escaped(content), "</text>\n");
}

}  // namespace glassbox::viz::detail
