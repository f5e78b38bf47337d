"""Makes the images of this folder, and beside each what Pillow and torchvision make of it, as PPM.

Needs Pillow, torchvision and numpy; the tests need none of them."""

import pathlib
import struct
import zlib

import numpy as np
from PIL import Image
from torchvision import transforms

here = pathlib.Path(__file__).parent
random = np.random.default_rng(0)


def png(name, rows, depth, colour, interlaced=False):
    """A PNG that Pillow cannot write: rows are bytes, without filters, of all passes in order."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    height, width = rows.shape[:2]
    if interlaced:
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
                  (1, 0, 2, 1)]
        parts = [rows[y::dy, x::dx] for y, x, dy, dx in passes]
    else:
        parts = [rows]
    data = b"".join(b"\0" + row.tobytes() for part in parts if part.size for row in part)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    (here / name).write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) +
                              chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))


def expect(name, image):
    Image.fromarray(np.asarray(image)).save(here / (name + ".ppm"))


def expect_rgb(name):
    expect(name, Image.open(here / name).convert("RGB"))


def smooth(height, width, channels):
    y, x, c = np.mgrid[0:height, 0:width, 0:channels]
    return (127 + 120 * np.sin(y / 3 + c) * np.cos(x / 4 - c)).astype(np.uint8)


noise = random.integers(0, 256, (11, 13, 4), dtype=np.uint8)
Image.fromarray(noise[:, :, :3]).save(here / "rgb.png")
Image.fromarray(noise).save(here / "rgba.png")
Image.fromarray(noise[:, :, 0]).save(here / "grey.png")
Image.fromarray(noise[:, :, :2]).save(here / "grey_alpha.png")
Image.fromarray(noise[:, :, 0] > 127).save(here / "bits.png")
palette = Image.fromarray(noise[:, :, :3]).quantize(12)
palette.save(here / "palette.png")
palette.save(here / "palette_alpha.png", transparency=3)
png("interlaced.png", noise[:, :, :3], 8, 2, interlaced=True)
for name in ("rgb", "rgba", "grey", "grey_alpha", "bits", "palette", "palette_alpha", "interlaced"):
    expect_rgb(name + ".png")
deep = random.integers(0, 65536, (11, 13, 3), dtype=np.uint16)
png("rgb16.png", deep.astype(">u2"), 16, 2)
expect_rgb("rgb16.png")
png("grey16.png", deep[:, :, 0].astype(">u2"), 16, 0)
# Pillow clips these to 255; the upper eight bits are what it keeps of colours.
expect("grey16.png", np.repeat((deep[:, :, :1] >> 8).astype(np.uint8), 3, axis=2))

Image.fromarray(smooth(19, 26, 3)).save(here / "rgb.jpg", quality=90)
Image.fromarray(smooth(19, 26, 3)).save(here / "progressive.jpg", quality=90, progressive=True)
Image.fromarray(smooth(19, 26, 1)[:, :, 0]).save(here / "grey.jpg", quality=90)
Image.fromarray(smooth(19, 26, 4), "CMYK").save(here / "inks.jpg", quality=90)
for name in ("rgb", "progressive", "grey", "inks"):
    expect_rgb(name + ".jpg")

wide = Image.fromarray(random.integers(0, 256, (23, 37, 3), dtype=np.uint8))
wide.save(here / "wide.png")
wide.transpose(Image.Transpose.TRANSPOSE).save(here / "tall.png")
for height, width in ((16, 16), (50, 70), (23, 10), (7, 37), (1, 1), (24, 36)):
    expect(f"wide_{height}x{width}", wide.resize((width, height), Image.Resampling.BILINEAR))
for name in ("wide", "tall"):
    for size in (16, 7, 40):
        crop = transforms.Compose([transforms.Resize(size), transforms.CenterCrop(size)])
        expect(f"{name}_crop{size}", crop(Image.open(here / (name + ".png"))))
