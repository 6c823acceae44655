#!/bin/sh
# The parts of survey.sh as one survey, $FLEET/survey.json.
#SBATCH --job-name=iovad-survey-merge
#SBATCH --cpus-per-task=1
#SBATCH --mem=512M
#SBATCH --time=00:10:00
set -eu
"${IOVAD:-iovad}" survey merge --format json "$FLEET"/parts/*.part >"$FLEET/survey.json"
