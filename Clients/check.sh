#!/bin/sh
# The clients against a release: pytest of the Python package, and the playbook of the Ansible module. Both come
# from PyPI, into a folder of the build. Terraform is in neither Debian nor PyPI: its example is not run here.
#
#   check.sh BINARY FOLDER
set -eu
[ $# -eq 2 ] || { echo 'usage: check.sh BINARY FOLDER' >&2; exit 64; }
here=$(cd "$(dirname "$0")" && pwd)
binary=$(realpath "$1")
tools=$2
[ -x "$tools/bin/ansible-playbook" ] || {
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check 'httpx>=0.27,<1' 'pytest>=8' 'ansible-core>=2.15'
}
tools=$(realpath "$tools")
export PYTHONDONTWRITEBYTECODE=1
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
