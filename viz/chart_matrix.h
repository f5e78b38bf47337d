// Tables of numbers as colours: confusion matrices, heat maps.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "viz/chart.h"
#include "viz/color_map.h"

namespace glassbox::viz {

// What a classifier took for what.
class ConfusionMatrix : public Chart {
 public:
  std::string title;
  std::vector<std::string> classes;  // missing names are numbers
  std::vector<std::int64_t> counts;  // [true class, predicted class], in rows
  ColorMap map = ColorMap::viridis;  // of the part of its row that a cell has

  // From labels and predictions. Throws Error where their numbers differ or a class is none of n.
  static ConfusionMatrix of(const std::vector<std::int64_t>& labels,
                            const std::vector<std::int64_t>& predictions, std::int64_t n);

  std::size_t size() const;  // the number of classes; throws Error when the counts are no square
  std::int64_t at(std::size_t label, std::size_t prediction) const;
  std::int64_t total() const;
  double accuracy() const;                         // of them all; NaN where there are none
  double recall(std::size_t label) const;          // of those that are it, what was found; or NaN
  double precision(std::size_t prediction) const;  // of what was taken for it, what is it; or NaN

  void draw(Painter& painter, const Rect& box) const override;
  double height_for(const Painter& painter, double width) const override;
  std::string description() const override;
};

// values[row * columns + column]; what is not finite has NaN's colour or that of its end.
class HeatMap : public Chart {
 public:
  std::string title, x_label, y_label;
  std::size_t rows = 0, columns = 0;
  std::vector<double> values;
  std::vector<std::string> row_names, column_names;  // missing names are numbers
  ColorMap map = ColorMap::viridis;
  bool show_values = true;  // where there is room

  void draw(Painter& painter, const Rect& box) const override;
  double height_for(const Painter& painter, double width) const override;
  std::string description() const override;
};

}  // namespace glassbox::viz
