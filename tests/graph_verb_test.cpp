// `glassbox graph`: its formats, folds and refusals.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "engine/io/file.h"
#include "tests/cli_run.h"
#include "tests/temp_folder.h"

namespace glassbox::test {
namespace {

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::string drawn(const std::string& ending, std::vector<std::string> arguments) {
  const TempFolder folder;
  const std::string file = folder.path() + "/graph" + ending;
  arguments.insert(arguments.end(), {"-o", file});
  const CliResult result = run_cli(arguments);
  CHECK(result.err == "");
  REQUIRE(result.code == 0);
  CHECK(result.out == "wrote " + file + "\n");
  return io::read_file(file);
}

}  // namespace

TEST_CASE("cli graph: each format is one") {
  CHECK(has(drawn(".svg", {"graph", "cifar"}), "<svg"));
  CHECK(drawn(".dot", {"graph", "cifar"}).starts_with("digraph"));
  CHECK(drawn(".mmd", {"graph", "cifar"}).starts_with("flowchart TB\n"));
  CHECK(has(drawn(".txt", {"graph", "cifar"}), "┌"));
  const std::string page = drawn(".html", {"graph", "resnet18"});
  CHECK(page.starts_with("<!DOCTYPE html>"));
  CHECK_FALSE(has(page, "src="));
  CHECK_FALSE(has(page, "href="));
  const nlohmann::json json = nlohmann::json::parse(drawn(".json", {"graph", "cifar"}));
  CHECK(json["schema"] == "glassbox.graph/1");
  CHECK(json["nodes"][0]["kind"] == "input");
  const nlohmann::json explorer = nlohmann::json::parse(
      drawn(".model_explorer.json", {"graph", "resnet18", "--no-transforms"}));
  const auto& nodes = explorer["graphs"][0]["nodes"];
  CHECK(nodes.size() > 60);
  CHECK(nodes[5]["namespace"].get<std::string>().starts_with("layer1"));
}

TEST_CASE("cli graph: folds, depth, phases") {
  const auto count = [](std::vector<std::string> arguments) {
    return nlohmann::json::parse(drawn(".json", std::move(arguments)))["nodes"].size();
  };
  const std::size_t all = count({"graph", "resnet18", "--no-transforms"});
  const std::size_t folded =
      count({"graph", "resnet18", "--fold", "Conv > BatchNorm > Relu=ConvBnRelu"});
  CHECK(folded == all - 2 * 9);
  CHECK(count({"graph", "resnet18", "--depth", "1"}) < 15);
  CHECK(count({"graph", "resnet18", "--phase", "backward", "--no-transforms"}) > 2 * all);
  const CliResult why = run_cli({"graph", "cifar", "--no-transforms", "--why", "Conv > Relu"});
  CHECK(why.code == 0);
  CHECK(has(why.out, "BatchNorm"));
}

TEST_CASE("cli graph: coloured by the time that its ops took") {
  const nlohmann::json json = nlohmann::json::parse(
      drawn(".json", {"graph", "cifar", "--color-by", "time", "--phase", "step"}));
  CHECK(json["measured"]["batch"] == 2);
  int timed = 0;
  for (const auto& node : json["nodes"]) {
    if (node["kind"] != "op") continue;
    CHECK(node["seconds_forward"].get<double>() > 0);
    ++timed;
  }
  CHECK(timed > 20);
  const std::string svg = drawn(".svg", {"graph", "cifar", "--color-by", "time", "--batch", "3"});
  CHECK(has(svg, "at batch 3 on "));
}

TEST_CASE("cli diff --graph: exit codes and pictures") {
  const TempFolder folder;
  const std::string file = folder.path() + "/diff.svg";
  const CliResult other =
      run_cli({"diff", "--graph", "vgg11", "vgg11_bn", "--no-transforms", "-o", file});
  CHECK(other.code == 1);
  CHECK(other.err == "");
  CHECK(has(other.out, "0 changed, 0 removed, 8 added; 24 edges removed or added"));
  CHECK(has(io::read_file(file), "+ BatchNorm"));
  const CliResult same = run_cli({"diff", "--graph", "cifar", "cifar", "-o", file});
  CHECK(same.code == 0);
  CHECK(has(same.out, "0 changed, 0 removed, 0 added; 0 edges"));
  const CliResult piped = run_cli({"diff", "--graph", "cifar", "mnist"});
  CHECK(piped.code == 1);
  CHECK(piped.out.starts_with("digraph"));
  CHECK(run_cli({"diff", "cifar", "cifar", "-o", file}).code == 2);
  CHECK(run_cli({"diff", "--graph", "cifar", "no-such-model"}).code == 2);
  CHECK(run_cli({"diff", "--graph", "cifar", "cifar", "-o", "x.jpeg"}).code == 2);
}

TEST_CASE("cli graph: what is wrong is said") {
  for (const auto& [arguments, fact] :
       {std::pair{std::vector<std::string>{"--fold", "Conv >=X"}, "--fold: "},
        {{"--fold", "Conv > Relu"}, "is not of the form"},
        {{"--why", "(Conv"}, "--why: "},
        {{"--theme", "pink"}, "pink"},
        {{"--direction", "RL"}, "RL"},
        {{"--color-by", "taste"}, "taste"},
        {{"--phase", "moon"}, "moon"},
        {{"--layout", "circle"}, "circle"},
        {{"--layout", "graphviz", "-o", "graph.html"}, "--layout graphviz is of .svg"},
        {{"-o", "graph.jpeg"}, "the known endings are .pdf .svg"}}) {
    std::vector<std::string> call{"graph", "cifar"};
    call.insert(call.end(), arguments.begin(), arguments.end());
    const CliResult result = run_cli(call);
    CAPTURE(result.err);
    CHECK(result.code == 2);
    CHECK(has(result.err, fact));
  }
}

}  // namespace glassbox::test
