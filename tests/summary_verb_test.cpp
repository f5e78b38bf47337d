// `glassbox summary` and `glassbox diff`: their options, files, exit codes and refusals.
#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/io/file.h"
#include "layers/layers.h"
#include "tests/cli_run.h"
#include "tests/temp_folder.h"
#include "tests/viz/golden.h"

namespace glassbox::test {
namespace {

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

struct Plain : layers::Module<Plain> {
  layers::Linear fc{8, 2};
  Tensor forward(const Tensor& x) { return fc(x); }
  void fields(layers::Fields& f) { f("fc", fc); }
};
const std::vector<models::Entry> own{{"plain", models::make<Plain>}};

}  // namespace

TEST_CASE("cli summary: styles, formats and files") {
  CHECK(run_cli({"summary", "cifar", "--style", "keras"}).out ==
        read_data("golden/cifar_model.keras.txt"));
  for (const auto& [format, ending] : {std::pair{"markdown", ".md"}, std::pair{"csv", ".csv"},
                                       std::pair{"json", ".json"}, std::pair{"html", ".html"}}) {
    const TempFolder folder;
    const CliResult shown = run_cli({"summary", "cifar", "--format", format});
    CHECK(shown.code == 0);
    const std::string file = folder.path() + "/cifar" + ending;
    const CliResult written = run_cli({"summary", "cifar", "-o", file});
    CHECK(written.out == "wrote " + file + "\n");
    CHECK(io::read_file(file) == shown.out);
    if (format != std::string("markdown"))
      CHECK(shown.out == read_data("golden/cifar_model.summary" + std::string(ending)));
  }
  const CliResult unknown = run_cli({"summary", "cifar", "-o", "cifar.pdf"});
  CHECK(unknown.code == 2);
  CHECK(has(unknown.err, ".txt, .md, .csv, .json or .html"));
  const CliResult nowhere = run_cli({"summary", "cifar", "-o", "/no/such/folder/cifar.html"});
  CHECK(nowhere.code == 1);
  CHECK(has(nowhere.err, "/no/such/folder/cifar.html: cannot write"));
}

TEST_CASE("cli summary: columns, depth, batch") {
  const CliResult result = run_cli({"summary", "resnet18", "--depth", "1", "--batch", "16",
                                    "--columns", "output,macs,saved,receptive-field"});
  CHECK(result.code == 0);
  CHECK(has(result.out, "├─ layer1      [16, 64, 56, 56]"));
  CHECK(has(result.out, "435×435"));
  CHECK_FALSE(has(result.out, "BasicBlock"));
  const CliResult all = run_cli({"summary", "mnist", "--columns", "all", "--ascii"});
  CHECK(all.code == 0);
  CHECK(has(all.out, "Connected to"));
  CHECK_FALSE(has(all.out, "GFLOP/s"));
  CHECK(has(run_cli({"summary", "cifar", "--eval"}).out, "recorded in evaluation mode"));
  CHECK(has(run_cli({"summary", "cifar", "--color", "always"}).out, "\033[1m"));
  CHECK_FALSE(has(run_cli({"summary", "cifar", "--no-ops"}).out, "reshape()"));

  const CliResult wrong = run_cli({"summary", "cifar", "--columns", "output,prams"});
  CHECK(wrong.code == 2);
  CHECK(has(wrong.err, "no column is named \"prams\""));
  for (const char* batch : {"0", "-3", "x", "99999999999"})
    CHECK(run_cli({"summary", "cifar", "--batch", batch}).code == 2);
  CHECK(run_cli({"summary", "cifar", "--depth", "-1"}).code == 2);
}

TEST_CASE("cli summary: a row explained") {
  const CliResult result = run_cli({"summary", "cifar", "--explain", "features.2"});
  CHECK(result.code == 0);
  CHECK(has(result.out, "= 1 × 32 × 32 × 16 × (16 / 1) × 3 × 3"));
  CHECK(has(result.out, "conv2d_grad_input"));
  const CliResult wrong = run_cli({"summary", "cifar", "--explain", "features.99"});
  CHECK(wrong.code == 2);
  CHECK(has(wrong.err, "no row is at \"features.99\""));
}

TEST_CASE("cli summary: a model that fails is printed up to there, and the exit code is 1") {
  const CliResult result = run_cli({"summary", "cifar", "--input", "1x32x32"});
  CHECK(result.code == 1);
  CHECK(has(result.out, "failed here"));
  CHECK(has(result.out, "Try          Conv2d{1, 16, 3, ...} takes it"));
  CHECK(result.err.starts_with("glassbox: conv2d: input has 1 channels"));
  CHECK(run_cli({"summary", "cifar", "--input", "3x2x2"}).code == 1);
  CHECK(run_cli({"summary", "cifar", "--input", "3x0x32"}).code == 1);
}

TEST_CASE("cli summary: a model without a usual input") {
  const CliResult listed = run_cli({"summary", "plain"}, own);
  CHECK(listed.code == 0);
  CHECK(has(listed.out, "give an input without the batch, as in summary({3, 32, 32})"));
  const CliResult memory = run_cli({"summary", "plain", "--memory"}, own);
  CHECK(memory.code == 2);
  CHECK(has(memory.err, "plain has no usual input; give --input"));
  CHECK(run_cli({"summary", "plain", "--max-batch", "1GiB"}, own).code == 2);
}

TEST_CASE("cli summary: measured") {
  const CliResult result = run_cli({"summary", "mnist", "--measure", "--batch", "4"});
  CHECK(result.code == 0);
  CHECK(has(result.out, "GFLOP/s"));
  CHECK(has(result.out, " GB/s measured, "));
  CHECK(has(result.out, "predicted"));
  const CliResult csv = run_cli({"summary", "mnist", "--columns", "time,roof%", "--format", "csv"});
  CHECK(csv.out.starts_with("row,parent,kind,name,call,time,roof%\n"));
}

TEST_CASE("cli summary: memory and the largest batch") {
  const CliResult result =
      run_cli({"summary", "cifar", "--memory", "--batch", "8", "--optimizer", "adam"});
  CHECK(result.code == 0);
  CHECK(has(result.out, "optimizer state"));
  const CliResult limit = run_cli({"summary", "cifar", "--max-batch", "64MiB"});
  CHECK(limit.code == 0);
  CHECK(has(limit.out, "64.0 MiB"));
  CHECK(run_cli({"summary", "cifar", "--max-batch", "1kB"}).code == 1);
  const CliResult wrong = run_cli({"summary", "cifar", "--max-batch", "lots"});
  CHECK(wrong.code == 2);
  CHECK(has(wrong.err, "\"lots\" is no quantity such as 25M, 4.2G or 8GiB"));
}

TEST_CASE("cli summary: budgets gate") {
  CHECK(run_cli({"summary", "cifar", "--budget", "params=40k,macs=8M,peak=100MiB"}).code == 0);
  const CliResult over = run_cli({"summary", "cifar", "--budget", "params=30k,macs=7M,peak=1MiB"});
  CHECK(over.code == 1);
  CHECK(has(over.err, "over budget: params is 36.9 k, the budget 30k; most in features.9 9.25 k"));
  CHECK(has(over.err, "over budget: macs is 7.52 M, the budget 7M"));
  CHECK(has(over.err, "over budget: peak is "));
  CHECK(has(over.out, "CifarModel"));
  const CliResult wrong = run_cli({"summary", "cifar", "--budget", "size=3"});
  CHECK(wrong.code == 2);
  CHECK(has(wrong.err, "figures are params, macs"));
}

TEST_CASE("cli diff: the same is 0, different is 1, wrong is 2") {
  const CliResult same = run_cli({"diff", "resnet18", "resnet18"});
  CHECK(same.code == 0);
  CHECK(has(same.out, "the same: "));
  const CliResult different = run_cli({"diff", "resnet18", "resnet34"});
  CHECK(different.code == 1);
  CHECK(different.err.empty());
  CHECK(has(different.out, "+   layer3.2") + has(different.out, "+     layer3.2") == 1);
  CHECK(has(different.out, "parameters 11,689,512 → 21,797,672 (+86.5 %)"));
  CHECK(run_cli({"diff", "resnet18", "resnet19"}).code == 2);
  CHECK(run_cli({"diff", "resnet18"}).code == 2);
  const CliResult failing = run_cli({"diff", "cifar", "vgg11", "--input", "1x32x32"});
  CHECK(failing.code == 1);
  CHECK(has(failing.err, "input has 1 channels"));
}

}  // namespace glassbox::test
