// What the data sets that can download themselves have in common. Internal.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "datasets/download.h"

namespace glassbox::datasets {

// A note on options.out or on standard output.
void note(const DownloadOptions& options, std::string_view text);

// Where a set's files are fetched from: `url` when it is not empty, else GLASSBOX_DATA_URL with
// `name` behind it, else the official places.
std::vector<std::string> base_urls(const std::string& url, const std::string& name,
                                   const std::vector<std::string>& official);

// Makes `folder`/`name` be there with this md5, from the first of the places that has it. True when
// it was there. Throws Error with what each place said.
bool fetch(const std::vector<std::string>& bases, const std::string& folder,
           const std::string& name, const std::string& md5, const DownloadOptions& options);

}  // namespace glassbox::datasets
