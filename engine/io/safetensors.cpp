#include "engine/io/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/io/file.h"

namespace glassbox::io {

using nlohmann::json;

namespace {

constexpr std::uint64_t max_header = 100'000'000;  // the format's own limit
constexpr std::string_view reserved = "__metadata__";

struct TypeName {
  DType dtype;
  std::string_view name;
  int rank;  // writers put tensors of wider types first
};
constexpr TypeName type_names[] = {{DType::i64, "I64", 0},   {DType::f64, "F64", 1},
                                   {DType::f32, "F32", 2},   {DType::i32, "I32", 3},
                                   {DType::bf16, "BF16", 4}, {DType::f16, "F16", 5},
                                   {DType::u8, "U8", 6},     {DType::boolean, "BOOL", 7}};

const TypeName& type_of(DType dtype) {
  return *std::find_if(std::begin(type_names), std::end(type_names),
                       [dtype](const TypeName& t) { return t.dtype == dtype; });
}

// A name for an error: of any length and any bytes in the file, but not on a terminal.
std::string quoted(const std::string& name) {
  std::string text = name.substr(0, 100);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
  }
  return '"' + text + (name.size() > text.size() ? "...\"" : "\"");
}

struct Entry {
  std::string name;
  Spec spec;
  std::uint64_t begin, end;
};

// nlohmann keeps the last of two equal keys; a file with two is refused instead.
json parse_header(std::string_view text, const std::string& file) {
  std::vector<std::set<std::string>> keys;
  const auto check = [&](int depth, json::parse_event_t event, json& value) {
    if (depth > 8) fail(file, "the header is nested too deeply");
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key && !keys.back().insert(value.get<std::string>()).second) {
      fail(file, cat("the header names ", quoted(value.get<std::string>()), " twice"));
    }
    return true;
  };
  try {
    return json::parse(text, check);
  } catch (const json::exception& error) {
    fail(file, cat("the header is not valid JSON: ", std::string(error.what()).substr(0, 300)));
  }
}

std::uint64_t unsigned_number(const json& value, const std::string& file, const std::string& name) {
  if (!value.is_number_unsigned())
    fail(file, cat(quoted(name), " has a number that is not a size"));
  return value.get<std::uint64_t>();
}

Entry parse_entry(const std::string& name, const json& value, const std::string& file) {
  if (!value.is_object() || value.size() != 3 || !value.contains("dtype") ||
      !value.contains("shape") || !value.contains("data_offsets") || !value["dtype"].is_string() ||
      !value["shape"].is_array() || !value["data_offsets"].is_array() ||
      value["data_offsets"].size() != 2) {
    fail(file, cat("entry ", quoted(name), " is not {dtype, shape, data_offsets: [begin, end]}"));
  }
  Entry entry{name, {}, 0, 0};
  const std::string type = value["dtype"].get<std::string>();
  const auto* known = std::find_if(std::begin(type_names), std::end(type_names),
                                   [&](const TypeName& t) { return t.name == type; });
  if (known == std::end(type_names)) {
    fail(file, cat(quoted(name), " has the type ", quoted(type), ", which Glassbox does not have"));
  }
  entry.spec.dtype = known->dtype;
  if (value["shape"].size() > Shape::max_rank) {
    fail(file, cat(quoted(name), " has ", value["shape"].size(), " dimensions, more than ",
                   Shape::max_rank));
  }
  std::uint64_t bytes = size_of(known->dtype);
  bool empty = false, overflow = false;
  for (const json& size : value["shape"]) {
    const std::uint64_t n = unsigned_number(size, file, name);
    if (n > INT64_MAX) fail(file, cat(quoted(name), " has a size beyond 63 bits"));
    entry.spec.shape.push_back(static_cast<std::int64_t>(n));
    if (n == 0)
      empty = true;
    else
      overflow = __builtin_mul_overflow(bytes, n, &bytes) || overflow;
  }
  if (empty) bytes = 0;
  entry.begin = unsigned_number(value["data_offsets"][0], file, name);
  entry.end = unsigned_number(value["data_offsets"][1], file, name);
  if ((overflow && !empty) || entry.end < entry.begin || entry.end - entry.begin != bytes) {
    fail(file, cat(quoted(name), " ", entry.spec.shape, " ", type, " does not match its bytes ",
                   entry.begin, " to ", entry.end));
  }
  return entry;
}

// Reads the header's entries into `out.metadata` and a list in the order of the data.
std::vector<Entry> parse_entries(std::string_view text, const std::string& file, Safetensors& out) {
  if (text.empty() || text[0] != '{') fail(file, "the header does not begin with {");
  const json header = parse_header(text, file);
  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name == reserved) {
      if (!value.is_object()) fail(file, "__metadata__ is not an object");
      for (const auto& [key, item] : value.items()) {
        if (!item.is_string()) fail(file, cat("__metadata__ ", quoted(key), " is not text"));
        out.metadata[key] = item.get<std::string>();
      }
      continue;
    }
    entries.push_back(parse_entry(name, value, file));
  }
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  return entries;
}

// `read(offset, to)` fills `to` from a file of `size` bytes, or throws Error.
template <class Read>
Safetensors read_tensors(const std::string& file, std::uint64_t size, const Read& read) {
  if (size < 8) fail(file, cat("has ", size, " bytes, too few for a safetensors file"));
  std::array<std::byte, 8> prefix;
  read(0, std::span<std::byte>(prefix));
  std::uint64_t length = 0;
  for (std::size_t i = 8; i-- > 0;)
    length = length << 8 | std::to_integer<std::uint64_t>(prefix[i]);
  if (length > max_header || length > size - 8) {
    fail(file, cat("claims a header of ", length, " bytes in a file of ", size));
  }
  std::string text(length, '\0');
  read(8, std::as_writable_bytes(std::span(text)));

  Safetensors out;
  const std::vector<Entry> entries = parse_entries(text, file, out);
  // No holes and no overlaps: nothing can hide in the file, and it cannot ask for more than it has.
  const std::uint64_t begin = 8 + length;
  std::uint64_t at = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != at) {
      fail(file,
           cat(quoted(entry.name), " begins at byte ", entry.begin, " where ", at, " is expected"));
    }
    at = entry.end;
  }
  if (at != size - begin)
    fail(file, cat("has ", size - begin, " bytes of data where ", at, " are described"));

  for (const Entry& entry : entries) {
    Tensor tensor = empty(entry.spec.shape, entry.spec.dtype, Device::cpu());
    const std::span<std::byte> bytes(tensor.raw(), entry.end - entry.begin);
    read(begin + entry.begin, bytes);
    if (entry.spec.dtype == DType::boolean) {
      for (const std::byte b : bytes) {
        if (b > std::byte(1))
          fail(file, cat(quoted(entry.name), " holds a boolean of ", std::to_integer<int>(b)));
      }
    }
    out.tensors.emplace_back(entry.name, std::move(tensor));
  }
  return out;
}

}  // namespace

const Tensor& Safetensors::at(std::string_view name) const {
  for (const auto& [own, tensor] : tensors) {
    if (own == name) return tensor;
  }
  fail("safetensors", cat("no tensor is named \"", name, "\""));
}

bool Safetensors::contains(std::string_view name) const {
  return std::any_of(tensors.begin(), tensors.end(),
                     [&](const auto& t) { return t.first == name; });
}

Safetensors parse_safetensors(std::string_view bytes, const std::string& name) {
  return read_tensors(name, bytes.size(), [bytes](std::uint64_t offset, std::span<std::byte> to) {
    if (!to.empty()) std::memcpy(to.data(), bytes.data() + offset, to.size());
  });
}

Safetensors load_safetensors(const std::string& path) {
  const InputFile file(path);
  return read_tensors(path, file.size(), [&file](std::uint64_t offset, std::span<std::byte> to) {
    file.read(offset, to);
  });
}

void save_safetensors(const std::string& path, const NamedTensors& tensors,
                      const std::map<std::string, std::string>& metadata) {
  std::vector<const std::pair<std::string, Tensor>*> order;
  std::set<std::string> names;
  for (const auto& item : tensors) {
    if (!names.insert(item.first).second || item.first == reserved) {
      fail(path, cat("two tensors are named \"", item.first, "\", or it is reserved"));
    }
    if (item.second.device().is_meta())
      fail(path, cat("\"", item.first, "\" is on the meta device"));
    order.push_back(&item);
  }
  std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    const int ra = type_of(a->second.dtype()).rank, rb = type_of(b->second.dtype()).rank;
    return ra != rb ? ra < rb : a->first < b->first;
  });

  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header[std::string(reserved)] = metadata;
  std::uint64_t at = 0;
  for (const auto* item : order) {
    const Spec& spec = item->second.spec();
    const std::vector<std::int64_t> shape(spec.shape.begin(), spec.shape.end());
    header[item->first] = {{"dtype", type_of(spec.dtype).name},
                           {"shape", shape},
                           {"data_offsets", {at, at + spec.bytes()}}};
    at += spec.bytes();
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const json::exception& error) {
    fail(path, cat("a name is not valid UTF-8: ", error.what()));
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');  // the data begins on a multiple of 8
  std::string length(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) length[i] = static_cast<char>(text.size() >> (8 * i));

  AtomicFile out(path);
  out.write(length);
  out.write(text);
  for (const auto* item : order) {
    const Tensor host = item->second.to(Device::cpu());
    out.write(std::span(host.raw(), host.spec().bytes()));
  }
  out.commit();
}

}  // namespace glassbox::io
