#pragma once
// An HTTP server on the loopback interface that answers as a test wants, lies included. It needs no
// network, and its threads wait for events, never for time.
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace glassbox::test {

struct HttpRequest {
  std::string path;        // "/file"
  std::int64_t from = -1;  // the first byte of a Range header; -1 without one
};

// One connection; it is closed when the handler returns.
class HttpConnection {
 public:
  HttpConnection(int connection, int stop) : connection_(connection), stop_(stop) {}
  void send(const std::string& bytes);
  // Status line, Content-Length of `body` unless `headers` has one, `headers` (each with its line
  // end), `body`.
  void answer(const std::string& status, const std::string& body, std::string headers = "");
  // Nothing more, until the client goes or the server ends.
  void hang();

 private:
  int connection_, stop_;
};

class LyingServer {
 public:
  using Handler = std::function<void(const HttpRequest&, HttpConnection&)>;
  explicit LyingServer(Handler handler);
  ~LyingServer();
  LyingServer(const LyingServer&) = delete;
  LyingServer& operator=(const LyingServer&) = delete;

  std::string url(const std::string& path = "/file") const;
  std::vector<HttpRequest> requests() const;

 private:
  void accept_all();
  void serve(int connection);

  Handler handler_;
  int listener_ = -1, stop_[2] = {-1, -1}, port_ = 0;
  mutable std::mutex mutex_;
  std::vector<HttpRequest> requests_;
  std::vector<std::thread> connections_;
  std::thread acceptor_;
};

// A server that holds `file` at every path and knows ranges.
LyingServer::Handler honest(const std::string& file);

// A port of the loopback interface that nobody listens on.
std::string dead_url();

}  // namespace glassbox::test
