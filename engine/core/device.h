// Device: where a tensor's bytes live. On the meta device a tensor has shape, dtype and accounting
// but no data, and no kernel runs: that is how a model is inspected without being run.
#pragma once
#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>

namespace glassbox {

class Device {
 public:
  enum class Type : std::uint8_t { cpu, cuda, meta };

  constexpr Device() = default;
  // "cpu", "cuda", "cuda:1" or "meta". Throws Error for anything else.
  Device(std::string_view text);
  Device(const char* text) : Device(std::string_view(text)) {}

  static constexpr Device cpu() { return Device(Type::cpu, 0, Type::cpu); }
  static constexpr Device cuda(int index = 0) { return Device(Type::cuda, index, Type::cuda); }
  // A meta device stands for a real one, whose kernels it asks for their working memory.
  static constexpr Device meta(Type stands_for = Type::cpu) {
    return Device(Type::meta, 0, stands_for);
  }

  constexpr Type type() const { return type_; }
  constexpr int index() const { return index_; }
  constexpr Type stands_for() const { return stands_for_; }
  constexpr bool is_cpu() const { return type_ == Type::cpu; }
  constexpr bool is_cuda() const { return type_ == Type::cuda; }
  constexpr bool is_meta() const { return type_ == Type::meta; }
  friend constexpr bool operator==(Device, Device) = default;

 private:
  constexpr Device(Type type, int index, Type stands_for)
      : type_(type), stands_for_(stands_for), index_(static_cast<std::int16_t>(index)) {}
  Type type_ = Type::cpu, stands_for_ = Type::cpu;
  std::int16_t index_ = 0;
};

std::string to_string(Device device);
std::ostream& operator<<(std::ostream& out, Device device);

// The device on which factory functions and layers make tensors on this thread (CPU at first).
Device default_device();

// Makes `device` the default one on this thread until the scope ends. Under
// DeviceScope(Device::meta()) modules are built without allocating or initialising anything.
class DeviceScope {
 public:
  explicit DeviceScope(Device device);
  ~DeviceScope();
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

 private:
  Device previous_;
};

}  // namespace glassbox
