// Images, filters and feature maps.
//
//   ImageRow row;
//   row.title = "conv1, first map";
//   row.images = {{.height = 24, .width = 24, .values = map, .caption = "0:100"}};
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "viz/chart.h"
#include "viz/color_map.h"

namespace glassbox::viz {

// Numbers as a tensor [channels, height, width] has them. Three channels are red, green and blue,
// four have an opacity that is ignored; others are drawn by their first channel through a colour
// map.
struct Image {
  int height = 0, width = 0, channels = 1;
  std::vector<float> values = {};  // channels * height * width
  std::string caption = {};
};

// Which values are the ends of the colours. What is not finite does not count; an image of one
// value is drawn in the middle.
enum class Normalize {
  own,     // the least and the greatest of each image
  shared,  // of all images, so that they can be compared; a bar says which
  none,    // 0 and 1
};

class ImageRow : public Chart {
 public:
  std::string title;
  std::vector<Image> images;
  Normalize normalize = Normalize::own;
  ColorMap map = ColorMap::viridis;
  int columns = 0;  // 0: as many as look best

  void draw(Painter& painter, const Rect& box) const override;
  double height_for(const Painter& painter, double width) const override;
  std::string description() const override;
};

// The kernels of a convolution, [out, in, height, width]. With three inputs each is a picture in
// colour, else each input has its own, one row for each output.
class FilterGrid : public Chart {
 public:
  std::string title;
  int out = 0, in = 0, height = 0, width = 0;
  std::vector<float> values;
  Normalize normalize = Normalize::shared;
  ColorMap map = ColorMap::viridis;
  int limit = 64;  // pictures at most; what is left out is said

  void draw(Painter& painter, const Rect& box) const override;
  double height_for(const Painter& painter, double width) const override;
  std::string description() const override;

 private:
  ImageRow row() const;
};

// What a layer makes of one image, [channels, height, width]: a picture for each channel.
class FeatureMapGrid : public Chart {
 public:
  std::string title;
  int channels = 0, height = 0, width = 0;
  std::vector<float> values;
  Normalize normalize = Normalize::shared;
  ColorMap map = ColorMap::viridis;
  int limit = 64;

  void draw(Painter& painter, const Rect& box) const override;
  double height_for(const Painter& painter, double width) const override;
  std::string description() const override;

 private:
  ImageRow row() const;
};

namespace detail {

// The pixels of an image by a range of values. Missing values are NaN's colour.
std::vector<Rgb> pixels_of(const Image& image, double low, double high, ColorMap map);
struct ValueRange {
  double low = 0, high = 0;
  bool is_empty = true;
  std::size_t nans = 0, infinities = 0;
  void add(const std::vector<float>& values);
};

}  // namespace detail
}  // namespace glassbox::viz
