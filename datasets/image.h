// Images as tensors: PNG and JPEG in, resizing, PNG out. PNG needs libpng at build time, JPEG
// libjpeg. All functions may be called from several threads at once.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/core/tensor.h"

namespace glassbox::datasets {

enum class ImageFormat { unknown, png, jpeg };

// By the first bytes, whatever the file is called.
ImageFormat image_format(std::string_view bytes);

struct ImageOptions {
  // Height times width; a file that says it has more is refused before memory is taken.
  std::int64_t max_pixels = std::int64_t(1) << 27;
};

// u8 [3,h,w], red, green and blue, 0 to 255: what Pillow's convert("RGB") gives. Grey is repeated,
// a palette looked up, alpha dropped, of 16 bits the upper 8 are kept; an orientation in EXIF is
// not applied. Throws Error, with the file's name, for what is neither PNG nor JPEG, is damaged or
// ends too early, has too many pixels, or needs a library that this build lacks.
Tensor read_image(const std::string& path, const ImageOptions& options = {});
// The same from memory; `name` stands in errors.
Tensor decode_image(std::string_view bytes, const std::string& name,
                    const ImageOptions& options = {});

// u8 [C,h,w] to u8 [C,size.h,size.w]: bilinear and antialiased, with Pillow's own weights and
// rounding: the bytes are those of torchvision's Resize on a PIL image. Throws Error for an empty
// image or a size below 1.
Tensor resize(const Tensor& image, Pair size);
// So that the image covers `size` with nothing to spare in one dimension, as torchvision's
// Resize(shorter side), then its middle, as CenterCrop.
Tensor resize_and_crop(const Tensor& image, Pair size);
// The middle of an image that is at least that large.
Tensor center_crop(const Tensor& image, Pair size);

// u8 [3,h,w] to its luma u8 [1,h,w]: ITU-R 601, the bytes of Pillow's convert("L").
Tensor to_grey(const Tensor& image);

// Writes u8 [h,w], [1,h,w] (grey), [3,h,w] (RGB) or [4,h,w] (RGB and alpha). The file is written
// whole or not at all.
void write_png(const std::string& path, const Tensor& image);

// Whether this build can.
bool can_use_png();
bool can_read_jpeg();

}  // namespace glassbox::datasets
