#include "datasets/http_request.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>
#include <exception>
#include <memory>
#include <string_view>

#include "engine/core/error.h"

#ifdef GLASSBOX_HAS_CURL
#include <curl/curl.h>
#endif

namespace glassbox::datasets {

#ifndef GLASSBOX_HAS_CURL

bool can_download() { return false; }

HttpResult http_get(const std::string&, PartFile&, const DownloadOptions&,
                    const std::function<void(std::int64_t, std::int64_t)>&) {
  fail("download", "this build has no libcurl (package libcurl4-openssl-dev turns it on)");
}

#else

namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

bool looks_like_html(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  const std::size_t at = text.find_first_not_of(" \t\r\n");
  if (at == std::string_view::npos) return false;
  const std::string begin = lower(text.substr(at, 16));
  for (const char* tag : {"<!doctype html", "<html", "<head", "<body", "<title", "<!--"})
    if (begin.starts_with(tag)) return true;
  return false;
}

class Request {
 public:
  Request(const std::string& url, PartFile& part, const DownloadOptions& options,
          const std::function<void(std::int64_t, std::int64_t)>& progress)
      : url_(url),
        part_(part),
        options_(options),
        progress_(progress),
        start_(part.size()),
        last_byte_(Clock::now()) {}

  HttpResult run() {
    static const CURLcode global = curl_global_init(CURL_GLOBAL_DEFAULT);
    handle_.reset(global == CURLE_OK ? curl_easy_init() : nullptr);
    if (!handle_) return {HttpOutcome::failed, "libcurl cannot be started"};
    set_options();
    const CURLcode code = curl_easy_perform(handle_.get());
    if (thrown_) std::rethrow_exception(thrown_);
    if (stopped_) return result_;
    if (code == CURLE_OK) {
      // An empty body calls nobody.
      if (!begun_ && !begin({})) return result_;
      return {HttpOutcome::whole, ""};
    }
    return explain(code);
  }

 private:
  using Clock = std::chrono::steady_clock;

  template <class T>
  void set(CURLoption option, T value) {
    curl_easy_setopt(handle_.get(), option, value);
  }

  void set_options() {
    set(CURLOPT_URL, url_.c_str());
    set(CURLOPT_USERAGENT, "glassbox");
    set(CURLOPT_ERRORBUFFER, message_);
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_FAILONERROR, 1L);
    set(CURLOPT_FOLLOWLOCATION, 1L);
    set(CURLOPT_MAXREDIRS, static_cast<long>(options_.redirects));
#if LIBCURL_VERSION_NUM >= 0x075500
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
#else
    set(CURLOPT_PROTOCOLS, static_cast<long>(CURLPROTO_HTTP | CURLPROTO_HTTPS));
    set(CURLOPT_REDIR_PROTOCOLS, static_cast<long>(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    set(CURLOPT_CONNECTTIMEOUT, static_cast<long>(options_.connect_timeout));
    // Why not CURLOPT_RESUME_FROM: that makes a server which ignores it an error.
    if (start_ > 0) set(CURLOPT_RANGE, cat(start_, "-").c_str());
    set(CURLOPT_WRITEFUNCTION, &Request::on_body);
    set(CURLOPT_WRITEDATA, this);
    set(CURLOPT_HEADERFUNCTION, &Request::on_header);
    set(CURLOPT_HEADERDATA, this);
    // Why not CURLOPT_LOW_SPEED_TIME: it averages, so that a burst hides the silence after it.
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, &Request::on_tick);
    set(CURLOPT_XFERINFODATA, this);
  }

  // --- what libcurl calls; no exception may leave these
  // --------------------------------------------
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self) {
    auto* request = static_cast<Request*>(self);
    try {
      return request->take({data, size * count}) ? size * count : size * count + 1;
    } catch (...) {
      request->thrown_ = std::current_exception();
      return size * count + 1;  // what libcurl takes for an error
    }
  }
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self) {
    static_cast<Request*>(self)->read_header({data, size * count});
    return size * count;
  }
  static int on_tick(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    auto* request = static_cast<Request*>(self);
    // Until it is connected, the connection's own limit holds.
    curl_off_t connected = 0;
    curl_easy_getinfo(request->handle_.get(), CURLINFO_PRETRANSFER_TIME_T, &connected);
    if (connected == 0) {
      request->last_byte_ = Clock::now();
      return 0;
    }
    const std::chrono::seconds patience(request->options_.stall_timeout);
    request->stalled_ = Clock::now() - request->last_byte_ >= patience;
    return request->stalled_ ? 1 : 0;
  }

  // "Content-Range: bytes 10-19/20" or "bytes */20", of the last of several answers.
  void read_header(std::string_view line) {
    last_byte_ = Clock::now();
    if (line.starts_with("HTTP/")) range_start_ = range_total_ = -1;
    constexpr std::string_view name = "content-range:";
    if (line.size() < name.size() || line.size() > 200 ||
        lower(line.substr(0, name.size())) != name)
      return;
    const auto number = [&](std::size_t at, std::int64_t& value) {
      const std::string_view text = line.substr(std::min(at, line.size()));
      std::from_chars(text.data(), text.data() + text.size(), value);
    };
    const std::size_t unit = lower(line).find("bytes ");
    const std::size_t slash = line.find('/');
    if (unit != std::string_view::npos) number(unit + 6, range_start_);
    if (slash != std::string_view::npos) number(slash + 1, range_total_);
  }

  bool stop(HttpOutcome outcome, std::string reason) {
    stopped_ = true;
    result_ = {outcome, std::move(reason)};
    return false;
  }

  long status() const {
    long code = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &code);
    return code;
  }

  // Before the first byte of the body: is this the answer to what was asked?
  bool begin(std::string_view head) {
    begun_ = true;
    if (status() == 206 && (start_ == 0 || range_start_ != start_)) {
      return stop(
          start_ > 0 ? HttpOutcome::restart : HttpOutcome::failed,
          cat("the server sent the bytes from ", range_start_, " instead of those from ", start_));
    }
    if (status() != 206 && start_ > 0) {
      part_.truncate();
      start_ = 0;
    }
    curl_off_t length = -1;
    curl_easy_getinfo(handle_.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (length >= 0 && length > options_.limit - start_) {
      return stop(HttpOutcome::refused, cat("the server says that the file has ", length,
                                            " bytes more; at most ", options_.limit, " are taken"));
    }
    total_ = length < 0 ? -1 : start_ + length;
    if (length > part_.room()) {
      return stop(HttpOutcome::failed,
                  cat(length, " bytes have to be written to ", part_.path(), ", and its disk has ",
                      part_.room(), " free; make room and try again"));
    }
    if (start_ == 0 && !options_.html && looks_like_html(head)) {
      return stop(HttpOutcome::refused,
                  "the server sent an HTML page, not the file: a login page, a proxy's or an "
                  "error's; open the address in a browser to see it");
    }
    return true;
  }

  bool take(std::string_view bytes) {
    last_byte_ = Clock::now();
    if (!begun_ && !begin(bytes)) return false;
    if (static_cast<std::int64_t>(bytes.size()) > options_.limit - part_.size()) {
      return stop(HttpOutcome::refused,
                  cat("the server sends more than the ", options_.limit, " bytes that are taken"));
    }
    if (!part_.write(bytes)) {
      return stop(HttpOutcome::failed, cat("cannot write ", part_.path(), ": ", part_.error(),
                                           "; make room and try again"));
    }
    progress_(part_.size(), total_);
    return true;
  }

  HttpResult explain(CURLcode code) const {
    const std::string why = message_[0] ? message_ : curl_easy_strerror(code);
    switch (code) {
      case CURLE_HTTP_RETURNED_ERROR:
        return explain_status();
      case CURLE_COULDNT_RESOLVE_HOST:
      case CURLE_COULDNT_RESOLVE_PROXY:
      case CURLE_COULDNT_CONNECT:
        return {HttpOutcome::retry,
                cat("cannot connect: ", why, "; check the network and the address")};
      case CURLE_OPERATION_TIMEDOUT:
        return {HttpOutcome::retry, cat("cannot connect within ", options_.connect_timeout,
                                        " s; check the network and the address")};
      case CURLE_ABORTED_BY_CALLBACK:
        return {HttpOutcome::retry, cat("the server has sent nothing for ", options_.stall_timeout,
                                        " s; try again later")};
      case CURLE_PARTIAL_FILE:
      case CURLE_RECV_ERROR:
      case CURLE_SEND_ERROR:
      case CURLE_GOT_NOTHING:
      case CURLE_HTTP2:
      case CURLE_HTTP2_STREAM:
        return {HttpOutcome::retry, cut_off(why)};
      case CURLE_TOO_MANY_REDIRECTS:
        return {HttpOutcome::failed,
                cat("redirects more than ", options_.redirects, " times; a loop?")};
      case CURLE_UNSUPPORTED_PROTOCOL:
        return {HttpOutcome::failed, "only http and https addresses are followed: " + why};
      case CURLE_PEER_FAILED_VERIFICATION:
        return {HttpOutcome::failed, "the server cannot prove that it is this one: " + why +
                                         " (package ca-certificates, or a proxy that intercepts)"};
      default:
        return {HttpOutcome::failed, why};
    }
  }

  std::string cut_off(const std::string& why) const {
    if (!begun_) return "the server broke off before the file began: " + why;
    if (total_ < 0) return cat("was cut off after ", part_.size(), " bytes: ", why);
    return cat("was cut off after ", part_.size(), " of ", total_, " bytes");
  }

  HttpResult explain_status() const {
    const long code = status();
    if (code == 416 && start_ > 0) {
      if (range_total_ == start_) return {HttpOutcome::whole, ""};
      return {HttpOutcome::restart, cat("HTTP 416 for the bytes from ", start_)};
    }
    const std::string text = cat("the server says HTTP ", code);
    if (code >= 500 || code == 408 || code == 429)
      return {HttpOutcome::retry, text + "; try again later"};
    if (code == 404 || code == 410)
      return {HttpOutcome::failed, text + ": there is no such file; check the address"};
    if (code == 401 || code == 403 || code == 407)
      return {HttpOutcome::failed, text + ": it does not give the file to us"};
    return {HttpOutcome::failed, text};
  }

  struct Close {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  };
  std::unique_ptr<CURL, Close> handle_;
  const std::string& url_;
  PartFile& part_;
  const DownloadOptions& options_;
  const std::function<void(std::int64_t, std::int64_t)>& progress_;
  std::int64_t start_, total_ = -1;                   // of the bytes asked for; of the whole file
  std::int64_t range_start_ = -1, range_total_ = -1;  // as the server says
  Clock::time_point last_byte_;
  bool begun_ = false, stopped_ = false, stalled_ = false;
  HttpResult result_{};
  std::exception_ptr thrown_;
  char message_[CURL_ERROR_SIZE] = "";
};

}  // namespace

bool can_download() { return true; }

HttpResult http_get(const std::string& url, PartFile& part, const DownloadOptions& options,
                    const std::function<void(std::int64_t, std::int64_t)>& progress) {
  return Request(url, part, options, progress).run();
}

#endif

}  // namespace glassbox::datasets
