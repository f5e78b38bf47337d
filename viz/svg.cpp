#include "viz/svg.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "viz/box_text.h"
#include "viz/layout.h"
#include "viz/svg_inks.h"
#include "viz/svg_writer.h"
#include "viz/text.h"

namespace glassbox::viz {
namespace {

using detail::Ink;
using detail::SvgBrush;
using detail::SvgWriter;
using Anchor = SvgWriter::Anchor;
using Node = Diagram::Node;
using Change = Node::Change;

constexpr double most_radius = 18;  // beyond it a pill of many lines would cut into its text
constexpr double title_size = 11, detail_size = 8.5, label_size = 8.5, header_size = 15;
constexpr double title_line = 14, detail_line = 11;  // heights of lines
constexpr double pad_x = 10, pad_y = 6, margin = 14;
constexpr double widest_title = 230, widest_for_lines = 500;

struct Line {
  std::string text;
  double size;
  Face face;
  bool muted = false;
  double height() const { return size == title_size ? title_line : detail_line; }
  double width() const { return text_width(text, size, face); }
};

class Drawing {
 public:
  Drawing(const Diagram& diagram, const DrawOptions& options)
      : diagram_(diagram), options_(options), theme_(options.theme), inks_(diagram, options) {
    find_frames();
    for (const Node& node : diagram_.nodes) lines_.push_back(lines_of(node));
    arrange();
  }

  std::string text() {
    const double header = header_height(), legend = inks_.has_legend() ? 34 : 0;
    double width = drawn_.width;
    if (options_.header) {
      width = std::max({width, text_width(diagram_.model, header_size, Face::bold),
                        text_width(totals_text(diagram_), 9.5)});
    }
    if (inks_.has_legend()) width = std::max(width, 5 * 62.0);
    const double note = note_.empty() ? 0 : 8 + 13 * static_cast<double>(note_.size());
    const double height = header + drawn_.height + legend + note;
    width = std::max(width, note_.empty() ? 0 : 300.0);
    for (const std::string& line : note_) width = std::max(width, text_width(line, 10));
    SvgWriter svg(width + 2 * margin, height + 2 * margin, title(), description());
    svg_ = &svg;
    svg.rect({0, 0, width + 2 * margin, height + 2 * margin}, 0, {theme_.background});
    if (options_.header) draw_header();
    shift_ = {margin + (width - drawn_.width) / 2, margin + header};
    for (std::size_t c = 0; c < drawn_.clusters.size(); ++c) draw_frame(c);
    // What failed lies over what did not.
    for (const bool failed : {false, true}) {
      for (std::size_t e = 0; e < diagram_.edges.size(); ++e)
        if (diagram_.edges[e].failed == failed) draw_edge(e);
    }
    for (std::size_t e = 0; e < diagram_.edges.size(); ++e) draw_label(e);
    for (std::size_t n = 0; n < diagram_.nodes.size(); ++n) draw_node(n);
    double y = margin + header + drawn_.height;
    if (inks_.has_legend()) draw_legend(y + 12);
    y += legend + 8;
    for (const std::string& line : note_) {
      y += 13;
      svg.text({margin, y}, Anchor::start, 10, Face::regular, theme_.failure, line);
    }
    return svg.finish();
  }

 private:
  static std::size_t index(int i) { return static_cast<std::size_t>(i); }

  std::string title() const { return diagram_.model.empty() ? "Graph" : diagram_.model; }
  std::string description() const {
    std::size_t ops = 0;
    for (const Node& node : diagram_.nodes) ops += node.kind == Node::Kind::op;
    const std::string totals = totals_text(diagram_);
    return cat("Graph of ", ops, " ops", totals.empty() ? "" : ": ", totals);
  }
  double header_height() const { return options_.header ? 44 : 0; }

  // --- what is written --------------------------------------------------------------------------

  // Frames that are drawn, by cluster; -1: not.
  void find_frames() {
    frame_of_.assign(diagram_.clusters.size(), -1);
    depth_.assign(diagram_.clusters.size(), 0);
    for (std::size_t c = 0; c < diagram_.clusters.size(); ++c) {
      int depth = 0, at = static_cast<int>(c);
      while (at >= 0 && depth <= static_cast<int>(diagram_.clusters.size())) {
        ++depth;
        at = diagram_.clusters[index(at)].parent;
      }
      depth_[c] = depth;
      const bool drawn =
          options_.frames && (options_.frame_depth < 0 || depth <= options_.frame_depth);
      if (!drawn) continue;
      frame_of_[c] = static_cast<int>(framed_.size());
      framed_.push_back(static_cast<int>(c));
    }
  }
  // The innermost drawn one around a cluster, itself included.
  int drawn_cluster(int cluster) const {
    while (cluster >= 0 && frame_of_[index(cluster)] < 0)
      cluster = diagram_.clusters[index(cluster)].parent;
    return cluster;
  }

  std::vector<Line> lines_of(const Node& node) const {
    std::vector<Line> lines;
    std::string title = title_of(node);
    if (node.repeat > 1) title += " ×" + std::to_string(node.repeat);
    if (node.change == Change::added) title = "+ " + title;
    if (node.change == Change::removed) title = "− " + title;
    if (node.change == Change::changed) title = "~ " + title;
    for (const std::string& part : title_lines(title))
      lines.push_back({part, title_size, Face::bold});
    const auto small = [&lines](const std::string& text) {
      if (!text.empty()) lines.push_back({text, detail_size, Face::regular, true});
    };
    if (node.kind != Node::Kind::op) {
      const auto& tensors = node.kind == Node::Kind::input ? node.outputs : node.inputs;
      if (options_.shapes && !tensors.empty()) small(shape_text(tensors[0], diagram_.batch));
    } else if (options_.details) {
      const int cluster = drawn_cluster(node.cluster);
      small(detail_text(node, cluster < 0 ? "" : diagram_.clusters[index(cluster)].path));
    } else if (is_shared(node)) {
      small(node.call > 1 ? ordinal(node.call) + " call" : "shared");
    }
    for (const std::string& note : node.notes) small(note);
    return lines;
  }

  // A folded node's long title is broken where its parts meet, into lines as even as can be.
  static std::vector<std::string> title_lines(const std::string& title) {
    std::vector<std::string> lines = broken(title, widest_title);
    for (double width = widest_title - 10; width > 0 && lines.size() > 1; width -= 10) {
      std::vector<std::string> narrower = broken(title, width);
      if (narrower.size() > lines.size()) break;
      lines = std::move(narrower);
    }
    return lines;
  }
  static std::vector<std::string> broken(const std::string& title, double widest) {
    std::vector<std::string> lines{""};
    std::size_t at = 0;
    while (at < title.size()) {
      std::size_t next = title.find(" > ", at);
      next = next == title.npos ? title.size() : next + 3;
      const std::string part = title.substr(at, next - at);
      if (!lines.back().empty() && text_width(lines.back() + part, title_size, Face::bold) > widest)
        lines.emplace_back();
      lines.back() += part;
      at = next;
    }
    return lines;
  }

  std::string label_of(std::size_t e) const {
    const Diagram::Edge& edge = diagram_.edges[e];
    const Node& from = diagram_.nodes[index(edge.from)];
    const Node& to = diagram_.nodes[index(edge.to)];
    if (edge.failed) return shape_text(edge.tensor, diagram_.batch);
    const bool is_said = from.kind == Node::Kind::input || to.kind == Node::Kind::output;
    return options_.shapes && !is_said ? shape_text(edge.tensor, diagram_.batch) : "";
  }

  // --- where it is ------------------------------------------------------------------------------

  void arrange() {
    LayoutGraph graph;
    graph.left_to_right = options_.direction == Direction::left_right;
    std::vector<double> entering(lines_.size(), 0);
    for (const Diagram::Edge& edge : diagram_.edges) ++entering[index(edge.to)];
    for (std::size_t n = 0; n < lines_.size(); ++n) {
      double width = 36, height = 2 * pad_y;
      for (const Line& line : lines_[n]) {
        width = std::max(width, line.width());
        height += line.height();
      }
      // Wide enough for the heads of all lines that enter, beside one in the middle.
      const double heads =
          std::min(2 * std::floor(entering[n] / 2) * graph.gaps.port + 12, widest_for_lines);
      double& across = graph.left_to_right ? height : width;
      across = std::max(across, heads - (graph.left_to_right ? 0 : 2 * pad_x));
      const int cluster = drawn_cluster(diagram_.nodes[n].cluster);
      graph.boxes.push_back(
          {width + 2 * pad_x, height, cluster < 0 ? -1 : frame_of_[index(cluster)]});
    }
    for (const int c : framed_) {
      const Diagram::Cluster& cluster = diagram_.clusters[index(c)];
      const int outer = drawn_cluster(cluster.parent);
      const double width = std::max(text_width(frame_title(diagram_, cluster), 10, Face::bold),
                                    text_width(cluster.type, detail_size));
      graph.clusters.push_back({outer < 0 ? -1 : frame_of_[index(outer)], width, 22});
    }
    std::map<std::pair<int, std::string>, int> bundles;  // by box and label
    for (std::size_t e = 0; e < diagram_.edges.size(); ++e) {
      const Diagram::Edge& edge = diagram_.edges[e];
      labels_.push_back(label_of(e));
      const std::string shape = (edge.failed ? "!" : "") + shape_text(edge.tensor, diagram_.batch);
      const int bundle =
          bundles.try_emplace({edge.from, shape}, static_cast<int>(bundles.size())).first->second;
      const double width = labels_[e].empty() ? 0 : text_width(labels_[e], label_size);
      graph.edges.push_back({edge.from, edge.to, width, width > 0 ? label_size : 0, bundle});
    }
    drawn_ = layout(graph);
    if (!diagram_.failure.empty()) note_ = wrapped(diagram_.failure, 90);
  }

  Rect moved(Rect rect) const {
    rect.x += shift_.x;
    rect.y += shift_.y;
    return rect;
  }

  // --- drawing ----------------------------------------------------------------------------------

  void draw_header() {
    svg_->text({margin, margin + 14}, Anchor::start, header_size, Face::bold, theme_.text,
               diagram_.model);
    svg_->text({margin, margin + 29}, Anchor::start, 9.5, Face::regular, theme_.muted,
               totals_text(diagram_));
  }

  void draw_frame(std::size_t f) {
    if (drawn_.clusters[f].width == 0) return;
    const Diagram::Cluster& cluster = diagram_.clusters[index(framed_[f])];
    const bool inner = depth_[index(framed_[f])] % 2 == 0;
    svg_->rect(moved(drawn_.clusters[f]), theme_.radius + 3,
               {inner ? theme_.frame_fill_inner : theme_.frame_fill, theme_.frame_line, 1});
    const Rect at = moved(drawn_.titles[f]);
    svg_->text({at.x, at.y + 10}, Anchor::start, 10, Face::bold, theme_.text,
               frame_title(diagram_, cluster));
    svg_->text({at.x, at.y + 20}, Anchor::start, detail_size, Face::regular, theme_.muted,
               cluster.type);
  }

  const std::string& edge_color(const Diagram::Edge& edge) const {
    if (edge.failed) return theme_.failure;
    const Change from = diagram_.nodes[index(edge.from)].change,
                 to = diagram_.nodes[index(edge.to)].change;
    for (const Change change : {Change::removed, Change::added}) {
      if (edge.change == change || from == change || to == change)
        return change == Change::removed ? theme_.removed : theme_.added;
    }
    return theme_.edge;
  }

  void draw_edge(std::size_t e) {
    std::vector<Point> points = drawn_.routes[e].points;
    if (points.empty()) return;
    for (Point& p : points) {
      p.x += shift_.x;
      p.y += shift_.y;
    }
    const Diagram::Edge& edge = diagram_.edges[e];
    const std::string& color = edge_color(edge);
    const double width = theme_.line_width * (edge.failed ? 1.6 : 1), head = 5 + width;
    const Point tip = points.back(), from = points[points.size() - 2];
    // The line ends inside the head, so that no corner of it shows at the tip.
    const double length = std::hypot(tip.x - from.x, tip.y - from.y);
    if (length > 0) {
      Point& last = points.back();
      last.x -= (tip.x - from.x) / length * head * 0.6;
      last.y -= (tip.y - from.y) / length * head * 0.6;
    }
    const bool removed = &color == &theme_.removed;
    for (const auto& part : undrawn(points, edge.from, color))
      svg_->path(part, {"none", color, width, removed});
    svg_->arrow(tip, from, head, color);
  }

  // A route without what other edges of the same line have drawn already: drawn twice, the soft
  // borders of a line would add up.
  std::vector<std::vector<Point>> undrawn(const std::vector<Point>& points, int line,
                                          const std::string& color) {
    std::vector<std::vector<Point>> parts;
    bool open = false;
    for (std::size_t i = 0; i + 3 < points.size(); i += 3) {
      Point from = points[i];
      const Point to = points[i + 3];
      const bool down = from.x == to.x && from.x == points[i + 1].x;
      const bool right = from.y == to.y && from.y == points[i + 1].y;
      // A straight piece may be longer than that of another edge which begins where it does.
      const auto key = std::tuple(line, color, std::lround(from.x * 10), std::lround(from.y * 10),
                                  down || right ? 0 : std::lround(to.x * 10),
                                  down || right ? 0 : std::lround(to.y * 10));
      const auto [known, is_new] = drawn_to_.try_emplace(key, to);
      if (!is_new) {
        const Point done = known->second;
        const bool longer =
            (down && done.x == to.x && to.y > done.y) || (right && done.y == to.y && to.x > done.x);
        if (!longer) {
          open = false;
          continue;
        }
        from = done;
        known->second = to;
        open = false;
      }
      if (!open) parts.push_back({from});
      open = true;
      const Point a = down || right ? from : points[i + 1], b = down || right ? to : points[i + 2];
      parts.back().insert(parts.back().end(), {a, b, to});
    }
    return parts;
  }

  void draw_label(std::size_t e) {
    const Rect& label = drawn_.routes[e].label;
    if (label.width == 0) return;
    const Rect at = moved(label);
    svg_->text({at.x, at.bottom() - 1}, Anchor::start, label_size, Face::regular,
               diagram_.edges[e].failed ? theme_.failure : theme_.muted, labels_[e]);
  }

  void draw_node(std::size_t n) {
    const Node& node = diagram_.nodes[n];
    const Rect at = moved(drawn_.boxes[n]);
    const Ink ink = inks_.of(node);
    std::string tooltip;
    for (const std::string& line : about(diagram_, node))
      tooltip += (tooltip.empty() ? "" : "\n") + line;
    svg_->open_group(node.id, tooltip);
    if (node.repeat > 1)  // a second box behind it
      svg_->rect({at.x + 3, at.y + 3, at.width, at.height}, theme_.radius,
                 {ink.fill, ink.line, theme_.line_width});
    const bool strong =
        !node.failure.empty() || node.kind != Node::Kind::op || node.change != Change::none;
    const double radius = node.kind == Node::Kind::op ? theme_.radius
                          : theme_.radius > 0         ? std::min(at.height / 2, most_radius)
                                                      : 0;
    svg_->rect(at, radius,
               {ink.fill, ink.line, theme_.line_width * (strong ? 1.5 : 1),
                is_shared(node) || node.change == Change::removed});
    double y = at.y + pad_y;
    for (const Line& line : lines_[n]) {
      y += line.height();
      svg_->text({at.x + at.width / 2, y - 3}, Anchor::middle, line.size, line.face,
                 line.muted ? ink.muted : ink.text, line.text);
    }
    svg_->close_group();
  }

  void draw_legend(double y) {
    constexpr int steps = 5;
    for (int i = 0; i < steps; ++i) {
      const double part = static_cast<double>(i) / (steps - 1), x = margin + 62.0 * i;
      svg_->rect({x, y, 60, 8}, 0,
                 {detail::mix(theme_.low, theme_.high, part), theme_.frame_line, 1});
      std::string text = inks_.legend_text(part);
      if (i == 0) text = std::string(name_of(options_.color_by));
      svg_->text({i == 0 ? x : x + 30, y + 19}, i == 0 ? Anchor::start : Anchor::middle, label_size,
                 i == 0 ? Face::bold : Face::regular, theme_.muted, text);
    }
  }

  const Diagram& diagram_;
  const DrawOptions& options_;
  const Theme& theme_;
  const detail::Inks inks_;
  std::vector<int> frame_of_, depth_;  // by cluster
  std::vector<int> framed_;            // clusters by frame
  std::vector<std::vector<Line>> lines_;
  std::vector<std::string> labels_, note_;
  Layout drawn_;
  Point shift_;
  std::map<std::tuple<int, std::string, long, long, long, long>, Point> drawn_to_;
  SvgWriter* svg_ = nullptr;
};

}  // namespace

std::string to_svg(const Diagram& diagram, const DrawOptions& options) {
  return Drawing(diagram, options).text();
}

}  // namespace glassbox::viz
