// download when a server falls silent or breaks off: what is kept, and what goes on from there.
#include <doctest/doctest.h>

#include <filesystem>
#include <optional>

#include "datasets/download.h"
#include "tests/datasets/get.h"
#include "tests/skip.h"

namespace glassbox::datasets {
namespace {

namespace fs = std::filesystem;
using test::body;
using test::contains;
using test::content;
using test::Get;
using test::HttpConnection;
using test::HttpRequest;
using test::LyingServer;
using test::md5;
using test::no_curl;

TEST_CASE("download gives a silent server up") {
  if (!can_download()) return test::skip(no_curl);
  Get get;
  get.options.stall_timeout = 1;
  SUBCASE("before the first byte") {
    const LyingServer server([](const HttpRequest&, HttpConnection& c) { c.hang(); });
    CHECK(get.from(server) == "the server has sent nothing for 1 s; try again later");
    CHECK(test::names_in(get.folder.path()).empty());
  }
  SUBCASE("in the middle") {
    const LyingServer server([](const HttpRequest&, HttpConnection& c) {
      c.answer("200 OK", content().substr(0, 50'000), "Content-Length: 100000\r\n");
      c.hang();
    });
    CHECK(get.from(server) ==
          "the server has sent nothing for 1 s; try again later; 50000 bytes "
          "are kept in " +
              get.part + ", and the next download goes on from there");
    CHECK(fs::file_size(get.part) == 50'000);
  }
}

TEST_CASE("download goes on where it was cut off") {
  if (!can_download()) return test::skip(no_curl);
  Get get;
  {
    const LyingServer server([](const HttpRequest&, HttpConnection& c) {
      c.answer("200 OK", content().substr(0, 30'000), "Content-Length: 100000\r\n");
    });
    CHECK(get.from(server) == "was cut off after 30000 of 100000 bytes; 30000 bytes are kept in " +
                                  get.part + ", and the next download goes on from there");
    CHECK(test::read_bytes(get.part) == content().substr(0, 30'000));
  }
  SUBCASE("next time") {
    const LyingServer server(test::honest(content()));
    CHECK(get.from(server) == "");
    REQUIRE(server.requests().size() == 1);
    CHECK(server.requests()[0].from == 30'000);
  }
  SUBCASE("from a server that does not know ranges") {
    const LyingServer server(body(content()));
    CHECK(get.from(server) == "");
    CHECK(server.requests().size() == 1);
  }
  SUBCASE("from a server that sends another range") {
    const LyingServer server([](const HttpRequest& request, HttpConnection& c) {
      if (request.from < 0) return c.answer("200 OK", content());
      c.answer("206 Partial Content", content().substr(10),
               "Content-Range: bytes 10-99999/100000\r\n");
    });
    CHECK(get.from(server) == "");
    REQUIRE(server.requests().size() == 2);
    CHECK(server.requests()[1].from == -1);
  }
  SUBCASE("from a server whose file is shorter now") {
    const LyingServer server(test::honest(content().substr(0, 20'000)));
    get.options.md5 = md5(content().substr(0, 20'000));
    CHECK(download(server.url(), get.file, get.options));
    CHECK(test::read_bytes(get.file) == content().substr(0, 20'000));
  }
  SUBCASE("after the wrong bytes, which are thrown away") {
    test::write_bytes(get.part, std::string(40'000, 'x'));
    const LyingServer server(test::honest(content()));
    CHECK(get.from(server) == "");
    REQUIRE(server.requests().size() == 2);
    CHECK(server.requests()[0].from == 40'000);
    CHECK(server.requests()[1].from == -1);
  }
  SUBCASE("after all of it came but was not looked at") {
    test::write_bytes(get.part, content());
    const LyingServer server(test::honest(content()));
    CHECK(get.from(server) == "");
    CHECK(server.requests().size() == 1);
  }
}

TEST_CASE("download goes on within one call when it may try again") {
  if (!can_download()) return test::skip(no_curl);
  // Each answer breaks off after 40,000 bytes.
  const LyingServer server([](const HttpRequest& request, HttpConnection& c) {
    const auto from = static_cast<std::size_t>(std::max<std::int64_t>(0, request.from));
    const std::string range =
        from ? "Content-Range: bytes " + std::to_string(from) + "-99999/100000\r\n" : "";
    c.answer(from ? "206 Partial Content" : "200 OK", content().substr(from, 40'000),
             range + "Content-Length: " + std::to_string(100'000 - from) + "\r\n");
  });
  Get get;
  get.options.retries = 2;
  CHECK(get.from(server) == "");
  CHECK(server.requests().size() == 3);
}

TEST_CASE("without a checksum nothing is kept and nothing resumed") {
  if (!can_download()) return test::skip(no_curl);
  Get get;
  get.options.md5.clear();
  test::write_bytes(get.part, std::string(40'000, 'x'));
  const LyingServer cut([](const HttpRequest&, HttpConnection& c) {
    c.answer("200 OK", "abc", "Content-Length: 100000\r\n");
  });
  CHECK(get.from(cut) == "was cut off after 3 of 100000 bytes");
  CHECK(test::names_in(get.folder.path()).empty());
  const LyingServer server(test::honest(content()));
  CHECK(get.from(server) == "");
  CHECK(server.requests()[0].from == -1);
}

TEST_CASE("two processes do not fetch one file at a time") {
  if (!can_download()) return test::skip(no_curl);
  Get get;
  // While the first one is at it, a second one is turned away.
  std::string second;
  std::optional<LyingServer> server;
  server.emplace([&](const HttpRequest& request, HttpConnection& c) {
    Get other;
    try {
      download("http://127.0.0.1:1/", get.file, other.options);
    } catch (const Error& error) {
      second = error.what();
    }
    test::honest(content())(request, c);
  });
  CHECK(get.from(*server) == "");
  server.reset();  // its thread has written `second`
  CHECK(second == get.part + ": another process is fetching this file; wait for it");
}

}  // namespace
}  // namespace glassbox::datasets
