// What a training has logged, wherever it lies: for `plot` and for reports.
#pragma once
#include <string>
#include <vector>

#include "glassbox/train.h"
#include "viz/curve.h"
#include "viz/history.h"
#include "viz/metric_charts.h"

namespace glassbox {

// The history of a run's folder, a history's own folder or a file of either, a .jsonl, or a pickle
// of HiddenLayer. A run that logged none has one of its epochs' results, with counts of epochs as
// steps. It is read only, and may still be written. `say` is told of what was broken; left out:
// standard error is. Throws UsageError when there is nothing of that kind, Error when it cannot be
// read.
viz::History open_history(const std::string& path,
                          std::function<void(const std::string&)> say = {});

// The results of the epochs that a run has finished: RUN/result.json, or the newest checkpoint
// where that is further. Empty when there is neither; throws Error when they cannot be read.
std::vector<EpochResult> epoch_results(const std::string& run);

// Batches in an epoch, as far as the history has seen; 1 where steps are counts.
double batches_in_epoch(const viz::History& history);

// epoch: those that were done when a batch ended, so an epoch's results stand at whole numbers.
// time: seconds since the first record.
enum class XAxis { step, epoch, time };

using viz::Curve;
// At most `points` points of a metric, for a chart. Throws Error for epochs of steps that are
// counts, and for a metric that is no number.
Curve curve_of(const viz::History& history, const viz::Metric& metric, XAxis axis,
               std::size_t points);
// The weight that smooths means of `per_point` points as much as `weight` does single ones.
double smoothing_of(double weight, double per_point);

// Text for a terminal: nothing in it moves the cursor.
std::string printable(std::string_view text);

}  // namespace glassbox
