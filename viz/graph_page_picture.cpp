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
  const pairs = new Map(), meetings = new Map();
  edges.forEach((e, i) => {
    const a = box_of(e[0]), b = box_of(e[1]);
    if (a == b) return;
    const key = a + ' ' + b;
    if (!pairs.has(key)) pairs.set(key, {a, b, label: e[2], change: e[4], edges: [], failed: false, up: false});
    pairs.get(key).edges.push(i);
    if (e[3]) pairs.get(key).failed = true;
  });
  const path = b => { const p = []; for (let c = parent_of(b); c >= 0; c = clusters[c].parent) p.push(c); return p.reverse(); };
  const is_kind = (b, kind) => !is_cluster(b) && nodes[index(b)].kind == kind;
  for (const link of pairs.values()) {
    const pa = path(link.a), pb = path(link.b);
    let k = 0;
    while (k < pa.length && k < pb.length && pa[k] == pb[k]) k++;
    link.common = k ? pa[k - 1] : -1;
    link.ways = [pa.slice(k), pb.slice(k)];
    link.ends = [pa.length > k ? 'c' + pa[k] : link.a, pb.length > k ? 'c' + pb[k] : link.b];
    if (!meetings.has(link.common)) meetings.set(link.common, []);
    meetings.get(link.common).push(link);
  }
  meetings.forEach((links, frame) => break_cycles(children.get(frame), links));
  const frame_links = new Map([[-1, []]]);
  frames.forEach(f => frame_links.set(f, []));
  for (const link of pairs.values()) {
    const [a, b] = link.up ? [link.b, link.a] : [link.a, link.b];
    const [out, into] = link.up ? link.ways.slice().reverse() : link.ways, ends = link.up ? link.ends.slice().reverse() : link.ends;
    const said = is_kind(link.a, 'input') || is_kind(link.b, 'output');
    link.net = link.up ? a + ' up ' + b : a + ' ' + link.label;
    link.parts = [];
    // out of the source's frames, across the common one, into the target's
    for (let i = out.length - 1; i >= 0; i--) link.parts.push({frame: out[i], a: i == out.length - 1 ? a : 'c' + out[i + 1], exit: link.net});
    link.parts.push({frame: link.common, a: ends[0], b: ends[1]});
    for (let i = 0; i < into.length; i++) link.parts.push({frame: into[i], b: i == into.length - 1 ? b : 'c' + into[i + 1], entry: link.net});
    if (link.label && !said) link.parts[0].label = {w: width_of(link.label, 10), h: 10};
    for (const part of link.parts) frame_links.get(part.frame).push({part, link});
  }
  const entering = new Map();
  for (const link of pairs.values()) entering.set(link.b, (entering.get(link.b) || 0) + 1);
  const ports = new Map(), laid = new Map();  // 'c3<net', 'c3>net' -> offset of that port
  const around = new Map();  // 'c3<net' -> how that line lies around the frame, once that is known
  let several = false;  // lines into one frame
  const lay = frame => {
    const inner = b => is_cluster(b) && frames.has(index(b)) && open[index(b)] ? laid.get(index(b)) : null;
    for (const b of children.get(frame) || []) if (is_cluster(b) && frames.has(index(b)) && open[index(b)]) lay(index(b));
    const items = [], at = new Map(), merged = new Map(), list = [];
    const item = (key, it) => { if (!at.has(key)) { at.set(key, items.length); items.push(it); } return at.get(key); };
    for (const b of children.get(frame) || []) {
      const size = inner(b) || size_of_box(b);
      // wide enough for the heads of all lines that enter, beside one in the middle
      if (!inner(b)) size.w = Math.max(size.w, Math.min(2 * ((entering.get(b) || 0) >> 1) * gaps.port + 14, 500));
      item(b, {box: b, w: size.w, h: size.h, weight: inner(b) ? size.weight : 1, spreads: !inner(b)});
    }
    for (const {part, link} of frame_links.get(frame)) {
      const a = part.a ? at.get(part.a) : item('<' + part.entry, {w: 0, h: 0, entry: part.entry});
      const b = part.b ? at.get(part.b) : item('>' + part.exit, {w: 0, h: 0, exit: part.exit});
      const port = (b, kind, w) => ports.has(b + kind + link.net) ? ports.get(b + kind + link.net) : w / 2;
      const from = part.a ? port(part.a, '>', items[a].w) : 0, to = part.b ? port(part.b, '<', items[b].w) : 0;
      const key = link.net + ' ' + b + ' ' + items[b].w * (inner(part.b || 'n') ? 1 : 0);
      if (!merged.has(key)) { merged.set(key, list.length); list.push({a, b, from, to, net: link.net, label: null}); }
      part.route = list[merged.get(key)];
      part.route.label = part.route.label || part.label;
    }
    const pad = frame < 0 ? 0 : 12, title = frame < 0 ? 0 : title_width(frame);
    const known = items.map((it, i) => [i, around.get('c' + frame + '<' + it.entry)]).filter(k => k[1]);
    for (const [i, line] of known) if (line.main) items[i].weight = 0.5;
    const first = known.sort((a, b) => a[1].start - b[1].start).map(k => k[0]);
    const size = layered(items, list, frame < 0 ? 0 : 44, first);
    const entered = new Set();
    for (const l of list) {
      if (items[l.b].spreads !== false) continue;
      several = several || entered.has(l.b);
      entered.add(l.b);
      around.set(items[l.b].box + '<' + l.net, {start: l.start, main: l.main});
    }
    // No line that comes in passes the title.
    const entries = items.filter(it => it.entry).map(it => it.x);
    const shift = Math.max(pad, entries.length && frame >= 0 ? title + 18 - Math.min(...entries) : 0);
    const w = Math.max(size.w + shift + pad, frame < 0 ? 0 : title + 2 * pad), h = size.h + pad;
    items.forEach(it => {
      it.x += shift;
      if (it.entry) ports.set('c' + frame + '<' + it.entry, it.x);
      if (it.exit) ports.set('c' + frame + '>' + it.exit, it.x);
    });
    list.forEach(l => {
      for (const p of l.points) p[0] += shift;
      if (l.place) l.place[0] += shift;
      if (items[l.b].exit) l.points[l.points.length - 1][1] = h;
    });
    laid.set(frame, {w, h, items, weight: size.weight});
  };
  lay(-1);
  if (several) lay(-1);
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
  const routes = [], labelled = new Set(), done = new Map();
  for (const link of pairs.values()) {
    const points = [];
    let label = null;
    for (const part of link.parts) {
      const [ox, oy] = origin.get(part.frame);
      for (const [px, py] of part.route.points) {
        const p = [px + ox, py + oy], k = points.length;
        if (k && Math.abs(points[k - 1][0] - p[0]) + Math.abs(points[k - 1][1] - p[1]) < 0.01) continue;
        if (k > 1 && Math.abs(points[k - 1][0] - p[0]) < 0.01 && Math.abs(points[k - 2][0] - p[0]) < 0.01) points.pop();  // one straight line
        points.push(p);
      }
      if (part.label && part.route.place && !labelled.has(link.net)) label = {x: part.route.place[0] + ox, y: part.route.place[1] + oy, w: part.label.w};
      if (label) labelled.add(link.net);
    }
    if (link.up) points.reverse();
    const xs = points.map(p => p[0]), ys = points.map(p => p[1]);
    if (label) xs.push(label.x + label.w);
    routes.push({link, points, own: undrawn(link.net, points, done), label, left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys)});
  }
  const by_box = new Map(boxes.map(b => [b.box, b]));
  picture = {boxes, shapes, routes, by_box, w: laid.get(-1).w, h: laid.get(-1).h};
}
// A route without what others of its net have drawn: drawn twice, the soft borders of a line add up.
function undrawn(net, points, done) {
  const parts = [];
  let going = false;
  for (let k = 1; k < points.length; k++) {
    const to = points[k], down = Math.abs(points[k - 1][0] - to[0]) < 0.5;
    const round = p => Math.round(p[0] * 10) + ' ' + Math.round(p[1] * 10);
    // A straight piece may be longer than that of another route which begins where it does.
    const key = net + ' ' + round(points[k - 1]) + (down ? '' : ' ' + round(to)), known = done.get(key);
    if (known && !(down && to[1] > known[1] + 0.01)) { going = false; continue; }
    done.set(key, to);
    if (known || !going) parts.push([known || points[k - 1]]);
    parts[parts.length - 1].push(to);
    going = true;
  }
  return parts;
}
const title_width = c => 26 + Math.max(width_of(clusters[c].path, 12, true), width_of(clusters[c].type, 10.5));
// Takes away what waits for nothing; where everything waits, the first that is still there. Links
// into what is gone go upwards.
function break_cycles(children, links) {
  const place = new Map(children.map((b, i) => [b, i])), waiting = children.map(() => 0), out = children.map(() => []), gone = children.map(() => false);
  for (const l of links) { waiting[place.get(l.ends[1])]++; out[place.get(l.ends[0])].push(l); }
  const ready = new Set();
  waiting.forEach((w, i) => { if (!w) ready.add(i); });
  for (let next = 0, taken = 0; taken < children.length;) {
    if (!ready.size) { while (gone[next]) next++; ready.add(next); }
    let first = Infinity;
    for (const i of ready) first = Math.min(first, i);
    ready.delete(first);
    if (gone[first]) continue;
    gone[first] = true;
    taken++;
    for (const l of out[first]) {
      const to = place.get(l.ends[1]);
      if (gone[to]) l.up = true;
      else if (!--waiting[to]) ready.add(to);
    }
  }
}

// --- drawing --------------------------------------------------------------------------------------
let scale = 1, dx = 0, dy = 0, chosen = null, found = new Set(), due = false, drawn = false, dark = false;
let read = new Set(), readers = new Set();  // boxes that the chosen one reads, and that read it
const style = name => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();
let ink = {};
function take_ink() {
  for (const name of ['ink', 'soft', 'line', 'paper', 'box', 'frame', 'edge', 'accent', 'bad', 'found', 'label', 'from', 'to']) ink[name] = style(name);
  dark = matchMedia('(prefers-color-scheme: dark)').matches != document.documentElement.classList.contains('flipped');
}
const families = [['Conv', 0], ['Linear', 1], ['MatMul', 1], ['Attention', 1], ['Norm', 2], ['Pool', 3], ['Dropout', 4], ['Softmax', 5],
  ['elu', 5], ['Silu', 5], ['Sigmoid', 5], ['Tanh', 5], ['Clip', 5]];
const changes = {added: '#2e9e4f', removed: '#c8372d', changed: '#c98a00'};
const hues = [205, 315, 55, 160, 20, 38];
function fill_of(b) {
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
    pen.strokeStyle = 'c' + f.cluster == chosen ? ink.accent : ink.line;
    pen.lineWidth = 'c' + f.cluster == chosen ? 3 : 1;
    pen.beginPath();
    pen.roundRect(f.x, f.y, f.w, f.h, 8);
    pen.fill();
    pen.stroke();
  }
  for (const pass of [0, 1]) for (const r of picture.routes) {
    const near = chosen && (r.link.a == chosen || r.link.b == chosen);
    if ((pass == 1) != !!near || !visible(r.left - 4, r.top, r.right - r.left + 8, r.bottom - r.top)) continue;
    pen.strokeStyle = r.link.failed ? ink.bad : !near ? changes[r.link.change] || ink.edge : r.link.a == chosen ? ink.to : ink.from;
    pen.lineWidth = near || r.link.failed ? 2.2 : 1.1;
    for (const part of near ? [r.points] : r.own) { trace(part); pen.stroke(); }
    const [ex, ey] = r.points[r.points.length - 1], back = r.link.up ? 7 : -7;
    pen.fillStyle = pen.strokeStyle;
    pen.beginPath();
    pen.moveTo(ex, ey);
    pen.lineTo(ex - 4, ey + back);
    pen.lineTo(ex + 4, ey + back);
    pen.fill();
    if (scale > 0.5 && r.label) {
      pen.font = '10px ' + font;
      pen.textAlign = 'left';
      pen.fillStyle = ink.label;
      pen.fillText(r.link.label, r.label.x, r.label.y + 9);
    }
  }
  if (text) for (const f of picture.shapes) {
    if (!visible(f.x, f.y, f.w, 40)) continue;
    const c = clusters[f.cluster];
    pen.textAlign = 'left';
    pen.fillStyle = ink.soft;
    pen.font = '12px ' + font;
    pen.fillText('−', f.x + 9, f.y + 18);
    pen.font = 'bold 12px ' + font;
    pen.fillStyle = ink.ink;
    pen.fillText(c.path, f.x + 22, f.y + 18);
    pen.font = '10.5px ' + font;
    pen.fillStyle = ink.soft;
    pen.fillText(c.type, f.x + 22, f.y + 32);
  }
  for (const b of picture.boxes) {
    if (!visible(b.x, b.y, b.w, b.h)) continue;
    const n = is_cluster(b.box) ? null : nodes[index(b.box)];
    pen.fillStyle = n && n.failure ? ink.bad : fill_of(b.box);
    const mark = b.box == chosen ? ink.accent : found.has(b.box) ? ink.found : read.has(b.box) ? ink.from : readers.has(b.box) ? ink.to
      : n && n.change ? changes[n.change] : null;
    pen.strokeStyle = mark || ink.line;
    pen.lineWidth = mark ? 3 : 1.1;
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
  if (!drawn) performance.mark('glassbox drawn');
  drawn = true;
}
)page";

}  // namespace glassbox::viz::detail
