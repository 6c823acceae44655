#!/bin/sh
# The way of somebody who meets iovad for the first time, in a minimal Debian: install the package, explain a
# fault from a pipe, place a VM, run every command of README.md and docs/ and compare what it prints, and open
# the dashboard of the server that runs there in this system's Chromium. Needs root. Ends with 1 at the first
# expectation that does not hold.
#
#   first-time.sh PACKAGE CACHE
set -eu
[ $# -eq 2 ] || { echo 'usage: first-time.sh PACKAGE CACHE' >&2; exit 64; }
here=$(cd "$(dirname "$0")" && pwd)
source=$(dirname "$here")
. "$here/expect.sh"

sh "$here/chroot.sh" "$2" "$root"
mount -t proc proc "$root/proc" 2>/dev/null || mount --bind /proc "$root/proc"
cp "$1" "$root/tmp/iovad.deb"
expect 'package lists are read' inside apt-get update -qq
expect 'installs with its dependencies' inside apt-get install -qq --no-install-recommends /tmp/iovad.deb
expect 'explains a fault from a pipe' shell '
    echo "arm-smmu 2b600000.iommu: Unhandled context fault: fsr=0x402, iova=0x8000040, fsynr=0x10, cbfrsynra=0x0, cb=0" |
        iovad explain | grep -q "^verdict *msi_window"'
expect 'places a VM' shell 'iovad place --vmm qemu-virt --ram 64G | grep -q "^verdict *default_works"'

# libcurl is recommended, and was not brought.
expect 'iovad agree says which package it needs' shell '
    iovad agree list --server http://127.0.0.1:1 2>&1 | grep -q "cannot be loaded (Debian: apt-get install libcurl4)"'

# The tools that the examples use beside iovad, and what runs them.
expect 'tools of the examples' inside apt-get install -qq --no-install-recommends python3 python3-yaml curl jq libcurl4
for name in README.md SECURITY.md docs Scripts/docs Public openapi.yaml; do
    mkdir -p "$root/tmp/iovad/$(dirname "$name")"
    cp -R "$source/$name" "$root/tmp/iovad/$name"
done
expect 'every command of README.md and docs prints what they say' \
    inside python3 /tmp/iovad/Scripts/docs examples --check --binary /usr/bin/iovad
sed -n '$p' "$work/said"

start_server
expect 'the server starts as its user' test -n "$place"
expect 'the dashboard answers in Chromium' /usr/bin/python3 "$here/first_time_dashboard.py" "$place" \
    "$source/docs/examples/fault.log"
sed 's/^/        /' "$work/said"
stop_server
