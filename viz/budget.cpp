// Limits on a model's figures.
#include <algorithm>
#include <charconv>

#include "viz/compare.h"
#include "viz/summary_columns.h"
#include "viz/text.h"

namespace glassbox::viz {
namespace {

struct Figure {
  std::string_view name;
  bool is_bytes;
  double (*of)(const Summary&, const Costs&, std::int64_t parameters);
};
double params_of(const Summary&, const Costs&, std::int64_t parameters) {
  return static_cast<double>(parameters);
}
double macs_of(const Summary& s, const Costs& c, std::int64_t) {
  return c.macs.at(s.figures_batch());
}
double flops_of(const Summary& s, const Costs& c, std::int64_t) {
  return c.flops.at(s.figures_batch());
}
double activations_of(const Summary& s, const Costs& c, std::int64_t) {
  return c.activations.at(s.figures_batch());
}
constexpr Figure figures[] = {{"params", false, params_of},
                              {"macs", false, macs_of},
                              {"flops", false, flops_of},
                              {"activations", true, activations_of},
                              {"peak", true, nullptr}};

}  // namespace

double parse_quantity(const std::string& text, std::string_view what) {
  constexpr std::pair<std::string_view, double> units[] = {
      {"", 1},     {"B", 1},        {"k", 1e3},      {"M", 1e6},      {"G", 1e9},
      {"T", 1e12}, {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40},
      {"kB", 1e3}, {"MB", 1e6},     {"GB", 1e9},     {"TB", 1e12}};
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const auto known = std::ranges::find_if(units, [unit](const auto& u) { return u.first == unit; });
  if (error != std::errc() || known == std::end(units) || !(value >= 0) || value > 1e18)
    fail(what, cat("\"", text, "\" is no quantity such as 25M, 4.2G or 8GiB"));
  return value * known->second;
}

Budget Budget::parse(const std::string& text) {
  Budget budget;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::string part = text.substr(at, end - at);
    at = end + 1;
    const std::size_t equals = part.find('=');
    const std::string name = part.substr(0, equals);
    const bool known =
        std::ranges::any_of(figures, [&](const Figure& f) { return f.name == name; });
    if (equals == std::string::npos || !known)
      fail("budget", cat("\"", part,
                         "\" is not of the form params=25M; figures are params, macs, flops, "
                         "activations, peak"));
    const std::string value = part.substr(equals + 1);
    budget.limits.push_back({name, value, parse_quantity(value, "budget")});
  }
  return budget;
}

bool Budget::needs(std::string_view figure) const {
  return std::ranges::any_of(limits, [figure](const Limit& l) { return l.figure == figure; });
}

std::vector<std::string> Budget::exceeded(const Summary& summary, double peak_bytes) const {
  std::vector<std::string> lines;
  for (const Limit& limit : limits) {
    const Figure& figure =
        *std::ranges::find_if(figures, [&](const Figure& f) { return f.name == limit.figure; });
    const double value =
        figure.of ? figure.of(summary, summary.totals, summary.totals.parameters) : peak_bytes;
    if (value <= limit.most) continue;
    const auto text = [&figure](double v) {
      return figure.is_bytes ? with_binary_unit(v) : with_si(v);
    };
    std::string line = limit.figure + " is " + text(value) + ", the budget " + limit.text;
    if (figure.of) {
      // The rows that hold it, without those that contain others.
      std::vector<std::pair<double, std::string>> parts;
      for (std::size_t i = 0; i < summary.rows.size(); ++i) {
        const Summary::Row& row = summary.rows[i];
        const double own = figure.of(summary, row.costs, row.parameters);
        if (own > 0 && row.parent >= 0) parts.emplace_back(own, row.path);
      }
      std::ranges::stable_sort(parts,
                               [](const auto& a, const auto& b) { return a.first > b.first; });
      for (std::size_t i = 0; i < std::min<std::size_t>(3, parts.size()); ++i)
        line += std::string(i ? ", " : "; most in ") + parts[i].second + " " + text(parts[i].first);
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace glassbox::viz
