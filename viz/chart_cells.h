// A table of coloured cells with names at its sides. Detail of the charts.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "viz/painter.h"

namespace glassbox::viz::detail {

struct CellTable {
  std::size_t rows = 0, columns = 0;
  std::function<Rgb(std::size_t, std::size_t)> color;
  // What is written in a cell, from the longest form to the shortest; all cells have the same.
  std::vector<std::function<std::string(std::size_t, std::size_t)>> texts;
  std::function<std::string(std::size_t)> row_name, column_name;
  std::string row_title, column_title;
  // Figures at the right of each row and under each column, with a name of their own.
  std::function<std::string(std::size_t)> row_figure, column_figure;
  std::string row_figure_title, column_figure_title;
  bool square = false;
};

void draw_cells(Painter& painter, const Rect& box, const CellTable& table);
double cells_height(const Painter& painter, const CellTable& table, double width);

}  // namespace glassbox::viz::detail
