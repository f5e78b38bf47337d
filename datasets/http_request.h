// One HTTP request for the rest of a file. Internal; libcurl's types stay in the .cpp.
#pragma once
#include <cstdint>
#include <functional>
#include <string>

#include "datasets/download.h"
#include "datasets/part_file.h"

namespace glassbox::datasets {

enum class HttpOutcome {
  whole,    // the server has sent all it wanted to send
  retry,    // it failed on the way: another try may work
  restart,  // what is in the part file is of no use to this server
  failed,   // trying again is of no use
  refused,  // what comes is not what is wanted
};
struct HttpResult {
  HttpOutcome outcome;
  std::string reason;  // empty for `whole`
};

// Asks for what follows part.size() and appends it; where the server sends the whole file all the
// same, the part file begins anew.
HttpResult http_get(const std::string& url, PartFile& part, const DownloadOptions& options,
                    const std::function<void(std::int64_t done, std::int64_t total)>& progress);

}  // namespace glassbox::datasets
