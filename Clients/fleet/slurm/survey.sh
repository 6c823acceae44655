#!/bin/sh
# A fleet's survey as a Slurm array: task N surveys $FLEET/hosts/N.ndjson, a host a line, to $FLEET/parts/N.part. sh
# submit.sh FOLDER submits it, and the merge behind it.
#SBATCH --job-name=iovad-survey
#SBATCH --cpus-per-task=1
#SBATCH --mem=512M
#SBATCH --time=00:30:00
set -eu
mkdir -p "$FLEET/parts"
part="$FLEET/parts/$SLURM_ARRAY_TASK_ID.part"
new="$part.$$.new"
# 1 with a part: some hosts could not be read, which the part says.
"${IOVAD:-iovad}" survey --partial --hosts-from "$FLEET/hosts/$SLURM_ARRAY_TASK_ID.ndjson" >"$new" || [ $? -eq 1 ]
[ -s "$new" ]
# Whole or not at all, so that a task may run again.
mv "$new" "$part"
