#include "glassbox/data.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "engine/core/cuda.h"
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

// Decoded images that are kept; above, they are decoded each time they are needed.
constexpr std::int64_t most_in_memory = std::int64_t(1) << 30;

// A set of bytes that takes no more than a quarter of a GPU's free memory is kept there.
bool fits_on(Device device, const Tensor& images) {
  return device.is_cuda() &&
         images.spec().bytes() <= cuda::properties(device.index()).free_memory / 4;
}

template <class Set>
auto loader_of(Set set) {
  return [set = std::move(set)](const DataLoaderOptions& o) {
    if constexpr (std::is_base_of_v<ImageDataset, Set>) {
      const ImageDataset& images = set;
      if (fits_on(o.device, images.images)) return DataLoader(images.to(o.device), o);
    }
    return DataLoader(set, o);
  };
}

template <class Set, class Options>
Data load_standard(DataInfo info, const TrainOptions& o, Halves halves, Options options) {
  Data data;
  const auto load = [&](bool train) {
    options.train = train;
    Set set(info.root, options);
    options.download = false;  // it is there now
    info.classes = set.classes;
    info.channels = set.images.size(1);
    info.height = set.images.size(2);
    info.width = set.images.size(3);
    set.transform = train ? info.for_training(o.augment) : info.for_testing();
    return set;
  };
  options.download = o.download;
  if (halves == Halves::both) {
    Set train = load(true);
    data.train_images = train.size();
    data.train = loader_of(std::move(train));
  }
  Set test = load(false);
  data.info = std::move(info);
  data.test_images = test.size();
  data.test = loader_of(std::move(test));
  return data;
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
      fmt::format("the folders of training and test images have different classes ({} and {})",
                  fmt::join(train.classes(), ", "), fmt::join(test.classes(), ", ")));
}

// How large the images become, and how many channels they have.
void set_size(DataInfo& info, const TrainOptions& o, const std::vector<Shape>& usual) {
  const bool has_usual = usual.size() == 1 && usual[0].rank() == 3;
  if (has_usual) info.channels = usual[0][0];
  if (!o.image_size.empty()) {
    info.height = o.image_size.front();
    info.width = o.image_size.back();
  } else if (has_usual) {
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
}

// Training and test images: folders train and test (or val), or a tenth of one folder's.
std::pair<ImageFolder, ImageFolder> find_images(DataInfo& info, bool augment) {
  const auto open = [&](const fs::path& root, const transforms::Compose& transform) {
    return ImageFolder(root.string(),
                       {.size = {static_cast<int>(info.height), static_cast<int>(info.width)},
                        .grey = info.channels == 1,
                        .transform = transform});
  };
  const fs::path root(info.root);
  if (is_there(root / "train")) {
    const char* found = nullptr;
    for (const char* name : {"test", "val", "valid", "validation"}) {
      if (!found && is_there(root / name)) found = name;
    }
    if (!found) throw UsageError(info.root + " has a folder train but neither test nor val");
    std::pair both(open(root / "train", info.for_training(augment)),
                   open(root / found, info.for_testing()));
    check_classes(both.first, both.second);
    return both;
  }
  const ImageFolder all = open(root, info.for_training(augment));
  const std::int64_t n = all.size(), kept = n / 10;
  if (kept == 0) {
    throw UsageError(
        fmt::format("{} has {} images, too few to keep a tenth for the test", info.root, n));
  }
  info.note += ", a tenth kept for the test";
  // Why a fixed seed: evaluate and a resumed training must find the same split.
  const auto parts = random_split_items(n, std::vector<std::int64_t>{n - kept, kept}, 0);
  ImageFolder test = all.select(parts[1]);
  test.set_transform(info.for_testing());
  return {all.select(parts[0]), std::move(test)};
}

Data load_folder(DataInfo info, const TrainOptions& o, const std::vector<Shape>& usual,
                 Halves halves) {
  set_size(info, o, usual);
  auto [train, test] = find_images(info, o.augment);
  info.classes = train.classes();
  const std::int64_t bytes =
      (train.size() + test.size()) * info.channels * info.height * info.width;
  const bool lazy = o.lazy || bytes > most_in_memory;
  const auto prepare = [lazy](ImageFolder& folder) -> decltype(Data::test) {
    if (!lazy) return loader_of(folder.load());
    folder.check();
    return loader_of(folder);
  };
  Data data;
  if (halves == Halves::both) data.train = prepare(train);
  data.test = prepare(test);
  data.info = std::move(info);
  data.train_images = train.size();
  data.test_images = test.size();
  data.test_paths = test.paths();
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

Tensor load_image(const std::string& path, const DataInfo& info) {
  const Pair size{static_cast<int>(info.height), static_cast<int>(info.width)};
  const Tensor image = resize_and_crop(read_image(path), size);
  return (info.channels == 1 ? to_grey(image) : image)
      .reshape({1, info.channels, info.height, info.width});
}

// --- finding it ----------------------------------------------------------------------------------

Data load_data(const TrainOptions& o, const std::vector<Shape>& usual, Halves halves) {
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
    if (kind == "cifar10")
      return load_standard<CIFAR10>(std::move(info), o, halves, CIFAR10Options{});
    return load_standard<CIFAR100>(std::move(info), o, halves, CIFAR100Options{});
  }
  if (kind == "mnist" || kind == "fashion_mnist") {
    info.mean = transforms::mnist_mean;
    info.std = transforms::mnist_std;
    named(kind == "mnist" ? "MNIST" : "Fashion-MNIST");
    if (kind == "mnist") return load_standard<MNIST>(std::move(info), o, halves, MNISTOptions{});
    return load_standard<FashionMNIST>(std::move(info), o, halves, MNISTOptions{});
  }
  if (kind == "folder") {
    named("images");
    return load_folder(std::move(info), o, usual, halves);
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
