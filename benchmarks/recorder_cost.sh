#!/bin/sh
# What the recorder costs when nobody records: instructions of a few training steps, with its hooks
# and without (GLASSBOX_NO_RECORDER), counted by valgrind on a baseline build. Fails above 0.1 %.
set -eu
cd "$(dirname "$0")/.."
build() {
  cmake -S . -B "build/cost-$1" -G Ninja -DGLASSBOX_CPU=baseline -DGLASSBOX_BUILD_TESTS=OFF \
    -DGLASSBOX_BUILD_EXAMPLES=OFF -DGLASSBOX_BUILD_BENCHMARKS=ON -DGLASSBOX_NO_RECORDER="$2" >/dev/null
  cmake --build "build/cost-$1" --target bench_recorder_cost >&2
}
count() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "build/cost-$1/bin/bench_recorder_cost" 2>&1 >/dev/null |
    awk '/Collected/ { print $4 }'
}
build with OFF
build without ON
with=$(count with)
without=$(count without)
[ "$with" ] && [ "$without" ] || { echo "recorder_cost: valgrind counted nothing" >&2; exit 1; }
awk -v a="$with" -v b="$without" 'BEGIN {
  printf "instructions: %d with the recorder, %d without: %+.4f %%\n", a, b, (a / b - 1) * 100
  exit a > b * 1.001
}'
