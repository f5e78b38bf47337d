// Reading lines of history.jsonl, which may hold anything.
#include <charconv>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "viz/history_record.h"

namespace glassbox::viz::detail {
namespace {

using Json = nlohmann::ordered_json;

constexpr DType dtypes[] = {DType::f32, DType::f64, DType::f16, DType::bf16,
                            DType::i32, DType::i64, DType::u8,  DType::boolean};

// ---- The lines that are nearly all: exactly as this program writes numbers and plain text.

class Cursor {
 public:
  explicit Cursor(std::string_view text) : at_(text.data()), end_(at_ + text.size()) {}
  bool word(std::string_view wanted) {
    if (static_cast<std::size_t>(end_ - at_) < wanted.size() ||
        std::memcmp(at_, wanted.data(), wanted.size()) != 0)
      return false;
    at_ += wanted.size();
    return true;
  }
  bool character(char c) { return at_ < end_ && *at_ == c ? (++at_, true) : false; }
  bool done() const { return at_ == end_; }
  bool integer(std::int64_t& out) {
    const auto [end, error] = std::from_chars(at_, end_, out);
    if (error != std::errc()) return false;
    at_ = end;
    return true;
  }
  bool number(double& out) {
    // from_chars takes "inf" too, which JSON does not have.
    const char* digit = at_ + (at_ < end_ && *at_ == '-');
    if (digit >= end_ || *digit < '0' || *digit > '9') return false;
    const auto [end, error] = std::from_chars(at_, end_, out);
    if (error != std::errc()) return false;
    at_ = end;
    return true;
  }
  bool time(double& out) {
    std::int64_t seconds = 0, micros = 0;
    if (at_ >= end_ || *at_ == '-' || !integer(seconds) || !character('.')) return false;
    const char* start = at_;
    if (!integer(micros) || at_ - start != 6 || micros < 0 || seconds > 9'000'000'000) return false;
    out = static_cast<double>(seconds * 1'000'000 + micros) / 1e6;
    return true;
  }
  bool step(Step& out) {
    if (!character('[')) {
      out.epoch = -1;
      return integer(out.batch);
    }
    return integer(out.epoch) && character(',') && integer(out.batch) && character(']') &&
           out.epoch >= 0 && out.batch >= 0;
  }
  // Between quotes, where nothing is escaped.
  bool plain(std::string_view& out) {
    if (!character('"')) return false;
    const char* start = at_;
    while (at_ < end_ && *at_ != '"' && *at_ != '\\' && static_cast<unsigned char>(*at_) >= ' ')
      ++at_;
    out = {start, static_cast<std::size_t>(at_ - start)};
    return character('"');
  }

 private:
  const char *at_, *end_;
};

bool parse_fast(std::string_view line, Fields& out) {
  Cursor cursor(line);
  out.what = Fields::What::values;
  out.fields.clear();
  if (!cursor.word("{\"step\":") || !cursor.step(out.step) || !cursor.word(",\"time\":") ||
      !cursor.time(out.time) || !cursor.word(",\"values\":{"))
    return false;
  do {
    Field field;
    if (!cursor.plain(field.name) || field.name.empty() || field.name.size() > max_name ||
        !cursor.character(':') || !cursor.number(field.number))
      return false;
    out.fields.push_back(field);
  } while (cursor.character(','));
  return out.fields.size() <= max_values && cursor.word("}}") && cursor.done();
}

// ---- All others.

struct TooMuch {};

std::optional<Json> parse_json(std::string_view line) {
  std::size_t keys = 0;
  const auto check = [&](int depth, Json::parse_event_t event, Json&) {
    // Why a limit: an ordered object looks a key up by going through all.
    if (depth > 5 || (event == Json::parse_event_t::key && ++keys > 5 * max_values))
      throw TooMuch{};
    return true;
  };
  try {
    Json json = Json::parse(line, check);
    if (json.is_object()) return json;
  } catch (const Json::exception&) {
  } catch (const TooMuch&) {
  }
  return {};
}

bool to_step(const Json& json, Step& out) {
  if (json.is_number_integer()) {
    if (json.is_number_unsigned() && json.get<std::uint64_t>() > INT64_MAX) return false;
    out = Step(json.get<std::int64_t>());
    return true;
  }
  if (!json.is_array() || json.size() != 2) return false;
  for (const Json& part : json)
    if (!part.is_number_unsigned() || part.get<std::uint64_t>() > INT64_MAX) return false;
  out = Step(json[0].get<std::int64_t>(), json[1].get<std::int64_t>());
  return true;
}

std::optional<double> to_number(const Json& json) {
  if (json.is_number()) return json.get<double>();
  if (!json.is_object() || json.size() != 1 || !json.contains("number")) return {};
  const Json& text = json["number"];
  if (text == "nan") return std::nan("");
  if (text == "inf") return HUGE_VAL;
  if (text == "-inf") return -HUGE_VAL;
  return {};
}

bool to_spec(const Json& json, Spec& out) {
  if (!json.is_object() || !json.contains("tensor") || !json.contains("shape") ||
      !json["tensor"].is_string() || !json["shape"].is_array() ||
      json["shape"].size() > Shape::max_rank)
    return false;
  const std::string name = json["tensor"].get<std::string>();
  bool known = false;
  for (const DType dtype : dtypes) {
    if (name_of(dtype) != name) continue;
    out.dtype = dtype;
    known = true;
  }
  std::uint64_t bytes = size_of(out.dtype);
  for (const Json& size : json["shape"]) {
    if (!size.is_number_unsigned()) return false;
    const std::uint64_t n = size.get<std::uint64_t>();
    // A size of 0 does not make the others' product fit.
    if (n > INT64_MAX || (n > 0 && __builtin_mul_overflow(bytes, n, &bytes)) || bytes > INT64_MAX)
      return false;
    out.shape.push_back(static_cast<std::int64_t>(n));
  }
  return known;
}

std::optional<std::string> from_base64(const std::string& text) {
  if (text.size() % 4 != 0) return {};
  const auto value = [](char c) -> int {
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const bool end = i + 4 == text.size();
    const std::size_t have = end && text[i + 3] == '=' ? (text[i + 2] == '=' ? 1 : 2) : 3;
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const int digit = k <= have ? value(text[i + k]) : 0;
      if (digit < 0) return {};
      bits = bits << 6 | static_cast<std::uint32_t>(digit);
    }
    for (std::size_t k = 0; k < have; ++k) out += static_cast<char>(bits >> (16 - 8 * k) & 255);
  }
  return out;
}

bool to_place(const Json& json, TensorPlace& out) {
  if (!to_spec(json, out.spec)) return false;
  if (json.contains("base64")) {
    if (!json["base64"].is_string()) return false;
    out.bytes = from_base64(json["base64"].get<std::string>());
    return out.bytes && out.bytes->size() == out.spec.bytes();
  }
  if (!json.contains("offset") || !json["offset"].is_number_unsigned() || !json.contains("xxh64") ||
      !json["xxh64"].is_string())
    return false;
  out.offset = json["offset"].get<std::uint64_t>();
  const std::string hash = json["xxh64"].get<std::string>();
  const char* end = hash.data() + hash.size();
  const auto read = std::from_chars(hash.data(), end, out.hash, 16);
  return hash.size() == 16 && read.ec == std::errc() && read.ptr == end;
}

bool parse_values(const Json& values, Fields& out) {
  if (!values.is_object() || values.size() > max_values) return false;
  for (const auto& [name, value] : values.items()) {
    if (name.empty() || name.size() > max_name) return false;
    Field field;
    if (const auto number = to_number(value)) {
      field.number = *number;
    } else if (value.is_string()) {
      field.kind = Metric::Kind::text;
    } else {
      Spec spec;
      if (!to_spec(value, spec)) return false;
      if (value.contains("left_out")) continue;
      field.kind = Metric::Kind::tensor;
    }
    out.names.push_back(name);
    field.name = out.names.back();
    out.fields.push_back(field);
  }
  return true;
}

}  // namespace

bool parse_line(std::string_view line, Fields& out) {
  if (parse_fast(line, out)) return true;
  out.fields.clear();
  out.names.clear();
  const auto json = parse_json(line);
  if (!json) return false;
  const std::string version(history_version_key);
  if (json->contains(version)) {
    const Json& number = (*json)[version];
    if (!number.is_number_unsigned()) return false;
    out.what = Fields::What::header;
    out.version = static_cast<std::int64_t>(number.get<std::uint64_t>() & INT64_MAX);
    return true;
  }
  if (!json->contains("time") || !(*json)["time"].is_number()) return false;
  out.time = (*json)["time"].get<double>();
  if (!std::isfinite(out.time)) return false;
  if (json->contains("rewind")) {
    out.what = Fields::What::rewind;
    return to_step((*json)["rewind"], out.step);
  }
  out.what = Fields::What::values;
  return json->contains("step") && json->contains("values") && to_step((*json)["step"], out.step) &&
         parse_values((*json)["values"], out);
}

std::optional<std::variant<std::string, TensorPlace>> read_field(std::string_view line,
                                                                 std::string_view name) {
  const auto json = parse_json(line);
  if (!json || !json->contains("values") || !(*json)["values"].is_object()) return {};
  for (const auto& [own, value] : (*json)["values"].items()) {
    if (clean_name(own) != name) continue;
    if (value.is_string()) return value.get<std::string>();
    TensorPlace place;
    if (to_place(value, place)) return place;
    return {};
  }
  return {};
}

}  // namespace glassbox::viz::detail
