#!/bin/sh
# Installs a build tree into a temporary prefix and builds and runs projects against it, as someone
# who uses Glassbox does: by find_package, `glassbox new`, pkg-config, add_subdirectory, and
# FetchContent from this repository's own commit. Needs no network.
#   tests/packages/run.sh [build/package]
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
here=$root/tests/packages
build=$(cd "${1-$root/build/package}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
log=$work/log
passed=0 failed=0

# check NAME COMMAND...: quiet unless it fails.
check() {
  name=$1; shift
  if "$@" >"$log" 2>&1; then
    passed=$((passed + 1)); echo "$name: ok"
  else
    failed=$((failed + 1)); echo "$name: FAILED"; tail -n 40 "$log"
  fi
}

prefix=$work/prefix
export PATH="$prefix/bin:$PATH" CMAKE_PREFIX_PATH="$prefix"
cache() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"; }
CXX=$(cache CMAKE_CXX_COMPILER)
PKG_CONFIG_PATH=$prefix/$(cache CMAKE_INSTALL_LIBDIR)/pkgconfig
export CXX PKG_CONFIG_PATH
# Sources get the same relative paths in each run, so that ccache knows them again.
export CCACHE_BASEDIR="$work" CCACHE_NOHASHDIR=1
jobs=${GLASSBOX_JOBS:-$(getconf _NPROCESSORS_ONLN)}

configure() { cmake -G Ninja -DCMAKE_BUILD_TYPE=Release "$@"; }
build_all() { cmake --build "$1" -j "$jobs" ${2:+--target "$2"}; }

# ---- The install

install_all() { cmake --install "$build" --prefix "$prefix"; }
by_component() {
  for component in libraries program development documentation; do
    cmake --install "$build" --prefix "$work/parts" --component "$component" || return 1
  done
  diff -r "$prefix" "$work/parts"
}
program_runs() {
  env -i "$prefix/bin/glassbox" --version && env -i "$prefix/bin/glassbox" summary cifar
}
nothing_of_the_machine() {  # no path of the build or of the sources in what is installed
  ! grep -rlF -e "$build" -e "$root" "$prefix"
}
completes() {
  script=$(find "$prefix" -path '*bash-completion/completions/glassbox')
  bash -uc '. "$1"; COMP_LINE="glassbox summary ci" COMP_POINT=19; _glassbox
            [ "${COMPREPLY[*]}" = cifar ]' - "$script"
}

check "install" install_all
check "install by components" by_component
check "installed program" program_runs
check "no path of the build" nothing_of_the_machine
check "headers need each other alone" python3 "$here/check_headers.py" "$prefix/include"
check "bash completion" completes

# ---- Against the install

by_find_package() {
  configure -S "$here/find_package" -B "$work/find_package" || return 1
  build_all "$work/find_package" || return 1
  "$work/find_package/consumer" && "$work/find_package/engine_alone"
}
by_new() {
  cd "$work" && glassbox new my-net && cd my-net || return 1
  configure -S . -B build -DCMAKE_CXX_FLAGS="-Wall -Wextra -Werror" && build_all build || return 1
  ./build/my-net summary my-net && ./build/my-net models | grep -q '^my-net ' || return 1
  ./build/my-net graph my-net -o my-net.dot && ./build/my-net train --help >/dev/null || return 1
  ./build/my-net train --model my-net --data synthetic --epochs 1 --limit-images 256 || return 1
  ./build/my-net evaluate runs/my-net-1
}
by_pkg_config() {
  mkdir "$work/pkg_config"
  make -C "$here/pkg_config" BUILD="$work/pkg_config" CXX="${CXX:-c++}" consumer &&
    "$work/pkg_config/consumer"
}
refuses_a_later_version() {
  mkdir "$work/later"
  printf 'cmake_minimum_required(VERSION 3.22)\nproject(later LANGUAGES CXX)\n%s\n' \
    'find_package(glassbox 99 REQUIRED)' >"$work/later/CMakeLists.txt"
  ! cmake -S "$work/later" -B "$work/later/build"
}

check "find_package" by_find_package
check "glassbox new" by_new
if command -v pkg-config >/dev/null; then check "pkg-config" by_pkg_config; else
  echo "pkg-config: skipped (package pkg-config)"
fi
check "find_package of a later version" refuses_a_later_version

# ---- As a part of another build. Each sees the sources at the same place below itself, for ccache.

unset CMAKE_PREFIX_PATH
launcher=$(cache GLASSBOX_CCACHE)
as_part() {  # without the optimizer: what is tried is that it builds and links
  configure -DGLASSBOX_CPU=baseline -DGLASSBOX_CCACHE="$launcher" \
    -DCMAKE_CXX_FLAGS_RELEASE="-O0 -DNDEBUG" "$@"
}
by_fetch_content() {
  as_part -S "$here/fetch_content" -B "$work/fetch" -DGLASSBOX_URL="file://$root" \
    -DGLASSBOX_TAG="$(git -C "$root" rev-parse HEAD)" || return 1
  build_all "$work/fetch" consumer && "$work/fetch/consumer"
}
by_add_subdirectory() {
  mkdir -p "$work/add/_deps"
  cp -R "$work/fetch/_deps/glassbox-src" "$work/add/_deps/" || return 1
  as_part -S "$here/add_subdirectory" -B "$work/add" \
    -DGLASSBOX_SOURCE="$work/add/_deps/glassbox-src" || return 1
  build_all "$work/add" consumer && "$work/add/consumer"
}
check "FetchContent" by_fetch_content
check "add_subdirectory" by_add_subdirectory

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
