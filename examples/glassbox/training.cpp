#include "glassbox/training.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <cstdio>

#include "engine/engine.h"
#include "engine/optim/clip.h"
#include "glassbox/find_nan.h"
#include "glassbox/progress.h"
#include "glassbox/report.h"
#include "glassbox/trained.h"

namespace glassbox {

using namespace datasets;

namespace {

constexpr std::int64_t test_batch_size = 100;  // the article's

std::int64_t count_correct(const Tensor& outputs, const Tensor& labels) {
  const NoGrad no_grad;
  const std::vector<std::int64_t> predicted = argmax(outputs, 1).to_vector<std::int64_t>();
  const std::vector<std::int64_t> truth = labels.to_vector<std::int64_t>();
  std::int64_t correct = 0;
  for (std::size_t i = 0; i < predicted.size(); ++i) correct += predicted[i] == truth[i];
  return correct;
}

[[noreturn]] void stop_not_finite(layers::ModuleBase& model, const Tensor& inputs, double loss,
                                  int epoch, std::int64_t step) {
  const std::string where = first_non_finite(model, inputs);
  fail("train", fmt::format("the loss is {} at epoch {}, step {}{}{}; a smaller --lr may help",
                            loss, epoch, step, where.empty() ? "" : ": ", where));
}

// JSON has no infinity, with which a plateau's best value begins.
nlohmann::ordered_json number(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}
double number(const nlohmann::ordered_json& json) {
  if (json.is_number()) return json.get<double>();
  const auto text = json.get<std::string>();
  if (text == "inf") return INFINITY;
  if (text == "-inf") return -INFINITY;
  return NAN;
}

template <class Result, class F>
void visit(Result& r, const F& f) {
  f("epoch", r.epoch);
  f("loss", r.loss);
  f("train_accuracy", r.train_accuracy);
  f("test_accuracy", r.test_accuracy);
  f("images_per_second", r.images_per_second);
  f("seconds", r.seconds);
}

}  // namespace

nlohmann::ordered_json to_json(const EpochResult& result) {
  nlohmann::ordered_json json;
  visit(result, [&json](const char* key, const auto& value) { json[key] = value; });
  return json;
}

Training::Training(layers::ModuleBase& model, const TrainOptions& options, const Data& data)
    : model_(model),
      options_(options),
      data_(data),
      images_(options.limit_images > 0 ? std::min(options.limit_images, data.train_images)
                                       : data.train_images),
      test_images_(data.test_images),
      train_loader_(data.train({.batch_size = options.batch_size,
                                .shuffle = true,
                                .seed = options.seed,
                                .limit = options.limit_images,
                                .num_workers = options.workers,
                                .device = device_of(model)})),
      // Not more than a step has: what fits for training shall fit here.
      test_loader_(data.test({.batch_size = std::min(test_batch_size, options.batch_size),
                              .num_workers = options.workers,
                              .device = device_of(model)})),
      criterion_({.label_smoothing = options.label_smoothing}),
      optimizer_(make_optimizer(options, model.parameters())),
      schedule_(options, *optimizer_, train_loader_.size()),
      precision_(parse_precision(options.precision)),
      parameters_(model.parameters()),
      device_(device_of(model)),
      sums_(zeros({2}, DType::f64, device_)) {
  if (options.ema > 0) ema_.emplace(model, optim::EMAOptions{.decay = options.ema});
  if (precision_ == Precision::fp16) {
    scaler_.emplace(optim::GradScalerOptions{.device = device_});
  }
}

void Training::look(const std::function<void(viz::TrainingProbes&)>& at) {
  if (!probes_) return;
  const NoAutocast no_autocast;  // what is looked at is no part of the step
  try {
    at(*probes_);
  } catch (const Error& e) {
    std::fprintf(stderr, "glassbox: nothing more is probed: %s\n", e.what());
    probes_ = nullptr;
  }
}

void Training::step_once(const Tensor& inputs, const Tensor& labels) {
  look([this](viz::TrainingProbes& p) { p.begin_step({epochs_done(), now_.batch}); });
  const AutocastScope scope(precision_);
  optimizer_->zero_grad();
  const Tensor outputs = model_.call({inputs}).at(0);
  const Tensor loss = criterion_(outputs, labels);
  last_inputs_ = inputs;
  if (device_.is_cpu()) {
    const double value = loss.item<double>();
    if (!std::isfinite(value)) stop_not_finite(model_, inputs, value, epochs_done() + 1, step_);
  }
  if (scaler_) {
    scaler_->scale(loss).backward();
    scaler_->unscale_(*optimizer_);  // before anybody looks at the gradients
  } else {
    loss.backward();
  }
  look([](viz::TrainingProbes& p) { p.after_backward(); });
  if (options_.clip_norm > 0) optim::clip_grad_norm(parameters_, options_.clip_norm);
  if (scaler_) {
    scaler_->step(*optimizer_);
    scaler_->update();
  } else {
    optimizer_->step();
  }
  look([](viz::TrainingProbes& p) { p.end_step(); });
  schedule_.after_step();
  if (ema_) ema_->update();
  ++step_;
  ++now_.batch;
  now_.images += labels.size(0);
  add_up(loss, outputs, labels);
}

void Training::add_up(const Tensor& loss, const Tensor& outputs, const Tensor& labels) {
  const NoGrad no_grad;
  last_images_ = labels.size(0);
  const auto n = static_cast<double>(last_images_);
  if (device_.is_cpu()) {
    const std::int64_t correct = count_correct(outputs, labels);
    last_ = tensor({loss.item<double>(), static_cast<double>(correct)}, Device::cpu());
    now_.loss_sum += last_.data<double>()[0] * n;
    now_.correct += correct;
    return;
  }
  const Tensor right = cast(eq(argmax(outputs, 1), labels), DType::f64);
  last_ = stack({cast(loss.detach(), DType::f64), sum(right)});
  if (!factors_.defined() || factors_of_ != last_images_) {
    factors_ = tensor({n, 1.0}, device_);
    factors_of_ = last_images_;
  }
  add_to(sums_, last_ * factors_);
}

void Training::read_sums() {
  if (device_.is_cpu()) return;
  const std::vector<double> sums = sums_.to_vector<double>();
  now_.loss_sum = sums[0];
  now_.correct = static_cast<std::int64_t>(sums[1]);
  if (!std::isfinite(sums[0])) {
    stop_not_finite(model_, last_inputs_, sums[0], epochs_done() + 1, step_ - 1);
  }
}

double Training::loss() const { return last_.to_vector<double>()[0]; }
double Training::accuracy() const {
  return last_.to_vector<double>()[1] / static_cast<double>(last_images_);
}

bool Training::run_epoch(const AfterStep& after_step, const BeforeStep& before_step) {
  const int epoch = epochs_done() + 1;
  model_.train();
  const double before = now_.seconds;
  Progress progress(fmt::format("epoch {}/{}", epoch, options_.epochs), images_, now_.images);
  train_loader_.set_epoch(epoch - 1, now_.batch);
  for (const auto& [inputs, labels] : train_loader_) {
    if (before_step) before_step();
    step_once(inputs, labels);
    now_.seconds = before + progress.seconds();
    if (progress.is_due(now_.images)) {
      read_sums();
      const auto n = static_cast<double>(now_.images);
      progress.update(now_.images, now_.loss_sum / n, static_cast<double>(now_.correct) / n);
    }
    if (!after_step()) return false;
  }
  read_sums();
  now_.seconds = before + progress.seconds();
  progress.finish();
  results_.push_back(finish_epoch());
  now_ = {};
  sums_ = zeros({2}, DType::f64, device_);
  schedule_.after_epoch(results_.back().test_accuracy);
  return true;
}

EpochResult Training::finish_epoch() {
  EpochResult result{.epoch = epochs_done() + 1, .seconds = now_.seconds};
  const auto n = static_cast<double>(std::max<std::int64_t>(1, now_.images));
  result.loss = now_.loss_sum / n;
  result.train_accuracy = static_cast<double>(now_.correct) / n;
  result.images_per_second = n / std::max(now_.seconds, 1e-9);
  result.test_accuracy = test_accuracy();
  return result;
}

double Training::test_accuracy() {
  std::optional<optim::EMA::Swap> averaged;
  if (ema_) averaged.emplace(*ema_);
  const NoGrad no_grad;
  const AutocastScope scope(precision_);
  model_.eval();
  std::int64_t correct = 0;
  Evaluator evaluator(data_.info.classes.size(), mistakes_of_a_report);
  test_loader_.set_epoch(0);
  for (auto at = test_loader_.begin(); at != test_loader_.end(); ++at) {
    const auto& [inputs, labels] = *at;
    const Tensor outputs = cast(model_.call({inputs}).at(0), DType::f32);
    correct += count_correct(outputs, labels);
    evaluator.add(outputs, labels, at.indices());
  }
  evaluation_ = evaluator.result(data_);
  return static_cast<double>(correct) /
         static_cast<double>(std::max<std::int64_t>(1, test_images_));
}

layers::StateDict Training::weights() {
  std::optional<optim::EMA::Swap> averaged;
  if (ema_) averaged.emplace(*ema_);
  layers::StateDict copies;
  for (const auto& [name, tensor] : model_.state_dict()) copies.emplace_back(name, tensor.clone());
  return copies;
}

// --- checkpoints ---------------------------------------------------------------------------------

io::NamedTensors Training::training_state() {
  io::NamedTensors all;
  for (const auto& [name, tensor] : optimizer_->state_dict()) {
    all.emplace_back("optimizer." + name, tensor);
  }
  if (ema_) {
    for (const auto& [name, tensor] : ema_->state_dict()) all.emplace_back("ema." + name, tensor);
  }
  if (scaler_) {
    for (const auto& [name, tensor] : scaler_->state_dict()) {
      all.emplace_back("scaler." + name, tensor);
    }
  }
  all.emplace_back("generator", default_generator(device_).state());
  return all;
}

Checkpoint Training::checkpoint() {
  read_sums();
  Checkpoint c;
  c.step = step_;
  c.model = model_.state_dict();
  c.training = training_state();
  nlohmann::ordered_json schedule = nlohmann::ordered_json::object(), results;
  for (const auto& [name, value] : schedule_.state_dict()) schedule[name] = number(value);
  results = nlohmann::ordered_json::array();
  for (const EpochResult& r : results_) results.push_back(to_json(r));
  c.state = {{"epochs_done", epochs_done()}, {"batch", now_.batch},       {"images", now_.images},
             {"correct", now_.correct},      {"loss_sum", now_.loss_sum}, {"seconds", now_.seconds},
             {"schedule", schedule},         {"results", results}};
  return c;
}

void Training::restore(const Checkpoint& c) {
  const std::string what = fmt::format("checkpoint step-{}", c.step);
  Running now;
  std::vector<EpochResult> results;
  optim::ScheduleState schedule;
  try {
    const auto& s = c.state;
    s.at("batch").get_to(now.batch);
    s.at("images").get_to(now.images);
    s.at("correct").get_to(now.correct);
    s.at("loss_sum").get_to(now.loss_sum);
    s.at("seconds").get_to(now.seconds);
    for (const auto& json : s.at("results")) {
      EpochResult& r = results.emplace_back();
      visit(r, [&json](const char* key, auto& value) { json.at(key).get_to(value); });
    }
    for (const auto& [name, value] : s.at("schedule").items()) {
      schedule.emplace_back(name, number(value));
    }
  } catch (const nlohmann::json::exception& e) {
    fail(what, cat("state.json does not fit: ", e.what()));
  }
  if (now.batch < 0 || now.batch > train_loader_.size()) {
    fail(what, cat("was at batch ", now.batch, " of an epoch that has ", train_loader_.size(),
                   " now: has the data set changed?"));
  }
  model_.load_state_dict(c.model);
  optim::load_strictly(what, training_state(), c.training);
  optimizer_->reload_options();
  schedule_.load_state_dict(schedule);
  now_ = now;
  sums_ = tensor({now.loss_sum, static_cast<double>(now.correct)}, device_);
  results_ = std::move(results);
  step_ = c.step;
}

}  // namespace glassbox
