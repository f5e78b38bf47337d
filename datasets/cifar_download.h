// Where the files of CIFAR-10 and CIFAR-100 are, and getting them there. Internal.
#pragma once
#include <filesystem>
#include <string>

#include "datasets/cifar.h"

namespace glassbox::datasets {

// What to do about missing files, to be put behind an error.
std::string cifar_advice(const CifarFormat& format);

// The folder with the files of this half, or the archive: `root` itself or in it. Throws Error when
// there is neither, or the folder lacks some and there is no archive.
std::filesystem::path find_cifar(const CifarFormat& format, const std::string& root, bool train);

// The same after a download into `root`, where that is needed; all of it is verified. Files that
// are extracted get a list of their md5s, so that the next call can tell that they still are what
// was in the archive.
std::filesystem::path download_cifar(const CifarFormat& format, const std::string& root,
                                     const CifarSource& source);

}  // namespace glassbox::datasets
