#include "glassbox/train.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "datasets/datasets.h"
#include "engine/engine.h"
#include "engine/io/file.h"
#include "glassbox/find_nan.h"
#include "glassbox/progress.h"
#include "glassbox/run_folder.h"
#include "glassbox/usage_error.h"
#include "layers/layers.h"

namespace glassbox {

using namespace datasets;

namespace {

struct Data {
  std::string root, note;
};

Data find_data(const std::string& wanted) {
  if (wanted == "synthetic") return {make_synthetic_cifar10(), "synthetic stand-in for CIFAR-10"};
  if (wanted != "auto") return {wanted, "CIFAR-10 in " + wanted};
  if (std::filesystem::is_directory("data/cifar-10-batches-bin"))
    return {"data", "CIFAR-10 in data/"};
  fmt::print("data/ has no CIFAR-10 (data/cifar-10-batches-bin): using the synthetic stand-in\n");
  return {make_synthetic_cifar10(), "synthetic stand-in for CIFAR-10"};
}

std::int64_t count_correct(const Tensor& outputs, const Tensor& labels) {
  const NoGrad no_grad;
  const std::vector<std::int64_t> predicted = argmax(outputs, 1).to_vector<std::int64_t>();
  const auto truth = labels.data<std::int64_t>();
  std::int64_t correct = 0;
  for (std::size_t i = 0; i < predicted.size(); ++i) correct += predicted[i] == truth[i];
  return correct;
}

double test_accuracy(layers::ModuleBase& model, DataLoader& loader, std::int64_t images) {
  const NoGrad no_grad;
  model.eval();
  std::int64_t correct = 0;
  for (const auto& [inputs, labels] : loader) {
    correct += count_correct(model.call({inputs}).at(0), labels);
  }
  return static_cast<double>(correct) / static_cast<double>(images);
}

[[noreturn]] void stop_not_finite(layers::ModuleBase& model, const Tensor& inputs, double loss,
                                  int epoch, std::int64_t step) {
  const std::string where = first_non_finite(model, inputs);
  fail("train", fmt::format("the loss is {} at epoch {}, step {}{}{}; a smaller --lr may help",
                            loss, epoch, step, where.empty() ? "" : ": ", where));
}

class Training {
 public:
  Training(layers::ModuleBase& model, const TrainOptions& options, const CIFAR10& trainset,
           const CIFAR10& testset)
      : model_(model),
        options_(options),
        images_(options.limit_images > 0 ? std::min(options.limit_images, trainset.size())
                                         : trainset.size()),
        test_images_(testset.size()),
        train_loader_(trainset, {.batch_size = options.batch_size,
                                 .shuffle = true,
                                 .seed = options.seed,
                                 .limit = options.limit_images}),
        test_loader_(testset, {.batch_size = 100}),
        optimizer_(model.parameters(), {.lr = options.lr,
                                        .momentum = options.momentum,
                                        .weight_decay = options.weight_decay}) {}

  EpochResult run_epoch(int epoch) {
    model_.train();
    Progress progress(fmt::format("epoch {}/{}", epoch, options_.epochs), images_);
    double loss_sum = 0;
    std::int64_t done = 0, correct = 0;
    for (const auto& [inputs, labels] : train_loader_) {
      optimizer_.zero_grad();
      const Tensor outputs = model_.call({inputs}).at(0);
      const Tensor loss = criterion_(outputs, labels);
      const double value = loss.item<double>();
      if (!std::isfinite(value)) stop_not_finite(model_, inputs, value, epoch, step_);
      loss.backward();
      optimizer_.step();
      ++step_;
      loss_sum += value * static_cast<double>(labels.size(0));
      correct += count_correct(outputs, labels);
      done += labels.size(0);
      progress.update(done, loss_sum / static_cast<double>(done),
                      static_cast<double>(correct) / static_cast<double>(done));
    }
    EpochResult result{.epoch = epoch, .seconds = progress.seconds()};
    const auto n = static_cast<double>(std::max<std::int64_t>(1, done));
    result.loss = loss_sum / n;
    result.train_accuracy = static_cast<double>(correct) / n;
    result.images_per_second = static_cast<double>(done) / result.seconds;
    result.test_accuracy = test_accuracy(model_, test_loader_, test_images_);
    return result;
  }

 private:
  layers::ModuleBase& model_;
  const TrainOptions& options_;
  std::int64_t images_, test_images_;
  DataLoader train_loader_, test_loader_;
  layers::CrossEntropyLoss criterion_;
  optim::SGD optimizer_;
  std::int64_t step_ = 0;  // from 0, over all epochs
};

void write_result(const RunFolder& folder, const TrainOptions& o, const Data& data,
                  layers::ModuleBase& model, const std::vector<EpochResult>& epochs) {
  nlohmann::ordered_json json = {{"model", o.model_name},
                                 {"parameters", model.num_parameters()},
                                 {"data", data.note},
                                 {"epochs_planned", o.epochs},
                                 {"batch_size", o.batch_size},
                                 {"lr", o.lr},
                                 {"momentum", o.momentum},
                                 {"weight_decay", o.weight_decay},
                                 {"seed", o.seed},
                                 {"threads", num_threads()},
                                 {"epochs", nlohmann::ordered_json::array()}};
  for (const EpochResult& e : epochs) {
    json["epochs"].push_back({{"epoch", e.epoch},
                              {"loss", e.loss},
                              {"train_accuracy", e.train_accuracy},
                              {"test_accuracy", e.test_accuracy},
                              {"images_per_second", e.images_per_second},
                              {"seconds", e.seconds}});
  }
  io::write_file(folder.file("result.json"), json.dump(2) + "\n");
}

void check(const TrainOptions& o) {
  const auto wrong = [](const std::string& fact) { throw UsageError("train: " + fact); };
  if (o.epochs < 1) wrong(fmt::format("--epochs {} must be at least 1", o.epochs));
  if (o.batch_size < 1) wrong(fmt::format("--batch-size {} must be at least 1", o.batch_size));
  if (!(o.lr > 0 && std::isfinite(o.lr)))
    wrong(fmt::format("--lr {} must be above 0 and finite", o.lr));
  if (!(o.momentum >= 0 && o.momentum < 1))
    wrong(fmt::format("--momentum {} must be in [0, 1)", o.momentum));
  if (!(o.weight_decay >= 0 && std::isfinite(o.weight_decay))) {
    wrong(fmt::format("--weight-decay {} must be at least 0 and finite", o.weight_decay));
  }
  if (o.limit_images < 0) wrong(fmt::format("--limit-images {} is negative", o.limit_images));
  if (o.device != "auto" && o.device != "cpu") {
    wrong("--device " + o.device + ": this build trains on the CPU only; give auto or cpu");
  }
  RunFolder::refuse_existing(o.run);
}

// The images of a run, with the article's transforms.
struct Sets {
  CIFAR10 train, test;
  explicit Sets(const std::string& root)
      : train(root, {.train = true,
                     .transform = {transforms::RandomCrop{32, {.padding = 4}},
                                   transforms::RandomHorizontalFlip{}, transforms::ToTensor{},
                                   normalize()}}),
        test(root, {.train = false, .transform = {transforms::ToTensor{}, normalize()}}) {}
  static transforms::Normalize normalize() {
    return {transforms::cifar10_mean, transforms::cifar10_std};
  }
};

}  // namespace

TrainResult train(layers::ModuleBase& model, TrainOptions options) {
  check(options);
  const Data data = find_data(options.data);
  const Sets sets(data.root);
  const RunFolder folder(options.run, options.model_name);
  fmt::print("training {} ({} parameters) on {} with {} thread{}, run folder {}\n",
             options.model_name, model.num_parameters(), data.note, num_threads(),
             num_threads() == 1 ? "" : "s", folder.path());
  std::fflush(stdout);

  Training training(model, options, sets.train, sets.test);
  TrainResult result{folder.path(), {}};
  for (int epoch = 1; epoch <= options.epochs; ++epoch) {
    const EpochResult& e = result.epochs.emplace_back(training.run_epoch(epoch));
    fmt::print("epoch {} train loss {:.4f} accuracy {:.4f}  {:.0f} images/s  {}\n", epoch, e.loss,
               e.train_accuracy, e.images_per_second, format_duration(e.seconds));
    fmt::print("epoch {} test accuracy {:.4f}\n", epoch, e.test_accuracy);
    std::fflush(stdout);
  }
  io::save_safetensors(folder.file("model.safetensors"), model.state_dict(),
                       {{"model", options.model_name}, {"engine", "glassbox"}});
  write_result(folder, options, data, model, result.epochs);
  fmt::print("saved {} and {}\n", folder.file("model.safetensors"), folder.file("result.json"));
  return result;
}

double linear_baseline(const TrainOptions& options) {
  const Sets sets(find_data(options.data).root);
  layers::Sequential linear{layers::Flatten{}, layers::Linear{3 * 32 * 32, 10}};
  TrainOptions o = options;
  o.epochs = 1;
  o.lr = 0.001;  // the inputs are many and correlated: a larger step diverges
  Training training(linear, o, sets.train, sets.test);
  return training.run_epoch(1).test_accuracy;
}

}  // namespace glassbox
