"""Gives the graph's text outputs to their own parsers.

    python3 tests/viz/parse_outputs.py build/release/bin/glassbox [--mermaid mermaid.min.js]

DOT goes to Graphviz (Debian package graphviz), JSON to docs/graph.schema.json (python3-jsonschema),
SVG and the page to Python's parsers. Two parsers are not in Debian and are asked when they are there:

    python3 -m venv /tmp/parsers
    /tmp/parsers/bin/pip install jsonschema ai-edge-model-explorer   # with Model Explorer's own types
    pip download --no-deps --python-version 3.14 --only-binary=:all: artoo-mermaid  # mermaid.min.js
    unzip artoo_mermaid-*.whl                                        # run in chromium
    /tmp/parsers/bin/python tests/viz/parse_outputs.py build/release/bin/glassbox \\
        --mermaid artoo_mermaid/assets/mermaid.min.js

What is not installed is said and skipped.
"""

import argparse
import html.parser
import importlib.util
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import browser

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Repetitions and ranges, calls of one module, several inputs, branches, a failure, backward.
GRAPHS = [["mnist"], ["cifar"], ["resnet18"], ["resnet152", "--no-transforms"], ["siamese"],
          ["autoencoder"], ["char_rnn"], ["transformer"], ["unet"], ["googlenet", "--depth", "1"],
          ["densenet121", "--no-transforms"], ["resnet18", "--fold-duplicates"],
          ["cifar", "--phase", "step", "--no-transforms"], ["cifar", "--batch", "4"],
          ["cifar", "--input", "1x32x32"]]


def check(holds, *what):
    if not holds:
        raise AssertionError(" ".join(str(w) for w in what))


class Dot:
    ending, name = ".dot", "DOT by Graphviz"

    def why_not(self):
        return None if shutil.which("dot") else "Debian package graphviz"

    def parse(self, text, json_text):
        done = subprocess.run(["dot", "-Tdot_json"], input=text, capture_output=True, text=True)
        if done.returncode != 0:  # of before 2.40: without names
            done = subprocess.run(["dot", "-Tcanon"], input=text, capture_output=True, text=True)
            check(done.returncode == 0, done.stderr)
            return
        read, own = json.loads(done.stdout), json.loads(json_text)
        nodes = {n["name"] for n in read["objects"] if "nodes" not in n and "edges" not in n
                 and not n["name"].startswith("cluster")}
        check({n["id"] for n in own["nodes"]} <= nodes, "nodes are missing")
        pairs = {(read["objects"][e["tail"]]["name"], read["objects"][e["head"]]["name"])
                 for e in read.get("edges", [])}
        check(pairs == {(e["from"], e["to"]) for e in own["edges"]}, "the edges differ")


class Schema:
    ending, name = ".json", "JSON by its schema"

    def why_not(self):
        return None if importlib.util.find_spec("jsonschema") else "Debian package python3-jsonschema"

    def parse(self, text, json_text):
        import jsonschema
        schema = json.loads((ROOT / "docs/graph.schema.json").read_text())
        jsonschema.Draft7Validator.check_schema(schema)
        jsonschema.Draft7Validator(schema).validate(json.loads(text))


class References:
    ending, name = ".json", "JSON by what it refers to"

    def why_not(self):
        return None

    def parse(self, text, json_text):
        graph = json.loads(text)
        ids = [n["id"] for n in graph["nodes"]]
        place = {name: i for i, name in enumerate(ids)}
        check(len(place) == len(ids), "an id is there twice")
        for edge in graph["edges"]:
            check(place[edge["from"]] < place[edge["to"]], edge, "goes backwards")
        for i, cluster in enumerate(graph["clusters"]):
            check(cluster["parent"] < i, "cluster", i, "comes before its parent")
        for node in graph["nodes"]:
            check(node.get("cluster", -1) < len(graph["clusters"]), node["id"])


class Svg:
    ending, name = ".svg", "SVG by an XML parser"

    def why_not(self):
        return None

    def parse(self, text, json_text):
        root = xml.etree.ElementTree.fromstring(text)
        names = {group.get("data-id") for group in root.iter("{http://www.w3.org/2000/svg}g")}
        check({n["id"] for n in json.loads(json_text)["nodes"]} <= names, "nodes are missing")


class Html:
    ending, name = ".html", "page by an HTML parser"

    def why_not(self):
        return None

    def parse(self, text, json_text):
        class Reader(html.parser.HTMLParser):
            def __init__(self):
                super().__init__()
                self.inside, self.graph = False, ""

            def handle_starttag(self, tag, attrs):
                self.inside = tag == "script" and ("id", "graph") in attrs
                for name, value in attrs:
                    check(name not in ("src", "href"), tag, "refers to", value)

            def handle_data(self, data):
                self.graph += data if self.inside else ""

        reader = Reader()
        reader.feed(text)
        graph = json.loads(reader.graph)
        check(graph["nodes"] and all(e[0] < e[1] for e in graph["edges"]))


class Mermaid:
    ending, name = ".mmd", "Mermaid by mermaid.js"

    def __init__(self, file):
        self.file, self.browser = file, None

    def why_not(self):
        if not self.file:
            return "mermaid.min.js, see the head of this script"
        return None if browser.chromium() else "Debian package chromium"

    def parse(self, text, json_text):
        if not self.browser:
            self.folder = tempfile.TemporaryDirectory()
            page = pathlib.Path(self.folder.name) / "mermaid.html"
            page.write_text("<!DOCTYPE html><meta charset=utf-8><body><script src='%s'></script>"
                            % pathlib.Path(self.file).resolve().as_uri())
            self.browser = browser.Browser()
            self.page = self.browser.page(1200, 900)
            self.page.load(page)
            # What large graphs need; the defaults are 500 edges and 50,000 letters.
            self.page.run("mermaid.initialize({startOnLoad: false, maxEdges: 100000, maxTextSize: 1e8})")
        kind = self.page.run("mermaid.parse(%s).then(r => r.diagramType)" % json.dumps(text))
        check(kind.startswith("flowchart"), kind)
        own = json.loads(json_text)
        if len(own["nodes"]) > 80:
            return  # drawing it takes minutes
        drawn = self.page.run("mermaid.render('g', %s).then(r => { document.body.innerHTML = r.svg;"
                              " return document.querySelectorAll('.node').length; })" % json.dumps(text))
        check(drawn == len(own["nodes"]), drawn, "nodes are drawn of", len(own["nodes"]))

    def end(self):
        if self.browser:
            self.browser.__exit__()
            self.folder.cleanup()


class ModelExplorer:
    ending, name = ".model_explorer.json", "Model Explorer by its own types"

    def why_not(self):
        found = all(importlib.util.find_spec(m) for m in ("model_explorer", "dacite"))
        return None if found else "PyPI package ai-edge-model-explorer"

    def parse(self, text, json_text):
        import dacite
        from model_explorer import graph_builder
        collection = json.loads(text)
        check(set(collection) == {"label", "graphs"}, list(collection))
        for graph in collection["graphs"]:
            made = dacite.from_dict(graph_builder.Graph, graph, dacite.Config(strict=True))
            outputs = {n.id: {o.id for o in n.outputsMetadata} for n in made.nodes}
            check(len(outputs) == len(made.nodes), "an id is there twice")
            for node in made.nodes:
                for edge in node.incomingEdges:
                    check(edge.sourceNodeOutputId in outputs[edge.sourceNodeId], node.id, edge)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program")
    arguments.add_argument("--mermaid", help="mermaid.min.js")
    arguments = arguments.parse_args()
    mermaid = Mermaid(arguments.mermaid)
    parsers, failed = [], 0
    for parser in (Dot(), Schema(), References(), Svg(), Html(), mermaid, ModelExplorer()):
        missing = parser.why_not()
        if missing:
            print(f"skipped {parser.name}: not installed ({missing})")
        else:
            parsers.append(parser)
    count = dict.fromkeys((p.name for p in parsers), 0)
    with tempfile.TemporaryDirectory() as folder:
        for graph in GRAPHS:
            texts = {}
            for ending in {p.ending for p in parsers} | {".json"}:
                file = pathlib.Path(folder) / ("graph" + ending)
                done = subprocess.run([arguments.program, "graph", *graph, "-o", str(file)],
                                      capture_output=True, text=True)
                if not file.exists():
                    print("FAILED", *graph, ending + ":", done.stderr)
                    return 1
                texts[ending] = file.read_text()
                file.unlink()
            for parser in parsers:
                try:
                    parser.parse(texts[parser.ending], texts[".json"])
                    count[parser.name] += 1
                except Exception as error:  # each parser has its own
                    failed += 1
                    print("FAILED", *graph, "--", parser.name + ":", str(error)[:400])
    mermaid.end()
    for name, number in count.items():
        print(f"{name}: {number} of {len(GRAPHS)} graphs")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
