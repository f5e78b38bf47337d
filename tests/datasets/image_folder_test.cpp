// ImageFolder: which files it takes, in which order, and what it says about broken ones.
#include "datasets/image_folder.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <thread>

#include "datasets/loader.h"
#include "engine/core/threads.h"
#include "tests/skip.h"
#include "tests/temp_folder.h"

namespace glassbox::datasets {
namespace {

namespace fs = std::filesystem;
using test::TempFolder;

constexpr const char* no_png = "this build has no libpng";

// An image of one colour's bytes.
void make_png(const std::string& path, int value, Pair size = {2, 3}) {
  fs::create_directories(fs::path(path).parent_path());
  Tensor image = empty({3, size.h, size.w}, DType::u8, Device::cpu());
  for (auto& byte : image.mutable_data<std::uint8_t>()) byte = static_cast<std::uint8_t>(value);
  write_png(path, image);
}

std::vector<int> first_bytes(const ImageDataset& set) {
  std::vector<int> bytes;
  for (std::int64_t i = 0; i < set.size(); ++i) bytes.push_back(set.images[i][0][0][0].item<int>());
  return bytes;
}

TEST_CASE("an image folder has its classes and files in order") {
  if (!can_use_png()) return test::skip(no_png);
  const TempFolder folder;
  make_png(folder / "dog/b.png", 11);
  make_png(folder / "dog/a.png", 10);
  make_png(folder / "cat/z.png", 2);
  make_png(folder / "cat/sub/a.png", 3);
  make_png(folder / "cat/10.png", 1);
  test::write_bytes(folder / "readme.txt", "not a class");
  test::write_bytes(folder / "cat/Thumbs.db", "not an image");
  fs::create_directory(folder / ".hidden");
  fs::rename(folder / "dog/b.png", folder / "dog/b");  // known by its content
  ImageFolder images(folder.path());
  CHECK(images.classes() == std::vector<std::string>{"cat", "dog"});
  CHECK(images.paths() == std::vector<std::string>{folder / "cat/10.png", folder / "cat/z.png",
                                                   folder / "cat/sub/a.png", folder / "dog/a.png",
                                                   folder / "dog/b"});
  CHECK(images.labels() == std::vector<std::int64_t>{0, 0, 0, 1, 1});
  CHECK(images.decode(2).shape() == Shape{3, 2, 3});
  const ImageDataset set = images.load();
  CHECK(set.images.shape() == Shape{5, 3, 2, 3});
  CHECK(set.images.dtype() == DType::u8);
  CHECK(first_bytes(set) == std::vector<int>{1, 2, 3, 10, 11});
  CHECK(set.labels.to_vector<std::int64_t>() == images.labels());
  CHECK(set.classes == images.classes());
  CHECK(images.unreadable().empty());
  CHECK(images.report().empty());
  CHECK_THROWS_WITH_AS(images.decode(5), "ImageFolder: item 5 of 5 does not exist", Error);
  CHECK_THROWS_AS(images.decode(-1), Error);
}

TEST_CASE("an image folder brings images to one size, cropped or stretched") {
  if (!can_use_png()) return test::skip(no_png);
  const TempFolder folder;
  make_png(folder / "a/1.png", 1, {20, 30});
  make_png(folder / "a/2.png", 2, {5, 4});
  for (const Fit fit : {Fit::crop, Fit::stretch}) {
    ImageFolder images(folder.path(), {.size = {8, 6}, .fit = fit});
    CHECK(images.decode(0).shape() == Shape{3, 8, 6});
    CHECK(images.load().images.shape() == Shape{2, 3, 8, 6});
  }
  ImageFolder as_they_are(folder.path(), {.quiet = true});
  const ImageDataset set = as_they_are.load();
  CHECK(set.size() == 1);
  REQUIRE(as_they_are.unreadable().size() == 1);
  CHECK(as_they_are.unreadable()[0].reason == "is 5x4, the first image 20x30; set size");
}

TEST_CASE("unreadable files are left out and reported, or are an error") {
  if (!can_use_png()) return test::skip(no_png);
  const TempFolder folder;
  for (int i = 0; i < 4; ++i) make_png(folder / "a/" + std::to_string(i) + ".png", i);
  make_png(folder / "b/5.png", 5);
  test::write_bytes(folder / "a/1.png", test::read_bytes(folder / "a/0.png").substr(0, 60));
  test::write_bytes(folder / "a/empty.jpg", "");
  test::write_bytes(folder / "b/page.png", "<html>");
  fs::create_symlink(folder / "gone.png", folder / "b/link.png");
  ImageFolder images(folder.path(), {.quiet = true});
  CHECK(images.size() == 5);
  CHECK(images.unreadable().size() == 3);
  const ImageDataset set = images.load();
  CHECK(first_bytes(set) == std::vector<int>{0, 2, 3, 5});
  CHECK(set.labels.to_vector<int>() == std::vector<int>{0, 0, 0, 1});
  CHECK(images.paths().size() == 4);
  CHECK(images.labels().size() == 4);
  REQUIRE(images.unreadable().size() == 4);
  CHECK(images.unreadable()[0].path == folder / "a/empty.jpg");
  CHECK(images.unreadable()[0].reason == "is empty");
  CHECK(images.unreadable()[3].path == folder / "a/1.png");
  CHECK(images.unreadable()[3].reason.starts_with("cannot be read as PNG: "));
  const std::string report = images.report(1);
  CHECK(report == "4 of 8 images in " + folder.path() + " cannot be read and are left out:\n  " +
                      folder / "a/empty.jpg: is empty" + "\n  and 3 more");

  ImageFolder checked(folder.path(), {.quiet = true});
  checked.check();
  CHECK(checked.paths() == images.paths());
  CHECK(checked.unreadable().size() == 4);

  CHECK_THROWS_WITH_AS(ImageFolder(folder.path(), {.unreadable = Unreadable::fail}),
                       (folder / "a/empty.jpg: is empty").c_str(), Error);
  for (const std::string& file :
       {folder / "a/empty.jpg", folder / "b/page.png", folder / "b/link.png"})
    fs::remove(file);
  ImageFolder strict(folder.path(), {.unreadable = Unreadable::fail});
  CHECK_THROWS_WITH_AS(strict.load(), doctest::Contains((folder / "a/1.png: cannot be").c_str()),
                       Error);
}

TEST_CASE("a folder that is no image folder says what is wrong") {
  const TempFolder folder;
  CHECK_THROWS_WITH_AS(ImageFolder(folder / "none"),
                       (folder / "none: cannot be listed: No such file or directory").c_str(),
                       Error);
  CHECK_THROWS_WITH_AS(
      ImageFolder(folder.path()),
      (folder.path() + ": has no class folders; ImageFolder reads root/CLASS/image.png").c_str(),
      Error);
  fs::create_directory(folder / "empty");
  CHECK_THROWS_WITH_AS(
      ImageFolder(folder.path()),
      (folder.path() + ": has class folders without a PNG or JPEG file: empty").c_str(), Error);
  test::write_bytes(folder / "empty/1.png", "broken");
  ImageFolder images(folder.path(), {.quiet = true});
  CHECK_THROWS_WITH_AS(images.load(), doctest::Contains("has no image that can be read"), Error);
  CHECK_THROWS_WITH_AS(ImageFolder(folder.path(), {.size = {0, 5}}),
                       "ImageFolder: size 0x5 must be at least 1", Error);
}

TEST_CASE("an image folder does not depend on threads, and decodes from several") {
  if (!can_use_png()) return test::skip(no_png);
  const TempFolder folder;
  for (int i = 0; i < 40; ++i) make_png(folder / "a/" + std::to_string(100 + i) + ".png", i);
  test::write_bytes(folder / "a/107.png", "broken");
  std::vector<int> want;
  for (int i = 0; i < 40; ++i)
    if (i != 7) want.push_back(i);
  for (const int n : {1, 4}) {
    const NumThreadsScope threads(n);
    CHECK(first_bytes(ImageFolder(folder.path(), {.quiet = true}).load()) == want);
  }
  const ImageFolder images(folder.path(), {.size = 4});
  std::vector<std::thread> threads;
  std::vector<int> seen(4);
  for (std::size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::int64_t i = 0; i < images.size(); ++i)
        seen[t] += images.decode(i)[0][0][0].item<int>();
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(seen == std::vector<int>(4, 40 * 39 / 2 - 7));
}

TEST_CASE("a loaded image folder feeds a loader") {
  if (!can_use_png()) return test::skip(no_png);
  const TempFolder folder;
  make_png(folder / "a/1.png", 51);
  make_png(folder / "b/1.png", 255);
  ImageFolder images(folder.path(), {.size = 4, .transform = {transforms::ToTensor{}}});
  DataLoader loader(images.load(), {.batch_size = 2});
  auto first = loader.begin();
  const Batch& batch = *first;
  CHECK(batch.inputs.shape() == Shape{2, 3, 4, 4});
  CHECK(batch.inputs[0][0][0][0].item<float>() == doctest::Approx(0.2));
  CHECK(batch.labels.to_vector<int>() == std::vector<int>{0, 1});
}

// Every value, label and index of a pass.
std::vector<float> everything(DataLoader loader) {
  std::vector<float> all;
  for (auto at = loader.begin(); at != loader.end(); ++at) {
    const std::vector<float> inputs = (*at).inputs.to_vector<float>();
    all.insert(all.end(), inputs.begin(), inputs.end());
    for (const auto i : (*at).labels.to_vector<std::int64_t>()) all.push_back(float(i));
    for (const auto i : at.indices().to_vector<std::int64_t>()) all.push_back(float(i));
  }
  return all;
}

TEST_CASE("images decoded batch by batch are the bits of those in memory, for any workers") {
  if (!can_use_png()) return test::skip(no_png);
  const TempFolder folder;
  for (int i = 0; i < 23; ++i) {
    Tensor image = empty({3, 6 + i % 3, 7}, DType::u8, Device::cpu());
    int next = i * 31;
    for (auto& byte : image.mutable_data<std::uint8_t>())
      byte = static_cast<std::uint8_t>(next += 7);
    fs::create_directories(folder / (i % 2 ? "odd" : "even"));
    write_png(folder / ((i % 2 ? "odd/" : "even/") + std::to_string(i) + ".png"), image);
  }
  test::write_bytes(folder / "odd/broken.png", "\x89PNG\r\n\x1a\n");
  for (const bool grey : {false, true}) {
    ImageFolder images(folder.path(),
                       {.size = {6, 5},
                        .grey = grey,
                        .quiet = true,
                        .transform = {transforms::RandomCrop{{6, 5}, {.padding = 1}},
                                      transforms::RandomHorizontalFlip{}, transforms::ToTensor{}}});
    const ImageDataset set = images.load();  // drops what is broken
    CHECK(images.size() == 23);
    const DataLoaderOptions options{.batch_size = 4, .shuffle = true, .seed = 9};
    const std::vector<float> want = everything(DataLoader(set, options));
    CHECK(want.size() == 23u * (grey ? 30 : 90) + 46);
    for (const int workers : {0, 1, 3}) {
      DataLoaderOptions with = options;
      with.num_workers = workers;
      CHECK(everything(DataLoader(images, with)) == want);
    }
  }
}

TEST_CASE("an image folder gives chosen items, and its loader names a file that went away") {
  if (!can_use_png()) return test::skip(no_png);
  const TempFolder folder;
  for (int i = 0; i < 4; ++i) make_png(folder / ("a/" + std::to_string(i) + ".png"), i);
  make_png(folder / "b/4.png", 4);
  const ImageFolder images(folder.path(), {.transform = {transforms::ToTensor{}}});
  const std::vector<std::int64_t> items{4, 1};
  const ImageFolder part = images.select(items);
  CHECK(part.classes() == images.classes());
  CHECK(part.labels() == std::vector<std::int64_t>{1, 0});
  CHECK(part.paths() == std::vector<std::string>{folder / "b/4.png", folder / "a/1.png"});
  CHECK_THROWS_WITH_AS(images.select(std::vector<std::int64_t>{5}),
                       "ImageFolder: item 5 of 5 does not exist", Error);
  fs::remove(folder / "a/1.png");
  DataLoader loader(part, {.num_workers = 2});
  auto at = loader.begin();
  CHECK_THROWS_WITH_AS(++at, doctest::Contains("a/1.png"), Error);
}

TEST_CASE("to_grey gives Pillow's luma") {
  const Tensor image =
      from<std::uint8_t>({255, 0, 0, 10, 0, 255, 0, 200, 0, 0, 255, 77}, {3, 1, 4});
  CHECK(to_grey(image).shape() == Shape{1, 1, 4});
  CHECK(to_grey(image).to_vector<int>() == std::vector<int>{76, 150, 29, 129});
  CHECK_THROWS_AS(to_grey(to_grey(image)), Error);
}

TEST_CASE("ten thousand files, one in a hundred broken" * doctest::test_suite("slow")) {
  if (!can_use_png()) return test::skip(no_png);
  const TempFolder folder;
  make_png(folder / "0/first.png", 0, {6, 6});
  const std::string whole = test::read_bytes(folder / "0/first.png");
  fs::remove(folder / "0/first.png");
  for (int i = 0; i < 10'000; ++i) {
    const std::string path = folder / cat(i % 10, "/", 10'000 + i, ".png");
    fs::create_directories(fs::path(path).parent_path());
    test::write_bytes(path, i % 100 == 42 ? whole.substr(0, 20 + i / 400) : whole);
  }
  ImageFolder images(folder.path(), {.size = 8, .quiet = true});
  const ImageDataset set = images.load();
  CHECK(set.images.shape() == Shape{9900, 3, 8, 8});
  CHECK(images.size() == 9900);
  CHECK(images.unreadable().size() == 100);
  CHECK(images.report().starts_with("100 of 10000 images in "));
  CHECK(images.report().ends_with("  and 95 more"));
  std::vector<int> of_class(10);
  for (const int label : set.labels.to_vector<int>()) ++of_class[static_cast<std::size_t>(label)];
  for (int label = 0; label < 10; ++label)
    CHECK(of_class[static_cast<std::size_t>(label)] == (label == 2 ? 900 : 1000));
}

}  // namespace
}  // namespace glassbox::datasets
