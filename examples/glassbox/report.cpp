#include "glassbox/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "engine/engine.h"
#include "engine/io/file.h"
#include "glassbox/progress.h"
#include "glassbox/report_parts.h"
#include "glassbox/run_folder.h"
#include "viz/axis.h"
#include "viz/text.h"

namespace glassbox {

namespace {

using detail::percent;

// A run as a whole: what was reached, and what a reader asks first.
void add_cards(ReportPage& page, const ReportSource& source,
               const std::vector<EpochResult>& results, const Evaluation* evaluation) {
  const int planned = source.options.epochs;
  if (evaluation) {
    page.card("Test accuracy", percent(evaluation->accuracy, 2),
              fmt::format("{} test images", viz::with_commas(evaluation->images)));
    page.card("Test loss", viz::short_number(evaluation->loss));
  } else if (!results.empty()) {
    page.card("Test accuracy", percent(results.back().test_accuracy, 2));
  }
  if (!results.empty()) {
    const auto best = std::max_element(results.begin(), results.end(),
                                       [](const EpochResult& a, const EpochResult& b) {
                                         return a.test_accuracy < b.test_accuracy;
                                       });
    if (results.size() > 1)
      page.card("Best test accuracy", percent(best->test_accuracy, 2),
                fmt::format("epoch {}", best->epoch));
    page.card("Training loss", viz::short_number(results.back().loss),
              fmt::format("accuracy {}", percent(results.back().train_accuracy, 2)));
    double seconds = 0, images = 0;
    for (const EpochResult& r : results) {
      seconds += r.seconds;
      images += r.images_per_second * r.seconds;
    }
    page.card("Training time", format_duration(seconds), "without evaluation");
    if (seconds > 0)
      page.card("Images per second", viz::short_number(std::round(images / seconds)));
  }
  const auto done = static_cast<int>(results.size());
  page.card("Epochs",
            done < planned ? fmt::format("{} of {}", done, planned) : std::to_string(done),
            done < planned ? "not finished" : "");
  if (source.model) page.card("Parameters", viz::with_commas(source.model->num_parameters()));
}

class Report {
 public:
  explicit Report(const ReportSource& source)
      : source_(source),
        page_(source.options.model_name + " on " + source.info.note, subtitle(source)) {
    for (const auto& [what, why] : source.left_out) page_.left_out(what, why);
  }

  std::string html() {
    const bool is_trained = source_.model && !source_.weights.empty();
    std::optional<Evaluation> evaluation = source_.evaluation;
    if (!evaluation && is_trained && source_.data) {
      part("results on the test images", [&] {
        evaluation = evaluate(
            Trained{source_.model, source_.run, source_.weights, source_.options, source_.info},
            *source_.data, mistakes_of_a_report);
      });
    }
    part("results of the epochs", [&] {
      add_cards(page_, source_, epoch_results(source_.run), evaluation ? &*evaluation : nullptr);
    });
    std::optional<viz::History> history;
    part("history", [&] {
      history.emplace(open_history(source_.run, [this](const std::string& what) {
        page_.left_out("a part of the history", what);
      }));
    });
    if (history) {
      part("curves", [&] { detail::add_curves(page_, *history); });
      part("other metrics", [&] { detail::add_other_metrics(page_, *history); });
    }
    if (evaluation) {
      part("confusion matrix", [&] { detail::add_confusion(page_, *evaluation); });
      part("worst mistakes", [&] { detail::add_mistakes(page_, source_, *evaluation); });
    }
    if (is_trained) {
      part("first-layer filters",
           [&] { detail::add_filters(page_, *source_.model, source_.info); });
      part("feature maps", [&] { detail::add_feature_maps(page_, source_); });
    }
    if (history) {
      part("feature maps over time", [&] { detail::add_logged_images(page_, *history); });
      part("weights over time", [&] { detail::add_histograms(page_, *history); });
    }
    if (source_.model) {
      part("graph", [&] { detail::add_graph(page_, *source_.model, source_.info); });
      part("summary", [&] { detail::add_summary(page_, *source_.model, source_.info); });
    }
    part("configuration", [&] { detail::add_configuration(page_, source_.run); });
    return page_.html();
  }

 private:
  static std::string subtitle(const ReportSource& source) {
    std::string text = source.run;
    try {
      const nlohmann::ordered_json config = read_config(source.run);
      std::string time = config.at("commands").at(0).at("time").get<std::string>();
      if (time.size() == 20) time = time.substr(0, 10) + " " + time.substr(11, 5) + " UTC";
      text += " · begun " + time;
    } catch (const std::exception&) {  // the part on the configuration says what is wrong
    }
    return text + fmt::format(" · seed {}", source.options.seed);
  }

  void part(const std::string& name, const std::function<void()>& add) {
    ReportPage before = page_;
    try {
      add();
    } catch (const std::exception& e) {
      page_ = std::move(before);  // without what it had begun
      page_.left_out(name, e.what());
    }
  }

  const ReportSource& source_;
  ReportPage page_;
};

}  // namespace

std::string detail::percent(double part, int decimals) {
  return std::isfinite(part) ? viz::fixed(part * 100, decimals) + " %" : "–";
}

ReportSource source_of_run(const std::string& run, const std::string& weights,
                           const MakeModel& make) {
  ReportSource source;
  source.run = run;
  while (source.run.size() > 1 && source.run.back() == '/') source.run.pop_back();
  const nlohmann::ordered_json config = read_config(source.run);
  const std::string file = source.run + "/config.json";
  nlohmann::ordered_json entry;
  read_key(config, file, "options", entry);
  source.options = options_from_json(entry, file);
  read_key(config, file, "data", entry);
  source.info = data_info_from_json(entry, file);
  std::shared_ptr<Trained> trained;
  try {
    trained = std::make_shared<Trained>(load_trained(source.run, weights, make));
  } catch (const std::exception& e) {
    source.left_out.emplace_back("whatever needs trained weights", e.what());
    try {
      source.model = make(source.options.model_name);  // its graph can be drawn
    } catch (const std::exception&) {                  // which has been said
    }
    return source;
  }
  source.model = trained->model;
  source.weights = trained->weights;
  try {
    source.data = std::make_shared<Data>(load_test_data(*trained));
  } catch (const std::exception& e) {
    source.left_out.emplace_back("whatever needs the test images", e.what());
  }
  return source;
}

std::string report_html(const ReportSource& source) { return Report(source).html(); }

std::string write_report(const ReportSource& source, const std::string& file) {
  const std::string path = file.empty() ? source.run + "/report.html" : file;
  io::write_file(path, report_html(source));
  return path;
}

}  // namespace glassbox
