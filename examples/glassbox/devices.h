// What `glassbox devices` prints: this machine's processor and memory, what of it this build uses,
// and which accelerators there are.
#pragma once
#include <string>
#include <vector>

#include "engine/core/device.h"

namespace glassbox {

struct CpuInfo {
  std::string model;              // "AMD EPYC", or "unknown"
  int cores = 0;                  // physical ones; 0: unknown
  int threads = 0;                // logical processors
  std::vector<std::string> sets;  // instruction sets, of those that kernels know
  double memory_gib = 0;          // 0: unknown
  double available_gib = 0;
};

// From the text of /proc/cpuinfo and /proc/meminfo; what they do not say stays unknown.
CpuInfo read_cpu_info(const std::string& cpuinfo, const std::string& meminfo);

// This machine's.
CpuInfo cpu_info();

std::string devices_text(const CpuInfo& cpu);

// The device that --device names: auto is $GLASSBOX_DEVICE where that is set, else the first GPU
// where there is one, else the CPU. Throws
// UsageError for another word, a GPU that does not exist, and cuda where there is none, with why.
Device device_of(const std::string& text);

}  // namespace glassbox
