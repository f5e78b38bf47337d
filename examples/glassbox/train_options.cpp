#include "glassbox/train_options.h"

namespace glassbox {

namespace {

// Calls f(key, member) for all that config.json holds, in its order: one list for both directions.
template <class Options, class F>
void visit(Options& o, const F& f) {
  f("model", o.model_name);
  f("data", o.data);
  f("dataset", o.dataset);
  f("image_size", o.image_size);
  f("augment", o.augment);
  f("lazy", o.lazy);
  f("epochs", o.epochs);
  f("batch_size", o.batch_size);
  f("optimizer", o.optimizer);
  f("lr", o.lr);
  f("momentum", o.momentum);
  f("weight_decay", o.weight_decay);
  f("schedule", o.schedule);
  f("milestones", o.milestones);
  f("gamma", o.gamma);
  f("warmup", o.warmup);
  f("clip_norm", o.clip_norm);
  f("label_smoothing", o.label_smoothing);
  f("ema", o.ema);
  f("precision", o.precision);
  f("seed", o.seed);
  f("limit_images", o.limit_images);
  f("workers", o.workers);
  f("checkpoint_every", o.checkpoint_every);
  f("log_every", o.log_every);
  f("probes", o.probes);
  f("health", o.health);
}

}  // namespace

nlohmann::ordered_json to_json(const TrainOptions& options) {
  nlohmann::ordered_json json;
  visit(options, [&json](const char* key, const auto& value) { json[key] = value; });
  return json;
}

TrainOptions options_from_json(const nlohmann::ordered_json& json, const std::string& file) {
  TrainOptions options;
  visit(options, [&](const char* key, auto& value) { read_key(json, file, key, value); });
  return options;
}

}  // namespace glassbox
