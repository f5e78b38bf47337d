#!/usr/bin/env python3
"""Writes a folder of small PNG files that a network can tell apart, for the documentation's commands:
FOLDER/circle and FOLDER/square, each with COUNT images.

    make_photos.py FOLDER [COUNT]
"""

import pathlib
import random
import struct
import sys
import zlib

SIDE = 48


def png(pixels):
    rows = b"".join(b"\0" + pixels[i:i + 3 * SIDE] for i in range(0, len(pixels), 3 * SIDE))

    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data +
                struct.pack(">I", zlib.crc32(kind + data)))

    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) +
            chunk(b"IEND", b""))


def draw(kind, rng):
    x, y, r = rng.randint(16, 32), rng.randint(16, 32), rng.randint(9, 15)
    paper = [rng.randint(0, 90) for _ in range(3)]
    ink = [rng.randint(150, 255) for _ in range(3)]
    pixels = bytearray()
    for i in range(SIDE):
        for j in range(SIDE):
            dx, dy = abs(j - x), abs(i - y)
            inside = dx * dx + dy * dy <= r * r if kind == "circle" else max(dx, dy) <= r * 0.8
            pixels += bytes(min(255, v + rng.randint(0, 20)) for v in (ink if inside else paper))
    return bytes(pixels)


folder, count = pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 100
rng = random.Random(1)
for kind in ("circle", "square"):
    (folder / kind).mkdir(parents=True, exist_ok=True)
    for n in range(count):
        (folder / kind / f"{n}.png").write_bytes(png(draw(kind, rng)))
