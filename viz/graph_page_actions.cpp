#include "viz/graph_page.h"

namespace glassbox::viz::detail {

const std::string_view graph_page_actions = R"page(
// --- what people do -------------------------------------------------------------------------------
function fit() {
  const w = canvas.clientWidth, h = canvas.clientHeight, margin = 24;
  scale = Math.min(1.4, (w - 2 * margin) / picture.w, Math.max((h - 2 * margin) / picture.h, 0.55));
  dx = (w - picture.w * scale) / 2;
  dy = picture.h * scale < h ? (h - picture.h * scale) / 2 : margin;
  ask();
}
function relayout(keep) {
  const before = keep && picture ? place_of(keep) : null;
  const sx = before ? (before.x + before.w / 2) * scale + dx : 0, sy = before ? before.y * scale + dy : 0;
  build();
  count_most();
  const after = before ? place_of(keep) : null;
  if (after) { dx = sx - (after.x + after.w / 2) * scale; dy = sy - after.y * scale; }
  ask();
}
const place_of = b => picture.by_box.get(b) || picture.shapes.find(f => 'c' + f.cluster == b);
function toggle(c) {
  open[c] = !open[c];
  relayout('c' + c);
  choose('c' + c);
}
// Opens what a node is in; whether that was closed.
function show(i) {
  let closed = false;
  for (let c = nodes[i].cluster; c >= 0; c = clusters[c].parent) { closed = closed || !open[c]; open[c] = true; }
  return closed;
}
// What the panel leaves free of the canvas.
function room() {
  const w = canvas.clientWidth, h = canvas.clientHeight;
  if (side.hidden) return {w, h};
  return side.offsetLeft > w / 3 ? {w: side.offsetLeft, h} : {w, h: side.offsetTop};
}
// Brings a box into view; `readable` to the middle, large enough to be read.
function centre(b, readable) {
  let at = place_of(b);
  if (!at) return;
  const free = room();
  if (readable) scale = Math.max(scale, 0.8);
  if (!picture.by_box.has(b)) at = {x: at.x, y: at.y, w: Math.min(at.w, 200 / scale), h: 38};  // a frame by its title
  const x = at.x * scale + dx, y = at.y * scale + dy;
  if (!readable && x > 0 && y > 0 && x + at.w * scale < free.w && y + at.h * scale < free.h) return ask();
  dx = free.w / 2 - (at.x + at.w / 2) * scale;
  dy = free.h / 2 - (at.y + at.h / 2) * scale;
  ask();
}
function row(list, name, value) {
  if (value === undefined || value === '' || value === 0) return;
  const dt = document.createElement('dt'), dd = document.createElement('dd');
  dt.textContent = name;
  dd.textContent = value;
  list.append(dt, dd);
}
function neighbours(b, forward) {
  const all = [];
  for (const r of picture.routes) {
    const [here, there] = forward ? [r.link.a, r.link.b] : [r.link.b, r.link.a];
    if (here == b && !all.includes(there)) all.push(there);
  }
  return all;
}
function choose(b) {
  chosen = b;
  read = new Set(b ? neighbours(b, false) : []);
  readers = new Set(b ? neighbours(b, true) : []);
  side.hidden = !b;
  side.textContent = '';
  if (!b) return ask();
  const h2 = document.createElement('h2'), list = document.createElement('dl');
  side.append(h2, list);
  if (is_cluster(b)) {
    const c = clusters[index(b)], s = sum_of(index(b));
    h2.textContent = c.path;
    row(list, 'type', c.type);
    row(list, 'ops', s.count);
    row(list, 'parameters', s.params.toLocaleString('en-US'));
    row(list, 'FLOPs', s.flops ? count(s.flops) : '');
    row(list, 'activations', s.memory ? bytes(s.memory) : '');
    const button = document.createElement('button');
    button.textContent = open[index(b)] ? 'close' : 'open';
    button.onclick = () => toggle(index(b));
    side.append(button);
  } else {
    const n = nodes[index(b)];
    h2.textContent = n.id;
    row(list, 'op', n.op + (n.repeat > 1 ? ' ×' + n.repeat : ''));
    row(list, 'module', n.module);
    if (n.shared) row(list, 'shared', 'call ' + n.call + ' of a module that is called more than once');
    row(list, 'failed', n.failure);
    row(list, n.change || 'notes', (n.notes || []).join('\n'));
    for (const [name, value] of n.attrs) row(list, name, value);
    row(list, 'reads', n.inputs.join('\n'));
    row(list, 'makes', n.outputs.join('\n'));
    row(list, 'parameters', n.params.toLocaleString('en-US'));
    row(list, 'multiply-adds', n.macs ? count(n.macs) : '');
    row(list, 'FLOPs', n.flops ? count(n.flops) : '');
    row(list, 'activations', n.memory ? bytes(n.memory) : '');
    row(list, 'forward', n.time ? (n.time * 1e3).toPrecision(3) + ' ms' : '');
    for (const part of n.parts || []) row(list, 'contains', part);
  }
  for (const [title, forward] of [['from', false], ['to', true]]) {
    const all = neighbours(b, forward);
    if (!all.length) continue;
    const h3 = document.createElement('h3');
    h3.className = title;
    h3.textContent = title;
    side.append(h3);
    for (const other of all) {
      const button = document.createElement('button');
      button.className = 'link';
      button.textContent = is_cluster(other) ? clusters[index(other)].path : nodes[index(other)].id;
      button.onclick = () => { choose(other); centre(other); };
      side.append(button);
    }
  }
  ask();
}
let hits = [], hit = -1;
function find(words) {
  const all = words.toLowerCase().split(/\s+/).filter(Boolean);
  hits = [];
  if (all.length) nodes.forEach((n, i) => {
    const text = (n.id + ' ' + n.title + ' ' + n.op + ' ' + n.module + ' ' + n.outputs.join(' ')).toLowerCase();
    if (all.every(w => text.includes(w))) hits.push(i);
  });
  found = new Set();
  status.textContent = !all.length ? '' : hits.length ? '' : 'no node';
  if (hits.length) show_hit(0);
  ask();
}
function show_hit(k) {
  hit = (k + hits.length) % hits.length;
  if (show(hits[hit])) relayout(null);
  found = new Set(hits.map(box_of));
  status.textContent = (hit + 1) + ' of ' + hits.length + (hits.length == 1 ? ' node' : ' nodes');
  centre(box_of(hits[hit]), true);
}
function at(x, y) {
  const px = (x - dx) / scale, py = (y - dy) / scale;
  const hit = b => px >= b.x && px <= b.x + b.w && py >= b.y && py <= b.y + b.h;
  const box = picture.boxes.find(hit);
  if (box) return box.box;
  const frame = picture.shapes.filter(f => hit({x: f.x, y: f.y, w: title_width(f.cluster), h: 38})).pop();
  return frame ? 'c' + frame.cluster : null;
}
const fingers = new Map();  // or the mouse: by pointer, where it is
let drag = null;
function grab() {  // by one finger, or by the middle of two and their distance
  const all = [...fingers.values()], [a, b] = all;
  drag = !a ? null : {x: b ? (a.x + b.x) / 2 : a.x, y: b ? (a.y + b.y) / 2 : a.y, wide: b ? Math.hypot(a.x - b.x, a.y - b.y) : 0,
    dx, dy, scale, moved: all.length > 1 || (drag && drag.moved)};
}
canvas.addEventListener('pointerdown', e => { fingers.set(e.pointerId, {x: e.offsetX, y: e.offsetY}); grab(); canvas.setPointerCapture(e.pointerId); });
canvas.addEventListener('pointermove', e => {
  if (!fingers.has(e.pointerId)) { canvas.style.cursor = at(e.offsetX, e.offsetY) ? 'pointer' : 'grab'; return; }
  fingers.set(e.pointerId, {x: e.offsetX, y: e.offsetY});
  const [a, b] = fingers.values();
  const x = b ? (a.x + b.x) / 2 : a.x, y = b ? (a.y + b.y) / 2 : a.y;
  if (Math.abs(x - drag.x) + Math.abs(y - drag.y) > 4) drag.moved = true;
  if (b && drag.wide > 0) scale = Math.min(4, Math.max(0.02, drag.scale * Math.hypot(a.x - b.x, a.y - b.y) / drag.wide));
  dx = x - (drag.x - drag.dx) * scale / drag.scale;
  dy = y - (drag.y - drag.dy) * scale / drag.scale;
  ask();
});
function let_go(e) {
  const still = e.type == 'pointerup' && drag && !drag.moved;
  fingers.delete(e.pointerId);
  grab();
  if (!still) return;
  const b = at(e.offsetX, e.offsetY);
  if (b && is_cluster(b) && (open[index(b)] || chosen == b)) toggle(index(b));
  else choose(b);
}
canvas.addEventListener('pointerup', let_go);
canvas.addEventListener('pointercancel', let_go);
function zoom(by, x, y) {
  const to = Math.min(4, Math.max(0.02, scale * by));
  dx = x - (x - dx) * to / scale;
  dy = y - (y - dy) * to / scale;
  scale = to;
  ask();
}
canvas.addEventListener('wheel', e => {
  e.preventDefault();
  if (e.ctrlKey || !e.shiftKey) zoom(Math.exp(-e.deltaY * 0.0016), e.offsetX, e.offsetY);
  else { dx -= e.deltaY; ask(); }
}, {passive: false});
search.addEventListener('input', () => find(search.value));
color.addEventListener('change', () => { document.querySelector('.legend').hidden = color.value == 'op'; ask(); });
const help = document.querySelector('dialog');
const actions = {
  fit, in() { zoom(1.25, canvas.clientWidth / 2, canvas.clientHeight / 2); }, out() { zoom(0.8, canvas.clientWidth / 2, canvas.clientHeight / 2); },
  open() { open.fill(true); anew(); },
  close() {  // but what holds everything
    open.fill(false);
    const outer = clusters.map((c, i) => i).filter(i => clusters[i].parent < 0);
    if (outer.length == 1) open[outer[0]] = true;
    anew();
  },
  theme() { document.documentElement.classList.toggle('flipped'); take_ink(); ask(); },
  keys() { help.showModal(); },
};
function anew() { choose(null); relayout(null); fit(); }
document.querySelectorAll('[data-do]').forEach(b => b.addEventListener('click', () => actions[b.dataset.do]()));
// Every box and frame that is shown, in order of execution, a frame before what is in it.
function in_order() {
  const all = new Set();
  nodes.forEach((n, i) => {
    const way = [box_of(i)];
    for (let c = parent_of(way[0]); c >= 0; c = clusters[c].parent) way.push('c' + c);
    for (const b of way.reverse()) all.add(b);
  });
  return [...all];
}
function go(b) {
  if (!b) return;
  choose(b);
  centre(b);
}
function step(by) {
  const all = in_order(), here = chosen ? all.indexOf(chosen) : by > 0 ? -1 : all.length;
  go(all[Math.min(all.length - 1, Math.max(0, here + by))]);
}
function walk(key) {
  if (is_cluster(chosen) && open[index(chosen)]) return step(key == 'ArrowDown' || key == 'ArrowRight' ? 1 : -1);
  if (key == 'ArrowUp' || key == 'ArrowDown') return go(neighbours(chosen, key == 'ArrowDown')[0]);
  const here = place_of(chosen), right = key == 'ArrowRight';
  const beside = picture.boxes.filter(b => b.box != chosen && Math.abs(b.y - here.y) < 60 && (right ? b.x > here.x : b.x < here.x));
  if (beside.length) go(beside.reduce((a, b) => Math.abs(b.x - here.x) < Math.abs(a.x - here.x) ? b : a).box);
}
function search_key(e) {
  if (e.key == 'Escape') { search.value = ''; find(''); canvas.focus(); }
  if (e.key != 'Enter' || !hits.length) return;
  if (chosen == box_of(hits[hit])) show_hit(hit + (e.shiftKey ? -1 : 1));
  choose(box_of(hits[hit]));
  centre(chosen, true);
}
document.addEventListener('keydown', e => {
  if (e.ctrlKey || e.metaKey || e.altKey || help.open) return;
  if (e.target == search) return search_key(e);
  const pan = {ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60]}[e.key];
  const here = e.target == canvas || e.target == document.body;  // a button or a list keeps its keys
  const keys = {
    '/': () => search.focus(), '+': actions.in, '=': actions.in, '-': actions.out, '0': fit, '?': actions.keys,
    Escape: () => { choose(null); canvas.focus(); },
  };
  if (here) Object.assign(keys, {
    n: () => step(1), p: () => step(-1),
    Home: () => go(in_order()[0]), End: () => go(in_order().pop()),
    Enter: () => { if (chosen && is_cluster(chosen)) { toggle(index(chosen)); centre(chosen); } },
    Backspace: () => { if (chosen && parent_of(chosen) >= 0) { toggle(parent_of(chosen)); centre(chosen); } },
  });
  if (here && pan) keys[e.key] = () => { if (chosen && !e.shiftKey) walk(e.key); else { dx += pan[0]; dy += pan[1]; ask(); } };
  if (!keys[e.key] || (e.target == color && e.key != 'Escape')) return;
  e.preventDefault();
  if (here) canvas.focus();  // so that Tab goes on from there
  keys[e.key]();
});
addEventListener('resize', ask);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { take_ink(); ask(); });
take_ink();
relayout(null);
fit();
// For tests: what is shown, and where.
window.glassbox = {
  picture: () => picture, nodes, clusters, open, in_order,
  state: () => ({scale, dx, dy, chosen, found: [...found], read: [...read], readers: [...readers], ink}),
};
}
)page";

}  // namespace glassbox::viz::detail
