#include "viz/canvas.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <set>
#include <sstream>
#include <thread>

#include "engine/core/error.h"
#include "engine/core/threads.h"

namespace glassbox::viz {
namespace {

// A chart that is a function.
class Painted final : public Chart {
 public:
  Painted(std::function<void(Painter&, const Rect&)> paint, double height)
      : paint_(std::move(paint)), height_(height) {}
  void draw(Painter& painter, const Rect& box) const override { paint_(painter, box); }
  double height_for(const Painter&, double) const override { return height_; }

 private:
  std::function<void(Painter&, const Rect&)> paint_;
  double height_;
};

// What could not be drawn says why, in its place.
class Refused final : public Chart {
 public:
  explicit Refused(std::string message) : message_(std::move(message)) {}
  void draw(Painter& painter, const Rect& box) const override {
    double y = box.y;
    for (const std::string& line : lines(painter, box.width)) {
      painter.text({box.x, y}, painter.fitted(line, box.width, size),
                   {.size = size, .paint = ink_paint(Ink::warning)});
      y += painter.line_height(size);
    }
  }
  double height_for(const Painter& painter, double width) const override {
    return static_cast<double>(lines(painter, width).size()) * painter.line_height(size) + 4;
  }
  std::string description() const override { return message_; }

 private:
  static constexpr double size = 11;

  std::vector<std::string> lines(const Painter& painter, double width) const {
    std::vector<std::string> lines(1);
    std::istringstream words(message_);
    for (std::string word; words >> word;) {
      const std::string longer = lines.back() + (lines.back().empty() ? "" : " ") + word;
      if (lines.back().empty() || painter.text_width(longer, size) <= width)
        lines.back() = longer;
      else
        lines.push_back(word);
    }
    return lines;
  }

  std::string message_;
};

bool can_redraw(std::FILE* out) {
  const char* kind = std::getenv("TERM");
  return isatty(fileno(out)) && kind && std::string_view(kind) != "dumb";
}

struct TerminalSize {
  int columns = 80, rows = 24;
};
TerminalSize size_of(std::FILE* out) {
  winsize size{};
  if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0)
    return {size.ws_col, size.ws_row};
  return {};
}

void check_path(const std::string& path) {
  for (const char* ending : {".svg", ".png", ".pdf", ".txt"}) {
    if (path.ends_with(ending)) return;
  }
  fail("Canvas", "cannot draw into " + path + ": the known endings are .svg .png .pdf .txt");
}

constexpr int least_columns = 20;  // of a terminal that is drawn on

}  // namespace

ChartGrid Canvas::grid_of(const Drawing& drawing, int per_row) {
  ChartGrid grid;
  grid.title = drawing.title;
  grid.subtitle = drawing.subtitle;
  for (const Maker& make : drawing.makers) {
    std::shared_ptr<const Chart> chart;
    try {
      chart = make();
    } catch (const std::exception& e) {
      chart = std::make_shared<Refused>(e.what());
    }
    if (grid.rows.empty() || grid.rows.back().size() >= static_cast<std::size_t>(per_row))
      grid.rows.emplace_back();
    grid.rows.back().push_back(std::move(chart));
  }
  return grid;
}

// The drawing thread, and the one place where a frame waits for it.
class Canvas::Desk {
 public:
  explicit Desk(const CanvasOptions& options) : options_(options), thread_([this] { run(); }) {}
  ~Desk() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  void put(std::shared_ptr<const Drawing> drawing) {
    {
      const std::lock_guard lock(mutex_);
      if (waiting_) ++dropped_;
      waiting_ = std::move(drawing);
    }
    changed_.notify_all();
  }

  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !waiting_ && !drawing_; });
  }

  void keep_frame() {
    wait();
    const std::lock_guard lock(mutex_);
    lines_ = 0;
  }

  std::int64_t dropped() {
    const std::lock_guard lock(mutex_);
    return dropped_;
  }

 private:
  void run() {
    const NumThreadsScope one(1);  // the cores belong to the training
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return waiting_ || ending_; });
      if (!waiting_) return;
      const std::shared_ptr<const Drawing> drawing = std::exchange(waiting_, nullptr);
      drawing_ = true;
      lock.unlock();
      show(*drawing);
      lock.lock();
      drawing_ = false;
      changed_.notify_all();
    }
  }

  // What is shown to nobody is not drawn.
  void show(const Drawing& drawing) {
    const bool on_terminal =
        options_.terminal == CanvasOptions::Terminal::always ||
        (options_.terminal == CanvasOptions::Terminal::automatic && can_redraw(options_.out));
    if (!on_terminal && options_.path.empty() && !options_.display) {
      if (options_.terminal == CanvasOptions::Terminal::automatic)
        say("standard output is no terminal, and there is no file to draw into; "
            "viz::Canvas(\"training.svg\") has one");
      return;
    }
    const int per_row = options_.per_row > 0 ? options_.per_row : 1;
    const ChartGrid grid = grid_of(drawing, per_row);
    if (!options_.path.empty()) {
      attempt([&] {
        save_chart(grid, options_.path, {.width = options_.width, .theme = options_.theme});
      });
    }
    if (options_.display) {
      attempt([&] {
        options_.display(viz::to_svg(grid, {.width = options_.width, .theme = options_.theme}));
      });
    }
    if (on_terminal) attempt([&] { redraw(grid); });
  }

  void redraw(const ChartGrid& grid) {
    const TerminalSize size = size_of(options_.out);
    const int columns = options_.columns > 0 ? options_.columns : size.columns;
    // What is scrolled away cannot be taken back.
    const int rows = (options_.rows > 0 ? options_.rows : size.rows) - 1;
    if (columns < least_columns || rows < 2) return;
    TerminalOptions look;
    look.columns = columns;
    look.colors = color_depth(options_.terminal != CanvasOptions::Terminal::always ||
                              can_redraw(options_.out));
    const ChartGrid* drawn = &grid;
    ChartGrid wide;
    if (options_.per_row == 0 && columns >= 150 && grid.rows.size() > 1) {
      wide.title = grid.title;
      wide.subtitle = grid.subtitle;
      for (std::size_t i = 0; i < grid.rows.size(); ++i) {
        if (i % 2 == 0) wide.rows.emplace_back();
        wide.rows.back().push_back(grid.rows[i].front());
      }
      drawn = &wide;
    }
    std::string text = to_terminal(*drawn, look);
    auto lines = std::count(text.begin(), text.end(), '\n');
    if (lines > rows) {
      look.rows = rows;
      text = to_terminal(*drawn, look);
      lines = std::count(text.begin(), text.end(), '\n');
    }
    std::string all;
    if (lines_ > 0) all = "\033[" + std::to_string(lines_) + "A\r\033[J";
    all += text;
    std::fwrite(all.data(), 1, all.size(), options_.out);
    std::fflush(options_.out);
    lines_ = static_cast<int>(lines);
  }

  template <class F>
  void attempt(const F& f) {
    try {
      f();
    } catch (const std::exception& e) {
      say(e.what());
    }
  }
  void say(const std::string& message) {
    if (said_.insert(message).second) std::fprintf(stderr, "canvas: %s\n", message.c_str());
  }

  const CanvasOptions& options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<const Drawing> waiting_;
  bool drawing_ = false, ending_ = false;
  std::int64_t dropped_ = 0;
  // The drawing thread's own, while it draws.
  std::set<std::string> said_;
  int lines_ = 0;  // of the terminal that the frame before takes

  std::thread thread_;  // the last member: it uses the others
};

Canvas::Canvas(CanvasOptions options) : options_(std::move(options)) {
  if (!options_.path.empty()) check_path(options_.path);
}
Canvas::~Canvas() = default;

Canvas::Frame Canvas::frame() {
  if (open_) fail("Canvas", "a frame is open already; it ends where its variable does");
  open_ = std::make_unique<Drawing>();
  return Frame(*this);
}

void Canvas::add(Maker maker) {
  if (open_) {
    open_->makers.push_back(std::move(maker));
    return;
  }
  const Frame alone = frame();
  open_->makers.push_back(std::move(maker));
}

void Canvas::end_frame() noexcept {
  const std::shared_ptr<const Drawing> drawing = std::move(open_);
  if (drawing->makers.empty() && drawing->title.empty() && drawing->subtitle.empty()) return;
  ++frames_;
  last_ = drawing;
  try {
    if (!desk_) desk_ = std::make_unique<Desk>(options_);
    desk_->put(drawing);
  } catch (const std::exception& e) {
    // Without a thread nothing is drawn while the training goes on; save() still does.
    std::fprintf(stderr, "canvas: %s\n", e.what());
  }
}

void Canvas::draw_plot(const std::vector<Metric>& metrics, const PlotOptions& options) {
  detail::check_plot(metrics, options);
  add([metrics, options] { return std::make_shared<LineChart>(line_chart(metrics, options)); });
}

void Canvas::draw_plot(const Metric& metric, const PlotOptions& options) {
  draw_plot(std::vector<Metric>{metric}, options);
}

void Canvas::draw_image(const Metric& metric, const ImageOptions& options) {
  detail::check_tensors(metric, "draw_image");
  add([metric, options] { return image_chart(metric, options); });
}

void Canvas::draw_hist(const Metric& metric, const HistogramOptions& options) {
  detail::check_tensors(metric, "draw_hist");
  add([metric, options] {
    return std::make_shared<RidgeHistogram>(histogram_chart(metric, options));
  });
}

void Canvas::draw_summary(const History& history, const std::string& title) {
  const auto set = [&](Drawing& drawing) {
    drawing.title = title;
    if (const std::optional<Step> step = history.step()) {
      drawing.subtitle = "Step: " + format_step(*step) + " · Time: " + history.time_text();
    }
  };
  if (open_) return set(*open_);
  const Frame alone = frame();
  set(*open_);
}

void Canvas::draw(std::shared_ptr<const Chart> chart) {
  if (!chart) fail("Canvas", "there is no chart to draw");
  add([chart = std::move(chart)] { return chart; });
}

void Canvas::draw(std::function<void(Painter&, const Rect&)> paint, double height) {
  if (!paint) fail("Canvas", "there is no function to draw with");
  if (!(height > 0)) fail("Canvas", cat("a drawing of height ", height, " has no room"));
  draw(std::shared_ptr<const Chart>(std::make_shared<Painted>(std::move(paint), height)));
}

void Canvas::save(const std::string& path) {
  check_path(path);
  if (!last_) fail("Canvas", "nothing was drawn yet, so there is nothing to save to " + path);
  save_chart(grid_of(*last_, std::max(1, options_.per_row)), path,
             {.width = options_.width, .theme = options_.theme});
}

std::string Canvas::to_svg() const {
  if (!last_) return "";
  return viz::to_svg(grid_of(*last_, std::max(1, options_.per_row)),
                     {.width = options_.width, .theme = options_.theme});
}

void Canvas::wait() {
  if (desk_) desk_->wait();
}
void Canvas::keep_frame() {
  if (desk_) desk_->keep_frame();
}
std::int64_t Canvas::frames() const { return frames_; }
std::int64_t Canvas::dropped() const { return desk_ ? desk_->dropped() : 0; }

}  // namespace glassbox::viz
