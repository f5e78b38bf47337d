#!/usr/bin/env python3
"""Compiles and runs the code blocks of a Markdown file against a build tree.

    run_readme.py [README.md [build/release]]

A ```cpp block with `int main` is compiled, linked and run; "```cpp no-run" is only compiled. A
block "```sh run" is run by sh. Everything runs in a temporary folder that looks like the repository
(links to its top level), so that what a block writes stays there.
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
    if words[:1] == ["cpp"] and "int main" in code:
        source, program = work / "block.cpp", work / "block"
        source.write_text(code)
        yield "compile", compile_command(build, source, program)
        if "no-run" not in words:
            yield "run", [str(program)]
    elif words == ["sh", "run"]:
        yield "run", ["sh", "-euc", code]


def main():
    page = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "README.md")
    build = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else ROOT / "build/release").resolve()
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        for entry in ROOT.iterdir():
            if entry.name not in (".git", "runs", "data"):
                (work / entry.name).symlink_to(entry)
        for line, words, code in blocks(page.read_text()):
            ok = None
            for step, command in steps(build, words, code, work):
                result = subprocess.run(command, cwd=work, timeout=LIMIT, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                ok = result.returncode == 0
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
