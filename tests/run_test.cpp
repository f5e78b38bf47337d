// Runs: what a training leaves in its folder, how it goes on, and how its model is used afterwards.
#include <doctest/doctest.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "datasets/image.h"
#include "engine/io/safetensors.h"
#include "engine/ops/create.h"
#include "engine/ops/random.h"
#include "layers/layers.h"
#include "tests/cli_run.h"
#include "tests/run_result.h"
#include "tests/skip.h"
#include "tests/small_disk.h"
#include "tests/small_mnist.h"
#include "tests/temp_folder.h"
#include "viz/history.h"

namespace glassbox::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using Arguments = std::vector<std::string>;

// Has all that a checkpoint must keep: running statistics, dropout's generator, momenta.
struct Tiny : layers::Module<Tiny> {
  layers::Conv2d conv{1, 4, 5, {.stride = 2}};
  layers::BatchNorm2d norm{4};
  layers::Dropout dropout{0.2};
  layers::Linear fc{4 * 12 * 12, 10};
  Tensor forward(const Tensor& x) { return fc(dropout(relu(norm(conv(x))).flatten(1))); }
  void fields(layers::Fields& f) {
    f("conv", conv);
    f("norm", norm);
    f("dropout", dropout);
    f("fc", fc);
  }
  static Shape input_shape() { return {1, 28, 28}; }
};

// Stops the program as Ctrl-C does, when it has been called so many times in training.
struct Stopping : layers::Module<Stopping> {
  Tiny tiny;
  inline static int calls_left = 0;
  Tensor forward(const Tensor& x) {
    if (is_training() && calls_left > 0 && --calls_left == 0) std::raise(SIGINT);
    return tiny(x);
  }
  void fields(layers::Fields& f) { f("tiny", tiny); }
  static Shape input_shape() { return {1, 28, 28}; }
};

struct Narrow : layers::Module<Narrow> {
  layers::Linear fc{784, 3};
  Tensor forward(const Tensor& x) { return fc(x.flatten(1)); }
  void fields(layers::Fields& f) { f("fc", fc); }
};

const std::vector<models::Entry> own{{"tiny", "", models::make<Tiny>},
                                     {"stopping", "", models::make<Stopping>},
                                     {"narrow", "", models::make<Narrow>}};

struct Place {
  TempFolder folder;
  Place() { make_small_mnist(folder / "data", 200, 50); }
  std::string operator/(const std::string& name) const { return folder / name; }
  // The usual options, and others or other values for them.
  Arguments train(const std::string& run, const Arguments& more = {},
                  const char* model = "tiny") const {
    Arguments all{"train", "--model", model, "--data", folder / "data", "--run", folder / run};
    for (const auto& [option, value] : {std::pair("--epochs", "2"), std::pair("--batch-size", "16"),
                                        std::pair("--lr", "0.05"), std::pair("--threads", "1")}) {
      if (std::find(more.begin(), more.end(), option) == more.end()) {
        all.insert(all.end(), {option, value});
      }
    }
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  Json json(const std::string& file) const { return Json::parse(read_bytes(folder / file)); }
  std::string weights(const std::string& run) const {
    return read_bytes(folder / (run + "/model.safetensors"));
  }
};

void check_ok(const CliResult& result) {
  CHECK_MESSAGE(result.code == 0, result.err);
  CHECK(result.err.empty());
}

Json results(const Place& place, const std::string& run) {
  return epochs_of(place.json(run + "/result.json"));
}

TEST_CASE("run: the folder says how it was made, and holds checkpoints and weights") {
  const Place place;
  check_ok(run_cli(place.train("run"), own));
  CHECK(names_in(place / "run") == Arguments{".lock", "checkpoints", "config.json", "history",
                                             "model.safetensors", "report.html", "result.json"});
  CHECK(names_in(place / "run/checkpoints") == Arguments{"step-13", "step-26"});
  const Json config = place.json("run/config.json");
  CHECK(config.at("options").at("lr") == 0.05);
  CHECK(config.at("options").at("model") == "tiny");
  CHECK(config.at("data").at("kind") == "mnist");
  CHECK(config.at("data").at("classes").size() == 10);
  CHECK(config.at("commands").at(0).at("arguments").at(1) == "train");
  CHECK(config.at("build").contains("glassbox"));
  CHECK(config.at("machine").at("threads").get<int>() > 0);
  // The last checkpoint's weights are those of the result.
  const auto last = io::load_safetensors(place / "run/checkpoints/step-26/model.safetensors");
  const auto result = io::load_safetensors(place / "run/model.safetensors");
  REQUIRE(last.tensors.size() == result.tensors.size());
  for (const auto& [name, tensor] : result.tensors) {
    CHECK(last.at(name).to_vector<float>() == tensor.to_vector<float>());
  }
}

TEST_CASE("run: an interrupted training goes on and ends with the same bits") {
  const std::vector<std::pair<std::string, Arguments>> recipes{
      {"sgd", {}},
      {"adamw",
       {"--optimizer", "adamw", "--lr", "0.001", "--schedule", "cosine", "--warmup", "1",
        "--clip-norm", "1", "--ema", "0.9", "--label-smoothing", "0.1"}},
      {"rmsprop", {"--optimizer", "rmsprop", "--lr", "0.001", "--schedule", "onecycle"}},
      {"adam", {"--optimizer", "adam", "--lr", "0.001", "--schedule", "plateau"}},
      {"steps", {"--schedule", "multistep", "--milestones", "1"}}};
  for (const auto& recipe : recipes) {
    const std::string name = recipe.first;
    INFO(name);
    const Place place;
    Stopping::calls_left = 0;
    check_ok(run_cli(place.train("whole", recipe.second, "stopping"), own));
    // In the first epoch, at its end, in the second one: 13 steps make an epoch.
    for (const int calls : {5, 13, 20}) {
      const std::string run = "stopped-" + std::to_string(calls);
      Stopping::calls_left = calls;
      const CliResult stopped = run_cli(place.train(run, recipe.second, "stopping"), own);
      CHECK(stopped.code == 1);
      CHECK(stopped.err.find("; to go on: train --resume " + place / run) != std::string::npos);
      CHECK_FALSE(fs::exists(place / (run + "/result.json")));
      const CliResult resumed = run_cli({"train", "--resume", place / run, "--threads", "2"}, own);
      check_ok(resumed);
      CHECK(resumed.out.find("going on after epoch ") != std::string::npos);
      CHECK(place.weights(run) == place.weights("whole"));
      CHECK(results(place, run) == results(place, "whole"));
      CHECK(place.json(run + "/config.json").at("commands").size() == 2);
    }
  }
}

TEST_CASE("run: more epochs later are the same as at once") {
  const Place place;
  check_ok(run_cli(place.train("long", {"--epochs", "3"}), own));
  check_ok(run_cli(place.train("short"), own));
  check_ok(run_cli({"train", "--resume", place / "short", "--epochs", "3"}, own));
  CHECK(place.weights("short") == place.weights("long"));
  CHECK(results(place, "short") == results(place, "long"));
  // Nothing left to do.
  const CliResult again = run_cli({"train", "--resume", place / "short"}, own);
  check_ok(again);
  CHECK(place.weights("short") == place.weights("long"));
}

TEST_CASE("run: resume refuses what does not fit, and leaves the run as it was") {
  const Place place;
  check_ok(run_cli(place.train("run", {"--schedule", "cosine"}), own));
  const std::string config = read_bytes(place / "run/config.json");
  const auto fails = [&](int code, const Arguments& arguments, const std::string& fact) {
    const CliResult result = run_cli(arguments, own);
    CHECK(result.code == code);
    CHECK_MESSAGE(result.err.find(fact) != std::string::npos, result.err);
  };
  const std::string run = place / "run";
  fails(2, {"train", "--resume", place / "none"},
        "none: is no run's folder: it has no config.json");
  fails(2, {"train", "--resume", run, "--lr", "1"}, "--lr does not go with --resume");
  fails(2, {"train", "--resume", run, "--epochs", "9"}, "would change the cosine schedule");
  fails(2, place.train("run"),
        "exists already; choose another --run or leave it out (train "
        "--resume " +
            run + " goes on with it)");
  {
    const int lock = ::open((run + "/.lock").c_str(), O_RDWR);
    REQUIRE(::flock(lock, LOCK_EX | LOCK_NB) == 0);
    fails(1, {"train", "--resume", run}, "another process is training in this folder");
    ::close(lock);
  }
  CHECK(read_bytes(place / "run/config.json") == config);
  write_bytes(run + "/config.json", "{\"options\": 3");
  fails(1, {"train", "--resume", run}, "config.json: is not valid JSON");
  write_bytes(run + "/config.json", R"({"options": {"model": 3}})");
  fails(1, {"train", "--resume", run}, "config.json: \"model\" is 3, which does not fit");
  write_bytes(run + "/config.json", R"({"options": {}})");
  fails(1, {"train", "--resume", run}, "config.json: has no \"model\"");
}

TEST_CASE("run: a model that does not fit the data is refused before anything is made") {
  const Place place;
  const CliResult result = run_cli(place.train("run", {}, "narrow"), own);
  CHECK(result.code == 1);
  CHECK(result.err.find("narrow tells 3 classes apart, but MNIST in ") != std::string::npos);
  CHECK(result.err.find("has 10: give its last layer 10 outputs") != std::string::npos);
  CHECK_FALSE(fs::exists(place / "run"));
}

TEST_CASE("run: a full disk does not stop a training, and nothing is lost") {
  SmallDisk disk;
  if (!disk.why_not().empty()) return skip(disk.why_not());
  const Place place;
  check_ok(run_cli(place.train("whole", {"--epochs", "3"}), own));
  Arguments arguments = place.train("unused", {"--epochs", "3"});
  const std::string run = disk / "run";
  *(std::find(arguments.begin(), arguments.end(), "--run") + 1) = run;
  // Room for two epochs' checkpoints and the history, not for the third's. How much that is differs
  // by some pages from run to run: less and less, until it is so.
  CliResult full;
  for (int kib = 264; kib >= 144; kib -= 4) {
    fs::remove_all(run);
    disk.resize((std::to_string(kib) + "k").c_str());
    full = run_cli(arguments, own);
    const bool third_failed =
        full.err.find("last one is " + run + "/checkpoints/step-26") != full.err.npos;
    const bool weights_failed = full.err.find(run + "/model.safetensors: ") != full.err.npos;
    if (third_failed && weights_failed) break;
  }
  CHECK(full.code == 1);
  CHECK(full.out.find("epoch 3 test accuracy") != std::string::npos);
  CHECK(full.err.find("no checkpoint written (" + run) == std::string("glassbox: ").size());
  CHECK(full.err.find("No space left on device); training goes on, the last one is " + run +
                      "/checkpoints/step-26") != std::string::npos);
  CHECK(full.err.find("\nglassbox: " + run + "/model.safetensors: ") != std::string::npos);
  CHECK(names_in(run) == Arguments{".lock", "checkpoints", "config.json", "history"});
  CHECK(names_in(run + "/checkpoints") == Arguments{"step-13", "step-26"});
  disk.resize("4m");
  check_ok(run_cli({"train", "--resume", run}, own));
  CHECK(read_bytes(run + "/model.safetensors") == place.weights("whole"));
}

TEST_CASE("run: what is logged, with probes and the model's health") {
  const Place place;
  check_ok(run_cli(place.train("run", {"--epochs", "2", "--log-every", "5", "--health", "--probe",
                                       "**:weights:stats:3"}),
                   own));
  const viz::History history(place / "run/history", {.read_only = true});
  CHECK(history["epoch/test_accuracy"].size() == 2);
  CHECK(history["loss"].formatted_steps() == Arguments{"0:5", "0:10", "1:5", "1:10"});
  const auto logs = [&history](const char* ending) {
    return std::ranges::any_of(
        history.metrics(), [ending](const std::string& name) { return name.ends_with(ending); });
  };
  CHECK(logs(".weight/std"));
  CHECK(logs("grad_norm"));
  // Looking changes nothing.
  check_ok(run_cli(place.train("plain", {"--epochs", "2"}), own));
  CHECK(place.weights("run") == place.weights("plain"));
  // A wrong one leaves no run behind.
  for (const char* probe : {"nowhere:weights", "**:colours"}) {
    const CliResult wrong = run_cli(place.train("wrong", {"--probe", probe}), own);
    CHECK(wrong.code == 2);
    CHECK(wrong.err.find("--probe: ") != std::string::npos);
    CHECK_FALSE(fs::exists(place / "wrong"));
  }
  const CliResult wrong = run_cli(place.train("wrong", {"--draw", "x.jpeg"}), own);
  CHECK(wrong.code == 2);
  CHECK(wrong.err.find("--draw: Canvas: cannot draw into x.jpeg") != std::string::npos);
  CHECK_FALSE(fs::exists(place / "wrong"));
}

TEST_CASE("run: evaluate and predict use the model as it was trained") {
  const Place place;
  check_ok(run_cli(place.train("run", {"--epochs", "4"}), own));
  const double accuracy = place.json("run/result.json").at("epochs").back().at("test_accuracy");
  CHECK(accuracy > 0.8);
  const CliResult text =
      run_cli({"evaluate", place / "run", "--csv", place / "confusion.csv", "--worst", "2"}, own);
  check_ok(text);
  CHECK(text.out.find("tiny on MNIST in ") == 0);
  CHECK(text.out.find("  images  accuracy  precision  most often taken for\n") !=
        std::string::npos);
  const CliResult json_result = run_cli({"evaluate", place / "run", "--format", "json"}, own);
  check_ok(json_result);
  const Json json = Json::parse(json_result.out);
  CHECK(json.at("accuracy") == accuracy);
  CHECK(json.at("images") == 50);
  std::int64_t sum = 0, diagonal = 0;
  for (std::size_t c = 0; c < 10; ++c) {
    for (std::size_t p = 0; p < 10; ++p) sum += json.at("confusion")[c][p].get<int>();
    diagonal += json.at("confusion")[c][c].get<int>();
  }
  CHECK(sum == 50);
  CHECK(static_cast<double>(diagonal) / 50 == accuracy);
  CHECK(json.at("worst").size() ==
        std::min<std::size_t>(10, 50 - static_cast<std::size_t>(diagonal)));
  CHECK(read_bytes(place / "confusion.csv").starts_with("true\\predicted,"));

  // An image of the test set as a PNG is seen as evaluate sees it.
  if (!datasets::can_use_png()) return;
  const std::string file = read_bytes(place / "data/t10k-images-idx3-ubyte");
  Tensor image = empty({28, 28}, DType::u8);
  std::copy_n(file.data() + 16, 784,
              reinterpret_cast<char*>(image.mutable_data<std::uint8_t>().data()));
  datasets::write_png(place / "zero.png", image);
  write_bytes(place / "broken.png", "no image");
  const CliResult one = run_cli({"predict", place / "run", place / "zero.png", "--top", "3"}, own);
  check_ok(one);
  CHECK(one.out.starts_with(place / "zero.png\n  0 "));
  const CliResult two = run_cli(
      {"predict", place / "run", place / "broken.png", place / "zero.png", "--format", "json"},
      own);
  CHECK(two.code == 1);
  CHECK(two.err.find("broken.png") != std::string::npos);
  CHECK(two.err.find("1 of 2 images failed") != std::string::npos);
  const Json predictions = Json::parse(two.out);
  CHECK(predictions.at(0).contains("error"));
  CHECK(predictions.at(1).at("classes").size() == 5);
  double total = 0;
  for (const Json& entry : predictions.at(1).at("classes"))
    total += entry.at("probability").get<double>();
  CHECK(total > 0.5);
  CHECK(total < 1 + 1e-6);
}

TEST_CASE("run: a folder of images, in memory or decoded batch by batch, trains the same bits") {
  if (!datasets::can_use_png()) return skip("this build has no libpng");
  const Place place;
  for (int i = 0; i < 60; ++i) {
    const std::string name = i % 2 ? "dark" : "light";
    Tensor image = empty({3, 30, 40}, DType::u8, Device::cpu());
    for (std::uint8_t& byte : image.mutable_data<std::uint8_t>()) {
      byte = static_cast<std::uint8_t>(i + (i % 2 ? 20 : 180));
    }
    fs::create_directories(place / ("photos/" + name));
    datasets::write_png(place / ("photos/" + name + "/" + std::to_string(i) + ".png"), image);
  }
  const auto train = [&](const std::string& run, Arguments more) {
    Arguments all{"train", "--model",   "tiny",     "--data", place / "photos",
                  "--run", place / run, "--epochs", "3",      "--batch-size",
                  "8",     "--lr",      "0.05"};
    all.insert(all.end(), more.begin(), more.end());
    return run_cli(all, own);
  };
  check_ok(train("kept", {"--workers", "0"}));
  check_ok(train("lazy", {"--lazy", "--workers", "3"}));
  CHECK(place.weights("kept") == place.weights("lazy"));
  const Json result = place.json("kept/result.json");
  CHECK(result.at("epochs").back().at("test_accuracy") == 1.0);
  CHECK(result.at("data").get<std::string>().find("a tenth kept for the test") !=
        std::string::npos);
  const CliResult evaluation = run_cli({"evaluate", place / "lazy", "--format", "json"}, own);
  check_ok(evaluation);
  CHECK(Json::parse(evaluation.out).at("images") == 6);
  CHECK(Json::parse(evaluation.out).at("accuracy") == 1.0);
  const CliResult seen = run_cli({"predict", place / "kept", place / "photos/dark/7.png"}, own);
  check_ok(seen);
  CHECK(seen.out.find("\n  dark ") != std::string::npos);
  CHECK(seen.out.find("dark ") < seen.out.find("light "));

  // With a folder for each half, and what is wrong with them.
  fs::create_directories(place / "halves");
  fs::copy(place / "photos", place / "halves/train", fs::copy_options::recursive);
  const auto fails = [&](const std::string& fact) {
    const CliResult wrong = run_cli({"train", "--model", "tiny", "--data", place / "halves"}, own);
    CHECK(wrong.code == 2);
    CHECK_MESSAGE(wrong.err.find(fact) != std::string::npos, wrong.err);
  };
  fails("has a folder train but neither test nor val");
  fs::create_directories(place / "halves/val");
  fs::copy(place / "photos/dark", place / "halves/val/dark");
  fails("the folders of training and test images have different classes (dark, light and dark)");
  fs::copy(place / "photos/light", place / "halves/val/light");
  Arguments all{"train", "--model",        "tiny",     "--data", place / "halves",
                "--run", place / "halved", "--epochs", "1"};
  check_ok(run_cli(all, own));
  CHECK(place.json("halved/config.json").at("data").at("classes") == Json({"dark", "light"}));
}

TEST_CASE("run: evaluate and predict refuse what is no run, and weights that do not fit") {
  const Place place;
  const auto fails = [&](int code, const Arguments& arguments, const std::string& fact) {
    const CliResult result = run_cli(arguments, own);
    CHECK(result.code == code);
    CHECK(result.out.empty());
    CHECK_MESSAGE(result.err.find(fact) != std::string::npos, result.err);
  };
  fails(2, {"evaluate", place / "data"}, "data: is no run's folder: it has no config.json");
  fails(2, {"predict", place / "data", "x.png"}, "data: is no run's folder");
  check_ok(run_cli(place.train("run"), own));
  const std::string run = place / "run";
  fails(2, {"evaluate", run, "--format", "xml"}, "--format xml is neither text nor json");
  fails(1, {"evaluate", run, "--weights", place / "none"}, "none");
  io::save_safetensors(place / "other", {{"fc.weight", zeros({3, 784})}});
  fails(1, {"evaluate", run, "--weights", place / "other"},
        "the state does not fit Tiny: missing: ");
  fails(1, {"evaluate", run, "--data", place / "none"}, "none");
  fs::remove(run + "/model.safetensors");
  check_ok(run_cli({"evaluate", run}, own));  // the newest checkpoint's weights
  fs::remove_all(run + "/checkpoints");
  fails(2, {"evaluate", run}, "has no weights yet");
}

}  // namespace
}  // namespace glassbox::test
