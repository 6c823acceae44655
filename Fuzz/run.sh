#!/bin/sh
# Fuzzes every reader of untrusted bytes with libFuzzer, FUZZ_SECONDS each (600 by default).
# FUZZ_READERS chooses some of them. Seeds are those of Fuzz/corpus, written by us, and, where they are, the
# reference samples of ../shared; what is found new stays in .build-fuzz/corpus. A crash, a hang, or growth
# beyond 1 GiB ends the run with its input in .build-fuzz/artifacts, and exit status 1.
set -eu
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-600}
readers=${FUZZ_READERS:-device_tree acpi aml viot mcfg sysfs json multipart fault_log trace boot_log lspci map_failures command_line head}
shared=${IOVAD_SHARED:-../shared}
out=.build-fuzz
# A trap is to reach libFuzzer, which keeps the input, and not Swift's own backtracer.
SWIFT_BACKTRACE=enable=no
export SWIFT_BACKTRACE

echo "fuzz: building with coverage"
for target in MSIWindows Ingestion HTTP MicroHTTP; do
    swift build --scratch-path $out --target $target -Xswiftc -sanitize=fuzzer -Xcc -fsanitize=fuzzer-no-link \
        -Xswiftc -O >/dev/null
done
bin=$(swift build --scratch-path $out --show-bin-path)
objects=
for module in AddressSpaces LinuxReleases IOVAAllocation Machines MSIWindows JSON CSimdJSON Ingestion Locking HTTP MicroHTTP; do
    for object in "$bin/$module.build"/*.o; do objects="$objects $object"; done
done
# shellcheck disable=SC2086
swiftc -sanitize=fuzzer -parse-as-library -swift-version 6 -O -I "$bin/Modules" \
    -I Sources/CZlib -I Sources/CMicroHTTPD -I Sources/CGnuTLS -Xcc "-fmodule-map-file=$bin/CSimdJSON.build/module.modulemap" Fuzz/Harness.swift Fuzz/HeadTarget.swift \
    Tests/MicroHTTPTests/StrictRequests.swift $objects \
    -lmicrohttpd -lgnutls -lsimdjson -lz -lstdc++ -o $out/iovad-fuzz

for reader in $readers; do
    corpus=$out/corpus/$reader
    mkdir -p "$corpus" "$out/artifacts"
    seeds=Fuzz/corpus/$reader
    [ -d "$seeds" ] || seeds=
    # Large samples teach little and slow everything down.
    case $reader in
        acpi) from="$shared/data/iort" pattern='*.aml' ;;
        device_tree) from="$shared/data/device-trees" pattern='*.dtb' ;;
        *) from= pattern= ;;
    esac
    if [ -n "$from" ] && [ -d "$from" ]; then
        find "$from" -name "$pattern" -size -16k -exec cp -n {} "$corpus/" \; 2>/dev/null || true
        chmod -R u+w "$corpus"
    fi
    echo "fuzz: $reader for $seconds s"
    # shellcheck disable=SC2086
    if ! IOVAD_FUZZ=$reader $out/iovad-fuzz -max_total_time="$seconds" -timeout=20 -rss_limit_mb=1024 \
        -max_len=65536 -artifact_prefix="$out/artifacts/$reader-" -print_final_stats=1 -verbosity=0 \
        "$corpus" $seeds >$out/log 2>&1; then
        grep '^==\|^SUMMARY\|rror' $out/log || true
        echo "fuzz: $reader FAILED: $(ls "$out/artifacts/$reader-"*); see $out/log"
        exit 1
    fi
    grep '^stat' $out/log
    # Keep what adds coverage, once.
    rm -rf "$corpus.small"
    mkdir "$corpus.small"
    # shellcheck disable=SC2086
    IOVAD_FUZZ=$reader $out/iovad-fuzz -merge=1 "$corpus.small" "$corpus" $seeds >/dev/null 2>&1
    rm -rf "$corpus"
    mv "$corpus.small" "$corpus"
    echo "fuzz: $reader done, $(ls "$corpus" | wc -l) inputs in $(du -sk "$corpus" | cut -f1) KiB"
done
echo "fuzz: all clean"
