#!/bin/sh
# Runs the training-step benchmark in turns with PyTorch and prints a table and, to the file given by
# --json (build/bench.json), every figure.
#   GLASSBOX_PEERS  Python interpreters that have torch, separated by spaces (python3)
#   ROUNDS          how many turns each configuration gets (3)
set -eu
bin=${GLASSBOX_BENCH_BIN:-build/release/bin}
here=$(dirname "$0")
json=build/bench.json
[ "${1-}" = --json ] && json=$2
mkdir -p "$(dirname "$json")"
lines=$(mktemp)
trap 'rm -f "$lines"' EXIT
peers=
for python in ${GLASSBOX_PEERS:-python3}; do
  if "$python" -c 'import torch' 2>/dev/null; then peers="$peers $python"; else
    echo "bench: $python has no torch: left out" >&2
  fi
done
for round in $(seq "${ROUNDS:-3}"); do
  for batch in 128 32; do
    for threads in 1 2; do
      echo "bench: round $round, batch $batch, $threads thread(s)" >&2
      "$bin/bench_train_step" --batch "$batch" --threads "$threads" >>"$lines"
      for python in $peers; do
        for layout in '' --channels-last; do
          OMP_NUM_THREADS=$threads "$python" "$here/train_step.py" --batch "$batch" \
            --threads "$threads" $layout >>"$lines"
        done
      done
    done
  done
done
python3 "$here/table.py" "$lines" "$json"
