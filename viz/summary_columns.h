// The columns of a summary: what each shows of a row, as text and as a number. Detail of the
// renderers.
#pragma once
#include <optional>
#include <string>

#include "viz/summary.h"

namespace glassbox::viz::detail {

std::string_view title_of(Column column);
bool is_right_aligned(Column column);
bool needs_backward(Column column);
// The cell as people read it; "" where the row has no such thing.
std::string cell_of(const Summary& summary, const Summary::Row& row, Column column);
// The cell as a number, in the unit of `unit_of`; none where it is text or there is nothing.
std::optional<double> number_of(const Summary& summary, const Summary::Row& row, Column column);
std::string_view unit_of(Column column);  // "B", "s", "%", "FLOP/s"; "" of counts and texts
// The name by which other rows call it.
std::string name_of_source(const Summary& summary, const Summary::Row& reader, int source);
// What roofline allows at that intensity, FLOP/s.
double roof_of(const Summary::Machine& machine, double flops, double bytes);

// All that this summary has figures for.
std::vector<Column> known_columns(const Summary& summary);

std::string join(const std::vector<std::string>& parts, std::string_view separator = ", ");
// Characters beyond ASCII that tables use, replaced.
std::string to_ascii(std::string text);

}  // namespace glassbox::viz::detail
