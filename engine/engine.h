// The whole engine.
#pragma once
#include "engine/autograd/tape.h"
#include "engine/core/tensor.h"
#include "engine/core/threads.h"
#include "engine/graph/recorder.h"
#include "engine/io/safetensors.h"
#include "engine/ops/ops.h"
#include "engine/optim/adam.h"
#include "engine/optim/clip.h"
#include "engine/optim/ema.h"
#include "engine/optim/rmsprop.h"
#include "engine/optim/schedule.h"
#include "engine/optim/sgd.h"
