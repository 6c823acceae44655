#!/bin/sh
# Builds the Debian package of a release with Debian's own tools: dpkg-shlibdeps finds what it depends on,
# dpkg-gencontrol writes its control file, dpkg-deb packs it. Prints the path of the package.
#
#   deb.sh BINARY FOLDER [REVISION]
set -eu
[ $# -ge 2 ] || { echo 'usage: deb.sh BINARY FOLDER [REVISION]' >&2; exit 64; }
binary=$1
folder=$2
here=$(cd "$(dirname "$0")" && pwd)
version=$("$binary" --version)-${3:-1}
architecture=$(dpkg --print-architecture)

# The same source gives the same package.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$here" log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022
root=$work/root
mkdir -p "$root/DEBIAN" "$work/debian" "$folder"

sh "$here/stage.sh" "$binary" "$root" /usr
strip --strip-unneeded --remove-section=.comment --remove-section=.note "$root/usr/bin/iovad"
units=$root/usr/lib/systemd/system
mkdir -p "$units"
"$binary" packaging systemd --binary /usr/bin/iovad --environment-file /etc/default/iovad \
    --write-to "$units" 2>/dev/null
install -D -m 644 "$here/debian/iovad.sysusers" "$root/usr/lib/sysusers.d/iovad.conf"
install -D -m 644 "$here/debian/iovad.default" "$root/etc/default/iovad"

# Debian's names for what stage.sh put there.
rm "$root/usr/share/doc/iovad/LICENSE"
install -m 644 "$here/debian/copyright" "$root/usr/share/doc/iovad/copyright"
cat >"$work/debian/changelog" <<END
iovad ($version) unstable; urgency=medium

  * Release $version: /usr/share/doc/iovad/changelog.gz has what changed.

 -- $(sed -n 's/^Maintainer: //p' "$here/debian/control")  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
END
gzip -9nc "$work/debian/changelog" >"$root/usr/share/doc/iovad/changelog.Debian.gz"

cp "$here/debian/control" "$work/debian/control"
for name in postinst prerm postrm; do
    install -m 755 "$here/debian/$name" "$root/DEBIAN/$name"
done
echo /etc/default/iovad >"$root/DEBIAN/conffiles"
(
    cd "$work"
    dpkg-shlibdeps -Tdebian/substvars "$root/usr/bin/iovad" 2>said || { cat said >&2; exit 1; }
    dpkg-gencontrol -Tdebian/substvars -P"$root" -fdebian/files
)
(cd "$root" && find usr etc -type f -exec md5sum {} + | sort -k 2 >DEBIAN/md5sums)
# find sees the order of the disk, tar in dpkg-deb sorts; only times are left.
find "$root" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

package=$folder/iovad_${version}_$architecture.deb
dpkg-deb --root-owner-group --build "$root" "$package" >/dev/null
echo "$package"
