// How many threads the CPU kernels of the calling thread use. Results do not depend on it: work is
// cut into chunks by the problem alone and partial sums are added in chunk order.
#pragma once

namespace glassbox {

// Threads for kernels called from this thread. At first OMP_NUM_THREADS or the number of cores.
int num_threads();
// Sets it for all threads that have no NumThreadsScope of their own. Throws Error below 1.
void set_num_threads(int n);

// Overrides the number on this thread (a loader's worker runs ops with one).
class NumThreadsScope {
 public:
  explicit NumThreadsScope(int n);
  ~NumThreadsScope();
  NumThreadsScope(const NumThreadsScope&) = delete;
  NumThreadsScope& operator=(const NumThreadsScope&) = delete;

 private:
  int previous_;
};

}  // namespace glassbox
