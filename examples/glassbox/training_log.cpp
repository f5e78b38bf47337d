#include "glassbox/training_log.h"

#include <cstdio>
#include <limits>
#include <vector>

#include "engine/autograd/tape.h"
#include "engine/ops/shape.h"
#include "glassbox/usage_error.h"
#include "layers/conv.h"

namespace glassbox {
namespace {

void say(const std::string& what) { std::fprintf(stderr, "glassbox: %s\n", what.c_str()); }

// The article's `model.feature_map[0, 1]`.
Tensor feature_map_of(const Tensor& output) {
  const NoGrad no_grad;
  const Tensor image = output.detach()[0];
  return image[image.size(0) > 1 ? 1 : 0].clone();
}

}  // namespace

TrainingLog::TrainingLog(layers::ModuleBase& model, const std::string& folder,
                         const TrainOptions& options)
    : model_(model), every_(options.log_every) {
  try {
    history_ = std::make_unique<viz::History>(folder);
  } catch (const Error& e) {
    say(std::string("nothing is logged: ") + e.what());
    return;
  }
  if (options.draw == "-") canvas_.emplace();
  if (!options.draw.empty() && options.draw != "-") canvas_.emplace(options.draw);
  if (options.health || !options.probes.empty()) {
    from_user("--probe", [&] {
      probes_.emplace(model, *history_,
                      viz::TrainingProbesOptions{.probes = options.probes,
                                                 .health = options.health,
                                                 .health_options = {.folder = folder}});
    });
  }
  for (const auto& [path, module] : model.named_modules()) {
    const auto* conv = dynamic_cast<const layers::Conv2d*>(module);
    if (conv == nullptr || path.empty()) continue;
    conv_ = path;
    conv_weight_ = conv->weight;
    break;
  }
}

void TrainingLog::before_step(int, std::int64_t batch) {
  conv_output_.reset();
  if (is_due(batch) && !conv_.empty()) conv_output_.emplace(model_, conv_);
}

void TrainingLog::after_step(int epoch, std::int64_t batch, double loss, double accuracy) {
  if (!is_due(batch)) return;
  std::vector<viz::NamedValue> values{{"loss", loss}, {"accuracy", accuracy}};
  if (conv_weight_.defined()) values.push_back({"conv1_weight", conv_weight_.detach()});
  if (conv_output_ && conv_output_->has_value() && conv_output_->value().dim() == 4)
    values.push_back({"feature_map", feature_map_of(conv_output_->value())});
  conv_output_.reset();
  log({epoch, batch}, values);
  draw();
}

void TrainingLog::after_epoch(const EpochResult& r, std::int64_t batches, double lr) {
  if (!history_) return;
  const std::vector<viz::NamedValue> values{{"epoch/loss", r.loss},
                                            {"epoch/train_accuracy", r.train_accuracy},
                                            {"epoch/test_accuracy", r.test_accuracy},
                                            {"epoch/images_per_second", r.images_per_second},
                                            {"epoch/lr", lr}};
  log({r.epoch - 1, std::max<std::int64_t>(0, batches - 1)}, values);
}

void TrainingLog::before_print() {
  if (canvas_) canvas_->keep_frame();
}

void TrainingLog::rewind(int epoch, std::int64_t batch) {
  if (!history_) return;
  const viz::Step last = batch > 0 || epoch == 0
                             ? viz::Step(epoch, batch - 1)
                             : viz::Step(epoch - 1, std::numeric_limits<std::int64_t>::max());
  try {
    if (!history_->steps().empty()) history_->rewind(last);
  } catch (const Error& e) {
    say(std::string("the history keeps what came after the checkpoint: ") + e.what());
  }
}

void TrainingLog::log(const viz::Step& step, std::span<const viz::NamedValue> values) {
  if (stopped_) return;
  try {
    history_->log(step, values);
  } catch (const Error& e) {
    say(std::string("nothing more is logged: ") + e.what());
    stopped_ = true;
  }
}

void TrainingLog::draw() {
  if (!canvas_ || !history_ || stopped_) return;
  try {
    const auto frame = canvas_->frame();
    canvas_->draw_summary(*history_);
    canvas_->draw_plot({(*history_)["loss"], (*history_)["accuracy"]});
    if (history_->contains("feature_map")) canvas_->draw_image((*history_)["feature_map"]);
    if (history_->contains("conv1_weight")) canvas_->draw_hist((*history_)["conv1_weight"]);
  } catch (const Error& e) {
    say(std::string("nothing more is drawn: ") + e.what());
    canvas_.reset();
  }
}

}  // namespace glassbox
