#include "viz/graph_page.h"

namespace glassbox::viz::detail {

const std::string_view graph_page_style = R"page(
:root { color-scheme: light dark; --ink: #1b232d; --soft: #5d6b7d; --line: #9aa7b6; --paper: #ffffff; --box: #eef1f5;
  --frame: #f6f8fa; --edge: #7c8998; --accent: #0b63a5; --bad: #b3261e; --found: #c98a00; --label: #6a7787; --panel: #f4f6f9;
  --from: #b84a00; --to: #0b63a5; }
@media (prefers-color-scheme: dark) { :root:not(.flipped) { --ink: #e3e8ef; --soft: #93a1b3; --line: #4a5868; --paper: #12171e;
  --box: #202a35; --frame: #182028; --edge: #6d7c8d; --accent: #6db6f2; --bad: #d9534a; --found: #e3b341; --label: #8494a6; --panel: #1a222b;
  --from: #f0965a; --to: #6db6f2; } }
@media (prefers-color-scheme: light) { :root.flipped { --ink: #e3e8ef; --soft: #93a1b3; --line: #4a5868; --paper: #12171e;
  --box: #202a35; --frame: #182028; --edge: #6d7c8d; --accent: #6db6f2; --bad: #d9534a; --found: #e3b341; --label: #8494a6; --panel: #1a222b;
  --from: #f0965a; --to: #6db6f2; } }
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
canvas { position: absolute; inset: 0; width: 100%; height: 100%; touch-action: none; }
canvas:focus { outline: none; } canvas:focus-visible { outline: 2px solid var(--accent); outline-offset: -2px; }
aside { position: absolute; top: .8rem; right: .8rem; width: 20rem; max-width: calc(100% - 1.6rem); max-height: calc(100% - 1.6rem); overflow: auto;
  padding: .8rem 1rem; border: 1px solid var(--line); border-radius: 8px; background: var(--panel); }
aside h2 { margin: 0 0 .5rem; font-size: 1rem; overflow-wrap: anywhere; } aside h3 { margin: .8rem 0 .2rem; font-size: .8rem; color: var(--soft); }
aside dl { margin: 0 0 .6rem; display: grid; grid-template-columns: auto 1fr; gap: .12rem .8rem; font-size: 13px; }
aside dt { color: var(--soft); } aside dd { margin: 0; overflow-wrap: anywhere; white-space: pre-line; }
aside .link { display: block; width: 100%; margin-top: .2rem; text-align: left; font-size: 12.5px; overflow-wrap: anywhere; }
aside h3.from { color: var(--from); } aside h3.to { color: var(--to); }
dialog { color: var(--ink); background: var(--panel); border: 1px solid var(--line); border-radius: 8px; }
dialog td:first-child { padding-right: 1rem; font-weight: bold; white-space: nowrap; }
@media (max-width: 40rem) {
  header { gap: .35rem .4rem; padding: .35rem .6rem; } header p, header .room, [data-do=keys] { display: none; }
  header input { flex: 1; min-width: 6rem; width: 6rem; }
  aside { top: auto; bottom: .5rem; left: .5rem; right: .5rem; width: auto; max-width: none; max-height: 45%; }
}
.failure { padding: .4rem 1rem; color: #fff; background: var(--bad); }
)page";

const std::string_view graph_page_measures = R"page(
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
)page";

}  // namespace glassbox::viz::detail
