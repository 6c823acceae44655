#!/bin/sh
# The archives of a release: the sources as they are committed, and what is installed for this architecture,
# below /usr/local. The same commit gives the same bytes: names sorted, one time, no owner. Prints the paths.
#
#   dist.sh BINARY FOLDER
set -eu
[ $# -eq 2 ] || { echo 'usage: dist.sh BINARY FOLDER' >&2; exit 64; }
binary=$1
folder=$2
here=$(cd "$(dirname "$0")/.." && pwd)
version=$("$binary" --version)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$here" log -1 --format=%ct)}
mkdir -p "$folder"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sources=$folder/iovad-$version.tar.gz
git -C "$here" diff --quiet HEAD || { echo 'dist: commit first: the archives are of one state' >&2; exit 1; }
git -C "$here" archive --format=tar --prefix="iovad-$version/" HEAD >"$work/sources.tar"
gzip -9nc "$work/sources.tar" >"$sources"

name=iovad-$version-linux-$(uname -m)
sh "$here/Packaging/stage.sh" "$binary" "$work/$name" ''
strip --strip-unneeded "$work/$name/bin/iovad"
tar -C "$work" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
 --format=gnu -cf "$work/$name.tar" "$name"
gzip -9nc "$work/$name.tar" >"$folder/$name.tar.gz"
(cd "$folder" && sha256sum "iovad-$version.tar.gz" "$name.tar.gz" >SHA256SUMS)
printf '%s\n' "$sources" "$folder/$name.tar.gz" "$folder/SHA256SUMS"
