#include "viz/memory_ledger.h"

#include <algorithm>
#include <functional>

namespace glassbox::viz::detail {
namespace {

void visit_modules(Scoped& module, const std::string& path,
                   const std::function<void(Scoped&, const std::string&)>& visit) {
  visit(module, path);
  module.visit_children([&](std::string_view name, Scoped& child) {
    visit_modules(child, path.empty() ? std::string(name) : path + "." + std::string(name), visit);
  });
}

}  // namespace

// --- where the run is ----------------------------------------------------------------------------

void Ledger::on_enter(Scoped& module, Ins) {
  if (open_.empty() && path_of_.empty()) {
    visit_modules(module, "", [this](Scoped& m, const std::string& path) {
      // A shared module keeps its first path.
      if (path_of_.emplace(&m, static_cast<int>(paths_.size())).second) paths_.push_back(path);
    });
  }
  const auto [it, fresh] = path_of_.emplace(&module, static_cast<int>(paths_.size()));
  if (fresh) {  // listed nowhere below the root: named after the module that calls it
    const std::string parent = open_.empty() ? "" : paths_[static_cast<std::size_t>(open_.back())];
    paths_.push_back((parent.empty() ? "" : parent + ".") + "(" + module.type_name() + ")");
  }
  open_.push_back(it->second);
}

void Ledger::on_leave(Scoped&, Ins, bool) {
  if (!open_.empty()) open_.pop_back();
}

// A gradient belongs to the module whose forward op it differentiates.
int Ledger::path_of_op() const {
  if (!open_.empty()) return open_.back();
  const int forward = current_phase().forward_node;
  return forward >= 0 ? ops_[static_cast<std::size_t>(forward)].path : 0;
}

// A step's part: what updates running statistics is forward's, since the optimizer comes last.
Phase Ledger::stage() const {
  const Phase phase = current_phase().phase;
  return phase == Phase::update && !backward_begun_ ? Phase::forward : phase;
}

void Ledger::on_begin(const OpType& type) {
  const Phase phase = current_phase().phase;
  if (phase == Phase::backward) {
    backward_begun_ = true;
  } else {
    close_saves();
  }
  in_op_ = true;
  ops_.push_back({type.name, path_of_op(), stage(), step_, held_, held_});
}

int Ledger::on_op(const OpType&, const void*, Ins, Ins out) {
  in_op_ = false;
  const int index = static_cast<int>(ops_.size()) - 1;
  ops_.back().held = held_;
  for (const Tensor& y : out) {
    const auto it = live_.find(y.storage().get());
    if (it == live_.end()) continue;
    Block& block = blocks_[static_cast<std::size_t>(it->second)];
    if (block.op != index || block.made) continue;
    block.made = true;
    block.what.shape = y.shape();
    block.what.dtype = y.dtype();
  }
  return index;
}

void Ledger::begin_step() {
  close_saves();
  ++step_;
  backward_begun_ = false;
  step_peak_ = held_;
}

// --- what backward will read ---------------------------------------------------------------------

void Ledger::on_saved(int node, const Tensor& tensor) {
  const auto it = live_.find(tensor.storage().get());
  if (it == live_.end()) return;
  saves_of_[node].push_back(static_cast<int>(saves_.size()));
  saves_.push_back({node, it->second, clock_});
}

void Ledger::on_backward(int forward_node) {
  close_saves();
  backward_of_ = forward_node;
}

// The tape has let go of what the node before saved.
void Ledger::close_saves() {
  const auto it = saves_of_.find(backward_of_);
  backward_of_ = -1;
  if (it == saves_of_.end()) return;
  for (const int i : it->second) saves_[static_cast<std::size_t>(i)].until = clock_;
  saves_of_.erase(it);
}

// --- blocks --------------------------------------------------------------------------------------

void Ledger::on_allocate(const Storage& storage) noexcept {
  ++clock_;
  live_[&storage] = static_cast<int>(blocks_.size());
  Block& block = blocks_.emplace_back();
  block.bytes = static_cast<std::int64_t>(storage.allocated_bytes());
  block.birth = clock_;
  block.op = in_op_ ? static_cast<int>(ops_.size()) - 1 : -1;
  block.path = path_of_op();
  held_ += block.bytes;
  step_peak_ = std::max(step_peak_, held_);
  if (in_op_) ops_.back().peak = std::max(ops_.back().peak, held_);
  if (held_ > peak_.bytes) {
    peak_ = {held_, clock_, block.op, step_, block.path, stage()};
  }
}

void Ledger::on_free(const Storage& storage) noexcept {
  const auto it = live_.find(&storage);
  if (it == live_.end()) return;  // it was there before
  Block& block = blocks_[static_cast<std::size_t>(it->second)];
  live_.erase(it);
  block.death = ++clock_;
  held_ -= block.bytes;
}

void Ledger::label(const Tensor& tensor, MemoryRole role, std::string name) {
  const auto it = live_.find(tensor.storage().get());
  if (it == live_.end()) return;
  Block& block = blocks_[static_cast<std::size_t>(it->second)];
  if (block.labelled) return;  // tied: the first name stays
  block.labelled = true;
  block.what = {block.bytes, role, std::move(name), tensor.shape(), tensor.dtype()};
}

void Ledger::label_rest(const std::vector<MemoryReport::Holder>& parts) {
  std::int64_t total = 0;
  for (const MemoryReport::Holder& part : parts) total += part.bytes;
  for (Block& block : blocks_) {
    if (block.labelled || block.death != never || block.bytes != total) continue;
    block.labelled = true;
    block.parts = parts;
    return;
  }
}

// --- what it comes to ----------------------------------------------------------------------------

std::string Ledger::name_of_op(const Op& op) const {
  const std::string& path = paths_[static_cast<std::size_t>(op.path)];
  return (path.empty() ? "" : path + "/") + std::string(op.name);
}

std::vector<char> Ledger::saved_at_peak() const {
  std::vector<char> saved(blocks_.size(), 0);
  for (const Save& save : saves_) {
    if (save.from < peak_.clock && peak_.clock <= save.until) {
      saved[static_cast<std::size_t>(save.block)] = 1;
    }
  }
  return saved;
}

MemoryReport::Holder Ledger::holder(const Block& block, bool saved) const {
  MemoryReport::Holder h = block.what;
  if (block.labelled) return h;
  h.bytes = block.bytes;
  if (block.op < 0) {  // `from` or `empty`, called by a module
    const std::string& path = paths_[static_cast<std::size_t>(block.path)];
    h.name = (path.empty() ? "" : path + "/") + std::string("(data)");
    h.role = saved ? MemoryRole::saved : MemoryRole::activation;
    h.shape = {block.bytes};
    h.dtype = DType::u8;
    return h;
  }
  h.name = name_of_op(ops_[static_cast<std::size_t>(block.op)]);
  h.role = !block.made ? MemoryRole::scratch : saved ? MemoryRole::saved : MemoryRole::activation;
  return h;
}

std::vector<MemoryReport::Point> Ledger::timeline() const {
  constexpr std::size_t most = 512;
  std::vector<const Op*> ops;
  for (const Op& op : ops_) {
    if (op.step == std::max(1, peak_.step)) ops.push_back(&op);
  }
  // Runs do not cross from one phase into the next.
  const std::size_t run = (ops.size() + most - 4) / (most - 3);
  std::vector<MemoryReport::Point> points;
  std::size_t length = 0;
  for (const Op* op : ops) {
    if (points.empty() || length == run || points.back().phase != op->phase) {
      points.push_back({op->phase, name_of_op(*op), op->held, op->peak});
      length = 1;
      continue;
    }
    ++length;
    MemoryReport::Point& point = points.back();
    point.held = std::max(point.held, op->held);
    if (op->peak > point.peak) {
      point.peak = op->peak;
      point.op = name_of_op(*op);
    }
  }
  return points;
}

namespace {

void add(MemoryByRole& by_role, MemoryRole role, std::int64_t bytes) {
  switch (role) {
    case MemoryRole::parameter:
      by_role.parameters += bytes;
      break;
    case MemoryRole::gradient:
      by_role.gradients += bytes;
      break;
    case MemoryRole::buffer:
      by_role.buffers += bytes;
      break;
    case MemoryRole::optimizer_state:
      by_role.optimizer_state += bytes;
      break;
    case MemoryRole::input:
      by_role.input += bytes;
      break;
    case MemoryRole::saved:
      by_role.saved += bytes;
      break;
    case MemoryRole::activation:
      by_role.activations += bytes;
      break;
    case MemoryRole::scratch:
      *by_role.scratch += bytes;
      break;
  }
}

}  // namespace

void Ledger::describe(MemoryReport& report) const {
  report.at = {peak_.phase, "", paths_[static_cast<std::size_t>(peak_.path)], peak_.step <= 1};
  if (peak_.op >= 0) report.at.op = ops_[static_cast<std::size_t>(peak_.op)].name;
  const std::vector<char> saved = saved_at_peak();
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const Block& block = blocks_[i];
    if (block.bytes == 0 || block.birth > peak_.clock || block.death <= peak_.clock) continue;
    if (block.parts.empty()) {
      report.holders.push_back(holder(block, saved[i] != 0));
    } else {
      report.holders.insert(report.holders.end(), block.parts.begin(), block.parts.end());
    }
  }
  for (const MemoryReport::Holder& h : report.holders) add(report.by_role, h.role, h.bytes);
  std::stable_sort(report.holders.begin(), report.holders.end(),
                   [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  report.timeline = timeline();
}

}  // namespace glassbox::viz::detail
