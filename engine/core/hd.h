// GLASSBOX_HD marks a function that runs on the host and, where nvcc compiles it, on the device.
#pragma once
#ifndef GLASSBOX_HD
#ifdef __CUDACC__
#define GLASSBOX_HD __host__ __device__
#else
#define GLASSBOX_HD
#endif
#endif
