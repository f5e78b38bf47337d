#!/bin/sh
# Types the commands of docs/your-own-model.md, as they stand there, into a fresh Debian tree that has
# nothing but the package: from an empty folder to a prediction. Needs root and the network.
#   tests/docs/run_own_model.sh CHROOT [build/package/glassbox_*.deb]
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
fresh=${1:?which fresh Debian tree}
deb=${2-$(ls "$root"/build/package/glassbox_*.deb)}
work=$(mktemp -d)
trap 'umount "$work/chroot/proc" 2>/dev/null || true; rm -rf "$work"' EXIT
cp -a "$fresh" "$work/chroot"
cp /etc/resolv.conf "$work/chroot/etc/"
mount -t proc proc "$work/chroot/proc"
place=$work/chroot/root/empty
mkdir "$place"
cp "$deb" "$place/"
python3 "$root/tests/docs/make_photos.py" "$work/photos"

# The blocks, without sudo: root types here.
awk '/^```sh$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$root/docs/your-own-model.md" |
  sed 's/^sudo //; s/apt install/apt-get install -y -qq/' >"$work/commands"
count=$(grep -c . "$work/commands")
{
  echo 'set -eu; export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8; cd /root/empty'
  echo 'apt-get update -qq'
  while read -r line; do
    # What the reader has: photographs in the project, and one more.
    [ "$line" != "cd mynet" ] || line="$line; cp -r /root/photos .; cp photos/circle/7.png some.png"
    printf 'printf "%%s\\n" "\\$ %s"\n%s\n' "$(printf '%s' "$line" | sed 's/;.*//')" "$line"
  done <"$work/commands"
} >"$work/chroot/root/typed"
cp -r "$work/photos" "$work/chroot/root/"
chroot "$work/chroot" sh /root/typed >"$work/log" 2>&1 || { cat "$work/log"; echo "run_own_model.sh: failed"; exit 1; }
cat "$work/log"
grep -q '^  circle  0\.' "$work/log" || { echo "run_own_model.sh: no prediction"; exit 1; }
echo "run_own_model.sh: $count commands, from an empty folder to a prediction"
[ "$count" -le 10 ]
