#include "glassbox/data.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "glassbox/usage_error.h"

namespace glassbox {

using namespace datasets;
namespace fs = std::filesystem;

namespace {

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

// Means and deviations of ImageNet's photographs, which most folders of images resemble.
const std::vector<double> photo_mean{0.485, 0.456, 0.406}, photo_std{0.229, 0.224, 0.225};

// A training and a test set in memory.
Data in_memory(DataInfo info, ImageDataset train, ImageDataset test, bool augment) {
  train.transform = info.for_training(augment);
  test.transform = info.for_testing();
  Data data;
  data.train_images = train.size();
  data.test_images = test.size();
  data.info = std::move(info);
  data.train = [train](const DataLoaderOptions& o) { return DataLoader(train, o); };
  data.test = [test](const DataLoaderOptions& o) { return DataLoader(test, o); };
  return data;
}

template <class Set, class Options>
Data load_standard(DataInfo info, const TrainOptions& o, Options options) {
  options.train = true;
  options.download = o.download;
  Set train(info.root, options);
  options.train = false;
  options.download = false;  // it is there now
  Set test(info.root, options);
  info.classes = train.classes;
  info.channels = train.images.size(1);
  info.height = train.images.size(2);
  info.width = train.images.size(3);
  return in_memory(std::move(info), std::move(train), std::move(test), o.augment);
}

// What a folder holds, by its files' names; "" for none that is known.
std::string recognise(const fs::path& root) {
  const auto any = [&root](std::initializer_list<const char*> names) {
    return std::any_of(names.begin(), names.end(),
                       [&root](const char* name) { return is_there(root / name); });
  };
  const std::string file = root.filename().string();
  if (file == "cifar-10-binary.tar.gz" ||
      any({"data_batch_1.bin", "cifar-10-batches-bin", "cifar-10-binary.tar.gz"})) {
    return "cifar10";
  }
  if (file == "cifar-100-binary.tar.gz" ||
      any({"train.bin", "cifar-100-binary", "cifar-100-binary.tar.gz"})) {
    return "cifar100";
  }
  if (any({"FashionMNIST"})) return "fashion_mnist";
  if (any({"train-images-idx3-ubyte", "train-images-idx3-ubyte.gz", "raw", "MNIST"})) {
    return "mnist";
  }
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root, error)) {
    if (entry.is_directory(error)) return "folder";
  }
  return "";
}

// --- folders of images ---------------------------------------------------------------------------

void check_classes(const ImageFolder& train, const ImageFolder& test) {
  if (train.classes() == test.classes()) return;
  throw UsageError(
      fmt::format("the folders of training and test images have different classes "
                  "({} and {})",
                  fmt::join(train.classes(), ", "), fmt::join(test.classes(), ", ")));
}

Data load_folder(DataInfo info, const TrainOptions& o, const std::vector<Shape>& usual) {
  if (usual.size() == 1 && usual[0].rank() == 3) info.channels = usual[0][0];
  if (!o.image_size.empty()) {
    info.height = o.image_size.front();
    info.width = o.image_size.back();
  } else if (usual.size() == 1 && usual[0].rank() == 3) {
    info.height = usual[0][1];
    info.width = usual[0][2];
  } else {
    throw UsageError("this model has no usual input; give --image-size HxW");
  }
  if (info.channels != 1 && info.channels != 3) {
    throw UsageError(
        fmt::format("images have 1 or 3 channels, this model takes {}", info.channels));
  }
  info.mean = photo_mean;
  info.std = photo_std;
  if (info.channels == 1) info.mean = {0.5}, info.std = {0.5};
  const ImageFolderOptions options{
      .size = {static_cast<int>(info.height), static_cast<int>(info.width)}};
  const auto load = [&](ImageFolder& folder) {
    ImageDataset set = folder.load();
    set.images = to_channels(set.images, info.channels);
    return set;
  };
  const fs::path root(info.root);
  const bool split = is_there(root / "train");
  ImageFolder folder(split ? (root / "train").string() : info.root, options);
  ImageDataset train = load(folder), test;
  info.classes = folder.classes();
  std::vector<std::string> paths;
  if (split) {
    const char* found = nullptr;
    for (const char* name : {"test", "val", "valid", "validation"}) {
      if (!found && is_there(root / name)) found = name;
    }
    if (!found) throw UsageError(info.root + " has a folder train but neither test nor val");
    ImageFolder other((root / found).string(), options);
    check_classes(folder, other);
    test = load(other);
    paths = other.paths();
  } else {
    // Why a fixed seed: evaluate and a resumed training must find the same split.
    const std::vector<Subset> parts = random_split(train, {0.9, 0.1}, 0);
    if (parts[1].size() == 0) {
      throw UsageError(fmt::format("{} has {} images, too few to keep a tenth for the test",
                                   info.root, train.size()));
    }
    for (const std::int64_t i : parts[1].indices) {
      paths.push_back(folder.paths()[static_cast<std::size_t>(i)]);
    }
    info.note += ", a tenth kept for the test";
    test = parts[1];
    train = parts[0];
  }
  Data data = in_memory(std::move(info), std::move(train), std::move(test), o.augment);
  data.test_paths = std::move(paths);
  return data;
}

}  // namespace

// --- what becomes of an image --------------------------------------------------------------------

transforms::Compose DataInfo::for_testing() const {
  return {transforms::ToTensor{}, transforms::Normalize{mean, std}};
}

transforms::Compose DataInfo::for_training(bool augment) const {
  // Digits and letters have no mirror images, clothes hardly vary.
  if (!augment || kind == "mnist" || kind == "fashion_mnist") return for_testing();
  const Pair size{static_cast<int>(height), static_cast<int>(width)};
  const int padding = static_cast<int>(std::max<std::int64_t>(1, std::min(height, width) / 8));
  return {transforms::RandomCrop{size, {.padding = padding}}, transforms::RandomHorizontalFlip{},
          transforms::ToTensor{}, transforms::Normalize{mean, std}};
}

Tensor to_channels(const Tensor& images, std::int64_t channels) {
  const int rank = images.dim();
  const std::int64_t has = images.size(rank - 3);
  if (has == channels) return images;
  if (has != 3 || channels != 1) {
    fail("to_channels", cat("cannot turn ", has, " channels into ", channels));
  }
  Shape shape = images.shape();
  shape[rank - 3] = 1;
  Tensor out = empty(shape, DType::u8, Device::cpu());
  const auto from = images.data<std::uint8_t>();
  const auto to = out.mutable_data<std::uint8_t>();
  const auto plane = static_cast<std::size_t>(images.size(rank - 2) * images.size(rank - 1));
  for (std::size_t i = 0; i < to.size(); ++i) {
    const std::size_t base = i / plane * 3 * plane + i % plane;
    const std::uint32_t luma =
        from[base] * 19595u + from[base + plane] * 38470u + from[base + 2 * plane] * 7471u;
    to[i] = static_cast<std::uint8_t>((luma + 0x8000u) >> 16);
  }
  return out;
}

Tensor load_image(const std::string& path, const DataInfo& info) {
  const Pair size{static_cast<int>(info.height), static_cast<int>(info.width)};
  const Tensor image = to_channels(resize_and_crop(read_image(path), size), info.channels);
  return image.reshape({1, info.channels, info.height, info.width});
}

// --- finding it ----------------------------------------------------------------------------------

Data load_data(const TrainOptions& o, const std::vector<Shape>& usual) {
  DataInfo info;
  std::string kind = o.dataset;
  if (o.data == "synthetic" || (o.data == "auto" && !is_there("data/cifar-10-batches-bin") &&
                                !is_there("data/cifar-10-binary.tar.gz") && !o.download)) {
    if (o.data == "auto") {
      fmt::print(
          "data/ has no CIFAR-10 (data/cifar-10-batches-bin): using the synthetic stand-in\n");
    }
    info.root = make_synthetic_cifar10();
    info.note = "synthetic stand-in for CIFAR-10";
    kind = "cifar10";
  } else {
    info.root = o.data == "auto" ? "data" : o.data;
    if (kind == "auto") kind = o.download ? "cifar10" : recognise(info.root);
    if (kind.empty()) {
      throw UsageError(
          info.root +
          (is_there(info.root) ? " holds no data set that is known" : " does not exist") +
          ": CIFAR-10 or CIFAR-100 in binary form, MNIST, or a folder of images for "
          "each class");
    }
  }
  const auto named = [&](const char* name) {
    if (info.note.empty()) info.note = fmt::format("{} in {}", name, info.root);
  };
  info.kind = kind;
  if (kind == "cifar10" || kind == "cifar100") {
    info.mean = transforms::cifar10_mean;
    info.std = transforms::cifar10_std;
    named(kind == "cifar10" ? "CIFAR-10" : "CIFAR-100");
    if (kind == "cifar10") return load_standard<CIFAR10>(std::move(info), o, CIFAR10Options{});
    return load_standard<CIFAR100>(std::move(info), o, CIFAR100Options{});
  }
  if (kind == "mnist" || kind == "fashion_mnist") {
    info.mean = transforms::mnist_mean;
    info.std = transforms::mnist_std;
    named(kind == "mnist" ? "MNIST" : "Fashion-MNIST");
    if (kind == "mnist") return load_standard<MNIST>(std::move(info), o, MNISTOptions{});
    return load_standard<FashionMNIST>(std::move(info), o, MNISTOptions{});
  }
  if (kind == "folder") {
    named("images");
    return load_folder(std::move(info), o, usual);
  }
  throw UsageError("--dataset " + kind +
                   " is none of auto, cifar10, cifar100, mnist, fashion_mnist, folder");
}

// --- config.json ---------------------------------------------------------------------------------

namespace {
template <class Info, class F>
void visit(Info& info, const F& f) {
  f("kind", info.kind);
  f("root", info.root);
  f("note", info.note);
  f("classes", info.classes);
  f("channels", info.channels);
  f("height", info.height);
  f("width", info.width);
  f("mean", info.mean);
  f("std", info.std);
}
}  // namespace

nlohmann::ordered_json to_json(const DataInfo& info) {
  nlohmann::ordered_json json;
  visit(info, [&json](const char* key, const auto& value) { json[key] = value; });
  return json;
}

DataInfo data_info_from_json(const nlohmann::ordered_json& json, const std::string& file) {
  DataInfo info;
  visit(info, [&](const char* key, auto& value) { read_key(json, file, key, value); });
  return info;
}

}  // namespace glassbox
