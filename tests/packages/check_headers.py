#!/usr/bin/env python3
"""Checks that installed headers need nothing but each other and the standard library.

    check_headers.py INCLUDE

Every include of every header under INCLUDE/glassbox must be one of those headers, or one of the
standard library's, which have neither a folder nor an extension. The header for notebooks needs
what their kernel brings along.
"""

import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)

EXCEPTIONS = {("glassbox/viz/jupyter.h", "nlohmann/json.hpp")}


def missing(root):
    for header in sorted((root / "glassbox").rglob("*.h")):
        for _, name in INCLUDE.findall(header.read_text()):
            if not ((root / name).exists() or (root / "glassbox" / name).exists()
                    or re.fullmatch("[a-z_0-9]+", name)
                    or (str(header.relative_to(root)), name) in EXCEPTIONS):
                yield f"{header.relative_to(root)} includes {name}"


def main():
    root = pathlib.Path(sys.argv[1])
    count = len(list((root / "glassbox").rglob("*.h")))
    lines = list(missing(root))
    print(*lines, sep="\n", end="\n" if lines else "")
    print(f"{count} headers, {len(lines)} includes that lead nowhere")
    return 1 if lines or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
