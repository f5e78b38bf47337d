#include "glassbox/plot_verb.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <memory>

#include "engine/core/threads.h"
#include "engine/io/file.h"
#include "glassbox/plot.h"
#include "glassbox/report.h"
#include "glassbox/report_page.h"
#include "glassbox/terminal.h"
#include "glassbox/usage_error.h"
#include "viz/chart.h"
#include "viz/svg.h"

namespace glassbox {

namespace {

// --- plot ----------------------------------------------------------------------------------------

struct PlotArguments {
  PlotRequest request;
  std::string x = "auto", output = "-", theme = "light", color = "auto";

  void read() {
    if (x == "step") request.x = XAxis::step;
    if (x == "epoch") request.x = XAxis::epoch;
    if (x == "time") request.x = XAxis::time;
    if (request.log_x && request.x == XAxis::time) return;
    if (output == "-") return;
    for (const char* ending : {".svg", ".png", ".pdf", ".txt", ".csv", ".html"}) {
      if (!output.ends_with(ending)) continue;
      const bool needs_picture = output.ends_with(".png") || output.ends_with(".pdf");
      if (needs_picture && !viz::why_no_pdf().empty())
        throw UsageError("-o " + output + ": " + viz::why_no_pdf());
      return;
    }
    throw UsageError("-o " + output + ": a plot is written as .svg .png .pdf .txt .csv or .html");
  }
};

// Two beside each other where there are several and room for it.
viz::ChartGrid grid_of(const Plot& plot, int per_row) {
  viz::ChartGrid grid;
  for (std::size_t i = 0; i < plot.charts.size(); ++i) {
    if (i % static_cast<std::size_t>(per_row) == 0) grid.rows.emplace_back();
    grid.add(plot.charts[i]);
  }
  return grid;
}

std::string page_of(const Plot& plot, const PlotArguments& a) {
  std::string names;
  for (const std::string& run : detail::run_names(a.request.runs))
    names += (names.empty() ? "" : ", ") + run;
  ReportPage page(names, "");
  page.begin("curves", "Curves");
  std::vector<Html> figures;
  for (const viz::LineChart& chart : plot.charts) figures.push_back(page_figure(chart));
  page.figures(figures);
  page.begin("figures", "Figures");
  page.add(page_table(figures_of(plot.rows)));
  return page.html();
}

void show(const Plot& plot, const PlotArguments& a) {
  const int width = stdout_width();
  viz::TerminalOptions options;
  options.columns = std::max(20, width > 0 ? width : 80);
  options.colors = a.color == "never" ? viz::ColorDepth::none : viz::color_depth(width > 0);
  if (a.color == "always") options.colors = viz::color_depth(true);
  if (a.color == "always" && options.colors == viz::ColorDepth::none)
    options.colors = viz::ColorDepth::palette256;
  std::cout << viz::to_terminal(grid_of(plot, options.columns >= 150 ? 2 : 1), options) << "\n"
            << table_text(plot.rows);
}

void run_plot(PlotArguments& a) {
  a.read();
  const RunPlot runs(a.request);
  if (a.output.ends_with(".csv")) {
    io::write_file(a.output, runs.csv());
    fmt::print("wrote {}\n", a.output);
    return;
  }
  const Plot plot = runs.draw();
  for (const std::string& note : plot.notes) std::fprintf(stderr, "glassbox: %s\n", note.c_str());
  if (a.output == "-") return show(plot, a);
  if (a.output.ends_with(".html")) {
    io::write_file(a.output, page_of(plot, a));
  } else {
    const int per_row = plot.charts.size() > 1 ? 2 : 1;
    viz::save_chart(
        grid_of(plot, per_row), a.output,
        {.width = per_row == 2 ? 1200.0 : 760.0, .theme = viz::theme_mode_named(a.theme)});
  }
  std::cout << table_text(plot.rows);
  fmt::print("wrote {}\n", a.output);
}

void add_plot(CLI::App& app, std::function<void()>& action) {
  CLI::App* verb = app.add_subcommand("plot", "compare what runs have logged");
  const auto a = std::make_shared<PlotArguments>();
  verb->add_option("runs", a->request.runs,
                   "folders of runs, also while they train; folders of histories, .jsonl, or .pkl "
                   "of HiddenLayer")
      ->required();
  verb->add_option("--metric", a->request.metrics,
                   "its name, or a pattern as 'epoch/*'; may be given again (loss and accuracy)")
      ->allow_extra_args(false);
  verb->add_option("--smooth", a->request.smooth, "weight of the past in [0, 1), as 0.9")
      ->capture_default_str();
  verb->add_flag("--log-x", a->request.log_x, "a logarithmic axis of steps");
  verb->add_flag("--log-y", a->request.log_y, "a logarithmic axis of values");
  verb->add_option("--x", a->x, "what is to the right; time is seconds since the run began")
      ->check(CLI::IsMember({"auto", "step", "epoch", "time"}))
      ->capture_default_str();
  verb->add_flag("--group", a->request.group,
                 "one line, mean ± deviation, for runs named alike, as cifar-1 and cifar-2");
  verb->add_option("-o,--output", a->output,
                   "a file: .svg .png .pdf .txt .csv .html; - is the terminal")
      ->capture_default_str();
  verb->add_option("--theme", a->theme, "of a picture; auto, of .svg: the reader's setting")
      ->check(CLI::IsMember({"light", "dark", "auto"}))
      ->capture_default_str();
  verb->add_option("--color", a->color, "auto is: on a terminal, unless NO_COLOR is set")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->capture_default_str();
  verb->footer(
      "Examples:\n  glassbox plot runs/cifar-1\n"
      "  glassbox plot runs/* --metric loss --smooth 0.9 --log-y -o loss.svg\n"
      "  glassbox plot runs/* --metric 'epoch/*accuracy' --group\n");
  verb->callback([&action, a] { action = [a] { run_plot(*a); }; });
}

// --- report --------------------------------------------------------------------------------------

struct ReportArguments {
  std::string run, weights, output;
  int threads = 0;
};

void add_report(CLI::App& app, const FindModel& find, std::function<void()>& action) {
  CLI::App* verb = app.add_subcommand("report", "make a run's report.html again");
  const auto a = std::make_shared<ReportArguments>();
  verb->add_option("run", a->run, "the run's folder, as runs/cifar-1")->required();
  verb->add_option("--weights", a->weights, "a safetensors file (RUN/model.safetensors)");
  verb->add_option("-o,--output", a->output, "another file (RUN/report.html)");
  verb->add_option("--threads", a->threads, "CPU threads (all cores)")->check(CLI::Range(1, 1024));
  verb->footer("Examples:\n  glassbox report runs/cifar-1\n");
  verb->callback([&action, find, a] {
    action = [find, a] {
      if (a->threads > 0) set_num_threads(a->threads);
      const ReportSource source = source_of_run(
          a->run, a->weights, [find](const std::string& name) { return find(name).make(); });
      fmt::print("wrote {}\n", write_report(source, a->output));
    };
  });
}

}  // namespace

void add_plot_verbs(CLI::App& app, const FindModel& find, std::function<void()>& action) {
  add_plot(app, action);
  add_report(app, find, action);
}

}  // namespace glassbox
