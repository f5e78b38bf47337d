#pragma once
// A file system of 1 MiB that is gone with its object. Only root can make one.
#include <doctest/doctest.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "tests/temp_folder.h"

namespace glassbox::test {

class SmallDisk {
 public:
  SmallDisk() {
    if (::mount("tmpfs", folder_.path().c_str(), "tmpfs", 0, "size=1m") != 0)
      reason_ = std::string("cannot make a small file system: ") + std::strerror(errno);
  }
  ~SmallDisk() {
    if (reason_.empty()) ::umount2(folder_.path().c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  void resize(const std::string& size) {
    const std::string option = "size=" + size;
    REQUIRE(::mount("tmpfs", path().c_str(), "tmpfs", MS_REMOUNT, option.c_str()) == 0);
  }
  const std::string& why_not() const { return reason_; }
  std::string operator/(const std::string& name) const { return folder_ / name; }
  const std::string& path() const { return folder_.path(); }

 private:
  TempFolder folder_;
  std::string reason_;
};

}  // namespace glassbox::test
