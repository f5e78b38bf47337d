#include "viz/graph_page.h"

namespace glassbox::viz::detail {

const std::string_view graph_page_style = R"page(
:root { color-scheme: light dark; --ink: #1b232d; --soft: #5d6b7d; --line: #9aa7b6; --paper: #ffffff; --box: #eef1f5;
  --frame: #f6f8fa; --edge: #7c8998; --accent: #0b63a5; --bad: #b3261e; --found: #c98a00; --label: #6a7787; --panel: #f4f6f9; }
@media (prefers-color-scheme: dark) { :root:not(.flipped) { --ink: #e3e8ef; --soft: #93a1b3; --line: #4a5868; --paper: #12171e;
  --box: #202a35; --frame: #182028; --edge: #6d7c8d; --accent: #6db6f2; --bad: #d9534a; --found: #e3b341; --label: #8494a6; --panel: #1a222b; } }
@media (prefers-color-scheme: light) { :root.flipped { --ink: #e3e8ef; --soft: #93a1b3; --line: #4a5868; --paper: #12171e;
  --box: #202a35; --frame: #182028; --edge: #6d7c8d; --accent: #6db6f2; --bad: #d9534a; --found: #e3b341; --label: #8494a6; --panel: #1a222b; } }
* { box-sizing: border-box; }
html, body { height: 100%; margin: 0; }
body { display: flex; flex-direction: column; color: var(--ink); background: var(--paper); font: 14px/1.4 system-ui, sans-serif; }
header { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; padding: .5rem 1rem; border-bottom: 1px solid var(--line); background: var(--panel); }
h1 { margin: 0; font-size: 1.1rem; }
header p { margin: 0; color: var(--soft); }
header input, header select, header button, aside button { padding: .25rem .55rem; font: inherit; color: inherit; background: var(--paper);
  border: 1px solid var(--line); border-radius: 6px; }
header button, aside button { cursor: pointer; }
header .room { flex: 1; }
.legend { display: inline-block; width: 5rem; height: .7rem; border-radius: 3px; vertical-align: middle; background: linear-gradient(to right, var(--box), hsl(35 95% 55%)); }
[hidden] { display: none !important; }
main { position: relative; flex: 1; min-height: 0; }
canvas { position: absolute; inset: 0; width: 100%; height: 100%; touch-action: none; outline: none; }
aside { position: absolute; top: .8rem; right: .8rem; width: 20rem; max-width: calc(100% - 1.6rem); max-height: calc(100% - 1.6rem); overflow: auto;
  padding: .8rem 1rem; border: 1px solid var(--line); border-radius: 8px; background: var(--panel); }
aside h2 { margin: 0 0 .5rem; font-size: 1rem; overflow-wrap: anywhere; } aside h3 { margin: .8rem 0 .2rem; font-size: .8rem; color: var(--soft); }
aside dl { margin: 0 0 .6rem; display: grid; grid-template-columns: auto 1fr; gap: .12rem .8rem; font-size: 13px; }
aside dt { color: var(--soft); } aside dd { margin: 0; overflow-wrap: anywhere; white-space: pre-line; }
aside .link { display: block; width: 100%; margin-top: .2rem; text-align: left; font-size: 12.5px; overflow-wrap: anywhere; }
.failure { padding: .4rem 1rem; color: #fff; background: var(--bad); }
)page";

const std::string_view graph_page_layout = R"page(
'use strict';
{
const data = JSON.parse(document.getElementById('graph').textContent);
const nodes = data.nodes, edges = data.edges, clusters = data.clusters;
const canvas = document.querySelector('canvas'), pen = canvas.getContext('2d');
const side = document.querySelector('aside'), search = document.querySelector('input[type=search]');
const status = document.querySelector('[role=status]'), color = document.querySelector('select');
const font = '"DejaVu Sans", "Liberation Sans", Arial, sans-serif';

// --- what is open -------------------------------------------------------------------------------
// A box is a node or a closed cluster; boxes are named n0, n1, ... and c0, c1, ...
const inside = clusters.map(() => []), below = clusters.map(() => []), top = [];
clusters.forEach((c, i) => { if (c.parent >= 0) below[c.parent].push(i); });
nodes.forEach((n, i) => { if (n.cluster >= 0) inside[n.cluster].push(i); });
const sums = clusters.map(() => null);
function sum_of(c) {
  if (sums[c]) return sums[c];
  const s = {params: 0, flops: 0, memory: 0, time: 0, count: 0};
  for (const i of inside[c]) {
    for (const key of ['params', 'flops', 'memory', 'time']) s[key] += nodes[i][key] || 0;
    s.count += nodes[i].repeat || 1;
  }
  for (const b of below[c]) { const t = sum_of(b); for (const key in s) s[key] += t[key]; }
  return sums[c] = s;
}
const open = clusters.map(() => false);
function open_some() {  // as many levels as stay readable
  const depth = c => c < 0 ? 0 : 1 + depth(clusters[c].parent);
  for (let level = 1; level < 12; level++) {
    const shown = clusters.filter((c, i) => depth(i) == level + 1).length +
      nodes.filter(n => depth(n.cluster) <= level).length;
    if (shown > 60 && level > 1) break;
    if (shown > 150) break;
    clusters.forEach((c, i) => { if (depth(i) == level) open[i] = true; });
  }
}
open_some();
// The closed cluster that hides a node, or the node.
function box_of(i) {
  let shown = 'n' + i;
  for (let c = nodes[i].cluster; c >= 0; c = clusters[c].parent) if (!open[c]) shown = 'c' + c;
  return shown;
}
const is_cluster = b => b[0] == 'c', index = b => +b.slice(1);
const parent_of = b => is_cluster(b) ? clusters[index(b)].parent : nodes[index(b)].cluster;

// --- measures -----------------------------------------------------------------------------------
const widths = new Map();
function width_of(text, size, bold) {
  const key = size + (bold ? 'b' : '') + text;
  if (!widths.has(key)) {
    pen.font = (bold ? 'bold ' : '') + size + 'px ' + font;
    widths.set(key, pen.measureText(text).width);
  }
  return widths.get(key);
}
function lines_of(b) {
  if (is_cluster(b)) {
    const c = clusters[index(b)], s = sum_of(index(b));
    return [c.path + '  ' + c.type, [s.count + ' ops', s.params ? count(s.params) + ' parameters' : ''].filter(Boolean).join(', ')];
  }
  const n = nodes[index(b)];
  return [n.title + (n.repeat > 1 ? '  ×' + n.repeat : ''), n.sub || ''];
}
function count(n) {
  for (const [unit, size] of [['G', 1e9], ['M', 1e6], ['k', 1e3]])
    if (n >= size) return (n / size).toPrecision(3) + ' ' + unit;
  return String(Math.round(n));
}
function bytes(n) {
  for (const [unit, size] of [['GiB', 2 ** 30], ['MiB', 2 ** 20], ['KiB', 2 ** 10]])
    if (n >= size) return (n / size).toPrecision(3) + ' ' + unit;
  return n + ' B';
}
function size_of_box(b) {
  const [title, sub] = lines_of(b);
  return {w: Math.max(width_of(title, 13, is_cluster(b)), sub ? width_of(sub, 10.5) : 0, 26) + 26, h: sub ? 40 : 28};
}

// --- layered layout (Sugiyama, Tagawa & Toda 1981), a cluster at a time ------------------------
// items: {w, h}; links: {a, b, from, to}, from and to being offsets of the ends from the items'
// left. Sets x, y of the items and the points of the links; returns the size.
const gap_x = 22, gap_y = 34;
function layered(items, links, labels) {
  const n = items.length, out = items.map(() => []), into = items.map(() => []);
  links.forEach((l, i) => { out[l.a].push(i); into[l.b].push(i); });
  const rank = new Array(n).fill(0), left = into.map(l => l.length), order = [];
  items.forEach((it, i) => { if (!left[i]) order.push(i); });
  for (let k = 0; k < order.length; k++)
    for (const l of out[order[k]]) {
      const b = links[l].b;
      rank[b] = Math.max(rank[b], rank[order[k]] + 1);
      if (!--left[b]) order.push(b);
    }
  for (const i of order.slice().reverse()) {  // sources come close to what reads them
    if (items[i].entry || into[i].length || !out[i].length) continue;
    rank[i] = Math.min(...out[i].map(l => rank[links[l].b])) - 1;
  }
  const last = Math.max(0, ...rank);
  items.forEach((it, i) => { if (it.exit) rank[i] = last; });
  // Long links pass through slots, one in each rank between.
  const slots = items.map((it, i) => ({w: it.w, h: it.h, rank: rank[i], item: i, near: []}));
  const layers = Array.from({length: last + 1}, () => []);
  const chains = links.map(l => {
    const chain = [l.a];
    for (let r = rank[l.a] + 1; r < rank[l.b]; r++) {
      slots.push({w: 8, h: 0, rank: r, item: -1, near: []});
      chain.push(slots.length - 1);
    }
    chain.push(l.b);
    for (let k = 0; k + 1 < chain.length; k++) {
      const p = chain[k], q = chain[k + 1];
      const at = k == 0 ? l.from : slots[p].w / 2, to = k + 2 == chain.length ? l.to : slots[q].w / 2;
      const weight = slots[p].item < 0 && slots[q].item < 0 ? 8 : slots[p].item < 0 || slots[q].item < 0 ? 2 : 1;
      slots[p].near.push({to: q, down: true, here: at, there: to, weight});
      slots[q].near.push({to: p, down: false, here: to, there: at, weight});
    }
    return chain;
  });
  // First order: depth first from the top, so that a chain stays together.
  const seen = new Array(slots.length).fill(false);
  const stack = [];
  const starts = slots.map((s, i) => i).filter(i => slots[i].rank == 0 || !slots[i].near.some(e => !e.down));
  for (const s of starts.reverse()) stack.push(s);
  while (stack.length) {
    const i = stack.pop();
    if (seen[i]) continue;
    seen[i] = true;
    layers[slots[i].rank].push(i);
    const next = slots[i].near.filter(e => e.down && !seen[e.to]).map(e => e.to);
    for (let k = next.length - 1; k >= 0; k--) stack.push(next[k]);
  }
  slots.forEach((s, i) => { if (!seen[i]) layers[s.rank].push(i); });
  const place = new Array(slots.length);
  layers.forEach(layer => layer.forEach((s, k) => { place[s] = k; }));
  const sweeps = slots.length > 20000 ? 2 : 8;
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const down = sweep % 2 == 0;
    for (let k = 0; k <= last; k++) {
      const layer = layers[down ? k : last - k];
      const wish = new Map();
      for (const s of layer) {
        const at = slots[s].near.filter(e => e.down != down).map(e => place[e.to] + e.there / (slots[e.to].w + 1)).sort((a, b) => a - b);
        wish.set(s, at.length ? (at[(at.length - 1) >> 1] + at[at.length >> 1]) / 2 : place[s]);
      }
      layer.sort((a, b) => wish.get(a) - wish.get(b) || place[a] - place[b]);
      layer.forEach((s, i) => { place[s] = i; });
    }
  }
  // Places: each layer as near as it can be to what its neighbours wish, in least squares (pool
  // adjacent violators); slots of long links weigh more, so that those are straight.
  const x = new Array(slots.length).fill(0);
  layers.forEach(layer => { let at = 0; for (const s of layer) { x[s] = at; at += slots[s].w + gap_x; } });
  const passes = slots.length > 20000 ? 4 : 14;
  for (let pass = 0; pass < passes; pass++) {
    const down = pass % 2 == 0, both = pass > passes - 4;
    for (let k = 0; k <= last; k++) {
      const layer = layers[down ? k : last - k];
      const blocks = [];
      let offset = 0;
      for (const s of layer) {
        let total = 0, sum = 0;
        for (const e of slots[s].near) {
          if (!both && e.down == down) continue;
          total += e.weight;
          sum += e.weight * (x[e.to] + e.there - e.here);
        }
        const weight = total || 0.01, wish = (total ? sum / total : x[s]) - offset;
        blocks.push({weight, sum: weight * wish, members: [[s, offset]]});
        while (blocks.length > 1) {
          const b = blocks[blocks.length - 1], a = blocks[blocks.length - 2];
          if (a.sum / a.weight <= b.sum / b.weight) break;
          a.weight += b.weight;
          a.sum += b.sum;
          for (const m of b.members) a.members.push(m);
          blocks.pop();
        }
        offset += slots[s].w + (slots[s].item < 0 ? 10 : gap_x);
      }
      for (const b of blocks) for (const [s, o] of b.members) x[s] = b.sum / b.weight + o;
    }
  }
  const least = slots.length ? x.reduce((a, b) => Math.min(a, b), Infinity) : 0;
  let wide = 0, y = 0;
  const tops = [], heights = [];
  const height_of = layer => layer ? layer.reduce((a, s) => Math.max(a, slots[s].h), 0) : 0;
  layers.forEach((layer, k) => {
    const h = height_of(layer);
    tops.push(y);
    heights.push(h);
    y += h + (k == last ? 0 : h && height_of(layers[k + 1]) ? gap_y : 14);
    for (const s of layer) { x[s] -= least; wide = Math.max(wide, x[s] + slots[s].w); }
  });
  items.forEach((it, i) => { it.x = x[i]; it.y = tops[rank[i]] + (heights[rank[i]] - it.h) / 2; if (it.entry) it.y = tops[0]; if (it.exit) it.y = tops[last] + heights[last]; });
  links.forEach((l, i) => {
    const chain = chains[i];
    l.points = [[x[l.a] + l.from, items[l.a].y + items[l.a].h]];
    for (const s of chain.slice(1, -1)) {
      const r = slots[s].rank;
      l.points.push([x[s] + 4, tops[r]], [x[s] + 4, tops[r] + heights[r]]);
    }
    l.points.push([x[l.b] + l.to, items[l.b].y]);
  });
  return {w: wide, h: y};
}
)page";

}  // namespace glassbox::viz::detail
