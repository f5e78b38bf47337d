#include "tests/datasets/lying_server.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

namespace glassbox::test {

namespace {

// A socket on a port that the system chooses.
int bound_socket(int& port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(fd >= 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  socklen_t size = sizeof address;
  REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port = ntohs(address.sin_port);
  return fd;
}

std::string url_of(int port, const std::string& path) {
  return "http://127.0.0.1:" + std::to_string(port) + path;
}

// Waits until there is something to read; false when the server ends first.
bool wait(int fd, int stop) {
  pollfd fds[2] = {{fd, POLLIN, 0}, {stop, POLLIN, 0}};
  while (::poll(fds, 2, -1) < 0) continue;
  return fds[1].revents == 0;
}

}  // namespace

void HttpConnection::send(const std::string& bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const ssize_t n = ::send(connection_, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
    if (n <= 0) return;  // the client has had enough
    at += static_cast<std::size_t>(n);
  }
}

void HttpConnection::answer(const std::string& status, const std::string& body,
                            std::string headers) {
  if (headers.find("Content-Length:") == std::string::npos)
    headers += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  send("HTTP/1.1 " + status + "\r\nConnection: close\r\n" + headers + "\r\n" + body);
}

void HttpConnection::hang() {
  char byte;
  while (wait(connection_, stop_) && ::recv(connection_, &byte, 1, 0) > 0) continue;
}

LyingServer::LyingServer(Handler handler) : handler_(std::move(handler)) {
  ::setenv("no_proxy", "127.0.0.1", 1);  // a machine's proxy does not know this server
  listener_ = bound_socket(port_);
  REQUIRE(::listen(listener_, 16) == 0);
  REQUIRE(::pipe(stop_) == 0);
  acceptor_ = std::thread([this] { accept_all(); });
}

LyingServer::~LyingServer() {
  ::close(stop_[1]);  // everyone who waits sees the pipe's end
  acceptor_.join();
  for (std::thread& connection : connections_) connection.join();
  ::close(stop_[0]);
  ::close(listener_);
}

std::string LyingServer::url(const std::string& path) const { return url_of(port_, path); }

std::vector<HttpRequest> LyingServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void LyingServer::accept_all() {
  while (wait(listener_, stop_[0])) {
    const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection >= 0) connections_.emplace_back([this, connection] { serve(connection); });
  }
}

void LyingServer::serve(int connection) {
  std::string head;
  char byte;
  while (!head.ends_with("\r\n\r\n") && wait(connection, stop_[0]) &&
         ::recv(connection, &byte, 1, 0) == 1) {
    head += byte;
  }
  if (head.ends_with("\r\n\r\n")) {
    HttpRequest request;
    const std::size_t begin = head.find(' ') + 1;
    request.path = head.substr(begin, head.find(' ', begin) - begin);
    const std::size_t range = head.find("Range: bytes=");
    if (range != std::string::npos) request.from = std::atoll(head.c_str() + range + 13);
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    HttpConnection answer(connection, stop_[0]);
    handler_(request, answer);
  }
  // Why in two steps: closing with unread bytes would reset what was sent.
  ::shutdown(connection, SHUT_WR);
  while (wait(connection, stop_[0]) && ::recv(connection, &byte, 1, 0) > 0) continue;
  ::close(connection);
}

LyingServer::Handler honest(const std::string& file) {
  return [file](const HttpRequest& request, HttpConnection& connection) {
    const std::string size = std::to_string(file.size());
    const auto from = static_cast<std::size_t>(std::max<std::int64_t>(0, request.from));
    if (request.from < 0) return connection.answer("200 OK", file);
    if (from >= file.size())
      return connection.answer("416 Range Not Satisfiable", "",
                               "Content-Range: bytes */" + size + "\r\n");
    connection.answer("206 Partial Content", file.substr(from),
                      "Content-Range: bytes " + std::to_string(from) + "-" +
                          std::to_string(file.size() - 1) + "/" + size + "\r\n");
  };
}

std::string dead_url() {
  int port = 0;
  ::close(bound_socket(port));
  return url_of(port, "/file");
}

}  // namespace glassbox::test
