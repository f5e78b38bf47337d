// What the decoders share. Internal.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "datasets/image.h"

namespace glassbox::datasets {

Tensor decode_png(std::string_view bytes, const std::string& name, const ImageOptions& options);
Tensor decode_jpeg(std::string_view bytes, const std::string& name, const ImageOptions& options);

// Throws Error unless a header's size can be an image's.
void check_image_size(std::int64_t width, std::int64_t height, const std::string& name,
                      const ImageOptions& options);

// Moves a row of w pixels with their channels side by side into row y of the planes [3,h,w].
void put_row(const std::uint8_t* row, std::int64_t y, Tensor& planes);

}  // namespace glassbox::datasets
