#include "viz/canvas.h"

#include <doctest/doctest.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <future>
#include <memory>

#include "engine/core/error.h"
#include "engine/io/file.h"
#include "engine/ops/create.h"
#include "engine/ops/random.h"
#include "tests/temp_folder.h"
#include "viz/chart_bars.h"

using namespace glassbox;
using test::TempFolder;
using viz::Canvas;
using viz::CanvasOptions;
using viz::History;

namespace {

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

History small_history() {
  History history;
  for (int step = 0; step < 40; step += 10) {
    history.log(step, {{"loss", 1.0 / (step + 1)},
                       {"accuracy", step / 40.0},
                       {"image", full({4, 5}, step)},
                       {"weight", randn({3, 3})},
                       {"word", "text"}});
  }
  return history;
}

// What a canvas writes to its terminal.
struct Out {
  CanvasOptions terminal(int rows) const {
    return {.terminal = CanvasOptions::Terminal::always,
            .columns = 80,
            .rows = rows,
            .out = file.get()};
  }
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::tmpfile(), &std::fclose};
  std::string text() const {
    std::string all;
    std::rewind(file.get());
    for (int c = std::fgetc(file.get()); c != EOF; c = std::fgetc(file.get()))
      all += static_cast<char>(c);
    return all;
  }
};

struct MyCanvas : Canvas {
  using Canvas::Canvas;
  void draw_pie(const viz::Metric& metric) {
    viz::Pie pie;
    pie.slices = {{"Accuracy", metric.last()}, {"", 1 - metric.last()}};
    draw(pie);
  }
};

}  // namespace

TEST_CASE("canvas: a frame comes together in its file") {
  const TempFolder folder;
  const std::string file = folder.path() + "/training.svg";
  const History history = small_history();
  MyCanvas canvas(file);
  {
    const auto frame = canvas.frame();
    canvas.draw_summary(history, "A <title>");
    canvas.draw_pie(history["accuracy"]);
    canvas.draw_plot({history["loss"], history["accuracy"]}, {.labels = {"one & two"}});
    canvas.draw_image(history["image"]);
    canvas.draw_hist(history["weight"]);
    CHECK_FALSE(std::filesystem::exists(file));
    CHECK(canvas.frames() == 0);
  }
  canvas.wait();
  CHECK(canvas.frames() == 1);
  const std::string svg = io::read_file(file);
  CHECK(has(svg, "A &lt;title&gt;"));
  CHECK(has(svg, "Step: 30 · Time: 0:00:0"));
  CHECK(has(svg, "one &amp; two: 0.03226, accuracy: 0.75"));
  CHECK(has(svg, "Accuracy"));
  CHECK(svg == canvas.to_svg());
  // Outside of a frame each call stands alone.
  canvas.draw_plot(history["loss"]);
  canvas.wait();
  CHECK(canvas.frames() == 2);
  CHECK_FALSE(has(io::read_file(file), "Accuracy"));
  const std::string other = folder.path() + "/other.txt";
  canvas.save(other);
  CHECK(has(io::read_file(other), "loss: 0.03226"));
}

TEST_CASE("canvas: one's own function draws beside the built-in ones") {
  const History history = small_history();
  const TempFolder folder;
  Canvas canvas(folder.path() + "/a.svg");
  {
    const auto frame = canvas.frame();
    canvas.draw(
        [](viz::Painter& painter, const viz::Rect& box) {
          painter.text({box.x, box.y}, "mine alone");
        },
        50);
    canvas.draw_plot(history["loss"]);
  }
  CHECK(has(canvas.to_svg(), ">mine alone</text>"));
}

TEST_CASE("canvas: frames that come too fast are dropped, the last one is drawn") {
  const TempFolder folder;
  const std::string file = folder.path() + "/a.txt";
  std::promise<void> begun, go_on;
  std::shared_future<void> may_go_on = go_on.get_future().share();
  Canvas canvas(file);
  std::atomic<bool> first{true};
  // The first frame holds the drawing thread until the others have come.
  canvas.draw(
      [&begun, &first, may_go_on](viz::Painter&, const viz::Rect&) {
        if (!first.exchange(false)) return;
        begun.set_value();
        may_go_on.wait();
      },
      20);
  begun.get_future().wait();
  for (int i = 0; i < 10; ++i) {
    canvas.draw(
        [i](viz::Painter& painter, const viz::Rect& box) {
          painter.text({box.x, box.y}, "frame " + std::to_string(i));
        },
        20);
  }
  go_on.set_value();
  canvas.wait();
  CHECK(canvas.frames() == 11);
  CHECK(canvas.dropped() == 9);
  CHECK(has(io::read_file(file), "frame 9"));
}

TEST_CASE("canvas: a terminal is redrawn in place") {
  const History history = small_history();
  const Out out;
  Canvas canvas(out.terminal(40));
  canvas.draw_plot(history["loss"]);
  canvas.wait();
  const std::string once = out.text();
  const auto lines = std::count(once.begin(), once.end(), '\n');
  CHECK(lines > 5);
  CHECK(lines < 40);
  CHECK_FALSE(has(once, "\033["));
  canvas.draw_plot(history["loss"]);
  canvas.wait();
  CHECK(out.text() == once + "\033[" + std::to_string(lines) + "A\r\033[J" + once);
  canvas.keep_frame();
  canvas.draw_plot(history["loss"]);
  canvas.wait();
  CHECK(out.text().ends_with("\033[J" + once + once));
}

TEST_CASE("canvas: a frame taller than the terminal is made to fit") {
  const History history = small_history();
  const Out out;
  Canvas canvas(out.terminal(20));
  {
    const auto frame = canvas.frame();
    for (int i = 0; i < 4; ++i) canvas.draw_plot(history["loss"]);
  }
  canvas.wait();
  const std::string text = out.text();
  CHECK(std::count(text.begin(), text.end(), '\n') < 20);
}

TEST_CASE("canvas: what cannot be drawn") {
  const History history = small_history();
  CHECK_THROWS_WITH_AS(Canvas("a.jpeg"),
                       "Canvas: cannot draw into a.jpeg: the known endings are .svg .png .pdf .txt",
                       Error);
  const TempFolder folder;
  Canvas canvas(folder.path() + "/a.svg");
  CHECK_THROWS_AS(canvas.save("b.svg"), Error);  // nothing yet
  CHECK_THROWS_AS(canvas.draw_plot(std::vector<viz::Metric>{}), Error);
  CHECK_THROWS_AS(canvas.draw_plot(history["image"]), Error);
  CHECK_THROWS_AS(canvas.draw_image(history["loss"]), Error);
  CHECK_THROWS_AS(canvas.draw_hist(history["word"]), Error);
  CHECK_THROWS_AS(canvas.draw_plot(history["loss"], {.labels = {"a", "b"}}), Error);
  CHECK_THROWS_AS(canvas.draw(std::shared_ptr<const viz::Chart>()), Error);
  {
    const auto frame = canvas.frame();
    CHECK_THROWS_AS(static_cast<void>(canvas.frame()), Error);
  }
  CHECK(canvas.frames() == 0);  // an empty frame is none
  // A tensor that is no image says so in its place.
  History odd;
  odd.log(1, {{"cube", zeros({2, 2, 2, 2, 2})}});
  canvas.draw_image(odd["cube"]);
  CHECK(has(canvas.to_svg(), "has the shape [2,2,2,2,2]; an image is"));
}

TEST_CASE("canvas: an exception ends a frame, which is drawn") {
  const History history = small_history();
  const TempFolder folder;
  Canvas canvas(folder.path() + "/a.svg");
  try {
    const auto frame = canvas.frame();
    canvas.draw_plot(history["loss"]);
    throw Error("elsewhere");
  } catch (const Error&) {
  }
  CHECK(canvas.frames() == 1);
}

TEST_CASE("canvas: tensors are images by their shape") {
  History history;
  history.log(1, {{"grey", zeros({6, 7})},
                  {"planes", zeros({3, 6, 7})},
                  {"pixels", zeros({6, 7, 3})},
                  {"maps", zeros({8, 6, 7})},
                  {"filters", zeros({8, 3, 5, 5})}});
  const auto size = [&history](const char* name) {
    const auto chart = viz::image_chart(history[name]);
    const auto* row = dynamic_cast<const viz::ImageRow*>(chart.get());
    REQUIRE(row != nullptr);
    const viz::Image& image = row->images.at(0);
    return std::vector<int>{image.channels, image.height, image.width};
  };
  CHECK(size("grey") == std::vector<int>{1, 6, 7});
  CHECK(size("planes") == std::vector<int>{3, 6, 7});
  CHECK(size("pixels") == std::vector<int>{3, 6, 7});
  CHECK(dynamic_cast<const viz::FeatureMapGrid*>(viz::image_chart(history["maps"]).get()));
  CHECK(dynamic_cast<const viz::FilterGrid*>(viz::image_chart(history["filters"]).get()));
}
