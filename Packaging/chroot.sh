#!/bin/sh
# A minimal Debian of this system's release in a folder, for checks that need one: installed once by
# debootstrap into a cache, and copied for each check. Needs root.
#
#   chroot.sh CACHE FOLDER
set -eu
[ $# -eq 2 ] || { echo 'usage: chroot.sh CACHE FOLDER' >&2; exit 64; }
cache=$1
folder=$2
[ "$(id -u)" -eq 0 ] || { echo 'chroot.sh: a chroot needs root' >&2; exit 1; }

suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
# Where this system gets its packages, so that a proxy or mirror of the host serves here too.
mirror=${DEBIAN_MIRROR:-$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
    sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb \(\[[^]]*\] \)*\([^ ]*\) .*/\2/p' |
    grep 'debian/*$' | head -n 1)}
if [ ! -e "$cache/$suite/.complete" ]; then
    rm -rf "${cache:?}/$suite"
    mkdir -p "$cache"
    debootstrap --variant=minbase "$suite" "$cache/$suite" "${mirror:-http://deb.debian.org/debian}" >&2
    rm -f "$cache/$suite"/var/cache/apt/archives/*.deb
    touch "$cache/$suite/.complete"
fi
mkdir -p "$folder"
cp -a --reflink=auto "$cache/$suite/." "$folder"
cp /etc/resolv.conf "$folder/etc/resolv.conf"
for file in /etc/apt/apt.conf.d/*proxy*; do
    [ ! -e "$file" ] || cp "$file" "$folder/etc/apt/apt.conf.d/"
done
# No daemon is started by what is installed there.
printf '#!/bin/sh\nexit 101\n' >"$folder/usr/sbin/policy-rc.d"
chmod 755 "$folder/usr/sbin/policy-rc.d"
