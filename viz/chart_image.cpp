#include "viz/chart_image.h"

#include <algorithm>
#include <cmath>

#include "viz/chart_parts.h"

namespace glassbox::viz {
namespace detail {

void ValueRange::add(const std::vector<float>& values) {
  for (const float v : values) {
    if (!std::isfinite(v)) {
      ++(std::isnan(v) ? nans : infinities);
      continue;
    }
    low = is_empty ? v : std::min<double>(low, v);
    high = is_empty ? v : std::max<double>(high, v);
    is_empty = false;
  }
}

std::vector<Rgb> pixels_of(const Image& image, double low, double high, ColorMap map) {
  const std::size_t n = static_cast<std::size_t>(std::max(image.height, 0)) *
                        static_cast<std::size_t>(std::max(image.width, 0));
  std::vector<Rgb> pixels(n, nan_color);
  const auto part = [&](std::size_t i) {
    const double v = i < image.values.size() ? image.values[i] : std::nan("");
    return high > low ? (v - low) / (high - low) : std::isnan(v) ? v : 0.5;
  };
  const bool is_color = image.channels == 3 || image.channels == 4;
  const auto byte = [](double p) {
    return static_cast<std::uint8_t>(std::lround(std::clamp(p, 0.0, 1.0) * 255));
  };
  for (std::size_t i = 0; i < n; ++i) {
    if (!is_color) {
      pixels[i] = map_color(map, part(i));
      continue;
    }
    const double red = part(i), green = part(n + i), blue = part(2 * n + i);
    if (!std::isnan(red + green + blue) || (std::isinf(red) || std::isinf(green)))
      pixels[i] = {byte(red), byte(green), byte(blue)};
  }
  return pixels;
}

}  // namespace detail

namespace {

// How a row's images are laid out.
struct Tiles {
  int columns = 1, rows = 1;
  double width = 0, height = 0;  // of an image
  double gap = 0, gap_below = 0, caption = 0;
  double all_height() const { return rows * (height + caption) + (rows - 1) * gap_below; }
};

// The largest tiles with which all of them fit. A height of 0: what looks best at this width.
Tiles tiles_for(const Painter& painter, const ImageRow& row, double width, double height) {
  const auto n = static_cast<int>(row.images.size());
  double aspect = 1;  // width by height, of the widest
  bool has_captions = false;
  double most_pixels = 1;
  for (const Image& image : row.images) {
    if (image.height > 0 && image.width > 0) {
      aspect = &image == &row.images[0] ? double(image.width) / image.height
                                        : std::max(aspect, double(image.width) / image.height);
      most_pixels = std::max<double>(most_pixels, image.width);
    }
    has_captions = has_captions || !image.caption.empty();
  }
  aspect = std::clamp(aspect, 0.05, 20.0);
  const Point unit = painter.unit();
  const bool terminal = painter.is_terminal();
  // Few images are large, and as wide as there is room.
  const double sizes[] = {
      terminal ? 32 * unit.x : 220,
      terminal ? 18 * unit.x : std::clamp(width / std::max(n, 1) - 8, 118.0, 190.0),
      terminal ? 12 * unit.x : std::clamp(width / 12 - 8, 72.0, 110.0), terminal ? 8 * unit.x : 48};
  const double wanted = sizes[n <= 3 ? 0 : n <= 8 ? 1 : n <= 24 ? 2 : 3];
  Tiles best;
  // From many side by side to few: of equally large ones those with the fewest rows.
  for (int columns = std::max(n, 1); columns >= 1; --columns) {
    if (row.columns > 0 && columns != std::min(row.columns, std::max(n, 1))) continue;
    Tiles tiles;
    tiles.columns = columns;
    tiles.rows = std::max(1, (n + columns - 1) / columns);
    if (row.columns == 0) tiles.columns = std::max(1, (n + tiles.rows - 1) / tiles.rows);
    tiles.gap = terminal ? unit.x * (n > 12 ? 1 : 2) : n > 24 ? 3 : 8;
    tiles.gap_below = terminal ? (has_captions ? 0 : unit.y) : tiles.gap;
    tiles.caption = has_captions ? painter.line_height(detail::tick_size) : 0;
    double each = (width - (tiles.columns - 1) * tiles.gap) / tiles.columns;
    if (height > 0) {
      const double tall =
          (height - (tiles.rows - 1) * tiles.gap_below) / tiles.rows - tiles.caption;
      each = std::min({each, tall * aspect, 2 * wanted});
    } else {
      each = std::min(each, wanted);
    }
    // A whole number of pixels for each of the image's, where there are enough.
    if (!terminal && each >= most_pixels * 2) each = std::floor(each / most_pixels) * most_pixels;
    tiles.width = std::floor(each / unit.x + 1e-6) * unit.x;
    tiles.height = tiles.width / aspect;
    if (terminal) {
      tiles.height = std::round(tiles.height / unit.y) * unit.y;
      if (height <= 0) tiles.height = std::max(unit.y, tiles.height);
    }
    if (tiles.width > best.width) best = tiles;
    if (height <= 0 && tiles.width >= wanted * (n > 24 ? 0.8 : 0.5)) break;
  }
  return best;
}

double header_of(const Painter& painter, const std::string& title) {
  return title.empty() ? 0
                       : painter.line_height(detail::title_size) + (painter.is_terminal() ? 0 : 3);
}

// Images with more pixels than can be seen are made smaller: a mean for each that is left.
struct Shown {
  int width, height;
  std::vector<Rgb> pixels;
};
Shown reduced(std::vector<Rgb> pixels, int width, int height, double box_width) {
  const int by = std::max(1, static_cast<int>(width / std::max(1.0, box_width * 2)));
  if (by == 1) return {width, height, std::move(pixels)};
  Shown out{std::max(1, width / by), std::max(1, height / by), {}};
  for (int y = 0; y < out.height; ++y) {
    for (int x = 0; x < out.width; ++x) {
      long sums[3] = {}, n = 0;
      for (int v = y * by; v < std::min(height, (y + 1) * by); ++v) {
        for (int u = x * by; u < std::min(width, (x + 1) * by); ++u) {
          const Rgb& p = pixels[static_cast<std::size_t>(v) * static_cast<std::size_t>(width) +
                                static_cast<std::size_t>(u)];
          sums[0] += p.red;
          sums[1] += p.green;
          sums[2] += p.blue;
          ++n;
        }
      }
      out.pixels.push_back({static_cast<std::uint8_t>(sums[0] / n),
                            static_cast<std::uint8_t>(sums[1] / n),
                            static_cast<std::uint8_t>(sums[2] / n)});
    }
  }
  return out;
}

}  // namespace

std::string ImageRow::description() const {
  return (title.empty() ? "" : title + ": ") + std::to_string(images.size()) +
         (images.size() == 1 ? " image" : " images");
}

double ImageRow::height_for(const Painter& painter, double width) const {
  const double pad = detail::pad_of(painter);
  double height = 1.6 * pad + header_of(painter, title);
  height += tiles_for(painter, *this, width - 2 * pad, 0).all_height();
  if (normalize == Normalize::shared) height += detail::color_bar_height(painter) + pad * 0.6;
  detail::ValueRange values;
  for (const Image& image : images) values.add(image.values);
  if (values.nans + values.infinities > 0)
    height += painter.line_height(detail::tick_size) + (painter.is_terminal() ? 0 : 2);
  return std::ceil(height) + (painter.is_terminal() ? 0 : 1);
}

void ImageRow::draw(Painter& painter, const Rect& box) const {
  const double pad = detail::pad_of(painter);
  detail::Column column(
      painter, {box.x + pad, box.y + 0.8 * pad, box.width - 2 * pad, box.height - 1.6 * pad});
  if (column.rest().width < 8 || column.rest().height < 8) return;
  detail::ValueRange all;
  bool is_mapped = false;
  for (const Image& image : images) {
    all.add(image.values);
    is_mapped = is_mapped || (image.channels != 3 && image.channels != 4);
  }
  column.title(title, 24);
  column.note(detail::not_finite_text(all.nans, all.infinities), ink_paint(Ink::warning), 24);
  if (normalize == Normalize::shared && is_mapped && !all.is_empty) {
    const double height = detail::color_bar_height(painter);
    if (column.rest().height > 3 * height) {
      const Rect& rest = column.rest();
      detail::draw_color_bar(painter, {rest.x, rest.bottom() - height, rest.width, height}, map,
                             all.low, all.high);
      column.take_bottom(height + pad * 0.6);
    }
  }
  const Rect rest = detail::on_units(painter, column.rest());
  if (images.empty()) {
    TextStyle style{.paint = ink_paint(Ink::muted)};
    if (rest.height >= painter.line_height(11))
      painter.text({rest.x, rest.y}, painter.fitted("no images", rest.width, 11), style);
    return;
  }
  const Tiles tiles = tiles_for(painter, *this, rest.width, rest.height);
  if (tiles.width < 1 || tiles.height < 1) return;
  for (std::size_t i = 0; i < images.size(); ++i) {
    const Image& image = images[i];
    const int at_column = static_cast<int>(i) % tiles.columns,
              at_row = static_cast<int>(i) / tiles.columns;
    const double x = rest.x + at_column * (tiles.width + tiles.gap),
                 y = rest.y + at_row * (tiles.height + tiles.caption + tiles.gap_below);
    if (y + tiles.height + tiles.caption > rest.bottom() + 0.5) break;
    if (image.width > 0 && image.height > 0) {
      detail::ValueRange own;
      own.add(image.values);
      double low = 0, high = 1;
      if (normalize != Normalize::none) {
        low = normalize == Normalize::own ? own.low : all.low;
        high = normalize == Normalize::own ? own.high : all.high;
      }
      double width = tiles.width, height = tiles.height;
      if (!painter.is_terminal()) {  // each keeps its own proportions
        const double aspect = double(image.width) / image.height;
        height = std::min(height, width / aspect);
        width = std::min(width, height * aspect);
      }
      const Shown shown =
          reduced(detail::pixels_of(image, low, high, map), image.width, image.height, width);
      painter.begin_group(image.caption);
      painter.image({x, y, width, height}, shown.width, shown.height, shown.pixels);
      painter.end_group();
    }
    TextStyle style{.size = detail::tick_size, .paint = ink_paint(Ink::muted)};
    style.anchor = Anchor::middle;
    style.role = "caption";
    painter.text(
        {x + tiles.width / 2, y + tiles.height},
        painter.fitted(image.caption, tiles.width + (painter.is_terminal() ? 0 : tiles.gap - 2),
                       detail::tick_size),
        style);
  }
}

namespace {

// The k-th picture of a tensor [.., channels, height, width].
Image picture(const std::vector<float>& values, std::size_t k, int channels, int height,
              int width) {
  Image image{height, width, channels, {}, {}};
  const std::size_t n = static_cast<std::size_t>(channels) * static_cast<std::size_t>(height) *
                        static_cast<std::size_t>(width);
  const std::size_t from = std::min(values.size(), k * n), to = std::min(values.size(), from + n);
  image.values.assign(values.begin() + static_cast<std::ptrdiff_t>(from),
                      values.begin() + static_cast<std::ptrdiff_t>(to));
  return image;
}

ImageRow grid_of(const std::string& title, const std::vector<float>& values, int n, int channels,
                 int height, int width, int limit) {
  ImageRow row;
  const int shown = std::clamp(limit, 0, std::max(n, 0));
  row.title = title;
  if (shown < n)
    row.title += (title.empty() ? "" : " · ") + std::to_string(shown) + " of " + std::to_string(n);
  if (height <= 0 || width <= 0) return row;
  for (int k = 0; k < shown; ++k)
    row.images.push_back(picture(values, static_cast<std::size_t>(k), channels, height, width));
  return row;
}

}  // namespace

ImageRow FilterGrid::row() const {
  const bool is_color = in == 3;
  int most = limit;
  if (!is_color && in > 0 && out > 0 && limit >= in) most = limit / in * in;  // whole rows
  ImageRow grid =
      grid_of(title, values, is_color ? out : out * in, is_color ? 3 : 1, height, width, most);
  if (!is_color && in > 1 && in <= limit && in <= 32) grid.columns = in;
  grid.normalize = normalize;
  grid.map = map;
  return grid;
}
void FilterGrid::draw(Painter& painter, const Rect& box) const { row().draw(painter, box); }
double FilterGrid::height_for(const Painter& painter, double box_width) const {
  return row().height_for(painter, box_width);
}
std::string FilterGrid::description() const { return row().description(); }

ImageRow FeatureMapGrid::row() const {
  ImageRow grid = grid_of(title, values, channels, 1, height, width, limit);
  for (std::size_t k = 0; k < grid.images.size() && channels <= 16; ++k)
    grid.images[k].caption = std::to_string(k);
  grid.normalize = normalize;
  grid.map = map;
  return grid;
}
void FeatureMapGrid::draw(Painter& painter, const Rect& box) const { row().draw(painter, box); }
double FeatureMapGrid::height_for(const Painter& painter, double box_width) const {
  return row().height_for(painter, box_width);
}
std::string FeatureMapGrid::description() const { return row().description(); }

}  // namespace glassbox::viz
