#include "engine/core/device.h"

#include <ostream>

#include "engine/core/error.h"

namespace glassbox {
namespace {
thread_local Device current_device = Device::cpu();
}

Device::Device(std::string_view text) {
  if (text == "cpu") {
    *this = cpu();
  } else if (text == "meta") {
    *this = meta();
  } else if (text == "cuda") {
    *this = cuda(0);
  } else if (text.starts_with("cuda:") && text.size() > 5 && text.size() < 8 &&
             text.find_first_not_of("0123456789", 5) == text.npos) {
    *this = cuda(std::stoi(std::string(text.substr(5))));
  } else {
    fail("device", cat("\"", text, "\" is not one of cpu, cuda, cuda:N, meta"));
  }
}

std::string to_string(Device device) {
  if (device.is_cpu()) return "cpu";
  if (device.is_meta()) return "meta";
  return "cuda:" + std::to_string(device.index());
}

std::ostream& operator<<(std::ostream& out, Device device) { return out << to_string(device); }

Device default_device() { return current_device; }

DeviceScope::DeviceScope(Device device) : previous_(current_device) { current_device = device; }
DeviceScope::~DeviceScope() { current_device = previous_; }

}  // namespace glassbox
