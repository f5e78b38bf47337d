// All of viz: what a model, its graph and its training look like.
#pragma once
#include "viz/dot.h"
#include "viz/memory.h"
#include "viz/record.h"
#include "viz/summary.h"
