#include "datasets/loader.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <numeric>
#include <optional>
#include <thread>

#include "engine/autograd/tape.h"
#include "engine/core/philox.h"
#include "engine/core/scope.h"
#include "engine/core/threads.h"
#include "engine/core/transfer.h"

namespace glassbox::datasets {

std::vector<std::int64_t> random_permutation(std::int64_t n, std::uint64_t seed,
                                             std::uint64_t epoch) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  // Why the bit: the words of the order must not be those of an image's augmentation.
  const std::uint64_t high = epoch | std::uint64_t(1) << 63;
  for (std::uint64_t i = order.size(); i > 1; --i) {
    const Philox::Words w = Philox::words(seed, i, high);
    // 64 random bits by multiplication: the bias is below n / 2^64.
    const std::uint64_t bits = std::uint64_t(w[0]) << 32 | w[1];
    const auto j = static_cast<std::uint64_t>(static_cast<unsigned __int128>(bits) * i >> 64);
    std::swap(order[i - 1], order[j]);
  }
  return order;
}

DataLoader::DataLoader(std::int64_t size, Make make, const DataLoaderOptions& options)
    : make_(std::move(make)), options_(options), all_(size) {
  const auto refuse = [](const std::string& fact) { fail("DataLoader", fact); };
  if (options.batch_size < 1) refuse(cat("batch_size ", options.batch_size, " must be at least 1"));
  if (options.limit < 0) refuse(cat("limit ", options.limit, " is negative"));
  if (options.num_workers < 0 || options.num_workers > 256) {
    refuse(cat("num_workers ", options.num_workers, " must be from 0 to 256"));
  }
  if (options.prefetch < 1) refuse(cat("prefetch ", options.prefetch, " must be at least 1"));
  if (options.rank < 0 || options.rank >= options.world) {
    refuse(cat("rank ", options.rank, " is not one of a world of ", options.world));
  }
  if (options.limit > 0) all_ = std::min(all_, options.limit);
  n_ = (all_ + options.world - 1) / options.world;
}

std::int64_t DataLoader::size() const {
  const bool rest = !options_.drop_last && n_ % options_.batch_size != 0;
  return n_ / options_.batch_size + (rest ? 1 : 0);
}

void DataLoader::set_epoch(std::int64_t epoch, std::int64_t first_batch) {
  if (epoch < 0 || first_batch < 0 || first_batch > size()) {
    fail("DataLoader", cat("epoch ", epoch, ", batch ", first_batch, " is not in epochs of ",
                           size(), " batches"));
  }
  epoch_ = epoch;
  first_batch_ = first_batch;
}

std::vector<std::int64_t> DataLoader::order(std::int64_t epoch) const {
  std::vector<std::int64_t> all;
  if (options_.shuffle) {
    all = random_permutation(all_, options_.seed, static_cast<std::uint64_t>(epoch));
  } else {
    all.resize(static_cast<std::size_t>(all_));
    std::iota(all.begin(), all.end(), 0);
  }
  if (options_.world == 1) return all;
  std::vector<std::int64_t> share;
  for (std::int64_t i = 0; i < n_; ++i) {
    share.push_back(all[static_cast<std::size_t>((i * options_.world + options_.rank) % all_)]);
  }
  return share;
}

// One epoch. Without workers, batches are made in next(). With them, batch b is made by whoever
// claims it and waits in slot b modulo their number until it is asked for.
class DataLoader::Iterator::Pass {
 public:
  Pass(const DataLoader& loader, std::int64_t epoch, std::int64_t first)
      : make_(loader.make_),
        batch_size_(loader.options_.batch_size),
        size_(loader.size()),
        draw_{loader.options_.seed, epoch},
        device_(loader.options_.device),
        order_(loader.order(epoch)),
        claimed_(first),
        taken_(first),
        next_(first) {
    const auto workers = std::min<std::int64_t>(loader.options_.num_workers, size_ - first);
    if (workers < 1) return;
    slots_.resize(static_cast<std::size_t>(workers) *
                  static_cast<std::size_t>(loader.options_.prefetch));
    try {
      for (std::int64_t i = 0; i < workers; ++i) workers_.emplace_back([this] { work(); });
    } catch (const std::exception& e) {  // as many as the system gives, if it gives any
      if (workers_.empty()) fail("DataLoader", cat("cannot start a worker thread: ", e.what()));
    }
  }

  ~Pass() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    room_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  bool at_end() const { return next_ > size_; }

  void next() {
    if (next_ < size_) current = take(next_);
    ++next_;
  }

  struct Item {
    Batch batch = {};
    Tensor indices = {};
    std::exception_ptr error = {};
  };
  Item current;

 private:
  Item take(std::int64_t b) {
    Item item;
    if (workers_.empty()) {
      item = make(b);
    } else {
      std::unique_lock lock(mutex_);
      auto& slot = slots_[static_cast<std::size_t>(b) % slots_.size()];
      ready_.wait(lock, [&] { return slot.has_value(); });
      item = std::move(*slot);
      slot.reset();
      taken_ = b + 1;
      lock.unlock();
      room_.notify_one();
    }
    if (item.error) rethrow(item.error, b);
    return item;
  }

  std::string text(std::int64_t b, const std::exception& e) const {
    return cat("DataLoader: batch ", b, " of epoch ", draw_.epoch + 1, ": ", e.what());
  }
  [[noreturn]] void rethrow(const std::exception_ptr& error, std::int64_t b) const {
    try {
      std::rethrow_exception(error);
    } catch (const OutOfMemoryError& e) {
      std::throw_with_nested(OutOfMemoryError(text(b, e)));
    } catch (const std::exception& e) {
      std::throw_with_nested(Error(text(b, e)));
    }
  }

  Tensor moved(const Tensor& t) const {
    if (!t.defined() || t.device() == device_) return t;
    return device_.is_cuda() && t.device().is_cpu() ? pin_memory(t).to(device_) : t.to(device_);
  }

  Item make(std::int64_t b) const {
    Item item;
    try {
      const NoGrad no_grad;
      const NamedScope scope("data loader");
      const std::int64_t begin = b * batch_size_;
      const auto count = std::min(static_cast<std::int64_t>(order_.size()) - begin, batch_size_);
      const std::span<const std::int64_t> chosen(order_.data() + begin,
                                                 static_cast<std::size_t>(count));
      item.indices = from(chosen, {count}, Device::cpu());
      item.batch = make_(chosen, draw_);
      item.batch.inputs = moved(item.batch.inputs);
      item.batch.labels = moved(item.batch.labels);
    } catch (...) {
      item.error = std::current_exception();
    }
    return item;
  }

  void work() {
    const NumThreadsScope one(1);  // the cores belong to the training
    std::unique_lock lock(mutex_);
    for (;;) {
      room_.wait(lock, [this] {
        return stop_ || claimed_ >= size_ ||
               claimed_ < taken_ + static_cast<std::int64_t>(slots_.size());
      });
      if (stop_ || claimed_ >= size_) return;
      const std::int64_t b = claimed_;
      ++claimed_;
      lock.unlock();
      Item item = make(b);
      lock.lock();
      slots_[static_cast<std::size_t>(b) % slots_.size()] = std::move(item);
      ready_.notify_one();
    }
  }

  Make make_;
  std::int64_t batch_size_, size_;
  Draw draw_;
  Device device_;
  std::vector<std::int64_t> order_;

  std::mutex mutex_;
  std::condition_variable room_, ready_;
  bool stop_ = false;
  std::int64_t claimed_;  // batches below it are made or being made
  std::int64_t taken_;    // batches below it have left their slots
  std::int64_t next_;     // the batch that comes next; the consumer's alone
  std::vector<std::optional<Item>> slots_;
  std::vector<std::thread> workers_;
};

Batch& DataLoader::Iterator::operator*() { return pass_->current.batch; }
const Tensor& DataLoader::Iterator::indices() const { return pass_->current.indices; }
DataLoader::Iterator& DataLoader::Iterator::operator++() {
  pass_->next();
  return *this;
}
bool DataLoader::Iterator::operator==(std::default_sentinel_t) const { return pass_->at_end(); }

DataLoader::Iterator DataLoader::begin() {
  auto pass = std::make_shared<Iterator::Pass>(*this, epoch_, first_batch_);
  ++epoch_;
  first_batch_ = 0;
  pass->next();
  return Iterator(std::move(pass));
}

}  // namespace glassbox::datasets
