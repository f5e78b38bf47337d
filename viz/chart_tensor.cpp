#include "viz/chart_tensor.h"

#include "engine/core/error.h"

namespace glassbox::viz {
namespace {

int size_of(const Tensor& x, int dim) { return static_cast<int>(x.size(dim)); }

}  // namespace

Image image_of(const Tensor& x, const std::string& caption) {
  const int rank = x.dim();
  if (rank < 2 || rank > 4 || (rank == 4 && x.size(0) != 1))
    fail("image_of", cat("x is ", x.shape(), "; an image is [h,w], [c,h,w] or [1,c,h,w]"));
  return {size_of(x, rank - 2), size_of(x, rank - 1), rank == 2 ? 1 : size_of(x, rank - 3),
          x.to_vector<float>(), caption};
}

FilterGrid filters_of(const Tensor& weight, const std::string& title) {
  if (weight.dim() != 4)
    fail("filters_of", cat("weight is ", weight.shape(), "; filters are [out,in,h,w]"));
  FilterGrid grid;
  grid.title = title;
  grid.out = size_of(weight, 0);
  grid.in = size_of(weight, 1);
  grid.height = size_of(weight, 2);
  grid.width = size_of(weight, 3);
  grid.values = weight.to_vector<float>();
  return grid;
}

FeatureMapGrid feature_maps_of(const Tensor& x, const std::string& title, std::int64_t index) {
  const int rank = x.dim();
  if (rank != 3 && rank != 4)
    fail("feature_maps_of", cat("x is ", x.shape(), "; maps are [c,h,w] or [n,c,h,w]"));
  if (rank == 4 && (index < 0 || index >= x.size(0)))
    fail("feature_maps_of", cat("there is no image ", index, " in x ", x.shape()));
  const Tensor one = rank == 4 ? x[index] : x;
  FeatureMapGrid grid;
  grid.title = title;
  grid.channels = size_of(one, 0);
  grid.height = size_of(one, 1);
  grid.width = size_of(one, 2);
  grid.values = one.to_vector<float>();
  return grid;
}

std::vector<double> values_of(const Tensor& x) { return x.to_vector<double>(); }

}  // namespace glassbox::viz
