#include "glassbox/machine.h"

#include <sys/utsname.h>

#include <string>

#include "build_facts.h"
#include "glassbox/devices.h"

namespace glassbox {

nlohmann::ordered_json build_json() {
  nlohmann::ordered_json json = {{"glassbox", build::version}, {"kernels", build::cpu_level}};
  for (const build::Fact& fact : build::facts) json[fact.name] = fact.text;
  return json;
}

nlohmann::ordered_json machine_json() {
  utsname system{};
  ::uname(&system);
  const CpuInfo cpu = cpu_info();
  return {{"host", system.nodename},
          {"system", std::string(system.sysname) + " " + system.release},
          {"architecture", system.machine},
          {"cpu", cpu.model},
          {"threads", cpu.threads},
          {"memory_gib", cpu.memory_gib}};
}

}  // namespace glassbox
