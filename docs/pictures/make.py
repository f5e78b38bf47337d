#!/usr/bin/env python3
"""Makes the pictures of the docs from a build:

    docs/pictures/make.py [build/release [summary] [graphs] [article]]

Needs Chromium, and the examples built. A terminal's output is shown as a page first, with its
colours.
"""
import html
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else HERE.parents[1] / "build/release").resolve()
GLASSBOX = str(BUILD / "bin/glassbox")
STYLES = {"1": "font-weight:bold", "2": "color:#7a8694", "31": "color:#c62828", "32": "color:#2e7d32",
          "33": "color:#a06a00"}


def output_of(*arguments):
    return subprocess.run([GLASSBOX, *arguments], capture_output=True, text=True).stdout


def shoot(page, picture, width, height):
    subprocess.run(["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                    f"--window-size={width},{height}", f"--screenshot={HERE / picture}", page.as_uri()],
                   check=True, capture_output=True)
    print("wrote", HERE / picture)


def terminal(folder, picture, command, *arguments):
    text = "$ " + command + "\n" + output_of(*arguments)
    plain = re.sub(r"\033\[\d+m", "", text)
    body = html.escape(text)
    body = re.sub(r"\033\[0m", "</span>", body)
    body = re.sub(r"\033\[(\d+)m", lambda m: f'<span style="{STYLES[m[1]]}">', body)
    lines = plain.rstrip("\n").split("\n")
    page = folder / (picture + ".html")
    page.write_text("<meta charset=utf-8><body style='margin:0;background:#fbfbf9;color:#20242a'>"
                    "<pre style='margin:14px 18px;font:13px/1.32 \"DejaVu Sans Mono\",monospace'>" + body)
    shoot(page, picture, int(7.83 * max(map(len, lines))) + 40, int(17.16 * len(lines)) + 30)


def run(folder, program, *arguments):
    subprocess.run([str(BUILD / "bin" / program), *map(str, arguments)], cwd=folder, check=True,
                   stdout=subprocess.DEVNULL)


def keep(source, picture):
    shutil.copyfile(source, HERE / picture)
    print("wrote", HERE / picture)


def article(folder):
    """What docs/from-the-article.md shows, by its programs."""
    run(folder, "graph")
    run(folder, "history_two_runs")
    run(folder, "my_canvas")
    run(folder, "cifar_history", "cifar_history.svg", 4, 60)
    for picture in ("vgg16", "resnet152", "resnet152_dark", "two_runs", "my_canvas", "cifar_history",
                    "cifar_graph", "cifar_features"):
        keep(folder / f"{picture}.svg", f"article_{picture}.svg")
    for picture, model in (("vgg16_dark", "vgg16"), ("cifar_graph_dark", "cifar")):
        run(folder, "glassbox", "graph", model, "--theme", "dark", "-o", folder / "dark.svg")
        keep(folder / "dark.svg", f"article_{picture}.svg")


def summary(folder):
    columns = "output,params,macs,saved,receptive-field,connected-to"
    terminal(folder, "summary_terminal.png", f"glassbox summary resnet18 --depth 2 --columns {columns}",
             "summary", "resnet18", "--depth", "2", "--columns", columns, "--color", "always")
    page = folder / "page.html"
    page.write_text(output_of("summary", "resnet18", "--format", "html").replace(
        "</body>", "<script>document.getElementById('r6').click()</script></body>"))
    shoot(page, "summary_page.png", 1240, 720)


def graphs(folder):
    for picture, *arguments in [("graph_cifar.svg", "graph", "cifar"),
                                ("graph_diff.svg", "diff", "--graph", "vgg11", "vgg11_bn")]:
        subprocess.run([GLASSBOX, *arguments, "-o", str(HERE / picture)], stdout=subprocess.DEVNULL)
        print("wrote", HERE / picture)
    run(folder, "backpropagation", HERE / "graph_neuron.svg")
    print("wrote", HERE / "graph_neuron.svg")


def main():
    parts = {"summary": summary, "graphs": graphs, "article": article}
    for name in sys.argv[2:] or parts:
        with tempfile.TemporaryDirectory() as folder:
            parts[name](pathlib.Path(folder))


main()
