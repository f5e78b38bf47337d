// All of viz: what a model, its graph and its training look like.
#pragma once
#include "viz/compare.h"
#include "viz/dot.h"
#include "viz/explain.h"
#include "viz/layout.h"
#include "viz/measure.h"
#include "viz/memory.h"
#include "viz/record.h"
#include "viz/summary.h"
#include "viz/svg.h"
#include "viz/text_drawing.h"
#include "viz/theme.h"
