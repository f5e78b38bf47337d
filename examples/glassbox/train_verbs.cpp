#include "glassbox/train_verbs.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <memory>
#include <optional>

#include "engine/core/threads.h"
#include "engine/io/file.h"
#include "engine/ops/random.h"
#include "glassbox/devices.h"
#include "glassbox/evaluate.h"
#include "glassbox/predict.h"
#include "glassbox/run_folder.h"
#include "glassbox/train.h"
#include "glassbox/usage_error.h"

namespace glassbox {

namespace {

// CLI11 wraps -1 and cuts what is too large; here a number is read whole or refused.
template <class T>
CLI::Validator whole_number() {
  return CLI::Validator(
      [](const std::string& text) {
        T value{};
        const char* end = text.data() + text.size();
        const auto [stop, error] = std::from_chars(text.data(), end, value);
        return error == std::errc() && stop == end
                   ? std::string()
                   : "\"" + text + "\" is not a whole number that fits";
      },
      "");
}

void use_threads(const std::optional<int>& threads) {
  if (!threads) return;
  // Why a limit: OpenMP ends the program when the system has no more threads.
  if (*threads < 1 || *threads > 1024) {
    throw UsageError(fmt::format("--threads {} must be from 1 to 1024", *threads));
  }
  set_num_threads(*threads);
}

std::vector<int> parse_size(const std::string& text) {
  std::vector<int> sizes;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    int value = 0;
    const auto [stop, error] = std::from_chars(at, end, value);
    const bool more = stop != end && *stop == 'x' && stop + 1 != end;
    if (error != std::errc() || value < 1 || (stop != end && !more) || sizes.size() == 2) {
      sizes.clear();
      break;
    }
    sizes.push_back(value);
    at = more ? stop + 1 : stop;
  }
  if (sizes.empty()) throw UsageError("--image-size " + text + " is not of the form 64 or 48x64");
  return sizes;
}

MakeModel maker(const FindModel& find) {
  return [find](const std::string& name) { return find(name).make(); };
}

// --- train and demo ------------------------------------------------------------------------------

class TrainVerb {
 public:
  TrainVerb(CLI::App& app, bool is_demo, const FindModel& find,
            const std::vector<std::string>& command_line)
      : is_demo_(is_demo), find_(find), command_line_(command_line) {
    verb_ = is_demo ? app.add_subcommand("demo",
                                         "show the article's network and train it for one epoch")
                    : app.add_subcommand("train", "train an image classifier");
    add_what();
    if (!is_demo) add_how();
    add_where();
    verb_->footer(is_demo ? "Examples:\n  glassbox demo\n"
                          : "Examples:\n"
                            "  glassbox train --model cifar --data synthetic --epochs 3\n"
                            "  glassbox train --model cifar --data photos --image-size 64\n"
                            "  glassbox train --model cifar --optimizer adamw --schedule cosine "
                            "--warmup 1\n"
                            "  glassbox train --resume runs/cifar-1\n");
  }

  CLI::App* verb() { return verb_; }

  void run() {
    use_threads(threads_);
    if (!resume_.empty()) read_run();
    if (is_demo_) o_.model_name = "cifar";
    if (o_.model_name.empty()) throw UsageError("train: --model is required");
    o_.command_line = command_line_;
    if (!o_.resume) fill_in();
    const models::Entry& entry = find_(o_.model_name);
    manual_seed(o_.seed);
    const auto model = entry.make();
    if (is_demo_) {
      demo(*model, o_);
    } else {
      train(*model, o_);
    }
  }

 private:
  template <class T>
  CLI::Option* add(const char* name, T& to, const char* what) {
    CLI::Option* option = verb_->add_option(name, to, what);
    if constexpr (std::is_integral_v<T>) option->check(whole_number<T>());
    return option;
  }

  void add_what() {
    if (!is_demo_) {
      add("--model", o_.model_name, "its name, from `glassbox models`");
      add("--dataset", o_.dataset,
          "cifar10, cifar100, mnist, fashion_mnist, folder (one folder of images for each class); "
          "auto looks")
          ->capture_default_str();
      add("--image-size", image_size_, "of a folder of images: 64, 48x64 (the model's usual one)");
      verb_->add_flag("--lazy", o_.lazy,
                      "decode a folder of images batch by batch, as is done above 1 GiB of pixels");
      verb_->add_flag("!--no-augment", o_.augment, "train on the images without crops and flips");
    }
    add("--data", o_.data,
        "folder or archive of a data set, synthetic, or auto: data/ if it has "
        "CIFAR-10")
        ->capture_default_str();
    verb_->add_flag("--download", o_.download, "fetch the data set into that folder first");
    add("--limit-images", o_.limit_images, "use only so many training images (0: all)");
  }

  void add_how() {
    add("--batch-size", o_.batch_size, "images in a step")->capture_default_str();
    add("--optimizer", o_.optimizer, "sgd, adam, adamw, rmsprop")->capture_default_str();
    verb_->add_option("--lr", lr_, "learning rate (0.01 for sgd, 0.001 for the others)");
    add("--momentum", o_.momentum, "of sgd and rmsprop")->capture_default_str();
    verb_->add_option("--weight-decay", weight_decay_, "L2 penalty (0; 0.01 for adamw)");
    add("--schedule", o_.schedule,
        "of the learning rate: none, step, multistep, exponential, cosine, onecycle, plateau")
        ->capture_default_str();
    verb_
        ->add_option("--milestones", o_.milestones,
                     "epochs: every how many (step), or at which (multistep)")
        ->delimiter(',');
    add("--gamma", o_.gamma, "factor of step, multistep, exponential and plateau")
        ->capture_default_str();
    add("--warmup", o_.warmup, "epochs in which the rate rises before the schedule begins");
    add("--clip-norm", o_.clip_norm, "largest norm of the gradients together (0: any)");
    add("--label-smoothing", o_.label_smoothing, "in [0, 1)");
    add("--ema", o_.ema, "decay of an average of the weights, which is then evaluated and saved");
    add("--precision", o_.precision,
        "of convolutions and products on a GPU: fp32, tf32, fp16 or bf16; weights stay f32")
        ->capture_default_str();
  }

  void add_where() {
    verb_
        ->add_option("--epochs", epochs_,
                     is_demo_ ? "passes over the images (1)" : "passes over the images (10)")
        ->check(whole_number<int>());
    add("--device", o_.device, "cpu, cuda, cuda:N, or auto: a GPU where there is one")
        ->capture_default_str();
    add("--seed", o_.seed, "of weights, order and augmentation")->capture_default_str();
    add("--run", o_.run, "folder for the result; must not exist (runs/MODEL-N)");
    verb_->add_option("--threads", threads_, "CPU threads (all cores)")->check(whole_number<int>());
    add("--workers", o_.workers, "threads that prepare batches ahead")->capture_default_str();
    add("--log-every", o_.log_every,
        "batches between what is logged into RUN/history (0: epochs alone)")
        ->capture_default_str();
    add("--probe", o_.probes,
        "log what goes on in the model, PATH[:WHAT[:AS[:EVERY]]], such as "
        "features.3:activations:histogram:100; again for another");
    verb_->add_flag("--health", o_.health,
                    "log gradient norms, update sizes and dead units; find what is not finite");
    add("--draw", o_.draw,
        "file (.svg .png .pdf .txt) that shows what was logged so far; - is the terminal");
    if (is_demo_) return;
    add("--checkpoint-every", o_.checkpoint_every,
        "steps between checkpoints (0: one after each epoch)");
    add("--resume", resume_,
        "go on with this run; of the others only --epochs, --threads, --workers, --device, --draw");
  }

  // The options of the run that is to go on.
  void read_run() {
    for (const CLI::Option* option : verb_->get_options()) {
      const std::string name = option->get_name();
      const bool allowed = name == "--resume" || name == "--epochs" || name == "--threads" ||
                           name == "--workers" || name == "--device" || name == "--draw" ||
                           name == "--help";
      if (option->count() > 0 && !allowed) {
        throw UsageError("train: " + name + " does not go with --resume: " + resume_ +
                         " keeps what it began with");
      }
    }
    const std::string file = resume_ + "/config.json";
    nlohmann::ordered_json options;
    read_key(read_config(resume_), file, "options", options);
    const int workers = o_.workers;
    const std::string device = o_.device, draw = o_.draw;
    o_ = options_from_json(options, file);
    if (verb_->get_option("--workers")->count() > 0) o_.workers = workers;
    o_.device = device;
    o_.draw = draw;
    o_.resume = true;
    o_.run = resume_;
    if (!epochs_ || *epochs_ == o_.epochs) return;
    if (o_.schedule == "cosine" || o_.schedule == "onecycle") {
      throw UsageError(
          fmt::format("train: --epochs {} would change the {} schedule of {}, which "
                      "was made for {}",
                      *epochs_, o_.schedule, resume_, o_.epochs));
    }
    o_.epochs = *epochs_;
  }

  // What was left out and depends on something else.
  void fill_in() {
    o_.epochs = epochs_.value_or(is_demo_ ? 1 : 10);
    o_.lr = lr_.value_or(o_.optimizer == "sgd" ? 0.01 : 0.001);
    o_.weight_decay = weight_decay_.value_or(o_.optimizer == "adamw" ? 0.01 : 0);
    if (o_.optimizer != "sgd" && !is_demo_ && verb_->get_option("--momentum")->count() == 0) {
      o_.momentum = 0;  // PyTorch's default for rmsprop; adam has none
    }
    if (!image_size_.empty()) o_.image_size = parse_size(image_size_);
  }

  bool is_demo_;
  FindModel find_;
  const std::vector<std::string>& command_line_;
  CLI::App* verb_;
  TrainOptions o_;
  std::string image_size_, resume_;
  std::optional<int> epochs_, threads_;
  std::optional<double> lr_, weight_decay_;
};

// --- evaluate and predict ------------------------------------------------------------------------

struct UseOptions {
  std::string run, weights, data, csv, format = "text", device = "auto";
  std::vector<std::string> images;
  std::size_t worst = 10, top = 5;
  std::optional<int> threads;

  bool json() const {
    if (format != "text" && format != "json") {
      throw UsageError("--format " + format + " is neither text nor json");
    }
    return format == "json";
  }
};

void add_common(CLI::App* verb, UseOptions& o) {
  verb->add_option("run", o.run, "the run's folder, as runs/cifar-1")->required();
  verb->add_option("--weights", o.weights, "a safetensors file (RUN/model.safetensors)");
  verb->add_option("--format", o.format, "text or json")->capture_default_str();
  verb->add_option("--threads", o.threads, "CPU threads (all cores)")->check(whole_number<int>());
  verb->add_option("--device", o.device, "cpu, cuda, cuda:N, or auto: a GPU where there is one")
      ->capture_default_str();
}

// The run's model, where it shall be used.
Trained trained(const UseOptions& o, const FindModel& find) {
  const Device device = device_of(o.device);
  Trained t = load_trained(o.run, o.weights, maker(find));
  t.model->to(device);
  return t;
}

void run_evaluate(const UseOptions& o, const FindModel& find) {
  use_threads(o.threads);
  const bool json = o.json();
  const Evaluation e = evaluate(trained(o, find), o.data, o.worst);
  if (!o.csv.empty()) io::write_file(o.csv, confusion_csv(e));
  if (json) {
    fmt::print("{}\n", to_json(e).dump(2));
  } else {
    fmt::print("{}", to_text(e));
  }
}

void run_predict(const UseOptions& o, const FindModel& find) {
  use_threads(o.threads);
  const bool json = o.json();
  const auto all = predict(trained(o, find), o.images, o.top);
  std::size_t failed = 0;
  for (const Prediction& prediction : all) {
    if (!prediction.error.empty()) {
      ++failed;
      std::fprintf(stderr, "glassbox: %s\n", prediction.error.c_str());
    } else if (!json) {
      fmt::print("{}", to_text(prediction));
    }
  }
  if (json) fmt::print("{}\n", to_json(all).dump(2));
  if (failed > 0) throw Error(cat("predict: ", failed, " of ", all.size(), " images failed"));
}

}  // namespace

void add_train_verbs(CLI::App& app, const FindModel& find,
                     const std::vector<std::string>& command_line, std::function<void()>& action) {
  for (const bool is_demo : {false, true}) {
    const auto verb = std::make_shared<TrainVerb>(app, is_demo, find, command_line);
    verb->verb()->callback([verb, &action] { action = [verb] { verb->run(); }; });
  }
  const auto e = std::make_shared<UseOptions>();
  CLI::App* evaluate = app.add_subcommand("evaluate", "how well a run's model does on test images");
  add_common(evaluate, *e);
  evaluate->add_option("--data", e->data, "another place of the data set");
  evaluate->add_option("--csv", e->csv, "file for the confusion matrix");
  evaluate->add_option("--worst", e->worst, "how many of the worst mistakes to list")
      ->check(whole_number<std::size_t>())
      ->capture_default_str();
  evaluate->footer("Examples:\n  glassbox evaluate runs/cifar-1 --csv confusion.csv\n");
  evaluate->callback([e, find, &action] { action = [e, find] { run_evaluate(*e, find); }; });

  const auto p = std::make_shared<UseOptions>();
  CLI::App* predict = app.add_subcommand("predict", "what a run's model sees in images");
  add_common(predict, *p);
  predict->add_option("images", p->images, "PNG or JPEG files")->required();
  predict->add_option("--top", p->top, "how many classes to list")
      ->check(whole_number<std::size_t>())
      ->capture_default_str();
  predict->footer("Examples:\n  glassbox predict runs/cifar-1 cat.png dog.jpg\n");
  predict->callback([p, find, &action] { action = [p, find] { run_predict(*p, find); }; });
}

}  // namespace glassbox
