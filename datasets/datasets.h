// All data sets.
#pragma once
#include "datasets/cifar10.h"
#include "datasets/loader.h"
#include "datasets/synthetic.h"
#include "datasets/transforms.h"
