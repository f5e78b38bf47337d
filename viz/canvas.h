// Canvas: drawings of a training while it goes on, as in HiddenLayer.
//
//   viz::Canvas canvas("training.svg");
//   ...
//   auto frame = canvas.frame();  // what is drawn until its end comes together
//   canvas.draw_plot({history["loss"], history["accuracy"]});
//   canvas.draw_image(history["feature_map"]);
//   canvas.draw_hist(history["conv1_weight"]);
//
// Outside of a frame each call is drawn at once, by itself. A frame goes to the file, which is
// replaced as a whole; to a terminal, where it takes the place of the one before; and to a
// notebook. Drawing has a thread of its own: a call only notes what is to be drawn, and where a
// frame comes before the last one was drawn, those in between are left out. Errors of drawing (a
// full disk) are said once on standard error and stop nothing. One thread at a time may call a
// canvas.
//
// Drawings of one's own: derive from Canvas and call draw(), or pass a function.
//
//   struct MyCanvas : viz::Canvas {
//     using Canvas::Canvas;
//     void draw_pie(const viz::Metric& metric) {
//       viz::Pie pie;
//       pie.slices = {{"Accuracy", metric.last()}, {"", 1 - metric.last()}};
//       draw(pie);
//     }
//   };
#pragma once
#include <concepts>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "viz/chart.h"
#include "viz/metric_charts.h"

namespace glassbox::viz {

struct CanvasOptions {
  std::string path = {};  // .svg .png .pdf .txt: the file that shows the last frame
  double width = 960;     // of it, in pixels
  ThemeMode theme = ThemeMode::light;
  int per_row = 0;  // drawings side by side; 0: one, on a terminal of 150 columns or more two
  enum class Terminal { automatic, always, never };
  Terminal terminal = Terminal::automatic;  // automatic: where `out` is one that can redraw
  int columns = 0, rows = 0;                // of the terminal; 0: ask it
  std::FILE* out = stdout;
  // Is given every frame as SVG, on the drawing thread: for a notebook.
  std::function<void(const std::string& svg)> display = {};
};

class Canvas {
 public:
  // Throws Error for a path whose ending is unknown.
  explicit Canvas(CanvasOptions options = {});
  // A template, so that {.path = ...} can only be options.
  template <std::convertible_to<std::string> T>
  explicit Canvas(const T& path) : Canvas(CanvasOptions{.path = path}) {}
  Canvas(const Canvas&) = delete;
  Canvas& operator=(const Canvas&) = delete;
  virtual ~Canvas();  // draws the last frame, if it waits

  // Ends the frame at the end of its life, whatever ends it.
  class Frame {
   public:
    explicit Frame(Canvas& canvas) : canvas_(&canvas) {}
    Frame(Frame&& other) noexcept : canvas_(std::exchange(other.canvas_, nullptr)) {}
    Frame& operator=(Frame&&) = delete;
    ~Frame() {
      if (canvas_) canvas_->end_frame();
    }

   private:
    Canvas* canvas_;
  };
  [[nodiscard]] Frame frame();  // throws Error inside of another

  // See viz/metric_charts.h for the options and the errors, which are thrown here.
  void draw_plot(const std::vector<Metric>& metrics, const PlotOptions& options = {});
  void draw_plot(const Metric& metric, const PlotOptions& options = {});
  void draw_image(const Metric& metric, const ImageOptions& options = {});
  void draw_hist(const Metric& metric, const HistogramOptions& options = {});
  // The header of the frame: the title, the last step and the time so far.
  void draw_summary(const History& history, const std::string& title = "");

  // A chart, or whatever is made of one when it is drawn.
  template <class T>
  requires std::is_base_of_v<Chart, T>
  void draw(T chart) { draw(std::shared_ptr<const Chart>(std::make_shared<T>(std::move(chart)))); }
  void draw(std::shared_ptr<const Chart> chart);
  // A function that draws inside a box of that height in pixels. It runs on the drawing thread.
  void draw(std::function<void(Painter&, const Rect&)> paint, double height = 240);

  // The last frame as a file, by its ending. Throws Error when there was none, for an unknown
  // ending, and when it cannot be written.
  void save(const std::string& path);
  std::string to_svg() const;  // of the last frame; "" when there was none

  void wait();  // until the last frame has been drawn
  // Waits, and leaves that frame where it stands on the terminal: the next comes below. For who
  // prints lines of their own between frames.
  void keep_frame();
  std::int64_t frames() const;   // ended so far
  std::int64_t dropped() const;  // of them never drawn, as a later one was there

 private:
  using Maker = std::function<std::shared_ptr<const Chart>()>;
  struct Drawing {
    std::vector<Maker> makers;
    std::string title, subtitle;
  };
  class Desk;  // the thread that draws
  friend class Desk;

  void add(Maker maker);
  void end_frame() noexcept;
  static ChartGrid grid_of(const Drawing& drawing, int per_row);

  CanvasOptions options_;
  std::unique_ptr<Drawing> open_;        // in a frame, what it has so far
  std::shared_ptr<const Drawing> last_;  // the last frame that ended
  std::int64_t frames_ = 0;
  std::unique_ptr<Desk> desk_;  // from the first frame on
};

}  // namespace glassbox::viz
