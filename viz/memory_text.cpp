// What memory.h reports, as text.
#include <algorithm>

#include "viz/memory.h"
#include "viz/text.h"

namespace glassbox::viz {
namespace {

std::string bytes(std::int64_t n) { return with_binary_unit(static_cast<double>(n)); }

std::string title(const MemoryReport& r) {
  std::string text = cat(r.model, ", batch ", r.batch, ", ");
  text += r.training ? "training with " + r.optimizer : "inference";
  if (r.device != Device::Type::cpu) return text + ", on CUDA";
  return text + cat(", on the CPU with ", r.threads, r.threads == 1 ? " thread" : " threads");
}

std::string moment(const MemoryReport& r) {
  const MemoryReport::Moment& at = r.at;
  if (at.op.empty() && at.path.empty()) return "before the step";
  std::string text = cat("in ", name_of(at.phase));
  if (!at.op.empty()) text += ", " + at.op;
  if (!at.path.empty()) text += " of " + at.path;
  if (r.first_step != r.later_steps)
    text += at.first_step ? ", first step" : ", from the second step";
  return text;
}

struct Row {
  std::string name, amount, share;
};

std::string table(const std::vector<Row>& rows) {
  std::size_t name = 0, amount = 0, share = 0;
  for (const Row& row : rows) {
    name = std::max(name, width_of(row.name));
    amount = std::max(amount, width_of(row.amount));
    share = std::max(share, width_of(row.share));
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line = "  " + pad_right(row.name, name) + "  " + pad_left(row.amount, amount);
    if (!row.share.empty()) line += "  " + pad_left(row.share, share);
    text += line + "\n";
  }
  return text;
}

std::string roles(const MemoryReport& r) {
  const MemoryByRole& m = r.by_role;
  const double whole = static_cast<double>(std::max<std::int64_t>(1, m.total()));
  std::vector<Row> rows;
  const auto add = [&](const std::string& name, std::int64_t n) {
    rows.push_back({name, bytes(n), fixed(100 * static_cast<double>(n) / whole, 1) + " %"});
  };
  add("parameters", m.parameters);
  add("buffers", m.buffers);
  if (r.training) {
    add("gradients", m.gradients);
    add("optimizer state", m.optimizer_state);
  }
  add(r.training ? "input and target" : "input", m.input);
  if (r.training) add("saved for backward", m.saved);
  add("activations and temporaries", m.activations);
  if (m.scratch) {
    add("kernel scratch", *m.scratch);
  } else {
    rows.push_back({"kernel scratch", "unknown", ""});
  }
  return table(rows);
}

std::string holders(const MemoryReport& r) {
  constexpr std::size_t shown = 8;
  const std::size_t count = std::min(shown, r.holders.size());
  std::size_t amount = 0, role = 0, name = 0;
  for (std::size_t i = 0; i < count; ++i) {
    amount = std::max(amount, width_of(bytes(r.holders[i].bytes)));
    role = std::max(role, name_of(r.holders[i].role).size());
    name = std::max(name, width_of(r.holders[i].name));
  }
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    const MemoryReport::Holder& h = r.holders[i];
    std::string line = "  " + pad_left(bytes(h.bytes), amount) + "  " +
                       pad_right(std::string(name_of(h.role)), role) + "  ";
    const bool scratch = h.role == MemoryRole::scratch;
    line +=
        scratch ? h.name : pad_right(h.name, name) + "  " + to_string(Spec{h.shape, h.dtype, {}});
    text += line + "\n";
  }
  if (r.holders.size() > count) text += cat("  and ", r.holders.size() - count, " more\n");
  return text;
}

}  // namespace

std::string to_string(const MemoryReport& r) {
  std::string text = title(r) + "\n";
  text += cat("peak ", bytes(r.peak), " (", with_commas(r.peak), " B), ", moment(r), "\n");
  if (!r.by_role.scratch) text += "without the kernels' working memory, which a dry run lacks\n";
  if (r.first_step != r.later_steps) {
    text += cat("first step ", bytes(r.first_step), ", later steps ", bytes(r.later_steps), "\n");
  }
  return text + "\n" + roles(r) + "\nlargest at the peak\n" + holders(r);
}

std::string to_string(const MemoryReport& r, const MeasuredMemory& m) {
  std::vector<Row> rows;
  const auto compare = [&](const std::string& name, std::int64_t predicted, std::int64_t measured) {
    const std::int64_t off = measured - predicted;
    rows.push_back(
        {name,
         cat("predicted ", with_commas(predicted), " B, measured ", with_commas(measured), " B"),
         off == 0 ? "equal" : cat(off > 0 ? "+" : "", with_commas(off), " B")});
  };
  compare("peak", r.peak, m.peak);
  compare("first step", r.first_step, m.first_step);
  compare("later steps", r.later_steps, m.later_steps);
  std::string text = to_string(r) + "\npredicted and measured\n" + table(rows);
  if (m.resident_before && m.resident_peak) {
    text += cat("  resident set of the process ", bytes(*m.resident_before), " before, ",
                bytes(*m.resident_peak), " at most: ", bytes(*m.resident_peak - *m.resident_before),
                " more\n");
  } else if (r.device == Device::Type::cpu) {
    text += "  resident set of the process: unknown on this system\n";
  }
  return text;
}

std::string to_string(const BatchLimit& limit, std::int64_t budget) {
  // To the byte: the two batches often differ by less than what three digits show.
  const auto exact = [](std::int64_t n) { return with_commas(n) + " B"; };
  const std::string of = " of " + exact(budget) + " (" + bytes(budget) + ")";
  const std::string next = cat(limit.next, " takes ", exact(limit.next_peak));
  if (limit.batch == 0) return "0: " + next + of;
  return cat(limit.batch, ": ", exact(limit.peak)) + of + (limit.next ? "; " + next : "");
}

}  // namespace glassbox::viz
