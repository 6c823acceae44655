#!/bin/sh
# The optimised binary against the allocator's vectors: those of the reference shelf where it is, and ours.
set -eu
iovad=$1
here=$(cd "$(dirname "$0")" && pwd)
shared=${IOVAD_SHARED:-$here/../../shared}
"$iovad" replay --check "$here"/IOVAAllocationTests/Fixtures/*.json
if [ -d "$shared/data/allocator-vectors" ]; then
    "$iovad" replay --check "$shared"/data/allocator-vectors/*.json
else
    echo "SKIPPED: no reference vectors at $shared"
fi
