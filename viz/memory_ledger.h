// Ledger: the books of a dry run. It is told of every storage that its thread makes and frees and
// of the ops between, and knows afterwards who held what at the worst moment. Detail of memory.
#pragma once
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/core/storage.h"
#include "engine/graph/recorder.h"
#include "viz/memory.h"

namespace glassbox::viz::detail {

// Installed as the thread's recorder and storage observer by who drives the run.
class Ledger final : public Recorder, public StorageObserver {
 public:
  void on_enter(Scoped& module, Ins inputs) override;
  void on_leave(Scoped& module, Ins outputs, bool completed) override;
  void on_begin(const OpType& type) override;
  int on_op(const OpType& type, const void* op, Ins in, Ins out) override;
  void on_saved(int node, const Tensor& tensor) override;
  void on_backward(int forward_node) override;
  void on_allocate(const Storage& storage) noexcept override;
  void on_free(const Storage& storage) noexcept override;

  // Says what a storage is that no op made. One that is not known is passed over.
  void label(const Tensor& tensor, MemoryRole role, std::string name);
  // The same for one that these share: of the living without a label, the one of their size.
  void label_rest(const std::vector<MemoryReport::Holder>& parts);

  void begin_step();  // the ops that follow are the next step's
  std::int64_t peak() const { return peak_.bytes; }
  std::int64_t step_peak() const { return step_peak_; }  // since begin_step; what was held counts

  // Fills the moment, the roles, the holders and the timeline.
  void describe(MemoryReport& report) const;

 private:
  static constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
  struct Block {
    std::int64_t bytes = 0;
    std::int64_t birth = 0, death = never;  // by clock_
    int op = -1;                            // that ran when it was made
    int path = 0;
    bool made = false;  // an output of that op
    bool labelled = false;
    MemoryReport::Holder what;
    std::vector<MemoryReport::Holder> parts;
  };
  struct Op {
    std::string_view name;
    int path = 0;
    Phase phase = Phase::forward;
    int step = 0;
    std::int64_t held = 0, peak = 0;
  };
  struct Save {
    int node = -1, block = -1;
    std::int64_t from = 0, until = never;
  };
  struct Peak {
    std::int64_t bytes = 0, clock = 0;
    int op = -1, step = 0, path = 0;
    Phase phase = Phase::forward;
  };

  int path_of_op() const;
  Phase stage() const;
  void close_saves();
  std::string name_of_op(const Op& op) const;
  std::vector<char> saved_at_peak() const;
  MemoryReport::Holder holder(const Block& block, bool saved) const;
  std::vector<MemoryReport::Point> timeline() const;

  std::vector<Block> blocks_;
  std::unordered_map<const Storage*, int> live_;
  std::vector<Op> ops_;
  std::vector<Save> saves_;
  std::unordered_map<int, std::vector<int>> saves_of_;  // by node
  std::vector<std::string> paths_{""};
  std::unordered_map<const Scoped*, int> path_of_;
  std::vector<int> open_;  // paths of the running modules
  bool in_op_ = false;
  int backward_of_ = -1;  // the node whose gradient is being computed
  bool backward_begun_ = false;
  int step_ = 0;
  std::int64_t clock_ = 0, held_ = 0, step_peak_ = 0;
  Peak peak_;
};

}  // namespace glassbox::viz::detail
