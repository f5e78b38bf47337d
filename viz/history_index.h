// history.index: the series of a history.jsonl with their pyramids, so that a chart need not read
// ten million lines. It is made from the lines and may be deleted at any time; what does not belong
// to the file it lies beside, or is damaged, is not used. Detail of the history.
//
// Little-endian: a header of 96 bytes; for each series its chunks' points (24 bytes each), the
// nodes of levels 1, 2 and 3 (64 bytes each), two hashes for each chunk, the points of the last
// chunk; a directory. Everything that is read is hashed (XXH64).
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "viz/history_series.h"
#include "viz/history_store.h"

namespace glassbox::viz::detail {

struct IndexedSeries {
  std::string name;  // "" for the first: the records' times
  Metric::Kind kind = Metric::Kind::number;
  Series series;
};
struct Indexed {
  std::uint64_t covered = 0;  // bytes of history.jsonl that it is made of
  std::uint64_t bad = 0, first_bad = 0;
  std::int64_t max_batch = 0;
  std::optional<Step> last;
  std::vector<IndexedSeries> series;
};

// Does nothing where it cannot be written: the next reader is slower, nothing else.
void write_index(const std::string& path, const StoreReader& lines, const Indexed& indexed);

// Empty when there is none, or it is not of `lines`. `again` makes the series once more from the
// lines, in memory: it is called when a part that is read later turns out to be damaged.
std::optional<Indexed> read_index(const std::string& path,
                                  const std::shared_ptr<const StoreReader>& lines,
                                  std::function<std::vector<IndexedSeries>(std::uint64_t)> again);

}  // namespace glassbox::viz::detail
