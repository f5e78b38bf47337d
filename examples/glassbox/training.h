// The loop: epochs of steps, an evaluation after each, and all the state that a checkpoint needs.
#pragma once
#include <functional>
#include <memory>
#include <optional>

#include "engine/autograd/autocast.h"
#include "engine/optim/grad_scaler.h"
#include "glassbox/checkpoint.h"
#include "glassbox/data.h"
#include "glassbox/evaluate.h"
#include "glassbox/recipe.h"
#include "glassbox/train.h"
#include "layers/layers.h"
#include "viz/training_probes.h"

namespace glassbox {

class Training {
 public:
  Training(layers::ModuleBase& model, const TrainOptions& options, const Data& data);

  // Called before every step.
  using BeforeStep = std::function<void()>;
  // Called after every step; what it returns says whether to go on.
  using AfterStep = std::function<bool()>;
  // Told of every step, in its parts; null: nobody. It must outlive the training.
  void watch(viz::TrainingProbes* probes) { probes_ = probes; }

  // Finishes the epoch that has begun, evaluation included; false when it was told to stop. Throws
  // Error for a loss that is not finite.
  bool run_epoch(const AfterStep& after_step, const BeforeStep& before_step = {});

  int epochs_done() const { return static_cast<int>(results_.size()); }
  const std::vector<EpochResult>& results() const { return results_; }
  // Of the last test images that were run, for the report; none before the first epoch's end.
  const std::optional<Evaluation>& evaluation() const { return evaluation_; }
  std::int64_t step() const { return step_; }        // optimizer steps done, over all epochs
  std::int64_t batch() const { return now_.batch; }  // of the epoch that has begun
  std::int64_t batches() const { return train_loader_.size(); }  // of an epoch
  double lr() const { return optimizer_->lr(); }
  // Of the last step alone. On a GPU each waits for that step.
  double loss() const;
  double accuracy() const;

  Checkpoint checkpoint();
  // Throws Error when it is not one of this training's.
  void restore(const Checkpoint& checkpoint);
  // The weights that evaluation uses, the average where one is kept; saved as model.safetensors.
  layers::StateDict weights();

 private:
  struct Running {  // of the epoch that has begun
    std::int64_t batch = 0, images = 0, correct = 0;
    double loss_sum = 0, seconds = 0;
  };
  void step_once(const Tensor& inputs, const Tensor& labels);
  // Takes a step's loss and number of right answers into the running sums: at once on the CPU; on a
  // GPU they stay there, so that the host goes on, until read_sums.
  void add_up(const Tensor& loss, const Tensor& outputs, const Tensor& labels);
  void read_sums();
  // What probes refuse never stops a training.
  void look(const std::function<void(viz::TrainingProbes&)>& at);
  EpochResult finish_epoch();
  double test_accuracy();
  io::NamedTensors training_state();

  layers::ModuleBase& model_;
  const TrainOptions& options_;
  const Data& data_;
  std::int64_t images_, test_images_;
  datasets::DataLoader train_loader_, test_loader_;
  layers::CrossEntropyLoss criterion_;
  std::unique_ptr<optim::Optimizer> optimizer_;
  Schedule schedule_;
  std::optional<optim::EMA> ema_;
  Precision precision_;
  std::optional<optim::GradScaler> scaler_;  // of fp16
  viz::TrainingProbes* probes_ = nullptr;
  Tensors parameters_;
  std::int64_t step_ = 0;
  Device device_;  // the model's
  Tensor last_;    // of the last step, f64 [2]: loss, right answers
  std::int64_t last_images_ = 0;
  Tensor sums_;     // of the epoch so far: loss times images, right answers; not used on the CPU
  Tensor factors_;  // {images, 1} of a batch of factors_of_ images
  std::int64_t factors_of_ = 0;
  Tensor last_inputs_;
  Running now_;
  std::vector<EpochResult> results_;
  std::optional<Evaluation> evaluation_;
};

nlohmann::ordered_json to_json(const EpochResult& result);

}  // namespace glassbox
