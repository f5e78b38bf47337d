#include "tests/datasets/cifar_files.h"

#include <doctest/doctest.h>

#include <fstream>

#include "datasets/cifar10.h"
#include "tests/temp_folder.h"

namespace glassbox::test {

using datasets::CIFAR10;

void make_cifar(const std::string& folder) {
  std::filesystem::create_directories(folder);
  for (const std::string name : cifar_batches) {
    write_bytes(folder + "/" + name, "");
    std::filesystem::resize_file(folder + "/" + name,
                                 CIFAR10::records_per_file * CIFAR10::record_bytes);
  }
}

void set_record(const std::string& file, std::int64_t record, std::int64_t at,
                const std::string& bytes) {
  std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
  out.seekp(record * CIFAR10::record_bytes + at);
  out << bytes;
  out.close();
  REQUIRE(out.good());
}

}  // namespace glassbox::test
