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
const gaps = {node: 22, line: 11, leave: 6, enter: 15, below: 14, port: 12, label: 5, bend: 0.2, bend_max: 40};
const BOX = 0, ENTRY = 1, EXIT = 2, BEND = 3, LABEL = 4;

function add_item(level, kind, left, right, h, rank) {
  level.items.push({kind, left, right, h, rank, weight: kind == BOX ? 1 : 0, at: 0, x: 0, y: 0, ins: [], outs: [], above: -1, below: -1, block: -1, shift: 0});
  return level.items.length - 1;
}
function level_of(items, links) {
  const level = {items: [], nets: [], lines: [], ranks: []};
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
  level.nets.forEach(net => {
    const sinks = net.sinks.slice().sort((a, b) => I[a.item].rank - I[b.item].rank);
    let at = net.source, here = net.offset, rank = I[at].rank, main_until = 0;
    net.place = -1;
    sinks.forEach((s, k) => { if (s.main) main_until = k + 1; });
    sinks.forEach((s, k) => {
      while (rank + 1 < I[s.item].rank) {
        const labelled = net.label && net.place < 0;
        const bend = add_item(level, labelled ? LABEL : BEND, 0, labelled ? net.label.w + gaps.label : 0, labelled ? net.label.h : 0, ++rank);
        if (labelled) net.place = bend;
        add_line(at, bend, here, 0, net, k < main_until);
        at = bend;
        here = 0;
      }
      s.line = add_line(at, s.item, here, s.offset, net, s.main);
    });
  });
  level.ranks = Array.from({length: last + 1}, () => []);
}

// Few crossings: medians from both sides by turns; the best order that came up is kept.
function order_ranks(level, first) {
  const I = level.items, L = level.lines, many = L.length > 12000;
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
    level.ranks[I[v].rank].push(v);
    for (const bends of [true, false]) for (let k = I[v].outs.length - 1; k >= 0; k--) {
      const to = L[I[v].outs[k]].to;
      if ((I[to].kind >= BEND) == bends && !seen[to]) stack.push(to);
    }
  }
  level.ranks.forEach(number);
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
  const gain_of = (a, b, end) => { a = a.map(end); b = b.map(end); return greater(a, b) - greater(b, a); };
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

// x: what straight lines join is a block with one x (after Brandes & Köpf 2001); blocks are pushed
// towards the median of what they are joined to.
function place_across(level) {
  const I = level.items, L = level.lines;
  const chosen = level.ranks.map(() => []);  // by rank, sorted: positions that straight lines join
  const join = l => {
    const a = I[L[l].from], b = I[L[l].to];
    if (a.below >= 0 || b.above >= 0) return;
    const list = chosen[a.rank];
    let low = 0, high = list.length;
    while (low < high) { const mid = (low + high) >> 1; if (list[mid][0] < a.at) low = mid + 1; else high = mid; }
    if ((low < list.length && list[low][1] <= b.at) || (low > 0 && list[low - 1][1] >= b.at)) return;
    list.splice(low, 0, [a.at, b.at]);
    a.below = b.above = l;
  };
  L.forEach((line, l) => { if (line.main) join(l); });
  L.forEach((line, l) => { if (I[line.from].kind >= BEND && I[line.to].kind >= BEND) join(l); });
  for (const rank of level.ranks) for (const v of rank) {
    const lines = I[v].ins.slice().sort((a, b) => I[L[a].from].at - I[L[b].from].at), half = (lines.length - 1) >> 1;
    for (let k = 0; k < lines.length && I[v].above < 0; k++) {
      const at = k % 2 ? half + ((k + 1) >> 1) : half - (k >> 1);
      if (at >= 0 && at < lines.length) join(lines[at]);
    }
  }
  const blocks = [];
  for (const rank of level.ranks) for (const v of rank) {
    const l = L[I[v].above];
    if (!l) { I[v].block = blocks.length; blocks.push({x: 0, low: 0, extent: 0, lefts: [], rights: [], pulls: [], waiting: 0}); continue; }
    I[v].block = I[l.from].block;
    I[v].shift = I[l.from].shift + l.here - l.there;
  }
  const is_line = it => it.kind == BEND || it.kind == ENTRY || it.kind == EXIT;
  const limits = new Map();
  for (const rank of level.ranks) rank.forEach((v, k) => {
    const it = I[v], b = blocks[it.block];
    b.low = Math.max(b.low, it.left - it.shift);
    b.extent = Math.max(b.extent, it.right + it.shift);
    if (!k) return;
    const left = I[rank[k - 1]], id = left.block * 1e7 + it.block;
    const distance = left.right + it.left + (is_line(left) || is_line(it) ? gaps.line : gaps.node) + left.shift - it.shift;
    if (!limits.has(id) || limits.get(id) < distance) limits.set(id, distance);
  });
  for (const [id, distance] of limits) {
    const left = Math.floor(id / 1e7), right = id % 1e7;
    blocks[left].rights.push([right, distance]);
    blocks[right].lefts.push([left, distance]);
    blocks[right].waiting++;
  }
  for (const l of L) {
    const a = I[l.from], b = I[l.to];
    if (a.block == b.block) continue;
    const distance = b.shift + l.there - a.shift - l.here, weight = a.kind >= BEND == b.kind >= BEND ? 2 : 1;
    blocks[a.block].pulls.push([b.block, distance, weight]);
    blocks[b.block].pulls.push([a.block, -distance, weight]);
  }
  const sorted = [];
  blocks.forEach((b, i) => { if (!b.waiting) sorted.push(i); });
  for (let k = 0; k < sorted.length; k++) for (const [right] of blocks[sorted[k]].rights) if (!--blocks[right].waiting) sorted.push(right);
  let width = 0;
  for (const i of sorted) {
    const b = blocks[i];
    b.x = b.low;
    for (const [left, distance] of b.lefts) b.x = Math.max(b.x, blocks[left].x + distance);
    width = Math.max(width, b.x + b.extent);
  }
  const right = [];
  for (let k = sorted.length - 1; k >= 0; k--) {
    const b = blocks[sorted[k]];
    right[sorted[k]] = width - b.extent;
    for (const [r, distance] of b.rights) right[sorted[k]] = Math.min(right[sorted[k]], right[r] - distance);
  }
  blocks.forEach((b, i) => { b.x = (b.x + right[i]) / 2; });
  const wanted = b => {
    const places = b.pulls.map(([to, distance, weight]) => [blocks[to].x + distance, weight]).sort((p, q) => p[0] - q[0]);
    let total = 0, sum = 0;
    for (const p of places) total += p[1];
    for (let k = 0; k < places.length; k++) {
      sum += places[k][1];
      if (sum * 2 > total) return places[k][0];
      if (sum * 2 == total) return (places[k][0] + places[k + 1][0]) / 2;
    }
    return b.x;
  };
  const move = (i, rightwards) => {
    const b = blocks[i];
    if (!b.pulls.length) return;
    let to = wanted(b);
    if (to > b.x != rightwards) return;
    for (const [left, distance] of b.lefts) to = Math.max(to, blocks[left].x + distance);
    for (const [r, distance] of b.rights) to = Math.min(to, blocks[r].x - distance);
    b.x = to;
  };
  const rightwards = () => { for (let k = sorted.length - 1; k >= 0; k--) move(sorted[k], true); };
  const leftwards = () => { for (const i of sorted) move(i, false); };
  for (let i = 0; i < 12; i++) { if (i % 2 == 0) { rightwards(); leftwards(); } else { leftwards(); rightwards(); } }
  for (const it of I) it.x = blocks[it.block].x + it.shift;
}

// Lines that enter a box beside each other, and nets that leave it; a straight one keeps the middle.
function spread(level, v) {
  const I = level.items, L = level.lines, it = I[v], half = Math.max(0, Math.min(it.left, it.right) - 6);
  const place = (ends, straight, end) => {
    if (ends.length < 2) return;
    ends.sort((a, b) => a.x - b.x);
    let middle = ends.findIndex(e => e.lines.includes(straight));
    if (middle < 0) middle = (ends.length - 1) / 2;
    const step = Math.min(gaps.port, half / Math.max(middle, ends.length - 1 - middle));
    ends.forEach((e, k) => { for (const l of e.lines) L[l][end] = (k - middle) * step; });
  };
  place(it.ins.map(l => ({x: I[L[l].from].x + L[l].here, lines: [l]})), it.above, 'there');
  const nets = new Map();
  for (const l of it.outs) { if (!nets.has(L[l].net)) nets.set(L[l].net, []); nets.get(L[l].net).push(l); }
  place([...nets.values()].map(lines => ({x: lines.reduce((sum, l) => sum + I[L[l].to].x + L[l].there, 0) / lines.length, lines})), it.below, 'here');
}

// How far down the drawing reaches, by x.
class Skyline {
  constructor(y) { this.xs = [-Infinity]; this.ys = [y]; }
  after(x) {  // the first piece that begins right of x
    let low = 0, high = this.xs.length;
    while (low < high) { const mid = (low + high) >> 1; if (this.xs[mid] > x) high = mid; else low = mid + 1; }
    return low;
  }
  over(from, to) {
    let k = this.after(from), most = this.ys[k - 1];
    for (; k < this.xs.length && this.xs[k] < to; k++) most = Math.max(most, this.ys[k]);
    return most;
  }
  cut(x) {
    const k = this.after(x);
    if (this.xs[k - 1] == x) return k - 1;
    this.xs.splice(k, 0, x);
    this.ys.splice(k, 0, this.ys[k - 1]);
    return k;
  }
  raise(from, to, y) {
    const a = this.cut(from), b = this.cut(Math.max(to, from + 1e-6));
    for (let k = a; k < b; k++) this.ys[k] = Math.max(this.ys[k], y);
    for (let k = Math.min(b, this.xs.length - 1); k >= Math.max(a, 1); k--)
      if (this.ys[k] == this.ys[k - 1]) { this.xs.splice(k, 1); this.ys.splice(k, 1); }
  }
}

// y: rank by rank everything goes as high as what it must stay below lets it; boxes stay below boxes
// and curves, curves below boxes alone, since they may cross. Returns the height.
function place_down(level, head) {
  const I = level.items, L = level.lines, boxes = new Skyline(head), all = new Skyline(head), margin = 4;
  let lowest = 0;
  for (const rank of level.ranks) {
    const placed = [];
    for (const v of rank) {
      const it = I[v];
      if (it.kind == ENTRY) it.y = 0;
      if (it.kind == BEND) it.y = L[it.ins[0]].y1;
      if (it.kind != BOX && it.kind != LABEL) continue;
      it.y = all.over(it.x - it.left - margin, it.x + it.right + margin);
      for (const l of it.ins) it.y = Math.max(it.y, L[l].y1 + (it.kind == BOX ? gaps.enter : gaps.label));
      placed.push(it);
    }
    const rows = placed.slice().sort((a, b) => a.y - b.y);  // almost at one height: at one
    for (let i = 0; i < rows.length;) {
      const first = rows[i].y;
      let end = i, height = Infinity, y = first;
      for (; end < rows.length; end++) {
        height = Math.min(height, rows[end].h);
        if (rows[end].y - first > height * 0.7 + gaps.below) break;
        y = rows[end].y;
      }
      for (end = Math.max(end, i + 1); i < end; i++) rows[i].y = y;
    }
    for (const it of placed) {
      const side = it.kind == BOX ? margin : 0, bottom = it.y + it.h;
      lowest = Math.max(lowest, bottom);
      boxes.raise(it.x - it.left - side, it.x + it.right + side, bottom);
      all.raise(it.x - it.left - side, it.x + it.right + side, bottom + (it.kind == BOX ? gaps.below : gaps.label));
    }
    for (const v of rank) for (const l of I[v].outs) {
      const line = L[l], it = I[v], to = I[line.to], x0 = it.x + line.here, x1 = to.x + line.there;
      const left = Math.min(x0, x1), right = Math.max(x0, x1), straight = right - left < 0.01;
      line.y0 = it.y + it.h + (it.kind == BOX ? gaps.leave : it.kind == LABEL ? gaps.label : 0);
      if (!straight) line.y0 = Math.max(line.y0, boxes.over(left, right) + margin);
      line.y1 = straight ? line.y0 : line.y0 + Math.min(gaps.bend_max, 6 + gaps.bend * (right - left));
      let reach = line.y1 + (to.kind == EXIT ? gaps.leave : 0);
      if (straight) reach = Math.max(reach, head);
      lowest = Math.max(lowest, reach);
      all.raise(left, right, reach);
    }
  }
  return lowest;
}

function layered(items, links, head, first) {
  const level = level_of(items, links), I = level.items, L = level.lines;
  if (!I.length) return {w: 0, h: head, weight: 0};
  assign_ranks(level);
  order_ranks(level, first);
  place_across(level);
  items.forEach((it, i) => { if (it.spreads) spread(level, i); });
  const h = place_down(level, head);
  for (const it of I) if (it.kind == EXIT) it.y = h;
  let least = Infinity, most = -Infinity;
  for (const it of I) { least = Math.min(least, it.x - it.left); most = Math.max(most, it.x + it.right); }
  items.forEach((it, i) => { it.x = I[i].x - I[i].left - least; it.y = I[i].y; });
  for (const net of level.nets) for (const s of net.sinks) {
    const points = [], way = [];
    for (let l = s.line; l >= 0; l = I[L[l].from].kind >= BEND ? I[L[l].from].ins[0] : -1) way.push(l);
    for (const l of way.reverse()) {
      const a = I[L[l].from], b = I[L[l].to], x0 = a.x + L[l].here - least, x1 = b.x + L[l].there - least;
      points.push([x0, a.y + a.h], [x0, L[l].y0], [x1, L[l].y1], [x1, b.y]);
    }
    Object.assign(links[s.link], {points, start: points[0][0], main: s.main});
    links[s.link].place = net.place >= 0 ? [I[net.place].x + gaps.label - least, I[net.place].y] : null;
  }
  return {w: most - least, h, weight: I.reduce((sum, it) => sum + it.weight, 0)};
}
)page";

}  // namespace glassbox::viz::detail
