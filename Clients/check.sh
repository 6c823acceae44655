#!/bin/sh
# The clients against a release: types and pytest of the Python package, and the playbook of the Ansible module. What
# they need is in a folder of the build: `make client-tools`. Terraform is in neither Debian nor PyPI: its example is
# not run here.
#
#   check.sh BINARY FOLDER
set -eu
[ $# -eq 2 ] || { echo 'usage: check.sh BINARY FOLDER' >&2; exit 64; }
here=$(cd "$(dirname "$0")" && pwd)
binary=$(realpath "$1")
tools=$(realpath "$2")
export PYTHONDONTWRITEBYTECODE=1
"$tools/bin/python3" "$here/python/make_async.py" --check
(cd "$here/python" && "$tools/bin/mypy" --strict --no-warn-return-any --no-error-summary --cache-dir=/dev/null src)
(cd "$here/python" && IOVAD_TEST_BINARY=$binary PYTHONPATH=src "$tools/bin/pytest" -q -p no:cacheprovider)

log=$(mktemp)
"$binary" serve --listen 127.0.0.1:0 --no-host --log none 2>"$log" &
server=$!
trap 'kill $server; wait $server || true; rm -f "$log"' EXIT
trap 'exit 130' INT TERM
until place=$(sed -n 's/.* serves //p' "$log") && [ -n "$place" ]; do
    kill -0 "$server" || { cat "$log" >&2; exit 1; }
    sleep 0.1
done
cd "$here/ansible"
ANSIBLE_LOCALHOST_WARNING=false ANSIBLE_INVENTORY_UNPARSED_WARNING=false LC_ALL=C.UTF-8 \
    "$tools/bin/ansible-playbook" -c local -e "iovad=$place" -e "ansible_python_interpreter=$tools/bin/python3" example.yml
