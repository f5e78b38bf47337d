#include "viz/graph_page.h"

namespace glassbox::viz::detail {

const std::string_view graph_page_layout = R"page(
// --- layered layout, as in viz/layout*.cpp, a frame at a time ------------------------------------
// items: {w, h, weight} or the ports {entry} at the top and {exit} at the bottom; links: {a, b, from,
// to, net, label}, from and to being offsets of the ends from the items' left. Links of one net have
// one source and are one line that branches; its label {w, h} is beside its first bend. Links have
// no cycle. Sets x, y of the items, the points and label places of the links, where each starts and
// whether it is on the trunk; returns the size. `first` are ports at the top in the order that suits
// what is around.
const gaps = {node: 22, line: 11, leave: 6, enter: 15, below: 14, port: 11, label: 5, bend: 0.2, bend_max: 40};
// Where lines would have more bends than this, the longest run along the right side.
const most_bends = 20000;
const BOX = 0, ENTRY = 1, EXIT = 2, BEND = 3, LABEL = 4;

function add_item(level, kind, left, right, h, rank) {
  level.items.push({kind, left, right, h, rank, lane: false, weight: kind == BOX ? 1 : 0, at: 0, x: 0, y: 0, ins: [], outs: [], above: -1, below: -1, block: -1, shift: 0});
  return level.items.length - 1;
}
function level_of(items, links) {
  const level = {items: [], nets: [], lines: [], ranks: [], lanes: []};
  for (const it of items) {
    const i = add_item(level, it.entry ? ENTRY : it.exit ? EXIT : BOX, it.w / 2, it.w / 2, it.h, 0);
    if (it.weight) level.items[i].weight = it.weight;
  }
  const known = new Map();
  links.forEach((l, i) => {
    if (!known.has(l.net)) { known.set(l.net, level.nets.length); level.nets.push({source: l.a, offset: l.from - items[l.a].w / 2, sinks: [], label: null}); }
    const net = level.nets[known.get(l.net)];
    net.label = net.label || l.label;
    net.sinks.push({item: l.b, offset: l.to - items[l.b].w / 2, link: i, line: -1, main: false});
  });
  return level;
}

// Ranks, the trunk (links on the longest way, which become straight), and bends where a line passes.
function assign_ranks(level) {
  const I = level.items, n = I.length, into = I.map(() => []), out = I.map(() => []), sorted = [];
  for (const net of level.nets) { out[net.source].push(net); for (const s of net.sinks) into[s.item].push([net, s]); }
  const waiting = into.map(l => l.length), long = net => net.label ? 2 : 1;
  for (let i = 0; i < n; i++) if (!waiting[i]) sorted.push(i);
  for (let k = 0; k < sorted.length; k++) for (const net of out[sorted[k]]) for (const s of net.sinks) if (!--waiting[s.item]) sorted.push(s.item);
  const first = I.some(it => it.kind == ENTRY) ? 1 : 0;
  for (const v of sorted) {
    I[v].rank = I[v].kind == ENTRY ? 0 : first;
    for (const [net] of into[v]) I[v].rank = Math.max(I[v].rank, I[net.source].rank + long(net));
  }
  for (let k = sorted.length - 1; k >= 0; k--) {  // lower, where that shortens more than it lengthens
    const v = sorted[k];
    if (I[v].kind != BOX || into[v].length >= out[v].length) continue;
    let room = Infinity;
    for (const net of out[v]) for (const s of net.sinks) room = Math.min(room, I[s.item].rank - long(net) - I[v].rank);
    I[v].rank += room;
  }
  let last = 0;
  for (const it of I) last = Math.max(last, it.kind == EXIT ? it.rank : it.rank + 1);
  if (!I.some(it => it.kind == EXIT)) last--;
  for (const it of I) if (it.kind == EXIT) it.rank = last;
  const depth = new Array(n).fill(0), reach = new Array(n).fill(0), best = new Array(n).fill(null);
  for (const v of sorted) {
    let most = -1;
    for (const [net, s] of into[v]) if (depth[net.source] > most) { most = depth[net.source]; best[v] = s; }
    depth[v] = Math.max(most, 0) + I[v].weight;
  }
  for (let k = sorted.length - 1; k >= 0; k--) {
    let most = -1, main = null;
    for (const net of out[sorted[k]]) for (const s of net.sinks) if (reach[s.item] > most) { most = reach[s.item]; main = s; }
    reach[sorted[k]] = Math.max(most, 0) + I[sorted[k]].weight;
    if (main) main.main = best[main.item] == main;
  }
  const add_line = (from, to, here, there, net, main) => {
    I[from].outs.push(level.lines.length);
    I[to].ins.push(level.lines.length);
    level.lines.push({from, to, here, there, net, main, y0: 0, y1: 0});
    return level.lines.length - 1;
  };
  const passed = [];
  let bends = 0, lane_from = Infinity;
  for (const net of level.nets) {
    net.sorted = net.sinks.slice().sort((a, b) => I[a.item].rank - I[b.item].rank);
    let rank = I[net.source].rank;
    for (const s of net.sorted) {
      const ranks = Math.max(0, I[s.item].rank - rank - 1);
      bends += ranks;
      if (ranks > 2) passed.push(ranks);
      rank = Math.max(rank, I[s.item].rank - 1);
    }
  }
  passed.sort((a, b) => b - a);
  for (let k = 0; k < passed.length && bends > most_bends; k++) { lane_from = passed[k]; bends -= passed[k]; }
  for (const net of level.nets) {
    let at = net.source, here = net.offset, rank = I[at].rank, main_until = 0;
    const bend_at = (to, labelled, main) => {
      const bend = add_item(level, labelled ? LABEL : BEND, 0, labelled ? net.label.w + gaps.label : 0, labelled ? net.label.h : 0, to);
      if (labelled) net.place = bend;
      add_line(at, bend, here, 0, net, main);
      at = bend;
      here = 0;
      rank = to;
    };
    net.place = -1;
    net.sorted.forEach((s, k) => { if (s.main) main_until = k + 1; });
    net.sorted.forEach((s, k) => {
      const to = I[s.item].rank, lane = to - rank - 1 >= lane_from;
      if (net.label && net.place < 0 && rank + 1 < to) bend_at(rank + 1, true, !lane && k < main_until);
      if (lane) {
        bend_at(rank + 1, false, false);
        const upper = at;
        bend_at(to - 1, false, false);
        level.lanes.push([upper, at]);
        I[upper].lane = I[at].lane = true;
      }
      while (rank + 1 < to) bend_at(rank + 1, false, k < main_until);
      s.line = add_line(at, s.item, here, s.offset, net, s.main && !lane);
    });
  }
  level.ranks = Array.from({length: last + 1}, () => []);
}

// Few crossings: medians from both sides by turns; the best order that came up is kept.
function order_ranks(level, first) {
  const I = level.items, L = level.lines, many = L.length > 6000;
  const number = rank => { for (let k = 0; k < rank.length; k++) I[rank[k]].at = k; };
  const key = (i, offset) => I[i].at + (I[i].left + I[i].right > 0 ? 0.9 * (offset + I[i].left) / (I[i].left + I[i].right) : 0.45);
  const upper = l => key(L[l].from, L[l].here), lower = l => key(L[l].to, L[l].there);
  const seen = new Uint8Array(I.length), stack = [];
  for (let i = I.length - 1; i >= 0; i--) if (!I[i].ins.length) stack.push(i);
  stack.push(...first.slice().reverse());
  while (stack.length) {
    const v = stack.pop();
    if (seen[v]) continue;
    seen[v] = 1;
    if (!I[v].lane) level.ranks[I[v].rank].push(v);
    for (const bends of [true, false]) for (let k = I[v].outs.length - 1; k >= 0; k--) {
      const to = L[I[v].outs[k]].to;
      if ((I[to].kind >= BEND) == bends && !seen[to]) stack.push(to);
    }
  }
  level.ranks.forEach(number);
  for (const it of I) if (it.lane) it.at = level.ranks[it.rank].length;
  const crossings = () => {
    let total = 0;
    for (const rank of level.ranks) {
      const pairs = [];
      for (const v of rank) for (const l of I[v].outs) pairs.push([upper(l), lower(l)]);
      if (pairs.length < 2) continue;
      pairs.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
      const ends = [...new Set(pairs.map(p => p[1]))].sort((a, b) => a - b), place = new Map(ends.map((e, k) => [e, k + 1]));
      const tree = new Int32Array(ends.length + 1);
      pairs.forEach((p, k) => {
        let not_right = 0;
        for (let j = place.get(p[1]); j > 0; j &= j - 1) not_right += tree[j];
        total += k - not_right;
        for (let j = place.get(p[1]); j < tree.length; j += j & -j) tree[j]++;
      });
    }
    return total;
  };
  const sweep = down => {
    for (let r = 1; r < level.ranks.length; r++) {
      const rank = level.ranks[down ? r : level.ranks.length - 1 - r], moving = [], places = [];
      rank.forEach((v, k) => {
        const lines = down ? I[v].ins : I[v].outs;
        if (!lines.length) return;
        const keys = lines.map(down ? upper : lower).sort((a, b) => a - b), half = keys.length >> 1;
        places.push(k);
        moving.push([keys.length % 2 ? keys[half] : (keys[half - 1] + keys[half]) / 2, v]);
      });
      moving.sort((a, b) => a[0] - b[0]);
      places.forEach((place, k) => { rank[place] = moving[k][1]; });
      number(rank);
    }
  };
  const greater = (a, b) => { let sum = 0; for (const x of a) for (const y of b) if (y < x) sum++; return sum; };
  const gain_of = (a, b, end) => {
    if (!a.length || !b.length) return 0;
    if (a.length == 1 && b.length == 1) return Math.sign(end(a[0]) - end(b[0]));
    a = a.map(end);
    b = b.map(end);
    return greater(a, b) - greater(b, a);
  };
  const transpose = () => {
    for (let pass = 0, again = true; pass < 4 && again; pass++) {
      again = false;
      for (const rank of level.ranks) for (let k = 0; k + 1 < rank.length; k++) {
        const a = rank[k], b = rank[k + 1];
        if (gain_of(I[a].ins, I[b].ins, upper) + gain_of(I[a].outs, I[b].outs, lower) <= 0) continue;
        rank[k] = b;
        rank[k + 1] = a;
        I[b].at = k;
        I[a].at = k + 1;
        again = true;
      }
    }
  };
  let best = crossings(), kept = level.ranks.map(r => r.slice());
  for (let i = 0, idle = 0; i < (many ? 2 : 16) && best > 0 && idle < 4; i++, idle++) {
    sweep(i % 2 == 0);
    if (!many && i % 4 >= 2) transpose();
    const now = crossings();
    if (now >= best) continue;
    best = now;
    kept = level.ranks.map(r => r.slice());
    idle = -1;
  }
  level.ranks = kept;
  kept.forEach(number);
  if (best > 0 && !many) transpose();
}
)page";

}  // namespace glassbox::viz::detail
