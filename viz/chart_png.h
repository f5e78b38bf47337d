// Pixels as a PNG, by hand: no library, and no more compression than flat areas need. Detail of the
// charts.
#pragma once
#include <span>
#include <string>

#include "viz/color_map.h"

namespace glassbox::viz::detail {

// One byte a pixel where there are at most 256 colours, else three. `pixels` are width * height in
// rows from the top.
std::string encode_png(int width, int height, std::span<const Rgb> pixels);
std::string base64(std::string_view bytes);

}  // namespace glassbox::viz::detail
