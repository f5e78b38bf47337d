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
function toggle(c, deep) {
  const to = !open[c];
  open[c] = to;
  if (deep) { const all = [c]; while (all.length) { const k = all.pop(); open[k] = to; all.push(...below[k]); } }
  chosen = null;
  relayout('c' + c);
  if (!to) choose('c' + c);
}
function show(i) { for (let c = nodes[i].cluster; c >= 0; c = clusters[c].parent) open[c] = true; }
function centre(b) {
  const at = place_of(b);
  if (!at) return;
  const x = at.x * scale + dx, y = at.y * scale + dy;
  if (x > 0 && y > 0 && x + at.w * scale < canvas.clientWidth && y + at.h * scale < canvas.clientHeight) return ask();
  dx = canvas.clientWidth / 2 - (at.x + at.w / 2) * scale;
  dy = canvas.clientHeight / 2 - (at.y + at.h / 2) * scale;
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
function find(words) {
  found = new Set();
  const all = words.toLowerCase().split(/\s+/).filter(Boolean);
  if (all.length) {
    let first = -1, number = 0;
    nodes.forEach((n, i) => {
      const text = (n.id + ' ' + n.title + ' ' + n.op + ' ' + n.module + ' ' + n.outputs.join(' ')).toLowerCase();
      if (!all.every(w => text.includes(w))) return;
      number++;
      if (first < 0) first = i;
      if (number <= 40) show(i);
      found.add(i);
    });
    const hits = [...found];
    if (first >= 0) relayout(null);
    found = new Set(hits.map(box_of));
    status.textContent = number + (number == 1 ? ' node' : ' nodes');
    if (first >= 0) centre(box_of(first));
  } else {
    status.textContent = '';
  }
  ask();
}
function at(x, y) {
  const px = (x - dx) / scale, py = (y - dy) / scale;
  const hit = b => px >= b.x && px <= b.x + b.w && py >= b.y && py <= b.y + b.h;
  const box = picture.boxes.find(hit);
  if (box) return box.box;
  const frame = picture.shapes.filter(f => hit({x: f.x, y: f.y, w: f.w, h: 24})).pop();
  return frame ? 'c' + frame.cluster : null;
}
let drag = null;
canvas.addEventListener('pointerdown', e => { drag = {x: e.clientX, y: e.clientY, dx, dy, moved: false}; canvas.setPointerCapture(e.pointerId); });
canvas.addEventListener('pointermove', e => {
  if (!drag) { canvas.style.cursor = at(e.offsetX, e.offsetY) ? 'pointer' : 'grab'; return; }
  if (Math.abs(e.clientX - drag.x) + Math.abs(e.clientY - drag.y) > 4) drag.moved = true;
  dx = drag.dx + e.clientX - drag.x;
  dy = drag.dy + e.clientY - drag.y;
  ask();
});
canvas.addEventListener('pointerup', e => {
  const still = drag && !drag.moved;
  drag = null;
  if (!still) return;
  const b = at(e.offsetX, e.offsetY);
  if (b && is_cluster(b) && (open[index(b)] || chosen == b)) toggle(index(b));
  else choose(b);
});
canvas.addEventListener('dblclick', e => { const b = at(e.offsetX, e.offsetY); if (b && is_cluster(b) && !open[index(b)]) toggle(index(b)); });
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
const actions = {
  fit, in() { zoom(1.25, canvas.clientWidth / 2, canvas.clientHeight / 2); }, out() { zoom(0.8, canvas.clientWidth / 2, canvas.clientHeight / 2); },
  open() { open.fill(true); chosen = null; relayout(null); fit(); }, close() { open.fill(false); clusters.forEach((c, i) => { if (c.parent < 0 && clusters.length > 1 && clusters.filter(d => d.parent < 0).length == 1) open[i] = true; }); chosen = null; relayout(null); fit(); },
  theme() { document.documentElement.classList.toggle('flipped'); take_ink(); ask(); },
};
document.querySelectorAll('[data-do]').forEach(b => b.addEventListener('click', () => actions[b.dataset.do]()));
document.addEventListener('keydown', e => {
  if (e.target == search) { if (e.key == 'Escape') { search.value = ''; find(''); search.blur(); } return; }
  const pan = {ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60]}[e.key];
  if (e.key == '/') { e.preventDefault(); search.focus(); }
  else if (e.key == '+' || e.key == '=') actions.in();
  else if (e.key == '-') actions.out();
  else if (e.key == '0') fit();
  else if (e.key == 'Escape') choose(null);
  else if (e.key == 'Enter' && chosen && is_cluster(chosen)) toggle(index(chosen));
  else if (e.key == 'Backspace' && chosen && parent_of(chosen) >= 0) toggle(parent_of(chosen));
  else if (pan && chosen && !e.shiftKey && (e.key == 'ArrowUp' || e.key == 'ArrowDown')) {
    e.preventDefault();
    const next = neighbours(chosen, e.key == 'ArrowDown')[0];
    if (next) { choose(next); centre(next); }
  } else if (pan && chosen && !e.shiftKey) {
    e.preventDefault();
    const here = place_of(chosen), right = e.key == 'ArrowRight';
    const beside = picture.boxes.filter(b => b.box != chosen && Math.abs(b.y - here.y) < 60 && (right ? b.x > here.x : b.x < here.x)).sort((a, b) => Math.abs(a.x - here.x) - Math.abs(b.x - here.x))[0];
    if (beside) { choose(beside.box); centre(beside.box); }
  } else if (pan) { e.preventDefault(); dx += pan[0]; dy += pan[1]; ask(); }
  else if (e.key == 'Home' || (e.key == 'Tab' && !chosen && e.target == document.body)) { if (picture.boxes.length) { e.preventDefault(); choose(picture.boxes[0].box); centre(chosen); } }
});
addEventListener('resize', ask);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { take_ink(); ask(); });
take_ink();
relayout(null);
fit();
// For tests: what is shown, and where.
window.glassbox = {picture: () => picture, choose, toggle, find, at, state: () => ({scale, dx, dy, chosen}), open};
}
)page";

}  // namespace glassbox::viz::detail
