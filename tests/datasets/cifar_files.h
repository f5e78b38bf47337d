#pragma once
// Files as CIFAR-10's, of all zeros unless records are set. They are holes that take no room on
// disk and no time to make.
#include <cstdint>
#include <filesystem>
#include <string>

namespace glassbox::test {

inline const char* const cifar_batches[] = {"data_batch_1.bin", "data_batch_2.bin",
                                            "data_batch_3.bin", "data_batch_4.bin",
                                            "data_batch_5.bin", "test_batch.bin"};

// All six files of zeros, in `folder`, which is made.
void make_cifar(const std::string& folder);
// Writes `bytes` into a file that exists, from byte `at` of record `record`.
void set_record(const std::string& file, std::int64_t record, std::int64_t at,
                const std::string& bytes);

}  // namespace glassbox::test
