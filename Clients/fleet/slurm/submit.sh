#!/bin/sh
# Submits the survey of the hosts in FOLDER/hosts, which are 0.ndjson, 1.ndjson and so on, and its merge.
#
#   sh submit.sh FOLDER
set -eu
[ $# -eq 1 ] || { echo 'usage: sh submit.sh FOLDER' >&2; exit 64; }
here=$(cd "$(dirname "$0")" && pwd)
FLEET=$(cd "$1" && pwd)
export FLEET
count=$(find "$FLEET/hosts" -name '*.ndjson' | wc -l)
[ "$count" -gt 0 ] || { echo "$FLEET/hosts: there is no 0.ndjson" >&2; exit 1; }
survey=$(sbatch --parsable --export=ALL --array="0-$((count - 1))" "$here/survey.sh")
sbatch --parsable --export=ALL --dependency="afterok:$survey" "$here/merge.sh"
