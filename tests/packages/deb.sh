#!/bin/sh
# Checks the Debian package: its fields, what lies where with which rights, run paths, symbols, the
# instructions in it, and that its program runs from where it was unpacked. With CHROOT, a fresh
# Debian tree, it is installed with apt into a copy of that (as root, with the network).
#   tests/packages/deb.sh [build/package/glassbox_*.deb [CHROOT]]
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
deb=${1-$(ls "$root"/build/package/glassbox_*.deb)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
tell() { printf 'deb.sh: %s\n' "$*"; failed=$((failed + 1)); }

dpkg-deb -x "$deb" "$work/tree"
field() { dpkg-deb -f "$deb" "$1"; }
for name in Package Version Architecture Maintainer Description Section; do
  [ -n "$(field $name)" ] || tell "the field $name is empty"
done
for package in libc6 libgcc-s1 libgomp1 libstdc++6; do
  field Depends | grep -qF "$package (" || tell "Depends lacks $package: $(field Depends)"
done
for package in g++ cmake; do
  field Recommends | grep -qF "$package" || tell "Recommends lacks $package"
done

wrong=$(dpkg-deb -c "$deb" | awk '
  { want = "-rw-r--r--" }
  $6 ~ /\/bin\/./ { want = "-rwxr-xr-x" }
  /^d/ { want = "drwxr-xr-x" }
  /^l/ { want = $1 }
  $1 != want || $2 != "root/root" { print $1, $2, $6 }')
[ -z "$wrong" ] || tell "rights or owners: $wrong"
for path in bin/glassbox include/glassbox/glassbox.h include/glassbox/cli.h \
  include/glassbox/engine/engine.h share/doc/glassbox/copyright \
  share/bash-completion/completions/glassbox; do
  [ -e "$work/tree/usr/$path" ] || tell "/usr/$path is missing"
done
for name in glassboxConfig.cmake glassbox.pc libglassbox_engine.so; do
  [ -n "$(find "$work/tree/usr/lib" -name $name)" ] || tell "$name is missing"
done

for file in "$work/tree/usr/bin/glassbox" $(find "$work/tree/usr/lib" -name '*.so.*' -type f); do
  path=$(readelf -d "$file" | sed -n 's/.*\(RPATH\|RUNPATH\).*\[\(.*\)\].*/\2/p')
  case $path in
    '$ORIGIN' | '$ORIGIN/../'*) ;;
    *) tell "${file##*/}: the run path is $path" ;;
  esac
  if readelf -S "$file" | grep -q '\.symtab\|\.debug_'; then tell "${file##*/} is not stripped"; fi
done
if grep -rlF "$root" "$work/tree"; then tell "these hold a path of the build"; fi

version=$(env -i "$work/tree/usr/bin/glassbox" --version | sed -n '1s/^glassbox //p')
[ "$version" = "$(field Version)" ] || tell "the program says $version, the package $(field Version)"
env -i "$work/tree/usr/bin/glassbox" summary cifar >/dev/null || tell "the program does not run"

python3 "$root/tests/packages/check_headers.py" "$work/tree/usr/include" || tell "headers"
python3 "$root/tests/packages/check_instructions.py" --self-test || tell "the check of instructions"
python3 "$root/tests/packages/check_instructions.py" "$work/tree" || tell "instructions"

in_chroot() {
  cp -a "$1" "$work/chroot"
  cp "$deb" "$work/chroot/tmp/"
  cp /etc/resolv.conf "$work/chroot/etc/"
  mount -t proc proc "$work/chroot/proc"
  trap 'umount "$work/chroot/proc" && rm -rf "$work"' EXIT
  chroot "$work/chroot" sh -euc '
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends /tmp/glassbox_*.deb >/dev/null 2>&1
    glassbox --version
    glassbox models
    glassbox summary cifar'
}
[ $# -lt 2 ] || in_chroot "$2" || tell "it cannot be installed in $2"

[ "$failed" = 0 ] && echo "${deb##*/}: ok"
