// The command line in this process: what it prints, its exit codes, and what it leaves behind.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "datasets/synthetic.h"
#include "engine/io/safetensors.h"
#include "layers/layers.h"
#include "tests/cli_run.h"
#include "tests/datasets/cifar_files.h"
#include "tests/skip.h"
#include "tests/temp_folder.h"
#include "tests/viz/golden.h"

namespace glassbox::test {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// The call fails with that code, prints nothing, and says one or two lines with each of `facts`.
void check_fails(int code, const std::vector<std::string>& arguments,
                 const std::vector<std::string>& facts,
                 const std::vector<models::Entry>& own = {}) {
  std::string call;
  for (const std::string& argument : arguments) call += " " + argument;
  CAPTURE(call);
  const CliResult result = run_cli(arguments, own);
  CHECK(result.code == code);
  CHECK(result.out.empty());
  CHECK(result.err.starts_with("glassbox: "));
  CHECK(result.err.ends_with("\n"));
  CHECK(lines_of(result.err).size() <= 2);
  for (const std::string& fact : facts)
    CHECK_MESSAGE(result.err.find(fact) != std::string::npos, fact, " in ", result.err);
}

struct MyNet : layers::Module<MyNet> {
  layers::Linear fc{8, 2};
  Tensor forward(const Tensor& x) { return fc(x); }
  void fields(layers::Fields& f) { f("fc", fc); }
};
const std::vector<models::Entry> own_models{{"mynet", "my net", models::make<MyNet>}};

TEST_CASE("cli: help lists the verbs, and each has help of its own") {
  const CliResult help = run_cli({"--help"});
  CHECK(help.code == 0);
  CHECK(help.err.empty());
  const std::vector<std::string> lines = lines_of(help.out);
  auto line = std::find(lines.begin(), lines.end(), "Subcommands:");
  REQUIRE(line != lines.end());
  std::vector<std::string> verbs;
  for (++line; line != lines.end() && line->starts_with("  "); ++line) {
    if ((*line)[2] == ' ') continue;  // a description that goes on
    std::string verb;
    std::istringstream(*line) >> verb;
    verbs.push_back(verb);
  }
  CHECK(verbs == std::vector<std::string>{"models", "summary", "diff", "graph", "train", "demo",
                                          "evaluate", "predict", "plot", "report", "devices", "new",
                                          "completion"});
  for (const std::string& verb : verbs) {
    CAPTURE(verb);
    const CliResult own = run_cli({verb, "--help"});
    CHECK(own.code == 0);
    CHECK(own.err.empty());
    CHECK(own.out.find("Usage: glassbox " + verb) != std::string::npos);
    std::vector<std::string> call{verb, "--no-such-option"};
    if (verb == "summary" || verb == "graph") call.push_back("cifar");
    if (verb == "diff") call.insert(call.end(), {"cifar", "mnist"});
    if (verb == "plot" || verb == "report") call.push_back("run");
    if (verb == "evaluate" || verb == "predict") call.insert(call.end(), {"run", "image"});
    if (verb == "new") call.push_back("mynet");
    if (verb == "completion") call.push_back("bash");
    if (verb == "train") call.insert(call.end(), {"--model", "cifar"});
    check_fails(2, call, {"--no-such-option", "VERB --help"});
  }
  const CliResult version = run_cli({"--version"});
  CHECK(version.code == 0);
  CHECK(version.out.starts_with("glassbox 0."));
}

TEST_CASE("cli: no verb and an unknown one end with the verbs that there are") {
  const std::string verbs =
      "the verbs are models, summary, diff, graph, train, demo, evaluate, predict, plot, report, "
      "devices, new, "
      "completion";
  check_fails(2, {}, {"subcommand is required", verbs});
  check_fails(2, {"tarin"}, {"tarin", verbs});
  check_fails(2, {"models", "summary"}, {verbs});
}

TEST_CASE("cli: models lists one line each, one's own first") {
  const CliResult zoo = run_cli({"models"});
  CHECK(zoo.code == 0);
  CHECK(lines_of(zoo.out).size() == models::zoo().size());
  for (const models::Entry& entry : models::zoo()) {
    CHECK(zoo.out.find(entry.name + " ") != std::string::npos);
    CHECK(zoo.out.find("  " + entry.description + "\n") != std::string::npos);
  }
  const CliResult own = run_cli({"models"}, own_models);
  CHECK(own.out == "mynet            my net\n" + zoo.out);
}

TEST_CASE("cli: summaries in torchsummary's style are its tables to the byte") {
  for (const auto& [model, file] :
       {std::pair{"mnist", "mnist_net"}, std::pair{"cifar", "cifar_model"},
        std::pair{"vgg11_bn@2019", "vgg11_bn"}}) {
    const std::string name = model;
    CAPTURE(name);
    const CliResult result = run_cli({"summary", name, "--style", "torchsummary"});
    CHECK(result.code == 0);
    CHECK(result.err.empty());
    CHECK(result.out == read_data("golden/" + std::string(file) + ".torchsummary.txt"));
  }
  const CliResult tree = run_cli({"summary", "cifar"});
  CHECK(tree.out == read_data("golden/cifar_model.tree.txt"));
  CHECK(run_cli({"summary", "cifar", "--input", "3x32x32", "--style", "tree"}).out == tree.out);
}

TEST_CASE("cli: unknown models and styles name the choices") {
  const std::string names = "did you mean cifar? (`glassbox models` lists all)";
  for (const std::string verb : {"summary", "graph"}) {
    check_fails(2, {verb, "cifra"}, {"no model is named \"cifra\"", names});
    check_fails(2, {verb}, {"model is required"});
    check_fails(2, {verb, "mynte"}, {"did you mean mynet?"}, own_models);
    check_fails(2, {verb, "resnet51"}, {"did you mean resnet50?"});
  }
  check_fails(2, {"train", "--model", "cifra"}, {"no model is named \"cifra\"", names});
  check_fails(2, {"train"}, {"--model is required"});
  check_fails(2, {"summary", "cifar", "--style", "kreas"},
              {"--style", "kreas", "tree", "torchsummary", "keras"});
}

TEST_CASE("cli: an input is sizes with x between them") {
  for (const std::string input :
       {"3x", "x3", "3xx32", "x", ",", "3x32x32,", ",3x32x32", "3x32x32,,3", "3 x 32 x 32",
        "3*32*32", "[3,32,32]", "3.0x32x32", "3X32X32", "0x10xf", "1e3", "9999999999999x1x1",
        "1x2x3x4x5x6x7x8"}) {
    check_fails(2, {"summary", "cifar", "--input", input}, {"--input " + input, "3x224x224"});
    check_fails(2, {"graph", "cifar", "--input=" + input}, {"--input " + input, "3x224x224"});
  }
  check_fails(2, {"summary", "cifar", "--input", "-3x32x32"}, {});
  check_fails(2, {"summary", "cifar", "--input=-3x32x32"}, {"--input -3x32x32", "3x224x224"});
  check_fails(2, {"summary", "cifar", "--input", "3x32x-32"}, {"--input 3x32x-32", "3x224x224"});
  // Of the right form, but not what the model takes.
  const CliResult failed = run_cli({"graph", "cifar", "--input", "1x32x32"});
  CHECK(failed.code == 1);
  CHECK(failed.out.starts_with("digraph"));  // up to where it failed
  for (const std::string fact : {"conv2d: ", "1 channels", "expects 3", "CifarModel.c2d"})
    CHECK(failed.err.find(fact) != std::string::npos);
  check_fails(1, {"summary", "cifar", "--input", "3x32x32,3x32x32"},
              {"forward does not take 2 tensors"});
  check_fails(1, {"summary", "cifar", "--input", "3x999999999999x999999999999"},
              {"more elements than fit"});
}

TEST_CASE("cli: a model of one's own has every verb") {
  const CliResult summary = run_cli({"summary", "mynet", "--input", "8"}, own_models);
  CHECK(summary.code == 0);
  CHECK(summary.out.find("MyNet") != std::string::npos);
  CHECK(summary.out.find("18") != std::string::npos);  // parameters
  CHECK(run_cli({"summary", "mynet"}, own_models).code == 0);
  const CliResult graph = run_cli({"graph", "mynet", "--input", "8"}, own_models);
  CHECK(graph.code == 0);
  CHECK(graph.out.starts_with("digraph"));
  check_fails(2, {"graph", "mynet"}, {"mynet has no usual input; give --input"}, own_models);
  // One's own model takes a name of the zoo.
  const std::vector<models::Entry> hiding{{"cifar", "another", models::make<MyNet>}};
  CHECK(run_cli({"summary", "cifar", "--input", "8"}, hiding).out == summary.out);
}

TEST_CASE("cli: graphs are written to a file whole or not at all") {
  const TempFolder folder;
  const CliResult shown = run_cli({"graph", "cifar", "--no-transforms"});
  CHECK(shown.code == 0);
  CHECK(shown.out == read_data("golden/cifar_model.dot"));
  CHECK(run_cli({"graph", "cifar"}).out.find("×") != std::string::npos);
  for (const std::string name : {"cifar.dot", "cifar.gv"}) {
    const CliResult written = run_cli({"graph", "cifar", "--no-transforms", "-o", folder / name});
    CHECK(written.code == 0);
    CHECK(written.out == "wrote " + folder / name + "\n");
    CHECK(read_bytes(folder / name) == shown.out);
  }
  check_fails(2, {"graph", "cifar", "-o", folder / "cifar.jpeg"},
              {"cifar.jpeg", ".pdf .svg .png .dot"});
  check_fails(1, {"graph", "cifar", "-o", folder / "none/cifar.dot"},
              {"none/cifar.dot: cannot write: No such file"});
  fs::create_directory(folder / "folder.dot");
  check_fails(1, {"graph", "cifar", "-o", folder / "folder.dot"},
              {"folder.dot: cannot rename: Is a directory"});
  CHECK(names_in(folder.path()) == std::vector<std::string>{"cifar.dot", "cifar.gv", "folder.dot"});
}

TEST_CASE("cli: output that cannot be written is a failure") {
  if (!fs::exists("/dev/full")) return skip("needs /dev/full");
  for (const auto& arguments :
       {std::vector<std::string>{"models"}, {"summary", "cifar"}, {"graph", "cifar"}}) {
    CAPTURE(arguments[0]);
    const CliResult result = run_cli_into("/dev/full", arguments);
    CHECK(result.code == 1);
    CHECK(result.err == "glassbox: cannot write to standard output\n");
  }
}

TEST_CASE("cli: train refuses numbers that make no sense before it touches anything") {
  const TempFolder folder;
  const std::string run = folder / "run";
  const auto check = [&](const std::string& option, const std::string& value,
                         const std::string& fact) {
    check_fails(
        2,
        {"train", "--model", "cifar", "--data", folder.path(), "--run", run, option + "=" + value},
        {option, fact});
  };
  for (const std::string value : {"0", "-1"}) {
    check("--epochs", value, value + " must be at least 1");
    check("--batch-size", value, value + " must be at least 1");
    check("--threads", value, value + " must be from 1 to 1024");
    check("--lr", value, value + " must be above 0 and finite");
  }
  for (const std::string option : {"--epochs", "--batch-size", "--threads", "--lr", "--momentum",
                                   "--weight-decay", "--limit-images", "--seed"}) {
    for (const std::string value : {"many", "1x", "", "1e999"}) check(option, value, "");
    const bool integer = option != "--lr" && option != "--momentum" && option != "--weight-decay";
    if (integer) check(option, "99999999999999999999999", "");
  }
  check("--threads", "100000", "must be from 1 to 1024");
  check("--lr", "nan", "must be above 0 and finite");
  check("--lr", "inf", "must be above 0 and finite");
  check("--momentum", "1", "must be in [0, 1)");
  check("--momentum", "-0.5", "must be in [0, 1)");
  check("--weight-decay", "-1", "must be at least 0 and finite");
  check("--weight-decay", "inf", "must be at least 0 and finite");
  check("--limit-images", "-5", "-5 is negative");
  check("--seed", "-1", "");
  check("--epochs", "1.5", "");
  check("--device", "tpu", "--device tpu: give auto, cpu, cuda or cuda:N");
  check("--device", "meta", "--device meta: give auto, cpu, cuda or cuda:N");
  check("--device", "cuda:99", "--device cuda:99: ");
  CHECK(names_in(folder.path()).empty());
}

TEST_CASE("cli: train needs data and a run folder that is new") {
  const TempFolder folder;
  const auto train = [&](const std::string& data,
                         const std::string& run) -> std::vector<std::string> {
    return {"train", "--model",    "cifar",          "--data", folder / data,
            "--run", folder / run, "--limit-images", "8"};
  };
  check_fails(2, train("none", "run"), {folder / "none" + " does not exist", "CIFAR-10"});
  fs::create_directory(folder / "old");
  write_bytes(folder / "file", "");
  check_fails(2, train("none", "old"), {"old: exists already; choose another --run"});
  check_fails(2, train("none", "file"), {"file: exists already; choose another --run"});
  CHECK(names_in(folder.path()) == std::vector<std::string>{"file", "old"});

  make_cifar(folder / "data");
  check_fails(1, train("data", "file/run"), {"file/run: cannot make this folder: Not a directory"});
  fs::create_directory(folder / "closed");
  fs::permissions(folder / "closed", fs::perms(0555));
  {
    const WithoutRights without;
    if (without.works(folder / "closed")) {
      check_fails(1, train("data", "closed/run"),
                  {"closed/run: cannot make this folder: Permission denied"});
    } else {
      skip("needs to give up the rights of root");
    }
  }
  set_record(folder / "data/data_batch_4.bin", 77, 0, "\x0a");
  check_fails(1, train("data", "run"), {"data_batch_4.bin: record 77 has the label 10"});
  CHECK(names_in(folder.path()) == std::vector<std::string>{"closed", "data", "file", "old"});
}

TEST_CASE("cli: a loss that is not finite stops, names step and module, and leaves no result") {
  const TempFolder folder;
  make_cifar(folder / "data");
  const CliResult result =
      run_cli({"train", "--model", "cifar", "--data", folder / "data", "--run", folder / "run/",
               "--lr", "1e30", "--batch-size", "4", "--limit-images", "64", "--threads", "1"});
  CHECK(result.code == 1);
  CAPTURE(result.err);
  CHECK(lines_of(result.err).size() == 1);
  CHECK(result.err.starts_with("glassbox: train: the loss is "));
  CHECK(result.err.find(" at epoch 1, step ") != std::string::npos);
  CHECK(result.err.find("the first value that is not finite is made by ") != std::string::npos);
  CHECK(result.err.find("a smaller --lr may help") != std::string::npos);
  CHECK(names_in(folder / "run") == std::vector<std::string>{".lock", "config.json", "history"});
}

TEST_CASE("cli: an error inside a model names the module, and leaves no result") {
  const TempFolder folder;
  make_cifar(folder / "data");
  const CliResult result = run_cli({"train", "--model", "mnist", "--data", folder / "data", "--run",
                                    folder / "run", "--limit-images", "64"});
  CHECK(result.code == 1);
  CHECK(result.err.find("conv2d: ") != std::string::npos);
  CHECK(result.err.find(" in Net.conv1") != std::string::npos);
  CHECK_FALSE(fs::exists(folder / "run"));
}

TEST_SUITE("slow") {
  TEST_CASE("cli: a small training writes its result and weights") {
    const TempFolder folder;
    datasets::make_synthetic_cifar10({.folder = folder / "data"});
    const auto train = [&](const std::string& run, const std::vector<std::string>& more) {
      std::vector<std::string> arguments{
          "train",          "--model", "cifar",    "--data", folder / "data", "--run", folder / run,
          "--limit-images", "256",     "--epochs", "1"};
      arguments.insert(arguments.end(), more.begin(), more.end());
      return run_cli(arguments);
    };
    const CliResult result = train("first", {"--threads", "1", "--seed", "3"});
    CHECK(result.code == 0);
    CHECK(result.err.empty());
    CHECK(names_in(folder / "first") ==
          std::vector<std::string>{".lock", "checkpoints", "config.json", "history",
                                   "model.safetensors", "report.html", "result.json"});

    const auto json = nlohmann::json::parse(read_bytes(folder / "first/result.json"));
    CHECK(json["model"] == "cifar");
    CHECK(json["parameters"] == 36'858);
    CHECK(json["epochs_planned"] == 1);
    CHECK(json["batch_size"] == 128);
    CHECK(json["seed"] == 3);
    CHECK(json["threads"] == 1);
    REQUIRE(json["epochs"].size() == 1);
    const auto& epoch = json["epochs"][0];
    CHECK(epoch["epoch"] == 1);
    CHECK(epoch["loss"].get<double>() > 0);
    CHECK(epoch["images_per_second"].get<double>() > 0);
    for (const std::string name : {"train_accuracy", "test_accuracy"}) {
      CHECK(epoch[name].get<double>() > 0);
      CHECK(epoch[name].get<double>() < 1);
    }
    char line[64];
    std::snprintf(line, sizeof line, "epoch 1 test accuracy %.4f",
                  epoch["test_accuracy"].get<double>());
    const std::vector<std::string> lines = lines_of(result.out);
    CHECK(std::count(lines.begin(), lines.end(), line) == 1);
    CHECK(result.out.find('\x1b') == std::string::npos);  // plain lines: this is no terminal
    CHECK(result.out.find('\r') == std::string::npos);

    const io::Safetensors saved = io::load_safetensors(folder / "first/model.safetensors");
    CHECK(saved.metadata.at("model") == "cifar");
    models::CifarModel model;
    const layers::LoadReport report = model.load_state_dict(saved.tensors);
    CHECK(report.missing.empty());
    CHECK(report.unexpected.empty());

    // The same seed, on two threads: the same bytes. Another seed: others.
    CHECK(train("second", {"--threads", "2", "--seed", "3"}).code == 0);
    CHECK(read_bytes(folder / "second/model.safetensors") ==
          read_bytes(folder / "first/model.safetensors"));
    CHECK(train("third", {"--threads", "2", "--seed", "4"}).code == 0);
    CHECK(read_bytes(folder / "third/model.safetensors") !=
          read_bytes(folder / "first/model.safetensors"));
  }
}

}  // namespace
}  // namespace glassbox::test
