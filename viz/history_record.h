// The lines of history.jsonl. Detail of the history.
//
//   {"glassbox.history":1,"id":"5f0c..."}                                      the first line
//   {"step":790,"time":1760000000.123456,"values":{"loss":0.25,"note":"text"}}
//   {"step":[9,99],"time":...,"values":{"w":{"tensor":"f32","shape":[3],"offset":0,"xxh64":"..."}}}
//   {"rewind":700,"time":...}
#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "viz/history.h"

namespace glassbox::viz::detail {

constexpr std::size_t max_line = std::size_t(64) << 20, max_values = 10'000;
constexpr std::size_t max_text = std::size_t(1) << 20, max_name = 1000;
constexpr std::string_view history_version_key = "glassbox.history";

struct Field {
  std::string_view name;
  Metric::Kind kind = Metric::Kind::number;
  double number = 0;
};
// What a line says. Names are views into the line or into `names`.
struct Fields {
  enum class What : std::uint8_t { header, values, rewind };
  What what = What::values;
  Step step;
  double time = 0;
  std::int64_t version = 0;  // of a header
  std::vector<Field> fields;
  std::deque<std::string> names;
};
// False when it is no record, whatever its bytes. Tensors that were left out are no fields.
bool parse_line(std::string_view line, Fields& out);

// A tensor as a line holds it: where it is, or the bytes themselves.
struct TensorPlace {
  Spec spec;
  std::uint64_t offset = 0, hash = 0;
  std::optional<std::string> bytes;  // of a saved file
};
// The text or tensor that a line holds under a name (cleaned by clean_name). Empty when it has
// none.
std::optional<std::variant<std::string, TensorPlace>> read_field(std::string_view line,
                                                                 std::string_view name);

void append_step(std::string& out, const Step& step);
void append_number(std::string& out, double value);  // a typed object when it is not finite
// In quotes; `<` is escaped too, so that a page may hold it, and bytes that are no UTF-8 are
// U+FFFD.
void append_text(std::string& out, std::string_view text);
void append_tensor(std::string& out, const Spec& spec, std::uint64_t offset, std::uint64_t hash);
void append_tensor_inline(std::string& out, const Tensor& tensor);
void append_tensor_left_out(std::string& out, const Spec& spec);
// {"step":...,"time":...,"values":{ ; time in microseconds since 1970.
void begin_values(std::string& out, const Step& step, std::int64_t time);
inline void end_values(std::string& out) { out += "}}\n"; }
std::string header_line(std::uint64_t id);
std::string rewind_line(const Step& step, std::int64_t time);

// Valid UTF-8 without control characters: what is not becomes U+FFFD.
std::string clean_name(std::string_view name);

// XXH64 with seed 0 (https://github.com/Cyan4973/xxHash, doc/xxhash_spec.md).
std::uint64_t xxh64(std::span<const std::byte> bytes);
inline std::uint64_t xxh64(std::string_view text) { return xxh64(std::as_bytes(std::span(text))); }

}  // namespace glassbox::viz::detail
