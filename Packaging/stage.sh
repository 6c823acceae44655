#!/bin/sh
# Puts what runs the server below a folder: binary, dashboard, contract, documents, and the manual page and
# completions that the binary prints itself. `make install`, the Debian package, the release and the container
# all take their files from here.
#
#   stage.sh BINARY ROOT PREFIX
set -eu
[ $# -eq 3 ] || { echo 'usage: stage.sh BINARY ROOT PREFIX' >&2; exit 64; }
binary=$1
to=$2$3
here=$(cd "$(dirname "$0")/.." && pwd)

# Folders are made by name: install -d would give those above the last the mode of the caller's mask.
umask 022

install -D -m 755 "$binary" "$to/bin/iovad"
install -d "$to/share/iovad"
rm -rf "$to/share/iovad/Public"
cp -R "$here/Public" "$to/share/iovad/Public"
install -m 644 "$here/openapi.yaml" "$to/share/iovad/openapi.yaml"
# The checkout's modes are the developer's.
find "$to/share/iovad" -type d -exec chmod 755 {} + -o -type f -exec chmod 644 {} +

install -d "$to/share/man/man1" "$to/share/bash-completion/completions" "$to/share/fish/vendor_completions.d"
# Through files: a pipe would hide that the binary failed.
"$binary" man >"$to/share/man/man1/iovad.1"
gzip -9nf "$to/share/man/man1/iovad.1"
# Sourced, never executed.
"$binary" completions bash >"$to/share/bash-completion/completions/iovad"
sed -i '1{/^#!/d}' "$to/share/bash-completion/completions/iovad"
"$binary" completions fish >"$to/share/fish/vendor_completions.d/iovad.fish"
# Debian's zsh looks there for what packages bring, and here for what is installed beside them.
case $3 in
/usr) zsh=$to/share/zsh/vendor-completions ;;
*) zsh=$to/share/zsh/site-functions ;;
esac
install -d "$zsh"
"$binary" completions zsh >"$zsh/_iovad"

install -d "$to/share/doc/iovad"
for name in README.md SECURITY.md LICENSE; do
    install -m 644 "$here/$name" "$to/share/doc/iovad/$name"
done
gzip -9nc "$here/CHANGELOG.md" >"$to/share/doc/iovad/changelog.gz"
if [ -d "$here/docs" ]; then
    rm -rf "$to/share/doc/iovad/docs"
    cp -R "$here/docs" "$to/share/doc/iovad/docs"
    find "$to/share/doc/iovad/docs" -type d -exec chmod 755 {} + -o -type f -exec chmod 644 {} +
fi
