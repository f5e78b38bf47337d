// What a report shows of the model: filters, feature maps, graph, summary; and the configuration.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/engine.h"
#include "glassbox/report_parts.h"
#include "glassbox/run_folder.h"
#include "viz/build_graph.h"
#include "viz/chart_image.h"
#include "viz/summary_columns.h"
#include "viz/svg.h"
#include "viz/text.h"

namespace glassbox::detail {

namespace {

Shape input_of(const DataInfo& info) { return {info.channels, info.height, info.width}; }

std::string named(const std::string& path) { return path.empty() ? "the model" : path; }

int small(std::int64_t size) { return static_cast<int>(size); }

std::vector<float> floats_of(const Tensor& tensor) {
  const NoGrad no_grad;
  return tensor.to(DType::f32).to_vector<float>();
}

std::uint8_t byte_of(double part) {
  return static_cast<std::uint8_t>(std::lround(std::clamp(part, 0.0, 1.0) * 255));
}

}  // namespace

datasets::Batch test_sample(const Data& data, std::int64_t index) {
  datasets::DataLoader loader = data.test({.batch_size = 1});
  loader.set_epoch(0, index);
  auto at = loader.begin();
  if (at == loader.end()) fail("report", cat("there is no test image ", index));
  return *at;
}

Html picture_of(const Tensor& sample, const DataInfo& info, std::string_view alternative,
                const std::vector<std::string>& lines) {
  constexpr std::int64_t most = 96;
  const std::int64_t channels = sample.size(1), height = sample.size(2), width = sample.size(3);
  const std::vector<float> values = floats_of(sample);
  // Larger ones are made smaller: the mean of squares of so many pixels.
  const std::int64_t by = std::max<std::int64_t>(1, (std::max(height, width) + most - 1) / most);
  const auto pixel = [&](std::int64_t channel, std::int64_t top, std::int64_t left) {
    const auto c = static_cast<std::size_t>(std::min(channel, channels - 1));
    double sum = 0, count = 0;
    for (std::int64_t y = top; y < std::min(top + by, height); ++y) {
      for (std::int64_t x = left; x < std::min(left + by, width); ++x) {
        sum += values[(c * static_cast<std::size_t>(height) + static_cast<std::size_t>(y)) *
                          static_cast<std::size_t>(width) +
                      static_cast<std::size_t>(x)];
        ++count;
      }
    }
    return byte_of(sum / count * info.std.at(c) + info.mean.at(c));
  };
  std::vector<viz::Rgb> pixels;
  for (std::int64_t y = 0; y < height; y += by) {
    for (std::int64_t x = 0; x < width; x += by)
      pixels.push_back({pixel(0, y, x), pixel(1, y, x), pixel(2, y, x)});
  }
  return page_picture(small((width + by - 1) / by), small((height + by - 1) / by), pixels,
                      alternative, lines);
}

void add_filters(ReportPage& page, layers::ModuleBase& model, const DataInfo& info) {
  viz::FilterGrid grid;
  std::string what;
  for (const auto& [name, weight] : model.named_parameters()) {
    const std::int64_t pixels = info.channels * info.height * info.width;
    const bool is_conv = weight.dim() == 4;
    // A first layer that is linear looks at every pixel: its weights are pictures too.
    if (!is_conv && !(weight.dim() == 2 && weight.size(1) == pixels)) continue;
    grid.out = small(weight.size(0));
    grid.in = small(is_conv ? weight.size(1) : info.channels);
    grid.height = small(is_conv ? weight.size(2) : info.height);
    grid.width = small(is_conv ? weight.size(3) : info.width);
    grid.values = floats_of(weight);
    grid.title = cat(name, " ", weight.shape());
    break;
  }
  if (grid.out == 0)
    throw NothingToShow("the model has no convolution, and no linear layer over the pixels");
  page.begin("filters", "First-layer filters");
  page.add(page_figure(grid, FigureSize::full));
}

namespace {

struct FeatureMap {
  std::string path, type;
  Tensor values;  // [1,C,h,w]
};

// What the convolutions make of one image, in order of execution.
std::vector<FeatureMap> feature_maps(layers::ModuleBase& model, const Tensor& image,
                                     Tensor& outputs) {
  std::vector<FeatureMap> maps;
  std::vector<layers::HookHandle> hooks;
  for (const auto& [path, module] : model.named_modules()) {
    if (!module->type_name().starts_with("Conv")) continue;
    hooks.push_back(module->on_forward(
        [&maps, path = path](layers::ModuleBase& self, const Tensors&, const Tensors& out) {
          if (!out.empty() && out[0].dim() == 4)
            maps.push_back({path, self.type_name(), out[0].clone()});
        }));
  }
  outputs = model.call({image}).at(0);
  return maps;
}

}  // namespace

void add_feature_maps(ReportPage& page, const ReportSource& source) {
  if (!source.data) throw NothingToShow("the test images are not there");
  const NoGrad no_grad;
  const datasets::Batch sample = test_sample(*source.data, 0);
  Tensor outputs;
  std::vector<FeatureMap> maps = feature_maps(*source.model, sample.inputs, outputs);
  if (maps.empty()) throw NothingToShow("the model has no convolution");
  if (maps.size() > 3) maps = {maps.front(), maps[maps.size() / 2], maps.back()};
  const auto p = probabilities(outputs, source.info.classes.size()).at(0);
  const std::size_t best = top(p, 1).front();
  const auto truth = static_cast<std::size_t>(sample.labels.to_vector<std::int64_t>().at(0));
  const std::string& name = source.info.classes.at(truth);
  page.begin("feature-maps", "Feature maps");
  page.paragraph("What convolutions make of the first test image, channel by channel.");
  page.add(page_pictures({picture_of(
      sample.inputs, source.info, name,
      {name, fmt::format("taken for {}", source.info.classes[best]), percent(p[best])})}));
  for (const FeatureMap& map : maps) {
    viz::FeatureMapGrid grid;
    grid.channels = small(map.values.size(1));
    grid.height = small(map.values.size(2));
    grid.width = small(map.values.size(3));
    grid.values = floats_of(map.values);
    grid.limit = 16;
    grid.title = fmt::format("{}, {} {}×{}×{}", named(map.path), map.type, grid.channels,
                             grid.height, grid.width);
    page.add(page_figure(grid, FigureSize::full));
  }
}

void add_graph(ReportPage& page, layers::ModuleBase& model, const DataInfo& info) {
  constexpr std::size_t most = 400'000;
  const viz::Diagram diagram = viz::build_graph(model, {input_of(info)});
  const auto draw = [&](const char* theme) {
    return viz::to_svg(diagram, {.theme = viz::theme_named(theme), .header = false});
  };
  const std::string svg = following_svg(draw("light"), draw("dark"));
  if (svg.size() > most)
    throw NothingToShow(fmt::format("its drawing is {} large; glassbox graph draws it",
                                    viz::with_binary_unit(static_cast<double>(svg.size()))));
  page.begin("graph", "Graph");
  page.add(page_svg(svg));
}

void add_summary(ReportPage& page, layers::ModuleBase& model, const DataInfo& info) {
  constexpr std::size_t most = 300;
  using viz::Column;
  const viz::Summary summary = viz::summary(model, {input_of(info)});
  const std::vector<Column> columns{Column::type, Column::output, Column::params, Column::macs};
  PageTable table;
  table.header = {"layer", "type", "output", "parameters", "multiply-adds"};
  table.left = 3;
  for (std::size_t i = 0; i < std::min(summary.rows.size(), most); ++i) {
    const viz::Summary::Row& row = summary.rows[i];
    const bool is_op = row.kind == viz::Summary::Row::Kind::op;
    std::vector<std::string>& cells = table.rows.emplace_back();
    cells.push_back(row.name + (is_op ? "()" : ""));
    for (const Column column : columns) cells.push_back(viz::detail::cell_of(summary, row, column));
    table.depths.push_back(row.depth);
  }
  page.begin("summary", "Summary");
  page.add(page_table(table));
  if (summary.rows.size() > most) {
    page.paragraph(
        fmt::format("{} more rows; glassbox summary shows them.", summary.rows.size() - most));
  }
}

// --- configuration -------------------------------------------------------------------------------

namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_number_float()) return fmt::format("{:.6g}", value.get<double>());
  if (!value.is_array()) return value.dump();
  constexpr std::size_t most = 20;
  std::string text;
  for (std::size_t i = 0; i < std::min(most, value.size()); ++i)
    text += (i > 0 ? ", " : "") + text_of(value[i]);
  if (value.size() > most) text += fmt::format(" and {} more", value.size() - most);
  return text;
}

PageTable facts_of(const Json& json) {
  PageTable table;
  table.left = 2;
  for (const auto& [name, value] : json.items()) {
    if (!value.empty()) table.rows.push_back({name, text_of(value)});
  }
  return table;
}

// As it could be typed into a shell.
std::string quoted(const std::string& word) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+./:,@%";
  if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

PageTable commands_of(const Json& commands) {
  PageTable table;
  table.title = "Command lines";
  table.header = {"command", "time"};
  table.left = 2;
  table.code = true;
  for (const Json& command : commands) {
    std::string line;
    for (const Json& word : command.value("arguments", Json::array()))
      line += (line.empty() ? "" : " ") + quoted(text_of(word));
    table.rows.push_back({line, text_of(command.value("time", Json("")))});
  }
  return table;
}

}  // namespace

void add_configuration(ReportPage& page, const std::string& run) {
  const Json config = read_config(run);
  page.begin("configuration", "Configuration");
  std::vector<Html> blocks;
  for (const auto& [key, title] : {std::pair{"options", "Options"}, std::pair{"data", "Data"},
                                   std::pair{"build", "Build"}, std::pair{"machine", "Machine"}}) {
    if (!config.contains(key) || !config.at(key).is_object()) continue;
    PageTable table = facts_of(config.at(key));
    table.title = title;
    blocks.push_back(page_table(table));
  }
  page.columns(blocks);
  if (!config.contains("commands") || !config.at("commands").is_array()) return;
  page.add(page_table(commands_of(config.at("commands"))));
}

}  // namespace glassbox::detail
