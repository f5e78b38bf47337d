// EMA: an exponential moving average of a model's weights, which often generalises better than the
// weights themselves (PyTorch's AveragedModel with get_ema_multi_avg_fn).
//
//   optim::EMA ema{model, {.decay = 0.999}};
//   ... optimizer.step();  ema.update();
//   { const auto averaged = ema.swap();  evaluate(model); }  // the weights are back at the brace
//
// It holds the model's tensors, so the model must keep them: make it after model.to(...).
#pragma once
#include "engine/optim/optimizer.h"

namespace glassbox::optim {

struct EMAOptions {
  double decay = 0.999;      // in [0, 1]
  bool use_buffers = false;  // false: buffers are copied, not averaged
};

class EMA {
 public:
  // The average is a copy of the tensors until the first update, which copies again. Throws Error
  // for a decay outside [0, 1].
  explicit EMA(Tensors parameters, Tensors buffers = {}, const EMAOptions& options = {});
  // Of a layers::Module.
  template <class Model>
  requires requires(Model& m) {
    m.parameters();
    m.named_buffers();
  }
  explicit EMA(Model& model, const EMAOptions& options = {})
      : EMA(model.parameters(), buffers_of(model), options) {}
  EMA(const EMA&) = delete;
  EMA& operator=(const EMA&) = delete;

  // avg = decay avg + (1 - decay) x for every parameter; buffers are copied, or averaged too.
  // Throws Error while the averages are swapped in.
  void update();
  std::int64_t num_updates() const;

  // The averages, in the order of the constructor's tensors.
  const Tensors& parameters() const { return averaged_parameters_; }
  const Tensors& buffers() const { return averaged_buffers_; }
  // Copies the averages into tensors of the same shapes, those of another copy of the model.
  void apply_to(Tensors parameters, Tensors buffers = {}) const;

  // The model holds the averages while it lives.
  class [[nodiscard]] Swap {
   public:
    explicit Swap(EMA& ema);
    ~Swap();
    Swap(const Swap&) = delete;
    Swap& operator=(const Swap&) = delete;

   private:
    EMA& ema_;
  };
  Swap swap() { return Swap(*this); }

  // "state" (the decay and the number of updates), "parameter.0", "buffer.0", ...; loading restores
  // them bit for bit and is strict, as an optimizer's.
  StateDict state_dict() const;
  void load_state_dict(const StateDict& state);

 private:
  template <class Model>
  static Tensors buffers_of(Model& model) {
    Tensors buffers;
    for (const auto& entry : model.named_buffers()) buffers.push_back(entry.second);
    return buffers;
  }

  bool use_buffers_;
  Tensor state_;
  Tensors parameters_, buffers_;                    // the model's
  Tensors averaged_parameters_, averaged_buffers_;  // the averages
  Tensors inputs_;                                  // of the update op
  Tensors put_aside_;                               // the model's values during a swap, then kept
  bool swapped_ = false;
};

}  // namespace glassbox::optim
