#!/bin/sh
# The clients against a release: types and pytest of the Python package, the playbook of the Ansible module, and the
# example for Terraform. What they need is in a folder of the build: `make client-tools`. Terraform is in neither
# Debian nor PyPI: where it is installed, its example is run with a stand-in for its http provider, which may be out of
# reach.
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

command -v terraform >/dev/null && "$tools/bin/python3" -c 'import tf' 2>/dev/null \
    || { echo 'clients: no terraform or no package tf here, its example is skipped'; exit 0; }
work=$(mktemp -d)
trap 'kill $server; wait $server || true; rm -rf "$log" "$work"' EXIT
cp "$here/terraform/main.tf" "$work"
printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$tools/bin/python3" "$here/terraform/stand_in/terraform-provider-http" \
    >"$work/terraform-provider-http"
chmod +x "$work/terraform-provider-http"
printf 'provider_installation {\n  dev_overrides {\n    "hashicorp/http" = "%s"\n  }\n  direct {}\n}\n' "$work" >"$work/rc"
export TF_CLI_CONFIG_FILE="$work/rc" CHECKPOINT_DISABLE=1
cd "$work"
terraform fmt -check -diff main.tf
terraform plan -no-color -var "iovad=$place" >plan.log || { cat plan.log >&2; exit 1; }
grep -q 'verdict = "default_works"' plan.log || { cat plan.log >&2; exit 1; }
# A plan for a host that maps nothing fails, with the reason.
sed 's/platform = "example-qemu-virt"/reserved_regions = [{ start = "0x0", last = "0xffffffffffff", type = "reserved" }]/' \
    "$here/terraform/main.tf" >main.tf
if terraform plan -no-color -var "iovad=$place" >plan.log 2>&1 || ! grep -q 'cannot be mapped on the host' plan.log; then
    cat plan.log >&2
    exit 1
fi
echo 'clients: the example for Terraform gives its verdict, and fails where a host maps nothing'
