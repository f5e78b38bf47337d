#include "viz/svg_inks.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/core/error.h"
#include "viz/text.h"

namespace glassbox::viz {
namespace {

using Node = Diagram::Node;
using Change = Node::Change;

constexpr std::string_view color_names[] = {"kind", "parameters", "flops", "memory", "time"};

}  // namespace

std::string_view name_of(ColorBy color_by) { return color_names[static_cast<int>(color_by)]; }

ColorBy color_by_named(std::string_view name) {
  for (std::size_t i = 0; i < std::size(color_names); ++i) {
    if (color_names[i] == name) return static_cast<ColorBy>(i);
  }
  std::string list;
  for (const std::string_view known : color_names)
    list += (list.empty() ? "" : ", ") + std::string(known);
  fail("to_svg", cat("there is no colour by \"", name, "\"; there are ", list));
}

namespace detail {

Inks::Inks(const Diagram& diagram, const DrawOptions& options)
    : diagram_(diagram), options_(options), theme_(options.theme) {
  for (const Node& node : diagram_.nodes) most_ = std::max(most_, figure_of(node));
  const bool measured =
      std::ranges::any_of(diagram_.nodes, [](const Node& node) { return node.time.has_value(); });
  if (options_.color_by == ColorBy::time && !measured)
    fail("to_svg", "no node has a measured time to be coloured by; measure the model first");
}

double Inks::figure_of(const Node& node) const {
  const std::int64_t batch = diagram_.batch < 0 ? 1 : diagram_.batch;
  switch (options_.color_by) {
    case ColorBy::kind:
      return 0;
    case ColorBy::parameters:
      return static_cast<double>(node.parameters);
    case ColorBy::flops:
      return node.costs.flops.at(batch);
    case ColorBy::memory:
      return node.costs.activations.at(batch);
    case ColorBy::time:
      return node.time ? node.time->median : 0;
  }
  return 0;
}

std::string Inks::legend_text(double part) const {
  const double value = most_ * part * part;
  switch (options_.color_by) {
    case ColorBy::memory:
      return with_binary_unit(value);
    case ColorBy::time:
      return fixed(value * 1e3, value < 1e-2 ? 2 : 0) + " ms";
    default:
      return with_si(value);
  }
}

Ink Inks::on(std::string fill, std::string line) const {
  // Where the theme's text would be hard to read, black or white is not.
  const double l = luminance(fill), t = luminance(theme_.text);
  const double contrast = (std::max(l, t) + 0.05) / (std::min(l, t) + 0.05);
  if (contrast >= 4.5) return {std::move(fill), std::move(line), theme_.text, theme_.muted};
  const std::string text = l > 0.18 ? "#000000" : "#FFFFFF";
  return {std::move(fill), std::move(line), text, text};
}

Ink Inks::of(const Node& node) const {
  if (!node.failure.empty()) {
    Ink ink = on(mix(theme_.box_fill, theme_.failure, 0.15), theme_.failure);
    ink.text = ink.muted = theme_.failure;
    return ink;
  }
  if (node.kind != Node::Kind::op) return on(theme_.background, theme_.text);
  if (node.change != Change::none) {
    const std::string& color = node.change == Change::added     ? theme_.added
                               : node.change == Change::removed ? theme_.removed
                                                                : theme_.changed;
    return on(mix(theme_.box_fill, color, 0.2), color);
  }
  if (has_legend()) {
    const double part = most_ > 0 ? std::sqrt(figure_of(node) / most_) : 0;
    return on(mix(theme_.low, theme_.high, part), mix(theme_.box_line, theme_.high, 0.3));
  }
  const std::string_view family = family_color(node.op);
  if (family.empty() || theme_.tint == 0) return on(theme_.box_fill, theme_.box_line);
  return on(mix(theme_.box_fill, family, theme_.tint), mix(family, theme_.text, 0.15));
}

}  // namespace detail
}  // namespace glassbox::viz
