// The page of a report: HTML that stands alone, without scripts, light and dark by the reader's
// setting, on a phone and on paper. What comes from outside is escaped here.
//
//   ReportPage page("cifar on CIFAR-10", "runs/cifar-1");
//   page.card("Test accuracy", "0.7312");
//   page.begin("curves", "Curves");
//   page.figures({page_figure(chart)});
//   io::write_file("report.html", page.html());
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "viz/chart.h"

namespace glassbox {

// An element of a page, as HTML.
struct Html {
  std::string text;
};

class ReportPage {
 public:
  ReportPage(std::string_view title, std::string_view subtitle);

  void card(std::string_view name, std::string_view value, std::string_view note = "");
  // A section; what is added next is in it. `id` is a word, for links to it.
  void begin(std::string_view id, std::string_view title);
  void paragraph(std::string_view text);
  void figures(const std::vector<Html>& all);  // side by side where there is room
  void columns(const std::vector<Html>& all);  // of any heights, in two columns where there is room
  void add(const Html& html);
  void left_out(std::string_view what, std::string_view why);

  std::string html() const;

 private:
  std::string title_, subtitle_, cards_, contents_, body_;
  std::vector<std::string> left_out_;
  bool open_ = false;
};

// Side by side with others; or, where it would be too small to be read, as wide as the page and
// moved under a finger on a phone.
enum class FigureSize { half, full };
Html page_figure(const viz::Chart& chart, FigureSize size = FigureSize::half);
// An SVG of another kind, at its own size at most.
Html page_svg(const std::string& svg);
// A drawing made in both themes as one that follows the reader's setting: colours are all that the
// two may differ in; where they differ otherwise it is the light one.
std::string following_svg(const std::string& light, const std::string& dark);

// A picture with text below it. `pixels` are width * height in rows from the top.
Html page_picture(int width, int height, const std::vector<viz::Rgb>& pixels,
                  std::string_view alternative, const std::vector<std::string>& lines);
Html page_pictures(const std::vector<Html>& all);

struct PageTable {
  std::string title = {};
  std::vector<std::string> header = {};  // may be empty
  std::vector<std::vector<std::string>> rows = {};
  std::size_t left = 1;          // columns of text, before those of numbers
  bool code = false;             // the first column is code
  std::vector<int> depths = {};  // of the rows, of a tree
};
Html page_table(const PageTable& table);

}  // namespace glassbox
