#include "viz/summary_page.h"

namespace glassbox::viz::detail {

const std::string_view page_head = R"(<!DOCTYPE html>
<html lang=en>
<head>
<meta charset=utf-8>
<meta name=viewport content="width=device-width, initial-scale=1">
<meta name=generator content=glassbox>
)";

const std::string_view page_style = R"(
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5d6b7d; --line: #dfe4ea; --paper: #fff;
  --shade: #f4f6f9; --bar: #cfe3f5; --mark: #fff1b8; --accent: #0b63a5; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e8ef; --soft: #93a1b3; --line: #2e3845;
  --paper: #141a22; --shade: #1b232d; --bar: #24425e; --mark: #4a4213; --accent: #6db6f2; --bad: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.2rem 1.6rem 3rem; color: var(--ink); background: var(--paper);
  font: 14px/1.45 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.5rem; }
code, td, tbody th { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, monospace; font-size: 12.5px; }
.input { margin: .2rem 0 1rem; color: var(--soft); }
.cards { display: flex; flex-wrap: wrap; gap: .6rem; margin-bottom: 1rem; }
.cards div { padding: .5rem .8rem; border: 1px solid var(--line); border-radius: 6px; background: var(--shade); }
.cards b { display: block; font-size: .78rem; color: var(--soft); font-weight: 600; }
.failure { padding: .6rem .9rem; margin-bottom: 1rem; border: 1px solid var(--bad); border-radius: 6px; color: var(--bad); }
.failure p { margin: .2rem 0 0; }
.tools { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; margin-bottom: .5rem; }
.tools input { flex: 0 1 20rem; padding: .35rem .6rem; font: inherit; color: inherit; background: var(--paper);
  border: 1px solid var(--line); border-radius: 6px; }
.tools button { padding: .35rem .7rem; font: inherit; color: inherit; background: var(--shade);
  border: 1px solid var(--line); border-radius: 6px; cursor: pointer; }
.tools span { color: var(--soft); }
.columns { display: flex; flex-wrap: wrap; gap: .3rem 1rem; padding: .6rem .8rem; margin-bottom: .5rem;
  border: 1px solid var(--line); border-radius: 6px; background: var(--shade); }
[hidden] { display: none !important; }
main { display: flex; gap: 1rem; align-items: flex-start; }
.scroll { overflow: auto; max-height: 80vh; border: 1px solid var(--line); border-radius: 6px; flex: 0 1 auto; min-width: 0; }
table { border-collapse: separate; border-spacing: 0; }
th, td { padding: .18rem .8rem; text-align: left; white-space: nowrap; font-weight: normal; }
thead th { position: sticky; top: 0; z-index: 2; background: var(--shade); font-weight: 600;
  border-bottom: 1px solid var(--line); }
tbody th { position: sticky; left: 0; z-index: 1; background: var(--paper);
  padding-left: calc(.5rem + var(--depth) * 1.15rem); }
thead th:first-child { left: 0; z-index: 3; }
.number { text-align: right; }
td[style] { background: linear-gradient(to left, var(--bar) var(--share), transparent var(--share)); }
tbody tr { cursor: default; }
tbody tr:hover > * { box-shadow: inset 0 1px var(--line), inset 0 -1px var(--line); }
.op > *, .unused > * { color: var(--soft); }
.op em { font-style: normal; }
.failed > * { color: var(--bad); font-weight: 600; }
tr.chosen > th, tr.chosen > td:not([style]) { background: var(--mark); }
tr.source > th { box-shadow: inset 3px 0 var(--accent); }
.fold { width: 1rem; height: 1rem; margin: 0 .25rem 0 0; padding: 0; border: 0; background: none; color: var(--soft);
  cursor: pointer; font: inherit; line-height: 1; }
.fold::before { content: "▸"; }
.fold[aria-expanded=true]::before { content: "▾"; }
tbody i { display: inline-block; width: 1.25rem; }
aside { flex: 0 0 21rem; position: sticky; top: 1rem; max-height: 80vh; overflow: auto; padding: .8rem 1rem;
  border: 1px solid var(--line); border-radius: 6px; background: var(--shade); }
aside h2 { margin: 0 0 .5rem; font-size: 1rem; word-break: break-all; }
aside dl { margin: 0; display: grid; grid-template-columns: auto 1fr; gap: .15rem .8rem; }
aside dt { color: var(--soft); } aside dd { margin: 0; overflow-wrap: anywhere; }
footer { margin-top: 1rem; color: var(--soft); font-size: .85rem; } footer p { margin: 0; }
@media (max-width: 800px) { body { padding: .8rem; } main { display: block; }
  aside { position: static; margin-top: 1rem; } }
@media print { .tools, .columns, aside, .fold { display: none !important; } .scroll { max-height: none; border: 0; } }
)";

const std::string_view page_tools = R"(<section class=tools>
<input type=search placeholder="search a layer, a type, a shape" aria-label=search>
<button data-do=unfold>unfold all</button><button data-do=fold>fold all</button>
<button data-do=ops aria-pressed=true>ops</button><button data-do=columns>columns</button>
<span role=status></span>
</section>
)";

const std::string_view page_script = R"(
'use strict';
{
const rows = [...document.querySelectorAll('tbody tr')];
const headings = [...document.querySelectorAll('thead th')].map(th => th.textContent);
const search = document.querySelector('.tools input');
const what = [...document.querySelectorAll('thead th')].map((th, c) => [th.dataset.column, c])
  .filter(([name]) => ['type', 'output', 'notes'].includes(name)).map(([name, c]) => c);
const status = document.querySelector('[role=status]');
const side = document.querySelector('aside');
const parent = rows.map(r => +r.dataset.parent);
const fold = rows.map(r => r.querySelector('.fold'));
const folded = rows.map(() => false);
let ops = true, chosen = -1;
function refresh() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  const keep = rows.map(() => words.length == 0);
  if (words.length) rows.forEach((r, i) => {
    const text = (r.dataset.path + ' ' + what.map(c => r.children[c].textContent).join(' ')).toLowerCase();
    if (!words.every(w => text.includes(w))) return;
    found++;
    for (let p = i; p >= 0; p = parent[p]) keep[p] = true;
  });
  const open = [];
  rows.forEach((r, i) => {
    const p = parent[i];
    open[i] = p < 0 || (open[p] && (words.length > 0 || !folded[p]));
    r.hidden = !open[i] || !keep[i] || (!ops && r.classList.contains('op'));
    if (fold[i]) fold[i].setAttribute('aria-expanded', words.length > 0 || !folded[i]);
  });
  status.textContent = words.length ? found + (found == 1 ? ' row' : ' rows') : '';
}
function choose(i) {
  if (chosen >= 0) rows[chosen].classList.remove('chosen');
  rows.forEach(r => r.classList.remove('source'));
  chosen = chosen == i ? -1 : i;
  side.hidden = chosen < 0;
  if (chosen < 0) return;
  const row = rows[i];
  row.classList.add('chosen');
  for (const s of JSON.parse(row.dataset.sources || '[]')) if (s >= 0) rows[s].classList.add('source');
  side.textContent = '';
  const title = document.createElement('h2');
  title.textContent = row.dataset.path || 'the model';
  const list = document.createElement('dl');
  [...row.children].forEach((cell, c) => {
    if (c == 0 || !cell.textContent) return;
    const name = document.createElement('dt'), value = document.createElement('dd');
    name.textContent = headings[c];
    value.textContent = cell.textContent + (cell.title ? ' (' + cell.title + ')' : '');
    list.append(name, value);
  });
  side.append(title, list);
}
rows.forEach((r, i) => {
  if (fold[i]) fold[i].addEventListener('click', e => { folded[i] = !folded[i]; e.stopPropagation(); refresh(); });
  r.addEventListener('click', () => choose(i));
});
search.addEventListener('input', refresh);
document.addEventListener('keydown', e => {
  if (e.key == '/' && e.target != search) { e.preventDefault(); search.focus(); }
  if (e.key == 'Escape') { search.value = ''; search.blur(); if (chosen >= 0) choose(chosen); refresh(); }
  if (e.target == search || (e.key != 'ArrowDown' && e.key != 'ArrowUp') || chosen < 0) return;
  e.preventDefault();
  let next = chosen;
  do next += e.key == 'ArrowDown' ? 1 : -1; while (rows[next] && rows[next].hidden);
  if (rows[next]) { choose(next); rows[next].scrollIntoView({block: 'nearest'}); }
});
const actions = {
  unfold() { folded.fill(false); },
  fold() { rows.forEach((r, i) => { folded[i] = +r.dataset.depth >= 1; }); },
  ops(button) { ops = !ops; button.setAttribute('aria-pressed', ops); },
  columns() { const c = document.querySelector('.columns'); c.hidden = !c.hidden; },
};
document.querySelectorAll('[data-do]').forEach(b =>
  b.addEventListener('click', () => { actions[b.dataset.do](b); refresh(); }));
document.querySelectorAll('.columns input').forEach(box => box.addEventListener('change', () => {
  document.querySelectorAll('th[data-column="' + box.dataset.column + '"], td[data-column="' + box.dataset.column + '"]')
    .forEach(cell => { cell.hidden = !box.checked; });
}));
refresh();
}
)";

}  // namespace glassbox::viz::detail
