// What a training logs into RUN/history, which is what the article logs: every so many batches, not
// at the first of an epoch, the `loss` and the `accuracy` of that batch, the weights of the first
// convolution (`conv1_weight`) and the second channel of what it made of the batch's first image
// (`feature_map`); after each epoch its averages as `epoch/...`. Steps are {epoch, batch}, both
// from 0. Beside that, what probes and the watch over the model's health log. Whatever happens to
// the files, the training goes on: it is said once on stderr.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "glassbox/train.h"
#include "layers/module.h"
#include "viz/canvas.h"
#include "viz/history.h"
#include "viz/training_probes.h"

namespace glassbox {

class TrainingLog {
 public:
  // Of the options are read log_every, draw, probes and health. Throws UsageError for a probe that
  // is none, or of nothing in the model.
  TrainingLog(layers::ModuleBase& model, const std::string& folder, const TrainOptions& options);

  // Before the step on that batch of that epoch, counted from 0.
  void before_step(int epoch, std::int64_t batch);
  // Whether after_step logs this batch: else its loss need not be asked for.
  bool is_due(std::int64_t batch) const {
    return history_ && every_ > 0 && batch > 0 && batch % every_ == 0;
  }
  void after_step(int epoch, std::int64_t batch, double loss, double accuracy);
  void after_epoch(const EpochResult& result, std::int64_t batches, double lr);
  // Before lines are printed to the terminal that frames are drawn on.
  void before_print();
  // Forgets what a training that goes on at this batch will log again.
  void rewind(int epoch, std::int64_t batch);
  // What is to be told of each step's parts; null where nothing is probed.
  viz::TrainingProbes* probes() { return probes_ ? &*probes_ : nullptr; }

 private:
  void log(const viz::Step& step, std::span<const viz::NamedValue> values);
  void draw();

  layers::ModuleBase& model_;
  const std::int64_t every_;
  std::unique_ptr<viz::History> history_;  // null where it could not be made
  bool stopped_ = false;                   // it refused something; probes still hold it
  std::string conv_;                       // path of the first convolution; "" where there is none
  Tensor conv_weight_;
  std::optional<layers::Capture> conv_output_;  // of the next step, when that is to be logged
  std::optional<viz::Canvas> canvas_;
  std::optional<viz::TrainingProbes> probes_;
};

}  // namespace glassbox
