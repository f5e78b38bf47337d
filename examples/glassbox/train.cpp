#include "glassbox/train.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <ctime>

#include "engine/core/cuda.h"
#include "engine/engine.h"
#include "engine/io/file.h"
#include "glassbox/data.h"
#include "glassbox/devices.h"
#include "glassbox/interrupt.h"
#include "glassbox/machine.h"
#include "glassbox/memory_advice.h"
#include "glassbox/progress.h"
#include "glassbox/report.h"
#include "glassbox/run_folder.h"
#include "glassbox/training.h"
#include "glassbox/training_log.h"
#include "glassbox/usage_error.h"

namespace glassbox {

namespace {

void check(const TrainOptions& o) {
  const auto wrong = [](const std::string& fact) { throw UsageError("train: " + fact); };
  if (o.epochs < 1) wrong(fmt::format("--epochs {} must be at least 1", o.epochs));
  if (o.batch_size < 1) wrong(fmt::format("--batch-size {} must be at least 1", o.batch_size));
  if (o.limit_images < 0) wrong(fmt::format("--limit-images {} is negative", o.limit_images));
  if (o.log_every < 0) wrong(fmt::format("--log-every {} is negative", o.log_every));
  if (o.checkpoint_every < 0) {
    wrong(fmt::format("--checkpoint-every {} is negative", o.checkpoint_every));
  }
  if (o.workers < 0 || o.workers > 256) {
    wrong(fmt::format("--workers {} must be from 0 to 256", o.workers));
  }
  const Device device = device_of(o.device);
  if (!o.draw.empty() && o.draw != "-")
    from_user("--draw", [&o] { const viz::Canvas of_that_ending(o.draw); });
  check_recipe(o);
  if ((o.precision == "fp16" || o.precision == "bf16") && !device.is_cuda()) {
    wrong("--precision " + o.precision + " needs a GPU: the CPU computes f32");
  }
  if (!o.resume) RunFolder::refuse_existing(o.run);
}

// "2 threads" or "cuda:0 (NVIDIA H200)".
std::string describe(Device device) {
  if (device.is_cuda()) {
    return fmt::format("{} ({})", to_string(device), cuda::properties(device.index()).name);
  }
  return fmt::format("{} thread{}", num_threads(), num_threads() == 1 ? "" : "s");
}

// Runs the model on the meta device, where nothing is computed: what does not fit is known before
// the first image is loaded into it.
void check_model(layers::ModuleBase& model, const std::string& name, const DataInfo& info) {
  const auto copy = model.clone_to(Device::meta());
  copy->eval();
  const NoGrad no_grad;
  const Tensor images =
      empty({2, info.channels, info.height, info.width}, DType::f32, Device::meta());
  const Tensors outputs = copy->call({images});
  const auto classes = static_cast<std::int64_t>(info.classes.size());
  if (outputs.empty() || outputs[0].dim() != 2) {
    fail("train", fmt::format("{} gives {} for images {}; a classifier gives [N, classes]", name,
                              outputs.empty() ? "nothing" : to_string(outputs[0].shape()),
                              to_string(images.shape())));
  }
  if (outputs[0].size(1) < classes) {
    fail("train", fmt::format("{} tells {} classes apart, but {} has {}: give its last layer {} "
                              "outputs",
                              name, outputs[0].size(1), info.note, classes, classes));
  }
}

std::string now() { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))); }

// Writes RUN/config.json; when resuming, with the command lines that it has so far.
void write_config(const RunFolder& folder, const TrainOptions& o, const DataInfo& info) {
  nlohmann::ordered_json commands = nlohmann::ordered_json::array();
  if (o.resume) commands = read_config(folder.path()).value("commands", commands);
  commands.push_back({{"time", now()}, {"arguments", o.command_line}});
  const nlohmann::ordered_json config = {{"format", 1},           {"options", to_json(o)},
                                         {"data", to_json(info)}, {"commands", commands},
                                         {"build", build_json()}, {"machine", machine_json()}};
  io::write_file(folder.file("config.json"), config.dump(2) + "\n");
}

void write_result(const RunFolder& folder, const TrainOptions& o, const DataInfo& info,
                  layers::ModuleBase& model, Device device,
                  const std::vector<EpochResult>& epochs) {
  nlohmann::ordered_json json = {{"model", o.model_name},
                                 {"parameters", model.num_parameters()},
                                 {"data", info.note},
                                 {"epochs_planned", o.epochs},
                                 {"batch_size", o.batch_size},
                                 {"optimizer", o.optimizer},
                                 {"lr", o.lr},
                                 {"momentum", o.momentum},
                                 {"weight_decay", o.weight_decay},
                                 {"seed", o.seed},
                                 {"device", to_string(device)},
                                 {"threads", num_threads()},
                                 {"epochs", nlohmann::ordered_json::array()}};
  for (const EpochResult& e : epochs) json["epochs"].push_back(to_json(e));
  io::write_file(folder.file("result.json"), json.dump(2) + "\n");
}

// The run as the loop sees it: when to write a checkpoint, and what to do when that fails.
class Run {
 public:
  Run(RunFolder folder, Training& training, layers::ModuleBase& model, const TrainOptions& options)
      : folder_(std::move(folder)),
        checkpoints_(folder_.file("checkpoints")),
        training_(training),
        options_(options),
        log_(model, folder_.file("history"), options) {
    training_.watch(log_.probes());
  }

  const RunFolder& folder() const { return folder_; }

  void resume() {
    std::vector<std::string> skipped;
    const std::optional<Checkpoint> c = checkpoints_.load_newest(skipped);
    for (const std::string& line : skipped) std::fprintf(stderr, "glassbox: %s\n", line.c_str());
    if (!c) {
      fmt::print("no checkpoint was written yet: training from the beginning\n");
      log_.rewind(0, 0);
      return;
    }
    training_.restore(*c);
    log_.rewind(training_.epochs_done(), training_.batch());
    fmt::print("going on after epoch {}, batch {} (step {})\n", training_.epochs_done(),
               training_.batch(), training_.step());
  }

  void loop() {
    const InterruptGuard guard;
    while (training_.epochs_done() < options_.epochs) {
      const int epoch = training_.epochs_done();
      const bool finished = training_.run_epoch(
          [&] {
            const std::int64_t batch = training_.batch() - 1;
            if (log_.is_due(batch))
              log_.after_step(epoch, batch, training_.loss(), training_.accuracy());
            if (guard.interrupted()) return false;
            const std::int64_t every = options_.checkpoint_every;
            if (every > 0 && training_.step() % every == 0) try_to_save();
            return true;
          },
          [&] { log_.before_step(epoch, training_.batch()); });
      if (!finished) stop();
      log_.after_epoch(training_.results().back(), training_.batches(), training_.lr());
      log_.before_print();
      report(training_.results().back());
      // The last epoch's is what a later run with more epochs goes on from.
      try_to_save();
      if (guard.interrupted() && training_.epochs_done() < options_.epochs) stop();
    }
  }

 private:
  void report(const EpochResult& e) const {
    fmt::print("epoch {} train loss {:.4f} accuracy {:.4f}  {:.0f} images/s  {}\n", e.epoch, e.loss,
               e.train_accuracy, e.images_per_second, format_duration(e.seconds));
    fmt::print("epoch {} test accuracy {:.4f}\n", e.epoch, e.test_accuracy);
    std::fflush(stdout);
  }

  void try_to_save() {
    try {
      checkpoints_.save(training_.checkpoint());
      failing_ = false;
    } catch (const Error& e) {
      if (!failing_) {
        const std::string last = checkpoints_.newest();
        std::fprintf(stderr,
                     "glassbox: no checkpoint written (%s); training goes on, the last one "
                     "is %s\n",
                     e.what(), last.empty() ? "none" : last.c_str());
      }
      failing_ = true;
    }
  }

  [[noreturn]] void stop() {
    std::string saved;
    try {
      checkpoints_.save(training_.checkpoint());
    } catch (const Error& e) {
      const std::string last = checkpoints_.newest();
      saved = fmt::format("; no checkpoint written ({}), the last one is {}", e.what(),
                          last.empty() ? "none" : last);
    }
    throw Interrupted(
        fmt::format("stopped in epoch {} after batch {}{}; to go on: train --resume {}",
                    training_.epochs_done() + 1, training_.batch(), saved, folder_.path()));
  }

  RunFolder folder_;
  CheckpointFolder checkpoints_;
  Training& training_;
  const TrainOptions& options_;
  TrainingLog log_;
  bool failing_ = false;
};

// A report that cannot be made costs nothing of the training.
void try_to_report(const std::string& run, layers::ModuleBase& model, Training& training,
                   const TrainOptions& options, const Data& data) {
  try {
    ReportSource source{
        .run = run, .weights = run + "/model.safetensors", .options = options, .info = data.info};
    source.model = model.clone_to(Device::cpu());
    source.model->load_state_dict(training.weights());
    source.model->eval();
    source.data = std::make_shared<Data>(data);
    source.evaluation = training.evaluation();
    fmt::print("report {}\n", write_report(source));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "glassbox: no report written (%s)\n", e.what());
  }
}

}  // namespace

TrainResult train(layers::ModuleBase& model, TrainOptions options) {
  check(options);
  const Data data = load_data(options, model.usual_inputs());
  check_model(model, options.model_name, data.info);
  from_user("--probe", [&] {  // before a run folder is made
    viz::History nowhere;
    const viz::TrainingProbes probes(model, nowhere, {.probes = options.probes});
  });
  const Device device = device_of(options.device);
  model.to(device);
  // The weights were drawn on the CPU: what is drawn from now on is the same wherever it is.
  if (!device.is_cpu())
    default_generator(device).set_state(default_generator(Device::cpu()).state());
  RunFolder folder = options.resume ? RunFolder::open(options.run)
                                    : RunFolder::make(options.run, options.model_name);
  write_config(folder, options, data.info);
  fmt::print("training {} ({} parameters) on {} with {}, run folder {}\n", options.model_name,
             model.num_parameters(), data.info.note, describe(device), folder.path());
  Training training(model, options, data);
  Run run(std::move(folder), training, model, options);
  if (options.resume) run.resume();
  std::fflush(stdout);
  try {
    run.loop();
  } catch (const OutOfMemoryError& e) {
    const std::string advice = memory_advice(model, options, data.info, device);
    throw OutOfMemoryError(e.what() + (advice.empty() ? "" : ". " + advice));
  }

  const auto file = [&run](const char* name) { return run.folder().file(name); };
  io::save_safetensors(file("model.safetensors"), training.weights(),
                       {{"model", options.model_name}, {"engine", "glassbox"}});
  write_result(run.folder(), options, data.info, model, device, training.results());
  fmt::print("saved {} and {}\n", file("model.safetensors"), file("result.json"));
  try_to_report(run.folder().path(), model, training, options, data);
  return {run.folder().path(), training.results()};
}

double linear_baseline(const TrainOptions& options) {
  TrainOptions o = options;
  o.optimizer = "sgd";
  o.schedule = "none";
  o.epochs = 1;
  o.lr = 0.001;  // the inputs are many and correlated: a larger step diverges
  const Data data = load_data(o, {});
  const DataInfo& info = data.info;
  layers::Sequential linear{layers::Flatten{},
                            layers::Linear{info.channels * info.height * info.width,
                                           static_cast<std::int64_t>(info.classes.size())}};
  Training training(linear, o, data);
  training.run_epoch([] { return true; });
  return training.results().back().test_accuracy;
}

}  // namespace glassbox
