#pragma once
// Charts of every kind, the same numbers everywhere, and charts of random and hostile data.
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "viz/chart_bars.h"
#include "viz/chart_histogram.h"
#include "viz/chart_image.h"
#include "viz/chart_line.h"
#include "viz/chart_matrix.h"

namespace glassbox::test {

viz::LineChart sample_lines();
viz::LineChart sample_bands();
viz::ImageRow sample_images();
viz::RidgeHistogram sample_ridge();
viz::ConfusionMatrix sample_confusion();

using NamedChart = std::pair<std::string, std::shared_ptr<const viz::Chart>>;
std::vector<NamedChart> sample_charts();  // one of each kind, and a grid

// One of each kind of random size, with values that are NaN, infinite, equal, of any magnitude, or
// missing, and names that are markup, control sequences, broken UTF-8, long or empty.
std::vector<NamedChart> random_charts(std::mt19937& random);
// Names of that sort.
const std::vector<std::string>& hostile_names();

// What an application may draw itself: written against Painter alone.
class OwnPie : public viz::Chart {
 public:
  explicit OwnPie(double value) : value_(value) {}
  void draw(viz::Painter& painter, const viz::Rect& box) const override;

 private:
  double value_;
};

}  // namespace glassbox::test
