#include "viz/compare.h"

#include <algorithm>

#include "viz/summary_columns.h"
#include "viz/text.h"

namespace glassbox::viz {
namespace {

using Row = Summary::Row;
using Kind = Comparison::Kind;

std::string percent(double from, double to) {
  if (from == 0) return "";
  const double change = 100 * (to - from) / from;
  return " (" + std::string(change >= 0 ? "+" : "−") + fixed(std::abs(change), 1) + " %)";
}

std::vector<int> children_of(const Summary& summary, int index) {
  std::vector<int> children;
  const Row& row = summary.rows[static_cast<std::size_t>(index)];
  for (int child = index + 1; child < row.end;
       child = summary.rows[static_cast<std::size_t>(child)].end) {
    children.push_back(child);
  }
  return children;
}

class Aligner {
 public:
  Aligner(const Summary& left, const Summary& right, Comparison& out)
      : left_(left), right_(right), out_(out) {
    pair(0, 0, 0);
  }

 private:
  const Row& l(int i) const { return left_.rows[static_cast<std::size_t>(i)]; }
  const Row& r(int i) const { return right_.rows[static_cast<std::size_t>(i)]; }

  void pair(int a, int b, int depth) {
    Comparison::Row row{Kind::same,           a,     b,
                        path_of(l(a), left_), depth, changes_of(l(a), r(b), a == 0)};
    const std::string other = path_of(r(b), right_);
    if (depth > 0 && other != row.name) row.name += " → " + other;
    if (!row.changes.empty()) row.kind = Kind::changed;
    out_.rows.push_back(std::move(row));
    const std::vector<int> as = children_of(left_, a), bs = children_of(right_, b);
    align(as, bs, depth + 1);
  }

  static std::string path_of(const Row& row, const Summary& summary) {
    return row.path.empty() ? summary.model : row.path;
  }

  // A pair is worth more the surer it is. Names count little: in a Sequential they are numbers,
  // which move when a layer comes or goes.
  int likeness(int a, int b) const {
    if (l(a).kind != r(b).kind || l(a).type != r(b).type) return 0;
    const bool alike =
        l(a).outputs == r(b).outputs && l(a).kernel == r(b).kernel && l(a).total == r(b).total;
    return 2 + (alike ? 4 : 0) + (l(a).name == r(b).name ? 1 : 0);
  }

  void align(const std::vector<int>& as, const std::vector<int>& bs, int depth) {
    const std::size_t n = as.size(), m = bs.size();
    std::vector<std::vector<int>> best(n + 1, std::vector<int>(m + 1, 0));
    for (std::size_t i = n; i-- > 0;) {
      for (std::size_t j = m; j-- > 0;) {
        best[i][j] = std::max(best[i + 1][j], best[i][j + 1]);
        if (const int like = likeness(as[i], bs[j]); like > 0)
          best[i][j] = std::max(best[i][j], like + best[i + 1][j + 1]);
      }
    }
    std::size_t i = 0, j = 0;
    while (i < n || j < m) {
      const int like = i < n && j < m ? likeness(as[i], bs[j]) : 0;
      if (like > 0 && best[i][j] == like + best[i + 1][j + 1]) {
        pair(as[i++], bs[j++], depth);
      } else if (i < n && (j == m || best[i][j] == best[i + 1][j])) {
        alone(Kind::removed, left_, as[i], as[i], -1, depth);
        ++i;
      } else {
        alone(Kind::added, right_, bs[j], -1, bs[j], depth);
        ++j;
      }
    }
  }

  void alone(Kind kind, const Summary& summary, int index, int a, int b, int depth) {
    const Row& row = summary.rows[static_cast<std::size_t>(index)];
    std::string what = row.type;
    if (!row.kernel.empty()) what += " " + row.kernel;
    Comparison::Row made{kind, a, b, path_of(row, summary), depth, {what}};
    for (const TensorInfo& output : row.outputs)
      made.changes.push_back(viz::to_string(output, summary.options.batch));
    if (row.total > 0) made.changes.push_back(with_commas(row.total) + " parameters");
    out_.rows.push_back(std::move(made));
  }

  std::vector<std::string> changes_of(const Row& a, const Row& b, bool is_root) const {
    std::vector<std::string> changes;
    const auto text = [&changes](std::string_view what, const std::string& x,
                                 const std::string& y) {
      if (x != y)
        changes.push_back(std::string(what) + " " + (x.empty() ? "none" : x) + " → " +
                          (y.empty() ? "none" : y));
    };
    const auto shapes = [](const Summary& summary, const std::vector<TensorInfo>& tensors) {
      std::vector<std::string> parts;
      for (const TensorInfo& tensor : tensors)
        parts.push_back(viz::to_string(tensor, summary.options.batch) + " " +
                        std::string(name_of(tensor.dtype)));
      return detail::join(parts);
    };
    if (!is_root) text("type", a.type, b.type);
    text("kernel", a.kernel, b.kernel);
    text("stride", a.stride, b.stride);
    text("padding", a.padding, b.padding);
    text("groups", a.groups, b.groups);
    text("output", shapes(left_, a.outputs), shapes(right_, b.outputs));
    if (a.total != b.total)
      changes.push_back("parameters " + with_commas(a.total) + " → " + with_commas(b.total) +
                        percent(static_cast<double>(a.total), static_cast<double>(b.total)));
    if (a.total_frozen != b.total_frozen)
      text("frozen", with_commas(a.total_frozen), with_commas(b.total_frozen));
    const double x = a.total_costs.flops.at(left_.figures_batch()),
                 y = b.total_costs.flops.at(right_.figures_batch());
    if (x != y) changes.push_back("FLOPs " + with_si(x) + " → " + with_si(y) + percent(x, y));
    const double p = a.total_costs.activations.at(left_.figures_batch()),
                 q = b.total_costs.activations.at(right_.figures_batch());
    if (p != q)
      changes.push_back("activations " + with_binary_unit(p) + " → " + with_binary_unit(q) +
                        percent(p, q));
    return changes;
  }

  const Summary& left_;
  const Summary& right_;
  Comparison& out_;
};

}  // namespace

std::size_t Comparison::count(Kind kind) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(rows, [kind](const Row& row) { return row.kind == kind; }));
}

Comparison compare(const Summary& left, const Summary& right) {
  for (const Summary* summary : {&left, &right}) {
    if (summary->failure) fail(summary->model, summary->failure->message);
    if (summary->rows.empty()) fail("compare", "a summary is empty");
  }
  Comparison out;
  out.left = left.model;
  out.right = right.model;
  const Aligner aligner(left, right, out);
  const auto total = [&out](std::string_view what, double a, double b, auto&& text) {
    if (a != b)
      out.totals.push_back(std::string(what) + " " + text(a) + " → " + text(b) + percent(a, b));
  };
  const auto whole = [](double v) { return with_commas(static_cast<std::int64_t>(v)); };
  const Summary::Totals &a = left.totals, &b = right.totals;
  const std::int64_t n = left.figures_batch(), m = right.figures_batch();
  total("parameters", static_cast<double>(a.parameters), static_cast<double>(b.parameters), whole);
  total("buffers", static_cast<double>(a.buffers), static_cast<double>(b.buffers), whole);
  total("multiply-adds", a.macs.at(n), b.macs.at(m), with_si);
  total("FLOPs", a.flops.at(n), b.flops.at(m), with_si);
  total("activations", a.activations.at(n), b.activations.at(m), with_binary_unit);
  return out;
}

std::string Comparison::to_string(bool all, bool color) const {
  const auto ink = [color](const char* code, const std::string& text) {
    return color ? code + text + "\033[0m" : text;
  };
  std::string text = left + " → " + right + "\n";
  if (equal()) return text + "the same: " + std::to_string(rows.size()) + " rows\n";
  for (const Row& row : rows) {
    if (row.kind == Kind::same && !all) continue;
    constexpr std::string_view marks[] = {"  ", "~ ", "− ", "+ "};
    constexpr const char* colors[] = {"", "\033[33m", "\033[31m", "\033[32m"};
    const auto kind = static_cast<std::size_t>(row.kind);
    std::string line = std::string(marks[kind]) +
                       std::string(2 * static_cast<std::size_t>(row.depth), ' ') + row.name;
    if (!row.changes.empty()) line += ": " + detail::join(row.changes);
    text += (row.kind == Kind::same ? line : ink(colors[kind], line)) + "\n";
  }
  text += std::to_string(count(Kind::same)) + " rows the same, " +
          std::to_string(count(Kind::changed)) + " changed, " +
          std::to_string(count(Kind::removed)) + " removed, " + std::to_string(count(Kind::added)) +
          " added\n";
  for (const std::string& total : totals) text += total + "\n";
  return text;
}

}  // namespace glassbox::viz
