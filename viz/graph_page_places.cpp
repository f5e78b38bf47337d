#include "viz/graph_page.h"

namespace glassbox::viz::detail {

const std::string_view graph_page_places = R"page(
// x: what straight lines join is a block with one x (after Brandes & Köpf 2001); blocks are pushed
// towards the median of what they are joined to.
function place_across(level) {
  const I = level.items, L = level.lines;
  const chosen = level.ranks.map(() => []);  // by rank, sorted: positions that straight lines join
  const join = l => {
    const a = I[L[l].from], b = I[L[l].to];
    if (a.lane || b.lane || a.below >= 0 || b.above >= 0) return;
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
    if (a.block == b.block || a.lane || b.lane) continue;
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
  for (let i = 0; i < (L.length > 6000 ? 6 : 12); i++) { if (i % 2 == 0) { rightwards(); leftwards(); } else { leftwards(); rightwards(); } }
  for (const it of I) if (!it.lane) it.x = blocks[it.block].x + it.shift;
  place_lanes(level);
}

// Right of everything, one beside the other; a lane that has ended is free for the next one.
function place_lanes(level) {
  const I = level.items, ends = [];  // by lane: the rank until which it is taken
  if (!level.lanes.length) return;
  let right = -Infinity;
  for (const it of I) if (!it.lane) right = Math.max(right, it.x + it.right);
  level.lanes.sort((a, b) => I[a[0]].rank - I[b[0]].rank);
  for (const [upper, lower] of level.lanes) {
    let number = ends.findIndex(end => end < I[upper].rank);
    if (number < 0) number = ends.length;
    ends[number] = I[lower].rank;
    for (const i of [upper, lower]) {
      I[i].x = right + gaps.line * (number + 1);
      level.ranks[I[i].rank].push(i);
    }
  }
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
