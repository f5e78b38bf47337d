// Everything that a program needs: #include <glassbox/glassbox.h>
#pragma once
#include "datasets/datasets.h"
#include "engine/engine.h"
#include "layers/layers.h"
#include "layers/models/models.h"
#include "viz/viz.h"
