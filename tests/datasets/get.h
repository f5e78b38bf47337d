#pragma once
// A download of 100,000 bytes into a folder of its own, without retries, waits and output unless a
// test asks for them.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string>

#include "datasets/download.h"
#include "datasets/md5.h"
#include "engine/core/error.h"
#include "tests/datasets/lying_server.h"
#include "tests/temp_folder.h"

namespace glassbox::test {

inline constexpr const char* no_curl = "this build has no libcurl";

inline std::string md5(const std::string& text) {
  datasets::Md5 sum;
  sum.update(text);
  return sum.hex();
}

// 100,000 bytes that are no text.
inline std::string content() {
  std::string bytes;
  for (int i = 0; i < 100'000; ++i) bytes += static_cast<char>(i * 7 + i / 256);
  return bytes;
}

struct Get {
  TempFolder folder;
  std::string file = folder / "file.bin";
  std::string part = file + ".part";
  std::ostringstream out;
  datasets::DownloadOptions options{.md5 = md5(content()),
                                    .progress = [](const datasets::DownloadProgress&) {},
                                    .out = &out,
                                    .connect_timeout = 10,
                                    .stall_timeout = 10,
                                    .retries = 0,
                                    .retry_wait = 0};

  // What the error says, after the URL that it begins with; "" when there is none.
  std::string from(const std::string& url) {
    try {
      datasets::download(url, file, options);
    } catch (const Error& error) {
      CHECK_FALSE(std::filesystem::exists(file));
      const std::string text = error.what();
      CHECK(text.starts_with(url + ": "));
      return text.substr(std::min(text.size(), url.size() + 2));
    }
    CHECK(read_bytes(file) == content());
    CHECK_FALSE(std::filesystem::exists(part));
    return {};
  }
  std::string from(const LyingServer& server) { return from(server.url()); }
};

inline bool contains(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

// Everything as it should be, but for the body.
inline LyingServer::Handler body(const std::string& text) {
  return [text](const HttpRequest&, HttpConnection& c) { c.answer("200 OK", text); };
}
inline LyingServer::Handler status(const std::string& line, const std::string& headers = "") {
  return [=](const HttpRequest&, HttpConnection& c) { c.answer(line, "sorry", headers); };
}

}  // namespace glassbox::test
