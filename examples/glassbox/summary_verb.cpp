#include "glassbox/summary_verb.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>

#include "engine/io/file.h"
#include "glassbox/devices.h"
#include "glassbox/terminal.h"
#include "glassbox/usage_error.h"
#include "viz/viz.h"

namespace glassbox {

std::vector<Shape> parse_shapes(const std::string& text) {
  std::vector<Shape> shapes;
  Shape shape;
  std::string number;
  for (const char c : text + ",") {
    if (c >= '0' && c <= '9' && number.size() < 12) {
      number += c;
    } else if ((c == 'x' || c == ',') && !number.empty() && shape.rank() < Shape::max_rank - 1) {
      shape.push_back(std::stoll(number));
      number.clear();
      if (c == ',') shapes.push_back(std::exchange(shape, {}));
    } else {
      throw UsageError("--input " + text + " is not of the form 3x224x224[,...]");
    }
  }
  return shapes;
}

std::shared_ptr<layers::ModuleBase> make_on_meta(const models::Entry& entry) {
  const DeviceScope meta(Device::meta());
  return entry.make();
}

namespace {

using viz::Column;

constexpr std::string_view styles[] = {"tree", "torchsummary", "keras"};
constexpr std::string_view formats[] = {"text", "markdown", "csv", "json", "html"};

template <std::size_t size>
std::vector<std::string> words(const std::string_view (&list)[size]) {
  return {std::begin(list), std::end(list)};
}
template <class Enum, std::size_t size>
Enum chosen(const std::string_view (&list)[size], const std::string& word) {
  std::size_t i = 0;
  while (i < size && list[i] != word) ++i;
  return static_cast<Enum>(i);
}

struct SummaryArguments {
  std::string model, input, style = "tree", columns, format, output = "-", explain, max_batch,
                            budget, optimizer = "sgd", color = "auto", device = "cpu";
  std::int64_t batch = -1;
  int depth = -1;
  bool eval = false, ascii = false, no_ops = false, no_repeats = false, memory = false,
       measure = false;
};

std::vector<Column> parse_columns(const std::string& text, bool measured) {
  std::vector<Column> columns;
  if (text == "all") {
    for (const Column column : viz::all_columns()) {
      if (measured || !is_measured(column)) columns.push_back(column);
    }
    return columns;
  }
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    try {
      columns.push_back(viz::column_of(text.substr(at, end - at)));
    } catch (const Error& e) {
      throw UsageError(std::string("--columns: ") + e.what());
    }
    at = end + 1;
  }
  return columns;
}

class SummaryVerb {
 public:
  SummaryVerb(const models::Entry& entry, const SummaryArguments& a) : entry_(entry), a_(a) {
    options_.style = chosen<viz::Style>(styles, a.style);
    format_ = format_of();
    options_.batch = a.batch;
    options_.depth = a.depth;
    options_.ops = !a.no_ops;
    options_.repeats = !a.no_repeats;
    options_.ascii = a.ascii;
    options_.columns = parse_columns(a.columns, a.measure);
    const bool text = format_ == viz::Format::text && a.output == "-";
    options_.color = text && (a.color == "always" || (a.color == "auto" && stdout_has_color()));
    if (text) options_.width = stdout_width();
    // Files and explanations show all there is.
    if (format_ == viz::Format::json || format_ == viz::Format::html ||
        format_ == viz::Format::csv || !a.explain.empty()) {
      options_.backward = true;
    }
    for (const Column column : options_.columns) timed_ = timed_ || is_measured(column);
    if (a.measure && a.columns.empty()) {
      timed_ = true;
      options_.columns = {Column::type,   Column::output, Column::params,
                          Column::macs,   Column::time,   Column::time_backward,
                          Column::gflops, Column::roof,   Column::notes};
    }
    if (timed_) options_.backward = true;
    memory_.batch = a.batch < 0 ? 32 : a.batch;
    memory_.training = !a.eval;
    memory_.optimizer = viz::optimizer_named(a.optimizer);
  }

  void run() {
    // What is measured needs data; all else is only looked at.
    const bool needs_data = timed_ || a_.measure;
    const auto model = needs_data ? entry_.make() : make_on_meta(entry_);
    if (needs_data) model->to(device_of(a_.device));
    if (a_.eval) model->eval();
    const std::vector<Shape> inputs =
        a_.input.empty() ? model->usual_inputs() : parse_shapes(a_.input);
    if (!a_.max_batch.empty()) return print_max_batch(*model, inputs);
    const viz::Budget budget = parse_budget();

    viz::Summary summary = viz::summary(*model, inputs, options_);
    if (timed_ && !summary.failure) {
      need_input(inputs);
      viz::measure(summary, *model);
    }
    std::string text = a_.explain.empty() ? summary.to_string(format_) : explained(summary);
    if ((a_.memory || a_.measure) && !summary.failure && format_ == viz::Format::text) {
      need_input(inputs);
      const viz::MemoryReport report = viz::predict_memory(*model, inputs, memory_);
      text +=
          "\n" + (a_.measure ? viz::to_string(report, viz::measure_memory(*model, inputs, memory_))
                             : viz::to_string(report));
    }
    write(text);
    if (summary.failure) throw Error(summary.failure->message);
    check(budget, summary, *model, inputs);
  }

 private:
  viz::Format format_of() const {
    if (!a_.format.empty()) return chosen<viz::Format>(formats, a_.format);
    constexpr std::pair<std::string_view, viz::Format> endings[] = {{".md", viz::Format::markdown},
                                                                    {".csv", viz::Format::csv},
                                                                    {".json", viz::Format::json},
                                                                    {".html", viz::Format::html},
                                                                    {".txt", viz::Format::text}};
    for (const auto& [ending, format] : endings) {
      if (a_.output.ends_with(ending)) return format;
    }
    if (a_.output != "-")
      throw UsageError("summary: cannot tell the format of " + a_.output +
                       ": end it with .txt, .md, .csv, .json or .html, or give --format");
    return viz::Format::text;
  }

  std::string explained(const viz::Summary& summary) const {
    try {
      return viz::explain_text(summary, a_.explain);
    } catch (const Error& e) {
      throw UsageError(std::string("--explain: ") + e.what());
    }
  }

  void need_input(const std::vector<Shape>& inputs) const {
    if (inputs.empty())
      throw UsageError("summary: " + entry_.name + " has no usual input; give --input CxHxW");
  }

  viz::Budget parse_budget() const {
    if (a_.budget.empty()) return {};
    try {
      return viz::Budget::parse(a_.budget);
    } catch (const Error& e) {
      throw UsageError(std::string("--") + e.what());
    }
  }

  void check(const viz::Budget& budget, const viz::Summary& summary, layers::ModuleBase& model,
             const std::vector<Shape>& inputs) const {
    if (budget.limits.empty()) return;
    double peak = 0;
    if (budget.needs("peak")) {
      need_input(inputs);
      peak = static_cast<double>(viz::predict_memory(model, inputs, memory_).peak);
    }
    const std::vector<std::string> offenders = budget.exceeded(summary, peak);
    if (offenders.empty()) return;
    for (const std::string& line : offenders) fmt::print(stderr, "over budget: {}\n", line);
    throw ExitWith{1};
  }

  void print_max_batch(layers::ModuleBase& model, const std::vector<Shape>& inputs) const {
    need_input(inputs);
    double budget = 0;
    try {
      budget = viz::parse_quantity(a_.max_batch, "max-batch");
    } catch (const Error& e) {
      throw UsageError(std::string("--") + e.what());
    }
    const auto bytes = static_cast<std::int64_t>(budget);
    const viz::BatchLimit limit = viz::max_batch(model, inputs, bytes, memory_);
    write(viz::to_string(limit, bytes) + "\n");
    if (limit.batch == 0) throw ExitWith{1};
  }

  void write(const std::string& text) const {
    if (a_.output == "-") {
      std::cout << text;
    } else {
      io::write_file(a_.output, text);
      fmt::print("wrote {}\n", a_.output);
    }
  }

  const models::Entry& entry_;
  const SummaryArguments& a_;
  viz::SummaryOptions options_;
  viz::MemoryOptions memory_;
  viz::Format format_ = viz::Format::text;
  bool timed_ = false;
};

}  // namespace

void add_summary_verb(CLI::App& app, const FindModel& find, std::function<void()>& action) {
  CLI::App* verb =
      app.add_subcommand("summary", "print a model's layers, shapes, parameters and costs");
  const auto a = std::make_shared<SummaryArguments>();
  verb->add_option("model", a->model, "its name, from `glassbox models`")->required();
  verb->add_option("--input", a->input, "shape of one sample, 3x224x224; several with commas");
  verb->add_option("--batch", a->batch, "put this batch in; left out: any batch N")
      ->check(CLI::Range(std::int64_t(1), std::int64_t(1) << 30));
  verb->add_option("--style", a->style, "how the text looks")
      ->check(CLI::IsMember(words(styles)))
      ->capture_default_str();
  verb->add_option("--depth", a->depth, "levels below the model")->check(CLI::NonNegativeNumber);
  std::string names;
  for (const Column column : viz::all_columns())
    names += (names.empty() ? "" : ",") + std::string(name_of(column));
  verb->add_option("--columns", a->columns, "any of " + names + "; or all");
  verb->add_option("--format", a->format, "of the output; left out: by the file's ending, or text")
      ->check(CLI::IsMember(words(formats)));
  verb->add_option("-o,--output", a->output, "file to write; - is standard output")
      ->capture_default_str();
  verb->add_option("--explain", a->explain,
                   "how the figures of one row come to be: its path or the model's type");
  verb->add_flag("--eval", a->eval, "in evaluation mode");
  verb->add_flag("--memory", a->memory, "add the peak memory of a step, predicted");
  verb->add_flag("--measure", a->measure,
                 "run the model: time of every row, and memory as predicted and as measured");
  verb->add_option("--device", a->device, "where to measure: cpu, cuda, cuda:N or auto")
      ->capture_default_str();
  verb->add_option("--max-batch", a->max_batch,
                   "print only the largest batch whose training step fits, 8GiB");
  verb->add_option("--optimizer", a->optimizer, "of the memory's training step")
      ->check(CLI::IsMember({"sgd", "adam", "adamw", "rmsprop"}))
      ->capture_default_str();
  verb->add_option("--budget", a->budget,
                   "exit with 1 when over, params=25M,macs=4G,flops=8G,activations=1GiB,peak=2GiB");
  verb->add_flag("--no-ops", a->no_ops, "leave out the ops that modules run themselves");
  verb->add_flag("--no-repeats", a->no_repeats, "leave out later calls of a module");
  verb->add_flag("--ascii", a->ascii, "no characters beyond ASCII");
  verb->add_option("--color", a->color, "auto is: on a terminal, unless NO_COLOR is set")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->capture_default_str();
  verb->footer(
      "Examples:\n  glassbox summary resnet50 --depth 2 --columns output,params,macs,saved\n"
      "  glassbox summary vgg11_bn@2019 --style torchsummary\n"
      "  glassbox summary resnet18 --explain layer1.0.conv1\n"
      "  glassbox summary resnet18 --measure --batch 8\n"
      "  glassbox summary cifar --max-batch 8GiB\n"
      "  glassbox summary cifar -o cifar.html\n");
  verb->callback(
      [&action, find, a] { action = [find, a] { SummaryVerb(find(a->model), *a).run(); }; });
}

}  // namespace glassbox
