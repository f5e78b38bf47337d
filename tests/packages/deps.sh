#!/bin/sh
# Builds the engine and the program with nothing but a folder of headers (GLASSBOX_DEPS): the
# system's copies are not looked for, every optional library is off, and the network stays unused.
# That no header of the system's copies was read is seen in what the compiler says it read. The
# libraries are static ones, so that an install of such is tried too.
#   tests/packages/deps.sh
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
tree=$root/build/deps  # one place, so that ccache knows the files again
jobs=${GLASSBOX_JOBS:-$(getconf _NPROCESSORS_ONLN)}
rm -rf "$tree"
mkdir -p "$tree/folder"
: "${CCACHE_BASEDIR=$root}" "${CCACHE_NOHASHDIR=1}"
export CCACHE_BASEDIR CCACHE_NOHASHDIR

# copy NAME FOLDER HEADER...: as an unpacked source archive would lie there.
copy() {
  to=$tree/folder/$1 from=$2
  shift 2
  mkdir -p "$to"
  for header in "$@"; do
    for include in /usr/include /usr/local/include; do
      if [ -e "$include/$from/$header" ]; then cp -R "$include/$from/$header" "$to"; continue 2; fi
    done
    echo "deps.sh: no $from/$header on this system (./dev setup)" >&2
    exit 1
  done
}
copy eigen eigen3 Eigen
copy fmt/include . fmt
copy nlohmann_json/single_include . nlohmann
copy cli11/include . CLI

# Headers are not looked for on the system, and optional libraries are off.
headers=$(sed -n 's/.*glassbox_dependency([a-z0-9_]* PACKAGE \([A-Za-z0-9_]*\).*/\1/p' \
  "$root/CMakeLists.txt" | grep -vx doctest)
optional=$(sed -n 's/^glassbox_optional([a-z]* "[^"]*" \([A-Za-z0-9]*\).*/\1/p' \
  "$root/CMakeLists.txt")
set --
for package in $headers; do set -- "$@" "-DCMAKE_DISABLE_FIND_PACKAGE_$package=ON"; done
for package in $optional; do set -- "$@" "-DGLASSBOX_WITH_$package=OFF"; done
echo "not looked for:" $headers $optional
cmake -S "$root" -B "$tree/build" -G Ninja -DGLASSBOX_DEPS="$tree/folder" "$@" \
  -DFETCHCONTENT_FULLY_DISCONNECTED=ON -DGLASSBOX_CPU=baseline -DGLASSBOX_BUILD_TESTS=OFF \
  -DGLASSBOX_BUILD_EXAMPLES=OFF -DBUILD_SHARED_LIBS=OFF -DGLASSBOX_CUDA=OFF \
  -DCMAKE_CXX_FLAGS_RELEASE="-O0 -DNDEBUG" >"$tree/log" || { cat "$tree/log"; exit 1; }
cmake --build "$tree/build" -j "$jobs" >"$tree/log" ||
  { tail -n 40 "$tree/log"; exit 1; }

read_there=$(ninja -C "$tree/build" -t deps | grep -cE '^ +.*/folder/(eigen|fmt|nlohmann_json|cli11)/' || true)
elsewhere=$(ninja -C "$tree/build" -t deps |
  grep -E '^ +/usr/(local/)?include/(eigen3|fmt|nlohmann|CLI)/' | sort -u || true)
if [ -n "$elsewhere" ] || [ "$read_there" = 0 ]; then
  echo "deps.sh: headers of the system were read:"
  printf '%s\n' "$elsewhere" | head
  exit 1
fi
needed=$(ldd "$tree/build/bin/glassbox" | grep -oE '^\s*lib(curl|archive|png|jpeg|z)[.0-9]' || true)
[ -z "$needed" ] || { echo "deps.sh: not optional:" $needed; exit 1; }
"$tree/build/bin/glassbox" summary cifar

{ cmake --install "$tree/build" --prefix "$tree/prefix" &&
  CMAKE_PREFIX_PATH="$tree/prefix" cmake -S "$root/tests/packages/find_package" -G Ninja \
    -B "$tree/consumer" -DCMAKE_BUILD_TYPE=Release &&
  cmake --build "$tree/consumer" -j "$jobs" && "$tree/consumer/consumer" &&
  "$tree/consumer/engine_alone"; } >"$tree/log" 2>&1 || { tail -n 40 "$tree/log"; exit 1; }
echo "built and run with the headers of $(ls "$tree/folder" | tr '\n' ' ')alone"
