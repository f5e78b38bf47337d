// All data sets.
#pragma once
#include "datasets/cifar10.h"
#include "datasets/cifar100.h"
#include "datasets/describe.h"
#include "datasets/download.h"
#include "datasets/image.h"
#include "datasets/image_folder.h"
#include "datasets/loader.h"
#include "datasets/mnist.h"
#include "datasets/subset.h"
#include "datasets/synthetic.h"
#include "datasets/transforms.h"
