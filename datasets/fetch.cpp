#include "datasets/fetch.h"

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "engine/core/error.h"

namespace glassbox::datasets {

void note(const DownloadOptions& options, std::string_view text) {
  std::ostream& out = options.out ? *options.out : std::cout;
  out << text << std::endl;
}

std::vector<std::string> base_urls(const std::string& url, const std::string& name,
                                   const std::vector<std::string>& official) {
  if (!url.empty()) return {url};
  const char* mirror = std::getenv("GLASSBOX_DATA_URL");
  if (mirror && *mirror) return {name.empty() ? std::string(mirror) : join_url(mirror, name)};
  return official;
}

bool fetch(const std::vector<std::string>& bases, const std::string& folder,
           const std::string& name, const std::string& md5, const DownloadOptions& options) {
  const std::string file = (std::filesystem::path(folder) / name).string();
  DownloadOptions with_md5 = options;
  with_md5.md5 = md5;
  std::string said;
  for (const std::string& base : bases) {
    try {
      return !download(join_url(base, name), file, with_md5);
    } catch (const Error& error) {
      said += (said.empty() ? "" : "\n") + std::string(error.what());
    }
  }
  throw Error(said + "\n  GLASSBOX_DATA_URL or the option url names a mirror; or put the file at " +
              file + " by hand");
}

}  // namespace glassbox::datasets
