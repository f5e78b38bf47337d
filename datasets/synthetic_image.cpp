#include "datasets/synthetic_image.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "engine/core/error.h"
#include "engine/core/philox.h"

// Why integers alone: with floating point a compiler may fuse a multiply and an add, and libm may
// differ in the last bit, so the bytes would depend on flags and machines. Lengths are in 1/256
// pixel, directions (cosines, normals) in 1/16384; C++20 defines >> of a negative number as floor.
// No expression holds two draws except between braces, where C++ defines the order.
//
// What makes the set hard for a linear model and not for a small convolutional one: colours say
// nothing of the class, one figure in ten is darker than its ground, and place, size and turn vary.

namespace glassbox::datasets {
namespace {

constexpr int kSide = 32;
constexpr int kPlane = kSide * kSide;
constexpr int kChannels = 3;
constexpr int kPixelBits = 8;
constexpr int kPixel = 1 << kPixelBits;  // one pixel's length
constexpr int kUnitBits = 14;            // a direction's fraction bits
constexpr int kCell = 8;                 // pixels between the nodes of the illumination grid
constexpr int kNodes = kSide / kCell + 2;

enum Label : uint8_t {
  disc,
  ring,
  square,
  triangle,
  cross,
  star,
  horizontal_stripes,
  vertical_stripes,
  checkerboard,
  dots,
};

// Streams of randomness, apart from each other and, not being 0, from the loader's words of
// (seed, index, epoch), so that a set and a training with one seed share no draw.
enum class Stream : uint32_t { scene = 1, noise, labels };

// The draws of one stream, in order.
class Draws {
 public:
  Draws(uint64_t seed, uint64_t index, Stream stream)
      : seed_(seed), index_(index), stream_(stream) {}

  Philox::Words block() {
    return Philox::words(seed_, index_, (static_cast<uint64_t>(stream_) << 32) | counter_++);
  }

  // Uniform over lo, lo + 1, ..., hi.
  int between(int lo, int hi) {
    if (used_ == words_.size()) {
      words_ = block();
      used_ = 0;
    }
    const auto span = static_cast<uint64_t>(hi - lo + 1);
    return lo + static_cast<int>((words_[used_++] * span) >> 32);
  }

  bool percent(int chance) { return between(0, 99) < chance; }

 private:
  uint64_t seed_, index_;
  Stream stream_;
  uint32_t counter_ = 0;
  Philox::Words words_{};
  size_t used_ = words_.size();
};

struct Vec {
  int x, y;
};

int along(Vec direction, Vec p) { return (direction.x * p.x + direction.y * p.y) >> kUnitBits; }

// A centre and a rotation: maps pixels to a shape's own coordinates.
struct Frame {
  Vec centre;
  Vec u, v;

  Vec local(Vec p) const {
    const Vec d = {p.x - centre.x, p.y - centre.y};
    return {along(u, d), along(v, d)};
  }
};

// `half_tangent` is tan(angle / 2) in 1/4096; up to 4096 that is a quarter turn either way.
Frame frame_at(Vec centre, int half_tangent) {
  constexpr int64_t kOne = 4096;
  const int64_t t = half_tangent;
  const int64_t hypotenuse = kOne * kOne + t * t;
  const auto cosine = static_cast<int>(((kOne * kOne - t * t) << kUnitBits) / hypotenuse);
  const auto sine = static_cast<int>(((2 * kOne * t) << kUnitBits) / hypotenuse);
  return {centre, {cosine, sine}, {-sine, cosine}};
}

// Below, distances are signed: negative inside. They need be true near the outline only.

int disc_distance(Vec p, int radius) {
  return (p.x * p.x + p.y * p.y - radius * radius) / (2 * radius);
}

int box_distance(Vec p, int half_width, int half_height) {
  return std::max(std::abs(p.x) - half_width, std::abs(p.y) - half_height);
}

// Where `position` lies in a repeated cell, from -period / 2 to period / 2.
int fold(int position, int period) {
  constexpr int kFar = 1 << 20;  // keeps the remainder's operand positive
  return (position + kFar) % period - period / 2;
}

int stripe_distance(int position, int period) {
  return std::abs(fold(position, period)) - period / 4;
}

int triangle_distance(Vec p, int inner_radius) {
  constexpr std::array<Vec, 3> kNormals = {{{0, 16384}, {14189, -8192}, {-14189, -8192}}};
  int nearest = along(kNormals[0], p);
  for (const Vec n : {kNormals[1], kNormals[2]}) nearest = std::max(nearest, along(n, p));
  return nearest - inner_radius;
}

// A point is in a five-pointed star if it is on the inner side of four of the five edge lines.
int star_distance(Vec p, int inner_radius) {
  constexpr std::array<Vec, 5> kNormals = {
      {{0, 16384}, {15582, 5063}, {-15582, 5063}, {9630, -13255}, {-9630, -13255}}};
  int first = along(kNormals[0], p);
  int second = -(1 << 20);
  for (size_t i = 1; i < kNormals.size(); ++i) {
    const int d = along(kNormals[i], p);
    second = std::max(second, std::min(first, d));
    first = std::max(first, d);
  }
  return second - inner_radius;
}

struct Figure {
  uint8_t label;
  Frame frame;
  int radius;  // of a texture: of the disc that it fills
  int inner;   // a ring's hole, a cross's half width
  int period;  // a texture's
  Vec phase;   // a texture's
};

bool is_texture(uint8_t label) { return label >= horizontal_stripes; }

int texture_distance(const Figure& f, Vec p) {
  const Vec q = {p.x + f.phase.x, p.y + f.phase.y};
  if (f.label == horizontal_stripes) return stripe_distance(q.y, f.period);
  if (f.label == vertical_stripes) return stripe_distance(q.x, f.period);
  if (f.label == dots) {
    return disc_distance({fold(q.x, f.period), fold(q.y, f.period)}, f.period * 5 / 16);
  }
  const int a = stripe_distance(q.x, f.period);
  const int b = stripe_distance(q.y, f.period);
  return std::max(std::min(a, b), -std::max(a, b));
}

int figure_distance(const Figure& f, Vec pixel) {
  const Vec p = f.frame.local(pixel);
  const int r = f.radius;
  switch (f.label) {
    case disc:
      return disc_distance(p, r);
    case ring:
      return std::max(disc_distance(p, r), -disc_distance(p, f.inner));
    case square:
      return box_distance(p, r * 7 / 8, r * 7 / 8);
    case triangle:
      return triangle_distance(p, r * 5 / 8);
    case cross:
      return std::min(box_distance(p, r, f.inner), box_distance(p, f.inner, r));
    case star:
      return star_distance(p, r * 7 / 16);
    default:
      return std::max(texture_distance(f, p), disc_distance(p, r));
  }
}

using Colour = std::array<int, kChannels>;

// A thin straight mark: clutter behind the figure, or the strip that is cut out of it.
struct Mark {
  Frame frame;
  int half_length, half_width;
  Colour colour;
};

struct Scene {
  Figure figure;
  Colour ground, paint;
  std::array<Mark, 3> clutter;
  int clutter_count;
  Mark strip;
  Vec grid_shift;
  std::array<std::array<std::array<int, kNodes>, kNodes>, kChannels> light;
  int noise;
};

Vec draw_point(Draws& draw, int reach) {
  const int middle = kSide * kPixel / 2;
  return {middle + draw.between(-reach, reach), middle + draw.between(-reach, reach)};
}

Figure draw_figure(Draws& draw, uint8_t label) {
  Figure f{};
  f.label = label;
  const bool texture = is_texture(label);
  const Vec centre = draw_point(draw, 3 * kPixel);
  // Up to 33 degrees either way; stripes, whose direction is their class, up to 19.
  const bool stripes = label == horizontal_stripes || label == vertical_stripes;
  const int turn = stripes ? 700 : 1200;
  f.frame = frame_at(centre, draw.between(-turn, turn));
  f.radius = draw.between((texture ? 9 : 6) * kPixel, (texture ? 14 : 10) * kPixel);
  f.inner = f.radius * (label == ring ? draw.between(45, 70) : draw.between(25, 38)) / 100;
  f.period = draw.between(5 * kPixel, 9 * kPixel);
  f.phase = {draw.between(0, f.period), draw.between(0, f.period)};
  return f;
}

Mark draw_mark(Draws& draw) {
  Mark m{};
  const Vec centre = draw_point(draw, 15 * kPixel);
  m.frame = frame_at(centre, draw.between(-4096, 4096));
  m.half_length = draw.between(3 * kPixel, 9 * kPixel);
  m.half_width = draw.between(kPixel / 2, kPixel);
  m.colour = {draw.between(20, 235), draw.between(20, 235), draw.between(20, 235)};
  return m;
}

Scene draw_scene(Draws& draw, uint8_t label) {
  Scene s{};
  s.figure = draw_figure(draw, label);
  const int contrast = draw.between(13, 42);
  const int sign = draw.percent(10) ? -1 : 1;
  for (int c = 0; c < kChannels; ++c) {
    const int middle = draw.between(70, 185);
    const int swing = sign * contrast + draw.between(-10, 10);
    s.ground[c] = middle - swing;
    s.paint[c] = middle + swing;
  }
  s.clutter_count = draw.between(0, 3);
  for (Mark& m : s.clutter) m = draw_mark(draw);
  s.strip = draw_mark(draw);
  s.strip.half_length = 2 * kSide * kPixel;
  const bool cut = draw.percent(60);
  s.strip.half_width = cut ? draw.between(kPixel / 2, 5 * kPixel / 2) : -kPixel;  // below 0: none
  s.grid_shift = {draw.between(0, kCell - 1), draw.between(0, kCell - 1)};
  const int depth = draw.between(10, 40);
  for (int i = 0; i < kNodes * kNodes; ++i) {
    const int shared = draw.between(-depth, depth);
    for (auto& plane : s.light) {
      plane[i / kNodes][i % kNodes] = shared + draw.between(-depth / 3, depth / 3);
    }
  }
  s.noise = draw.between(20, 46 + contrast);
  return s;
}

// Colours in the making, a plane per channel: any sum of parts, clamped only at the end.
using Canvas = std::array<std::array<int, kPlane>, kChannels>;

// Lays `colour` over the pixels inside an outline, which is one pixel soft.
template <class Distance>
void paint(Canvas& canvas, const Colour& colour, const Distance& distance) {
  for (int i = 0; i < kPlane; ++i) {
    const Vec middle = {(i % kSide) * kPixel + kPixel / 2, (i / kSide) * kPixel + kPixel / 2};
    const int cover = std::min(kPixel / 2 - distance(middle), kPixel);
    if (cover <= 0) continue;
    for (int c = 0; c < kChannels; ++c) {
      canvas[c][i] += ((colour[c] - canvas[c][i]) * cover) >> kPixelBits;
    }
  }
}

int mark_distance(const Mark& m, Vec pixel) {
  return box_distance(m.frame.local(pixel), m.half_length, m.half_width);
}

void paint_scene(const Scene& s, Canvas& canvas) {
  for (int c = 0; c < kChannels; ++c) canvas[c].fill(s.ground[c]);
  for (int k = 0; k < s.clutter_count; ++k) {
    const Mark& m = s.clutter[k];
    paint(canvas, m.colour, [&m](Vec p) { return mark_distance(m, p); });
  }
  paint(canvas, s.paint,
        [&s](Vec p) { return std::max(figure_distance(s.figure, p), -mark_distance(s.strip, p)); });
}

// Adds the illumination, bilinear between the nodes of its grid.
void add_light(const Scene& s, Canvas& canvas) {
  for (int i = 0; i < kChannels * kSide; ++i) {
    const int c = i / kSide, y = i % kSide;
    const int j = (y + s.grid_shift.y) / kCell, fy = (y + s.grid_shift.y) % kCell;
    std::array<int, kNodes> row;
    for (int k = 0; k < kNodes; ++k) {
      row[k] = s.light[c][j][k] * (kCell - fy) + s.light[c][j + 1][k] * fy;
    }
    for (int x = 0; x < kSide; ++x) {
      const int k = (x + s.grid_shift.x) / kCell, fx = (x + s.grid_shift.x) % kCell;
      canvas[c][y * kSide + x] += (row[k] * (kCell - fx) + row[k + 1] * fx) / (kCell * kCell);
    }
  }
}

// Adds noise, each value the sum of two random bytes: triangular, its deviation 0.4 `amount`.
void add_noise(int amount, Draws draw, Canvas& canvas) {
  for (auto& plane : canvas) {
    for (int i = 0; i < kPlane; i += 8) {
      const Philox::Words words = draw.block();
      for (int k = 0; k < 8; ++k) {
        const uint32_t pair = words[k / 2] >> (16 * (k % 2));
        const int sum = static_cast<int>((pair & 255) + ((pair >> 8) & 255)) - 255;
        plane[i + k] += (sum * amount) >> 8;
      }
    }
  }
}

}  // namespace

const std::array<std::string_view, 10>& synthetic_class_names() {
  static constexpr std::array<std::string_view, 10> kNames = {
      "disc", "ring",      "square",    "triangle",     "cross",
      "star", "h-stripes", "v-stripes", "checkerboard", "dots"};
  return kNames;
}

uint8_t synthetic_label(uint64_t seed, uint64_t index) {
  Draws draw(seed, index / 10, Stream::labels);
  std::array<uint8_t, 10> order = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  for (int last = 9; last > 0; --last) std::swap(order[last], order[draw.between(0, last)]);
  return order[index % 10];
}

void synthetic_image(uint64_t seed, uint64_t index, uint8_t label, uint8_t* out3072) {
  if (label > 9)
    fail("synthetic_image", cat("label ", int(label), " is above 9: there are 10 classes"));
  Draws draw(seed, index, Stream::scene);
  const Scene scene = draw_scene(draw, label);
  Canvas canvas;
  paint_scene(scene, canvas);
  add_light(scene, canvas);
  add_noise(scene.noise, Draws(seed, index, Stream::noise), canvas);
  for (const auto& plane : canvas) {
    for (const int value : plane) *out3072++ = static_cast<uint8_t>(std::clamp(value, 0, 255));
  }
}

}  // namespace glassbox::datasets
