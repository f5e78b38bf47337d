#!/usr/bin/env python3
"""Compiles and runs the code blocks of a Markdown file against a build tree.

    run_readme.py [README.md [build/release]]
    run_readme.py --same README.md README.zh.md

A ```cpp block with `int main` is compiled, linked and run; "```cpp no-run" is only compiled. A
block "```sh run" is run by sh. Everything runs in a temporary folder that looks like the repository
(links to its top level), so that what a block writes stays there.

"```cpp examples/NAME.cpp": these lines stand in that file, which the build compiles; they may be
wrapped otherwise and have other comments, and "// ..." stands for lines left out. "```text output":
the run before printed these lines, in this order; "..." stands for lines left out.

--same runs nothing: it says whether a translation has the code of its original, comments apart.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIMIT = 600  # seconds for one block


def blocks(text):
    """(line, words after the fence, code) of every fenced block."""
    fence = re.compile(r"^```([^\n`]*)\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
    for match in fence.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match[1].split(), match[2]


def compiler(build):
    cache = (build / "CMakeCache.txt").read_text()
    return re.search(r"^CMAKE_CXX_COMPILER:\w+=(.*)$", cache, re.MULTILINE)[1]


def compile_command(build, source, program):
    libraries = sorted(map(str, (build / "lib").glob("libglassbox_*.so")))
    return [compiler(build), "-std=c++20", "-Wall", "-Wextra", f"-I{ROOT}", f"-I{ROOT}/examples",
            str(source), *libraries, f"-Wl,-rpath,{build}/lib", "-o", str(program)]


def steps(build, words, code, work):
    """The commands that a block stands for."""
    if words in (["cpp"], ["cpp", "no-run"]) and "int main" in code:
        source, program = work / "block.cpp", work / "block"
        source.write_text(code)
        yield "compile", compile_command(build, source, program)
        if "no-run" not in words:
            yield "run", [str(program)]
    elif words == ["sh", "run"]:
        yield "run", ["sh", "-euc", code]


def pieces(code, gap):
    """What a block shows of something longer: its parts between the lines that are `gap`."""
    parts = re.split(rf"^[ \t]*{re.escape(gap)}[ \t]*$", code, flags=re.MULTILINE)
    return [part for part in parts if part.strip()]


def bare(code):
    """C++ without comments and white space."""
    return re.sub(r"\s+", "", re.sub(r"//[^\n]*", "", code))


def framed(text):
    """Lines that are found as wholes only."""
    return "".join(f"\n{line.rstrip()}\n" for line in text.strip("\n").split("\n"))


def missing_piece(whole, parts, normal):
    """The first part that `whole` does not have behind those before; None if it has them all."""
    whole, end = normal(whole), 0
    for part in parts:
        start = whole.find(normal(part), end)
        if start < 0:
            return part
        end = start + len(normal(part))
    return None


def compared(words, code, output):
    """(what a block is a part of, its piece that is not there or None); None for other blocks."""
    if words[:1] == ["cpp"] and words[1:] and words[1].startswith("examples/"):
        return words[1], missing_piece((ROOT / words[1]).read_text(), pieces(code, "// ..."), bare)
    if words == ["text", "output"]:
        return "output of the run before", missing_piece(output, pieces(code, "..."), framed)
    return None


def same(original, translation):
    """Whether two pages have the same blocks."""
    def code_of(page):
        return [(words, bare(code) if words[:1] == ["cpp"] else re.sub(r"#.*", "", code))
                for _, words, code in blocks(pathlib.Path(page).read_text())]

    pages = code_of(original), code_of(translation)
    equal = sum(a == b for a, b in zip(*pages))
    for number, (a, b) in enumerate(zip(*pages), 1):
        if a != b:
            print(f"block {number} of {translation} is not that of {original}")
    failed = max(map(len, pages)) - equal
    print(f"{equal} blocks passed, {failed} failed")
    return 1 if failed else 0


def main():
    if sys.argv[1:2] == ["--same"]:
        return same(*sys.argv[2:])
    page = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "README.md")
    build = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else ROOT / "build/release").resolve()
    passed = failed = 0
    output = ""
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        for entry in ROOT.iterdir():
            if entry.name not in (".git", "runs", "data"):
                (work / entry.name).symlink_to(entry)
        for line, words, code in blocks(page.read_text()):
            ok = None
            if part := compared(words, code, output):
                name, missing = part
                ok = missing is None
                print(f"{page.name}:{line}: {name}: {'ok' if ok else 'FAILED'}")
                if not ok:
                    print(f"not there, or not in this order:\n{missing}")
            for step, command in steps(build, words, code, work):
                result = subprocess.run(command, cwd=work, timeout=LIMIT, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                ok = result.returncode == 0
                output = result.stdout
                print(f"{page.name}:{line}: {step} {words[0]} block: {'ok' if ok else 'FAILED'}")
                if not ok:
                    print(result.stdout, f"exit status {result.returncode}")
                    break
            passed += ok is True
            failed += ok is False
    print(f"{passed} blocks passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
