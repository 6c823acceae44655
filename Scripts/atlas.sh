#!/bin/sh
# Surveys the arm64 device trees that Debian ships with its newest kernel and writes the result, our own
# computed data, to the file given. The package is downloaded by apt into a folder of its own, so that the
# host's apt is not changed, and nothing of it is kept.
#
#   Scripts/atlas.sh IOVAD OUTPUT.json         ATLAS_SUITES="unstable experimental" chooses the suites
#                                              ATLAS_DOORBELLS=FILE.swift renews the table of doorbells too,
#                                              ATLAS_DEVICES=FILE.json the dashboard's list of all devices
#                                              ATLAS_HOSTS=FILE.ndjson has the trees as hosts in the native model
set -eu

iovad=$1
output=$2
suites=${ATLAS_SUITES:-unstable experimental}
mirror=${ATLAS_MIRROR:-http://deb.debian.org/debian}
keyring=${ATLAS_KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/parts" "$work/tree"
: > "$work/status"
: > "$work/sources.list"
for suite in $suites; do
	echo "deb [arch=arm64 signed-by=$keyring] $mirror $suite main" >> "$work/sources.list"
done
cat > "$work/apt.conf" <<EOF
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "";
Acquire::Languages "none";
Dir::State "$work";
Dir::State::lists "$work/lists";
Dir::State::status "$work/status";
Dir::Cache "$work/cache";
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "$work/parts";
Dir::Etc::preferencesparts "$work/parts";
EOF
export APT_CONFIG="$work/apt.conf"
apt-get update -qq

# Debian moved the trees from linux-image-* to linux-base-*: the newest of either, the base packages first.
newest() {
	apt-cache pkgnames "$1" | grep -E "^$1[0-9][^ ]*-arm64$" | grep -vE -- '-(cloud|rt)-arm64$' \
		| while read -r name; do
			version=$(apt-cache show --no-all-versions "$name" | sed -n 's/^Version: //p' | head -n 1)
			echo "$version $name"
		done | sort -V | tail -n 1
}
found=$(newest linux-base-)
[ -n "$found" ] || found=$(newest linux-image-)
[ -n "$found" ] || { echo "no arm64 kernel package in $suites" >&2; exit 1; }
version=${found% *}
package=${found#* }
(cd "$work" && apt-get download -qq "$package")
dpkg-deb -x "$work"/*.deb "$work/tree"
trees=$(find "$work/tree" -type d \( -path '*/modules/*/dtb' -o -path '*/lib/linux-image-*' \) | head -n 1)
[ -n "$trees" ] || { echo "$package ships no device trees" >&2; exit 1; }

start=$(date +%s%N)
"$iovad" survey --format json --source "Debian $package $version" "$trees" > "$work/atlas.json"
milliseconds=$((($(date +%s%N) - start) / 1000000))
# One member a line at the top, so that differences can be read.
sed 's/,"\(platforms\|policies\|conflicts\|constants\|soft_hazards\|source\|model\)":/,\n"\1":/g' \
	"$work/atlas.json" > "$output"
echo "$package $version: $(find "$trees" -name '*.dtb' | wc -l) device trees surveyed in $milliseconds ms"
[ -z "${ATLAS_DOORBELLS:-}" ] \
	|| python3 "$(dirname "$0")/doorbells.py" "$iovad" "$trees" "Debian $package $version" > "$ATLAS_DOORBELLS"
# Through files: what is checked in stays as it is where one of the two fails.
if [ -n "${ATLAS_DEVICES:-}" ]; then
	"$iovad" survey --format ndjson "$trees" > "$work/devices.ndjson"
	python3 "$(dirname "$0")/atlas-devices.py" "Debian $package $version" "$trees" \
		< "$work/devices.ndjson" > "$work/devices.json"
	mv "$work/devices.json" "$ATLAS_DEVICES"
fi
if [ -n "${ATLAS_HOSTS:-}" ]; then
	here=$(dirname "$0")
	python3 "$here/fleet" trees --binary "$iovad" --public "$here/../Public" "$trees" > "$work/hosts.ndjson"
	mv "$work/hosts.ndjson" "$ATLAS_HOSTS"
fi
