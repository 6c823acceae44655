#!/bin/sh
# Installs a package in a minimal Debian, uses it as a first-time user would, upgrades, removes and purges it.
# Ends with 1 at the first expectation that does not hold.
#
#   deb-check.sh PACKAGE NEWER-PACKAGE CACHE
set -eu
[ $# -eq 3 ] || { echo 'usage: deb-check.sh PACKAGE NEWER-PACKAGE CACHE' >&2; exit 64; }
package=$1
newer=$2
here=$(cd "$(dirname "$0")" && pwd)
. "$here/expect.sh"

if command -v lintian >/dev/null; then
    expect 'lintian finds no error' lintian --fail-on error --allow-root "$package"
    lintian --allow-root "$package" || true
else
    echo 'SKIPPED lintian is not installed'
fi

sh "$here/chroot.sh" "$3" "$root"
mount -t proc proc "$root/proc" 2>/dev/null || mount --bind /proc "$root/proc"
cp "$package" "$root/tmp/iovad.deb"
cp "$newer" "$root/tmp/newer.deb"
expect 'package lists are read' inside apt-get update -qq
expect 'installs with its dependencies' inside apt-get install -qq --no-install-recommends /tmp/iovad.deb
expect 'dpkg finds every file as it was packed' shell '[ -z "$(dpkg --verify iovad)" ]'
expect 'its user exists, without a shell' shell 'getent passwd iovad | grep -q :/usr/sbin/nologin$'
for file in usr/share/man/man1/iovad.1.gz usr/share/bash-completion/completions/iovad \
    usr/share/zsh/vendor-completions/_iovad usr/share/fish/vendor_completions.d/iovad.fish \
    usr/share/iovad/Public/index.html usr/lib/systemd/system/iovad.socket usr/lib/sysusers.d/iovad.conf; do
    # A minimal Debian may be told to leave out documents.
    expect "has /$file" test -s "$root/$file"
done
expect 'bash takes the completions' shell 'bash -n /usr/share/bash-completion/completions/iovad'

version=$(inside iovad --version)
expect 'says its version' shell "iovad version --json | grep -q '\"version\":\"$version\"'"
expect 'is a release build' shell "iovad version | grep -q '^build *release'"
expect 'explains a fault from a pipe' shell '
    echo "arm-smmu 2b600000.iommu: Unhandled context fault: fsr=0x402, iova=0x8000040, fsynr=0x10, cbfrsynra=0x0, cb=0" |
        iovad explain | grep -q ^verdict'
expect 'places a VM' shell 'iovad place --vmm qemu-virt --ram 64G | grep -q "^verdict *default_works"'
expect 'says no with status 3' shell '
    iovad place --vmm openvmm-uefi --ram 4G --not-movable >/dev/null; [ $? -eq 3 ]'

start_server
expect 'the server starts as its user' test -n "$place"
expect 'it does not run as root' shell "! grep -q '^Uid:[[:space:]]*0' /proc/$server/status"
expect 'is ready' curl -fsS "$place/readyz"
expect 'has the dashboard' sh -c "curl -fsS '$place/' | grep -q '<title>iovad'"
expect 'has the contract' curl -fsS -o /dev/null "$place/openapi.yaml"
expect 'answers a question' sh -c "
    curl -fsS '$place/v1/decisions' -H 'Content-Type: application/json' --data-binary \
        '{\"platform\":\"example-qemu-virt\",\"device\":\"/pcie@10000000\",\"consumer\":\"vfio_type1\"}' |
        grep -q '\"outcome\":\"window\"'"
expect 'its log is JSON with times' grep -q '^{"time":".*"operation":"ready"' "$work/log"
stop_server

echo 'IOVAD_LOG=json' >>"$root/etc/default/iovad"
expect 'upgrades' inside dpkg --install /tmp/newer.deb
expect 'the newer one is installed' shell \
    "[ \"\$(dpkg-query -W -f '\${Version}' iovad)\" = '$(dpkg-deb -f "$newer" Version)' ]"
expect 'the changed configuration is kept' grep -qx 'IOVAD_LOG=json' "$root/etc/default/iovad"
expect 'removes' inside dpkg --remove iovad
expect 'the program is gone' absent usr/bin/iovad
expect 'the configuration stays' test -e "$root/etc/default/iovad"
expect 'purges' inside dpkg --purge iovad
expect 'its user is gone' shell '! getent passwd iovad && ! getent group iovad'
expect 'nothing of it is left' shell '
    left=$(find / -xdev -path /proc -prune -o -path /tmp -prune -o -path /var/cache -prune -o -path /var/log -prune \
        -o -iname "*iovad*" -print); echo "$left"; [ -z "$left" ]'
