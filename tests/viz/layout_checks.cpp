#include "tests/viz/layout_checks.h"

#include <cmath>
#include <cstddef>
#include <vector>

#include "engine/core/error.h"

namespace glassbox::test {
namespace {

using viz::Layout;
using viz::LayoutGraph;
using viz::Point;
using viz::Rect;

constexpr double slack = 0.01;

bool overlap(const Rect& a, const Rect& b) {
  return a.x < b.right() - slack && b.x < a.right() - slack && a.y < b.bottom() - slack &&
         b.y < a.bottom() - slack;
}
bool inside(const Rect& a, const Rect& b) {
  return a.x >= b.x - slack && a.y >= b.y - slack && a.right() <= b.right() + slack &&
         a.bottom() <= b.bottom() + slack;
}
bool contains(const Rect& r, const Point& p) {
  return p.x > r.x + slack && p.x < r.right() - slack && p.y > r.y + slack &&
         p.y < r.bottom() - slack;
}

Point on(const Point& a, const Point& b, const Point& c, const Point& d, double t) {
  const double u = 1 - t, k[] = {u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t};
  return {k[0] * a.x + k[1] * b.x + k[2] * c.x + k[3] * d.x,
          k[0] * a.y + k[1] * b.y + k[2] * c.y + k[3] * d.y};
}

// Points of a route, close enough that no box is between two of them.
std::vector<Point> points_of(const Layout::Route& route) {
  std::vector<Point> points;
  for (std::size_t i = 0; i + 3 < route.points.size(); i += 3) {
    const Point *p = &route.points[i], &a = p[0], &d = p[3];
    const int steps = 4 + static_cast<int>((std::abs(d.x - a.x) + std::abs(d.y - a.y)) / 3);
    for (int k = 0; k <= steps; ++k)
      points.push_back(on(a, p[1], p[2], d, static_cast<double>(k) / steps));
  }
  return points;
}

class Rules {
 public:
  Rules(const LayoutGraph& graph, const Layout& drawn) : graph_(graph), drawn_(drawn) {}

  std::string first_broken() {
    boxes();
    clusters();
    routes();
    labels();
    return broken_;
  }

 private:
  template <class... Args>
  void broken(const Args&... args) {
    if (broken_.empty()) broken_ = cat(args...);
  }

  bool is_in(int cluster, std::size_t outer) const {
    for (; cluster >= 0; cluster = graph_.clusters[static_cast<std::size_t>(cluster)].parent)
      if (cluster == static_cast<int>(outer)) return true;
    return false;
  }

  void boxes() {
    const Rect all{0, 0, drawn_.width, drawn_.height};
    for (std::size_t i = 0; i < drawn_.boxes.size(); ++i) {
      const Rect& box = drawn_.boxes[i];
      if (std::abs(box.width - graph_.boxes[i].width) > slack ||
          std::abs(box.height - graph_.boxes[i].height) > slack)
        broken("box ", i, " has another size");
      if (!inside(box, all)) broken("box ", i, " leaves the drawing");
      for (std::size_t k = 0; k < i; ++k)
        if (overlap(box, drawn_.boxes[k])) broken("boxes ", k, " and ", i, " overlap");
    }
  }

  void clusters() {
    const Rect all{0, 0, drawn_.width, drawn_.height};
    for (std::size_t c = 0; c < drawn_.clusters.size(); ++c) {
      const Rect& frame = drawn_.clusters[c];
      const Rect& title = drawn_.titles[c];
      if (frame.width == 0) continue;
      if (!inside(frame, all)) broken("cluster ", c, " leaves the drawing");
      if (!inside(title, frame)) broken("the title of cluster ", c, " leaves its frame");
      for (std::size_t b = 0; b < drawn_.boxes.size(); ++b) {
        const bool own = is_in(graph_.boxes[b].cluster, c);
        if (own && !inside(drawn_.boxes[b], frame)) broken("box ", b, " leaves cluster ", c);
        if (!own && overlap(drawn_.boxes[b], frame)) broken("box ", b, " is in cluster ", c);
        if (overlap(drawn_.boxes[b], title)) broken("box ", b, " is on the title of cluster ", c);
      }
      for (std::size_t d = 0; d < c; ++d) {
        const Rect& other = drawn_.clusters[d];
        if (other.width == 0) continue;
        const bool nested = is_in(static_cast<int>(d), c) || is_in(static_cast<int>(c), d);
        if (!nested && overlap(frame, other)) broken("clusters ", d, " and ", c, " overlap");
        if (is_in(static_cast<int>(d), c) && !inside(other, frame))
          broken("cluster ", d, " leaves ", c);
        if (is_in(static_cast<int>(c), d) && !inside(frame, other))
          broken("cluster ", c, " leaves ", d);
        if (nested && overlap(title, drawn_.titles[d]))
          broken("the titles of ", d, " and ", c, " overlap");
      }
    }
  }

  void routes() {
    for (std::size_t e = 0; e < drawn_.routes.size(); ++e) {
      const auto& edge = graph_.edges[e];
      const auto& route = drawn_.routes[e];
      if (edge.from == edge.to) continue;
      if (route.points.size() < 4 || route.points.size() % 3 != 1) {
        broken("route ", e, " has ", route.points.size(), " points");
        continue;
      }
      ends(e);
      for (const Point& p : points_of(route)) pass(e, p);
    }
  }

  // On the border of both boxes.
  void ends(std::size_t e) {
    const auto& edge = graph_.edges[e];
    const auto& points = drawn_.routes[e].points;
    const auto touches = [](const Rect& box, const Point& p) {
      const bool x = p.x > box.x - slack && p.x < box.right() + slack;
      const bool y = p.y > box.y - slack && p.y < box.bottom() + slack;
      return x && y && !contains(box, p);
    };
    if (!touches(drawn_.boxes[static_cast<std::size_t>(edge.from)], points.front()))
      broken("route ", e, " does not start at its box");
    if (!touches(drawn_.boxes[static_cast<std::size_t>(edge.to)], points.back()))
      broken("route ", e, " does not end at its box");
  }

  void pass(std::size_t e, const Point& p) {
    const auto& edge = graph_.edges[e];
    if (p.x < -slack || p.y < -slack || p.x > drawn_.width + slack || p.y > drawn_.height + slack)
      broken("route ", e, " leaves the drawing");
    for (std::size_t b = 0; b < drawn_.boxes.size(); ++b)
      if (contains(drawn_.boxes[b], p)) broken("route ", e, " passes box ", b);
    for (std::size_t c = 0; c < drawn_.clusters.size(); ++c) {
      if (contains(drawn_.titles[c], p)) broken("route ", e, " passes the title of cluster ", c);
      const bool own = is_in(graph_.boxes[static_cast<std::size_t>(edge.from)].cluster, c) ||
                       is_in(graph_.boxes[static_cast<std::size_t>(edge.to)].cluster, c);
      if (!own && contains(drawn_.clusters[c], p)) broken("route ", e, " passes cluster ", c);
    }
    for (std::size_t l = 0; l < drawn_.routes.size(); ++l)
      if (contains(drawn_.routes[l].label, p)) broken("route ", e, " passes label ", l);
  }

  void labels() {
    const Rect all{0, 0, drawn_.width, drawn_.height};
    for (std::size_t e = 0; e < drawn_.routes.size(); ++e) {
      const Rect& label = drawn_.routes[e].label;
      if (label.width == 0) continue;
      if (!inside(label, all)) broken("label ", e, " leaves the drawing");
      for (std::size_t b = 0; b < drawn_.boxes.size(); ++b)
        if (overlap(label, drawn_.boxes[b])) broken("label ", e, " is on box ", b);
      for (std::size_t c = 0; c < drawn_.titles.size(); ++c)
        if (overlap(label, drawn_.titles[c])) broken("label ", e, " is on the title of ", c);
      for (std::size_t k = 0; k < e; ++k)
        if (overlap(label, drawn_.routes[k].label)) broken("labels ", k, " and ", e, " overlap");
    }
  }

  const LayoutGraph& graph_;
  const Layout& drawn_;
  std::string broken_;
};

}  // namespace

std::string broken_rules(const LayoutGraph& graph, const Layout& drawn) {
  return Rules(graph, drawn).first_broken();
}

}  // namespace glassbox::test
