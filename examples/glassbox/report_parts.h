// The parts of a report, each of which may throw: report.cpp then leaves it out. Detail of the
// report.
#pragma once
#include "glassbox/report.h"
#include "glassbox/report_page.h"
#include "glassbox/run_history.h"

namespace glassbox::detail {

// Thrown by a part that this run has nothing for.
struct NothingToShow : Error {
  using Error::Error;
};

void add_curves(ReportPage& page, const viz::History& history);
void add_other_metrics(ReportPage& page, const viz::History& history);
void add_histograms(ReportPage& page, const viz::History& history);
void add_logged_images(ReportPage& page, const viz::History& history);

void add_confusion(ReportPage& page, const Evaluation& evaluation);
void add_mistakes(ReportPage& page, const ReportSource& source, const Evaluation& evaluation);

void add_filters(ReportPage& page, layers::ModuleBase& model, const DataInfo& info);
void add_feature_maps(ReportPage& page, const ReportSource& source);
void add_graph(ReportPage& page, layers::ModuleBase& model, const DataInfo& info);
void add_summary(ReportPage& page, layers::ModuleBase& model, const DataInfo& info);

void add_configuration(ReportPage& page, const std::string& run);

// One test image as the model sees it, f32 [1,C,H,W], with its label.
datasets::Batch test_sample(const Data& data, std::int64_t index);
// As a picture of at most 96 pixels to a side.
Html picture_of(const Tensor& sample, const DataInfo& info, std::string_view alternative,
                const std::vector<std::string>& lines);
std::string percent(double part, int decimals = 1);

}  // namespace glassbox::detail
