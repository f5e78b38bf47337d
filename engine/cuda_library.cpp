#include "engine/cuda_library.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <mutex>

#include "engine/ops/ops.h"

#ifdef GLASSBOX_CUDA_LINKED
extern "C" const glassbox::cuda::Library* glassbox_cuda_library();
#endif

namespace glassbox::cuda {
namespace {

constexpr const char* file_name = "libglassbox_cuda.so";

struct State {
  std::once_flag once;
  const Library* library = nullptr;
  std::string why_not;
  bool sync_debug = false, allow_tf32 = false, deterministic = true;
};
State& state() {
  static State& s = *new State;  // Why never destroyed: tensors may be freed after any destructor.
  return s;
}

bool is_set(const char* variable) {
  const char* const value = std::getenv(variable);
  return value && *value && std::string_view(value) != "0";
}

// The library's file: named in the environment, beside the engine, or where the loader looks.
std::string find_library(bool& named) {
  const char* const given = std::getenv("GLASSBOX_CUDA_LIBRARY");
  named = given && *given;
  if (named) return given;
  Dl_info engine;
  if (dladdr(reinterpret_cast<void*>(&op_fingerprint), &engine) && engine.dli_fname) {
    const auto beside = std::filesystem::path(engine.dli_fname).parent_path() / file_name;
    std::error_code ignored;
    if (std::filesystem::exists(beside, ignored)) return beside;
  }
  return file_name;
}

const Library* open_library(std::string& why) {
#ifdef GLASSBOX_CUDA_LINKED
  return glassbox_cuda_library();
#else
  bool named = false;
  const std::string file = find_library(named);
  // Why the driver first: without one there is no GPU, and loading cuDNN and cuBLAS to find that
  // out takes 60 ms and 220 MB of every training.
  void* const driver = named ? nullptr : dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
  if (!named && !driver && file != file_name) {
    why =
        "no NVIDIA driver: libcuda.so.1 is not found. Install the driver of your GPU "
        "(Debian: nvidia-driver)";
    return nullptr;
  }
  void* const handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (driver) dlclose(driver);
  if (!handle) {
    why = explain_load_error(dlerror());
    return nullptr;
  }
  auto* const function = reinterpret_cast<LibraryFunction*>(dlsym(handle, library_symbol));
  if (!function) {
    why = file + " is not a Glassbox CUDA library";
    return nullptr;
  }
  return function();
#endif
}

void load() {
  State& s = state();
  s.sync_debug = s.sync_debug || is_set("GLASSBOX_CUDA_SYNC");
  const Library* const library = open_library(s.why_not);
  if (!library) return;
  if (library->fingerprint != op_fingerprint()) {
    s.why_not = "the CUDA library is of another build of Glassbox: build both together";
    return;
  }
  if (!library->backend) {
    s.why_not = library->why_not;
    return;
  }
  std::size_t i = 0;
  ops::for_each_op([&]<class Op>() {
    op_type<Op>().run_cuda = library->kernels[i].run;
    op_type<Op>().scratch_cuda = library->kernels[i].scratch;
    ++i;
  });
  s.library = library;
}

State& loaded() {
  State& s = state();
  std::call_once(s.once, load);
  return s;
}

Backend& existing(std::string_view what, int index) { return backend(what, Device::cuda(index)); }

}  // namespace

std::uint64_t op_fingerprint() {
  std::uint64_t hash = 14695981039346656037u;  // FNV-1a, 64 bits
  const auto add = [&hash](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
    hash = (hash ^ 0xff) * 1099511628211u;
  };
  add("1");  // raised when Context, Backend or Kernel change
  ops::for_each_op([&]<class Op>() {
    add(Op::name);
    add(std::to_string(sizeof(Op)));
  });
  return hash;
}

std::string explain_load_error(const std::string& message) {
  struct Needed {
    const char *file, *text;
  };
  constexpr Needed needed[] = {
      {"libglassbox_cuda.so:",
       "this installation has no CUDA backend (libglassbox_cuda.so). Build one with "
       "-DGLASSBOX_CUDA=ON where the CUDA Toolkit and cuDNN 9 are installed"},
      {"libcudnn",
       "cuDNN 9 is not found. Install libcudnn9-cuda-13 or libcudnn9-cuda-12 from NVIDIA's "
       "repository, or pip's nvidia-cudnn-cu13, and put its folder into LD_LIBRARY_PATH"},
      {"libcublas",
       "cuBLAS is not found. Install libcublas from NVIDIA's repository (part of the CUDA "
       "Toolkit), or pip's nvidia-cublas, and put its folder into LD_LIBRARY_PATH"},
      {"libglassbox_engine", "the CUDA library is of another build of Glassbox"},
      {"undefined symbol", "the CUDA library is of another build of Glassbox"},
  };
  for (const Needed& n : needed) {
    if (message.find(n.file) != message.npos) return cat(n.text, " (", message, ")");
  }
  return message;
}

bool is_available() { return loaded().library != nullptr; }
std::string why_not() { return loaded().library ? "" : loaded().why_not; }
int device_count() { return is_available() ? loaded().library->backend->device_count() : 0; }

Backend& backend(std::string_view what, Device device) {
  const State& s = loaded();
  if (!s.library) fail(what, cat("there is no device ", device, ": ", s.why_not));
  Backend& found = *s.library->backend;
  if (device.index() >= found.device_count()) {
    fail(what, cat("there is no device ", device, ": this machine has ", found.device_count(),
                   " GPU", found.device_count() == 1 ? "" : "s", ", counted from 0"));
  }
  return found;
}

Backend* loaded_backend() {
  const Library* const library = state().library;
  return library ? library->backend : nullptr;
}

DeviceProperties properties(int index) { return existing("properties", index).properties(index); }
std::string versions() { return is_available() ? loaded().library->backend->versions() : ""; }
std::vector<int> architectures() {
  return is_available() ? loaded().library->backend->architectures() : std::vector<int>();
}
void synchronize(int index) { existing("synchronize", index).synchronize(index); }
void empty_cache(int index) { existing("empty_cache", index).allocator(index).release_cached(); }
Counters counters(int index) { return existing("counters", index).counters(index); }

bool sync_debug() { return state().sync_debug; }
void set_sync_debug(bool on) { state().sync_debug = on; }
void set_allow_tf32(bool allow) { state().allow_tf32 = allow; }
bool allow_tf32() { return state().allow_tf32; }
void set_deterministic(bool on) { state().deterministic = on; }
bool deterministic() { return state().deterministic; }

Event::Event(int index) : index_(index), handle_(existing("event", index).make_event(index)) {}
Event::~Event() { loaded().library->backend->free_event(index_, handle_); }
void Event::record() { existing("event", index_).record(index_, handle_); }
void Event::synchronize() { existing("event", index_).wait_for(index_, handle_); }
double Event::seconds_since(const Event& earlier) {
  synchronize();
  return existing("event", index_).seconds(index_, earlier.handle_, handle_);
}

}  // namespace glassbox::cuda
