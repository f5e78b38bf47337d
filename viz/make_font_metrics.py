"""Writes font_metrics_table.cpp: how wide the characters of a drawing are.

Liberation Sans has the advance widths of Arial and Helvetica, which are what browsers and librsvg
take for the font-family of the drawings, on Linux through Liberation Sans itself. What it lacks is
taken from DejaVu Sans, the usual fallback.

Needs fontTools and the Debian packages fonts-liberation and fonts-dejavu-core.
"""

import pathlib

from fontTools.ttLib import TTFont

FONTS = pathlib.Path("/usr/share/fonts/truetype")
RANGES = [(0x20, 0x17F), (0x370, 0x4FF), (0x2010, 0x2027), (0x2030, 0x203A), (0x2070, 0x208E),
          (0x2190, 0x2199), (0x2200, 0x2265), (0x22C5, 0x22C5), (0x25A0, 0x25CF)]
FACES = {"regular": ("liberation/LiberationSans-Regular.ttf", "dejavu/DejaVuSans.ttf"),
         "bold": ("liberation/LiberationSans-Bold.ttf", "dejavu/DejaVuSans-Bold.ttf")}


def widths(names, first, last):
    fonts = [TTFont(FONTS / name) for name in names]
    for code in range(first, last + 1):
        for font in fonts:
            glyph = font.getBestCmap().get(code)
            if glyph:
                yield round(font["hmtx"][glyph][0] * 1000 / font["head"].unitsPerEm)
                break
        else:
            yield 0


def main():
    out = ["// Made by make_font_metrics.py.", '#include "viz/font_metrics.h"', "",
           "namespace glassbox::viz::detail {", "namespace {", ""]
    for face, names in FACES.items():
        for first, last in RANGES:
            out.append(f"constexpr std::uint16_t {face}_{first:04x}[] = {{")
            line = "   "
            for width in widths(names, first, last):
                text = f" {width},"
                if len(line) + len(text) > 100:
                    out.append(line)
                    line = "   "
                line += text
            out += [line.rstrip(","), "};"]
    out.append("")
    for face in FACES:
        out.append(f"constexpr WidthRange {face}_ranges[] = {{")
        out += [f"    {{0x{first:x}, 0x{last:x}, {face}_{first:04x}}}," for first, last in RANGES]
        out.append("};")
    out += ["", "}  // namespace", ""]
    for face in FACES:
        out.append(f"std::span<const WidthRange> {face}_widths() {{ return {face}_ranges; }}")
    out += ["", "}  // namespace glassbox::viz::detail", ""]
    pathlib.Path(__file__).with_name("font_metrics_table.cpp").write_text("\n".join(out))


main()
