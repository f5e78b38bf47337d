#include "viz/graph_page.h"

namespace glassbox::viz::detail {

const std::string_view graph_page_picture = R"page(
// --- the picture: boxes, frames, routes ---------------------------------------------------------
let picture = null;
function build() {
  const children = new Map();  // frame (cluster or -1) -> boxes and open clusters in it
  const put = (frame, b) => { if (!children.has(frame)) children.set(frame, []); children.get(frame).push(b); };
  const known = new Set(), frames = new Set();
  const add = b => {
    if (known.has(b)) return;
    known.add(b);
    const p = parent_of(b);
    put(p, b);
    if (p >= 0 && !frames.has(p)) { frames.add(p); add('c' + p); }
  };
  nodes.forEach((n, i) => add(box_of(i)));
  // A link of two boxes for each pair that is connected; its ends pass through frames as ports.
  const pairs = new Map();
  edges.forEach((e, i) => {
    const a = box_of(e[0]), b = box_of(e[1]);
    if (a == b) return;
    const key = a + ' ' + b;
    if (!pairs.has(key)) pairs.set(key, {a, b, label: e[2], edges: [], failed: false});
    pairs.get(key).edges.push(i);
    if (e[3]) pairs.get(key).failed = true;
  });
  const path = b => { const p = []; for (let c = parent_of(b); c >= 0; c = clusters[c].parent) p.push(c); return p.reverse(); };
  const frame_links = new Map([[-1, []]]);
  frames.forEach(f => frame_links.set(f, []));
  for (const link of pairs.values()) {
    const pa = path(link.a), pb = path(link.b);
    let k = 0;
    while (k < pa.length && k < pb.length && pa[k] == pb[k]) k++;
    const common = k ? pa[k - 1] : -1;
    link.parts = [];
    // out of the source's frames, across the common one, into the target's
    for (let i = pa.length - 1; i >= k; i--)
      link.parts.push({frame: pa[i], a: i == pa.length - 1 ? link.a : 'c' + pa[i + 1], exit: link.a});
    link.parts.push({frame: common, a: pa.length > k ? 'c' + pa[k] : link.a, b: pb.length > k ? 'c' + pb[k] : link.b, out: link.a, into: link.a});
    for (let i = k; i < pb.length; i++)
      link.parts.push({frame: pb[i], b: i == pb.length - 1 ? link.b : 'c' + pb[i + 1], entry: link.a});
    for (const part of link.parts) frame_links.get(part.frame).push({part, link});
  }
  const sizes = new Map(), ports = new Map();  // 'c3<n1' / 'c3>n1' -> offset of that port
  const laid = new Map();
  const lay = frame => {
    for (const b of children.get(frame) || []) if (is_cluster(b) && frames.has(index(b)) && open[index(b)]) lay(index(b));
    const items = [], at = new Map();
    const item = (key, it) => { if (!at.has(key)) { at.set(key, items.length); items.push(it); } return at.get(key); };
    for (const b of children.get(frame) || []) item(b, {box: b, ...(laid.has(index(b)) && is_cluster(b) && open[index(b)] ? {w: laid.get(index(b)).w, h: laid.get(index(b)).h} : size_of_box(b))});
    const merged = new Map(), list = [];
    const offset = (b, kind, source, w) => ports.has(b + kind + source) ? ports.get(b + kind + source) : w / 2;
    for (const {part, link} of frame_links.get(frame)) {
      const a = part.a ? at.get(part.a) : item('<' + part.entry, {w: 2, h: 0, entry: part.entry});
      const b = part.b ? at.get(part.b) : item('>' + part.exit, {w: 2, h: 0, exit: part.exit});
      const from = part.a ? offset(part.a, '>', link.a, items[a].w) : 1;
      const to = part.b ? offset(part.b, '<', link.a, items[b].w) : 1;
      const key = a + ' ' + b + ' ' + Math.round(from) + ' ' + Math.round(to);
      if (!merged.has(key)) { merged.set(key, list.length); list.push({a, b, from, to, parts: []}); }
      const l = list[merged.get(key)];
      l.parts.push(part);
      part.route = l;
    }
    const size = layered(items, list);
    const pad = frame < 0 ? 0 : 14, head = frame < 0 ? 0 : 26;
    const title = frame < 0 ? 0 : width_of(clusters[frame].path + '  ' + clusters[frame].type, 12, true) + 44;
    const shift = Math.max(0, (title - size.w - 2 * pad) / 2);
    items.forEach(it => { it.x += pad + shift; it.y += head + pad / 2; });
    list.forEach(l => { for (const p of l.points) { p[0] += pad + shift; p[1] += head + pad / 2; } });
    const w = Math.max(size.w + 2 * pad, title), h = size.h + head + pad * 1.5;
    items.forEach(it => {
      if (it.entry) { ports.set('c' + frame + '<' + it.entry, it.x + 1); it.y = 0; }
      if (it.exit) { ports.set('c' + frame + '>' + it.exit, it.x + 1); it.y = h; }
    });
    list.forEach(l => {
      if (items[l.a].entry) l.points.unshift([l.points[0][0], 0]);
      if (items[l.b].exit) l.points.push([l.points[l.points.length - 1][0], h]);
    });
    laid.set(frame, {w, h, items, list});
  };
  lay(-1);
  // Absolute places.
  const boxes = [], shapes = [];
  const origin = new Map();
  const settle = (frame, x, y) => {
    origin.set(frame, [x, y]);
    for (const it of laid.get(frame).items) {
      if (!it.box) continue;
      const i = index(it.box);
      if (is_cluster(it.box) && open[i] && laid.has(i)) {
        shapes.push({cluster: i, x: x + it.x, y: y + it.y, w: it.w, h: it.h});
        settle(i, x + it.x, y + it.y);
      } else {
        boxes.push({box: it.box, x: x + it.x, y: y + it.y, w: it.w, h: it.h, lines: lines_of(it.box)});
      }
    }
  };
  settle(-1, 0, 0);
  const routes = [];
  for (const link of pairs.values()) {
    const points = [];
    for (const part of link.parts) {
      const [ox, oy] = origin.get(part.frame);
      for (const [px, py] of part.route.points) {
        const last = points[points.length - 1];
        if (!last || Math.abs(last[0] - px - ox) > 0.5 || Math.abs(last[1] - py - oy) > 0.5) points.push([px + ox, py + oy]);
      }
    }
    const xs = points.map(p => p[0]), ys = points.map(p => p[1]);
    routes.push({link, points, left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys)});
  }
  const by_box = new Map(boxes.map(b => [b.box, b]));
  picture = {boxes, shapes, routes, by_box, w: laid.get(-1).w, h: laid.get(-1).h};
}

// --- drawing --------------------------------------------------------------------------------------
let scale = 1, dx = 0, dy = 0, chosen = null, found = new Set(), due = false;
const style = name => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();
let ink = {};
function take_ink() {
  for (const name of ['ink', 'soft', 'line', 'paper', 'box', 'frame', 'edge', 'accent', 'bad', 'found', 'label']) ink[name] = style(name);
}
const families = [['Conv', 0], ['Linear', 1], ['MatMul', 1], ['Attention', 1], ['Norm', 2], ['Pool', 3], ['Dropout', 4], ['Softmax', 5],
  ['elu', 5], ['Silu', 5], ['Sigmoid', 5], ['Tanh', 5], ['Clip', 5]];
const hues = [205, 315, 55, 160, 20, 38];
function fill_of(b) {
  const dark = matchMedia('(prefers-color-scheme: dark)').matches != document.documentElement.classList.contains('flipped');
  const key = color.value;
  if (key != 'op') {
    const of = is_cluster(b) ? sum_of(index(b))[key] : nodes[index(b)][key] || 0;
    if (!of || !most[key]) return ink.box;
    const share = Math.sqrt(of / most[key]);  // the area of small shares stays visible
    return dark ? `hsl(35 75% ${14 + 30 * share}%)` : `hsl(35 95% ${97 - 42 * share}%)`;
  }
  if (is_cluster(b)) return ink.frame;
  const op = nodes[index(b)].op, family = families.find(([part]) => op.includes(part));
  if (!family) return ink.box;
  return dark ? `hsl(${hues[family[1]]} 38% 24%)` : `hsl(${hues[family[1]]} 62% 90%)`;
}
let most = {};
function count_most() {
  most = {params: 0, flops: 0, memory: 0, time: 0};
  for (const b of picture.boxes) for (const key in most) most[key] = Math.max(most[key], is_cluster(b.box) ? sum_of(index(b.box))[key] : nodes[index(b.box)][key] || 0);
}
function ask() { if (!due) { due = true; requestAnimationFrame(draw); } }
function trace(points) {
  pen.beginPath();
  pen.moveTo(points[0][0], points[0][1]);
  for (let k = 1; k < points.length; k++) {
    const [ax, ay] = points[k - 1], [bx, by] = points[k];
    if (Math.abs(ax - bx) < 0.5) pen.lineTo(bx, by);
    else { const m = (ay + by) / 2; pen.bezierCurveTo(ax, m, bx, m, bx, by); }
  }
}
function draw() {
  due = false;
  const ratio = devicePixelRatio || 1, w = canvas.clientWidth, h = canvas.clientHeight;
  if (canvas.width != Math.round(w * ratio) || canvas.height != Math.round(h * ratio)) {
    canvas.width = Math.round(w * ratio);
    canvas.height = Math.round(h * ratio);
  }
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.fillStyle = ink.paper;
  pen.fillRect(0, 0, w, h);
  pen.setTransform(ratio * scale, 0, 0, ratio * scale, ratio * dx, ratio * dy);
  const left = -dx / scale, up = -dy / scale, right = left + w / scale, bottom = up + h / scale;
  const visible = (x, y, bw, bh) => x < right && x + bw > left && y < bottom && y + bh > up;
  const text = scale > 0.28;
  for (const f of picture.shapes) {
    if (!visible(f.x, f.y, f.w, f.h)) continue;
    pen.fillStyle = ink.frame;
    pen.strokeStyle = ink.line;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.roundRect(f.x, f.y, f.w, f.h, 8);
    pen.fill();
    pen.stroke();
  }
  for (const pass of [0, 1]) for (const r of picture.routes) {
    const near = chosen && (r.link.a == chosen || r.link.b == chosen);
    if ((pass == 1) != !!near || !visible(r.left - 4, r.top, r.right - r.left + 8, r.bottom - r.top)) continue;
    pen.strokeStyle = r.link.failed ? ink.bad : near ? ink.accent : ink.edge;
    pen.lineWidth = near || r.link.failed ? 2.2 : 1.1;
    trace(r.points);
    pen.stroke();
    const [ex, ey] = r.points[r.points.length - 1];
    pen.fillStyle = pen.strokeStyle;
    pen.beginPath();
    pen.moveTo(ex, ey);
    pen.lineTo(ex - 4, ey - 7);
    pen.lineTo(ex + 4, ey - 7);
    pen.fill();
    if (scale > 0.6 && r.link.label) {
      const k = r.points.length > 2 ? 0 : 0, [ax, ay] = r.points[k], [bx, by] = r.points[k + 1];
      pen.font = '10px ' + font;
      pen.textAlign = 'left';
      const x = (ax + bx) / 2 + 5, y = (ay + by) / 2 + 3, lw = width_of(r.link.label, 10);
      if (by - ay > 20 && Math.abs(bx - ax) < 60) {
        pen.fillStyle = ink.label;
        pen.fillText(r.link.label, x, y);
      }
    }
  }
  if (text) for (const f of picture.shapes) {
    if (!visible(f.x, f.y, f.w, 26)) continue;
    const c = clusters[f.cluster];
    // An edge that comes in behind the title is covered by it.
    pen.fillStyle = ink.frame;
    pen.fillRect(f.x + 4, f.y + 3, width_of(c.path, 12, true) + width_of('  ' + c.type, 12) + 24, 18);
    pen.textAlign = 'left';
    pen.fillStyle = ink.soft;
    pen.font = '12px ' + font;
    pen.fillText('−', f.x + 10, f.y + 17);
    pen.font = 'bold 12px ' + font;
    pen.fillStyle = ink.ink;
    pen.fillText(c.path, f.x + 24, f.y + 17);
    const at = f.x + 24 + width_of(c.path, 12, true);
    pen.font = '12px ' + font;
    pen.fillStyle = ink.soft;
    pen.fillText('  ' + c.type, at, f.y + 17);
  }
  for (const b of picture.boxes) {
    if (!visible(b.x, b.y, b.w, b.h)) continue;
    const n = is_cluster(b.box) ? null : nodes[index(b.box)];
    pen.fillStyle = n && n.failure ? ink.bad : fill_of(b.box);
    pen.strokeStyle = b.box == chosen ? ink.accent : found.has(b.box) ? ink.found : n && n.change ? {added: '#2e9e4f', removed: '#c8372d', changed: '#c98a00'}[n.change] : ink.line;
    pen.lineWidth = b.box == chosen || found.has(b.box) || (n && n.change) ? 3 : 1.1;
    pen.beginPath();
    pen.roundRect(b.x, b.y, b.w, b.h, n && n.kind != 'op' ? 14 : 5);
    pen.fill();
    pen.stroke();
    if (!n) { pen.strokeRect(b.x + 3.5, b.y + b.h, b.w - 7, 0.1); }
    if (!text) continue;
    pen.textAlign = 'center';
    pen.fillStyle = n && n.failure ? ink.paper : ink.ink;
    pen.font = (n ? '' : 'bold ') + '13px ' + font;
    pen.fillText(b.lines[0], b.x + b.w / 2, b.y + (b.lines[1] ? 17 : 19));
    if (!b.lines[1]) continue;
    pen.font = '10.5px ' + font;
    pen.fillStyle = n && n.failure ? ink.paper : ink.soft;
    pen.fillText(b.lines[1], b.x + b.w / 2, b.y + 32);
  }
}
)page";

}  // namespace glassbox::viz::detail
