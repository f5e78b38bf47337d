// Charts, and what they are written to. A chart is a value: plain data and how to show it. The same
// one is drawn as an SVG and in a terminal.
//
//   LineChart chart;
//   chart.title = "loss";
//   chart.series = {{"train", steps, losses}};
//   io::write_file("loss.svg", to_svg(chart));
//   std::cout << to_terminal(chart, {.columns = 120});
//
// A chart of one's own derives from Chart and draws with a Painter. The bytes depend on the chart
// and the options alone.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "viz/chart_theme.h"
#include "viz/painter.h"

namespace glassbox::viz {

class Chart {
 public:
  virtual ~Chart() = default;
  // Draws inside the box, which may be small: what does not fit is left out, and nothing throws.
  virtual void draw(Painter& painter, const Rect& box) const = 0;
  // The height that it wants at this width, both in pixels.
  virtual double height_for(const Painter& painter, double width) const;
  // One line for those who cannot see it: an SVG's title.
  virtual std::string description() const { return "chart"; }
};

// Several charts in rows, with one header. It is a chart itself, so grids may be nested.
class ChartGrid : public Chart {
 public:
  std::string title, subtitle;
  // Charts are shared, not copied; those of a row have one width and one height.
  std::vector<std::vector<std::shared_ptr<const Chart>>> rows;

  template <class T>
  void add_row(T chart) {
    rows.push_back({std::make_shared<T>(std::move(chart))});
  }
  // To the right of the last row's charts.
  template <class T>
  void add(T chart) {
    if (rows.empty()) rows.emplace_back();
    rows.back().push_back(std::make_shared<T>(std::move(chart)));
  }

  void draw(Painter& painter, const Rect& box) const override;
  double height_for(const Painter& painter, double width) const override;
  std::string description() const override;
};

struct ChartOptions {
  double width = 640, height = 0;  // in pixels; a height of 0: what the chart wants
  ThemeMode theme = ThemeMode::light;
};

// Stands alone: no script, no style sheet, no font, images within. Several may stand in one HTML
// page. With ThemeMode::automatic the reader's setting decides; what knows no settings, such as
// to_png, sees the light theme. Throws Error for a size that is none.
std::string to_svg(const Chart& chart, const ChartOptions& options = {});
// By the ending of the path: .svg, .png, .pdf, or .txt for the terminal's form without colours.
// Throws Error for any other, and where the file cannot be written.
void save_chart(const Chart& chart, const std::string& path, const ChartOptions& options = {});

enum class ColorDepth { none, palette256, full };  // full: 24 bits
struct TerminalOptions {
  int columns = 80, rows = 0;  // rows of 0: what the chart wants
  ColorDepth colors = ColorDepth::none;
  bool ascii = false;  // no characters beyond ASCII in what is drawn; names stay what they are
  bool dark = true;    // what the terminal's background is
};

// Lines of at most so many columns, each ended by a newline, without spaces at their ends. Curves
// are braille dots, images half blocks; without colours shades of blocks. What is in a name never
// reaches the terminal as a control character. Throws Error for fewer than 20 columns.
std::string to_terminal(const Chart& chart, const TerminalOptions& options = {});

// What a terminal can show, by its environment: NO_COLOR, TERM, COLORTERM. Not a terminal: none.
ColorDepth color_depth(bool is_terminal);

}  // namespace glassbox::viz
