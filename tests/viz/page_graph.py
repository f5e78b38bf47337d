"""The graph on a page as a test sees it: where things are in the window, and what must hold of them."""

import json
import re


class Graph:
    """A page with a graph in it."""

    def __init__(self, page, file):
        self.page = page
        page.load(file)
        page.until("window.glassbox && performance.getEntriesByName('glassbox drawn').length > 0")

    def state(self):
        return self.page.run("glassbox.state()")

    def boxes(self):
        return self.page.run("glassbox.picture().boxes.map(b => b.box)")

    def names(self, boxes):
        """Ids of nodes and paths of modules."""
        return self.page.run(
            f"{json.dumps(list(boxes))}.map(b => b[0] == 'n' ? glassbox.nodes[+b.slice(1)].id"
            " : glassbox.clusters[+b.slice(1)].path)")

    def box(self, name):
        """The box of a node's id or a closed module's path, or an open one's frame."""
        return self.page.run(
            "(() => { const n = glassbox.nodes.findIndex(n => n.id == %s);"
            " const c = glassbox.clusters.findIndex(c => c.path == %s);"
            " return n >= 0 ? 'n' + n : 'c' + c; })()" % (json.dumps(name), json.dumps(name)))

    def rect(self, box):
        """In the window; None for what is not shown."""
        return self.page.run(
            "(() => { const p = glassbox.picture(), s = glassbox.state();"
            " const b = p.by_box.get('%s') || p.shapes.find(f => 'c' + f.cluster == '%s');"
            " const at = document.querySelector('canvas').getBoundingClientRect();"
            " return b ? {x: b.x * s.scale + s.dx + at.left, y: b.y * s.scale + s.dy + at.top,"
            " w: b.w * s.scale, h: b.h * s.scale} : null; })()" % (box, box))

    def click(self, name):
        box = self.box(name)
        at = self.rect(box)
        is_frame = self.page.run(f"!glassbox.picture().by_box.has('{box}')")
        x = at["x"] + (12 if is_frame else at["w"] / 2)
        y = at["y"] + (10 if is_frame else at["h"] / 2)
        self.page.click(x, y)

    def is_open(self, path):
        return self.page.run(f"glassbox.open[glassbox.clusters.findIndex(c => c.path == '{path}')]")

    def panel(self):
        return self.page.run("document.querySelector('aside').hidden ? null :"
                             " document.querySelector('aside').innerText")

    def pixel(self, x, y):
        """Of the canvas, at a place of the window."""
        return self.page.run(
            "(() => { const c = document.querySelector('canvas'), at = c.getBoundingClientRect();"
            " const k = c.width / at.width; return [...c.getContext('2d').getImageData("
            f"({x} - at.left) * k, ({y} - at.top) * k, 1, 1).data].slice(0, 3); }})()")

    def inked(self, box, name):
        """Whether the border of a box has the page's colour of that name."""
        at = self.rect(box)
        colour = self.page.run(f"glassbox.state().ink['{name}']").lstrip("#")
        wanted = [int(colour[i:i + 2], 16) for i in (0, 2, 4)]
        got = [self.pixel(at["x"] + at["w"] / 2, at["y"] + d) for d in (-1, 0, 1)]
        return any(sum(abs(a - b) for a, b in zip(wanted, pixel)) < 40 for pixel in got)


def check(holds, *what):
    if not holds:
        raise AssertionError(" ".join(str(w) for w in what))


def inside(at, x, y, w, h):
    return at["x"] >= x and at["y"] >= y and at["x"] + at["w"] <= x + w and at["y"] + at["h"] <= y + h


def contrast(a, b):
    def luminance(colour):
        parts = [int(colour.strip()[i:i + 2], 16) / 255 for i in (1, 3, 5)]
        parts = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


# Of a drawing, the first three that are broken: boxes apart, boxes and frames inside the frames
# around them, lines that touch their two boxes and pass none, nor a title, and labels that are on
# nothing.
BROKEN_RULES = """(() => {
  const p = glassbox.picture(), bad = [], eps = 0.01;
  const over = (a, b) => a.x < b.x + b.w - eps && b.x < a.x + a.w - eps && a.y < b.y + b.h - eps && b.y < a.y + a.h - eps;
  p.boxes.forEach((a, i) => p.boxes.slice(i + 1).forEach(b => { if (over(a, b)) bad.push(a.box + ' overlaps ' + b.box); }));
  const frame = new Map(p.shapes.map(f => [f.cluster, f]));
  for (const b of [...p.boxes, ...p.shapes]) {
    const i = b.box ? +b.box.slice(1) : b.cluster;
    const around = frame.get(b.box && b.box[0] == 'n' ? glassbox.nodes[i].cluster : glassbox.clusters[i].parent);
    if (around && !(b.x >= around.x && b.y >= around.y && b.x + b.w <= around.x + around.w && b.y + b.h <= around.y + around.h)) bad.push((b.box || 'f' + i) + ' leaves its frame');
  }
  const titles = p.shapes.map(f => ({x: f.x, y: f.y, w: 30, h: 36}));
  for (const r of p.routes) for (let k = 1; k < r.points.length; k++) {
    const [ax, ay] = r.points[k - 1], [bx, by] = r.points[k], m = (ay + by) / 2;
    for (let t = 0; t <= 1; t += 1 / 16) {
      const u = 1 - t, x = u * u * u * ax + 3 * u * u * t * ax + 3 * u * t * t * bx + t * t * t * bx;
      const y = Math.abs(ax - bx) < 0.5 ? u * ay + t * by : u * u * u * ay + 3 * u * u * t * m + 3 * u * t * t * m + t * t * t * by;
      for (const b of [...p.boxes, ...titles]) if (x > b.x + eps && x < b.x + b.w - eps && y > b.y + eps && y < b.y + b.h - eps) bad.push(r.link.a + ' to ' + r.link.b + ' passes ' + (b.box || 'a title'));
    }
  }
  const labels = p.routes.filter(r => r.label).map(r => ({x: r.label.x, y: r.label.y, w: r.label.w, h: 10}));
  labels.forEach((a, i) => { for (const b of [...p.boxes, ...labels.slice(i + 1)]) if (over(a, b)) bad.push('a label is on ' + (b.box || 'another')); });
  for (const r of p.routes) {
    const a = p.by_box.get(r.link.a), b = p.by_box.get(r.link.b), first = r.points[0], last = r.points[r.points.length - 1];
    const on = (box, q) => q[0] >= box.x && q[0] <= box.x + box.w && Math.min(Math.abs(q[1] - box.y), Math.abs(q[1] - box.y - box.h)) < 0.01;
    if (!on(a, first) || !on(b, last)) bad.push(r.link.a + ' to ' + r.link.b + ' does not touch its boxes');
  }
  return bad.slice(0, 3); })()"""


def with_graph(page_text, graph):
    """A page whose graph is another one."""
    return re.sub(r'(<script id=graph type="application/json">).*?(</script>)',
                  lambda m: m.group(1) + json.dumps(graph) + m.group(2), page_text, count=1,
                  flags=re.S)


def large_graph(count, clustered, long_skips=False):
    """Blocks of ten ops with a skip around each; in modules within modules, or in none. With
    long_skips as many edges again, from anywhere to anywhere below."""
    nodes, edges, clusters = [], [], []
    for i in range(count):
        if clustered and i % 100 == 0:
            clusters.append({"path": f"stage{i // 100}", "type": "Stage", "parent": -1})
            stage = len(clusters) - 1
        if clustered and i % 10 == 0:
            clusters.append({"path": f"stage{i // 100}.{i // 10 % 10}", "type": "Block",
                             "parent": stage})
        op = ["Conv", "BatchNorm", "Relu"][i % 3] if i % 10 < 9 else "Add"
        nodes.append({"id": f"op{i}", "op": op, "title": op + " 3×3, 64 → 64", "module": "m", "kind": "op",
                      "cluster": len(clusters) - 1, "call": 1, "repeat": 1, "attrs": [], "inputs": [],
                      "outputs": ["N×64×56×56 f32"], "params": 100, "macs": 10, "flops": 20,
                      "memory": 30})
        if i:
            edges.append([i - 1, i, "N×64×56×56", False])
        if i >= 10 and i % 10 == 9:
            edges.append([i - 10, i, "N×64×56×56", False])
    for i in range(count if long_skips else 0):
        a, b = sorted((i * 7919 % count, i * 104729 * 31 % count))
        if b > a + 1:
            edges.append([a, b, "N×64×56×56", False])
    return {"model": "Large", "nodes": nodes, "edges": edges, "clusters": clusters}
