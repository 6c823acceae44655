#!/bin/sh
# Runs every measurement once with tiny sizes. What it shows is that they work and that product and walk return
# the same, not how fast anything is. Run by `make bench-check` with the paths of the benchmark, the server and the
# folder of the yardsticks.
set -eu
bench=$1
server=$2
yardsticks=$3

fail() {
    echo "bench-check: $1" >&2
    exit 1
}

# Exit status 1 when a check is wrong.
requests='--workload frag32-fail --workload frag32-succeed --workload tight --workload frag36-fail --workload comb32'
# shellcheck disable=SC2086
bad=$("$bench" allocator --json $requests --workload reserve-random --workload memory --sizes 100 300 1000)
[ "$(printf %s "$bad" | grep -o '"right":true' | wc -l)" -eq 18 ] || fail "not 18 rows: $bad"
[ "$(printf %s "$bad" | grep -o '"product_exponent"' | wc -l)" -eq 5 ] || fail "not 5 growths: $bad"
[ "$(printf %s "$bad" | grep -o '"churned_bytes_per_range"' | wc -l)" -eq 3 ] || fail "not 3 of memory: $bad"
churn=$("$bench" allocator --json --workload churn-tree-1-random --workload churn-cached-mixed-random --sizes 1000)
[ "$(printf %s "$churn" | grep -o '"right":true' | wc -l)" -eq 2 ] || fail "not 2 rows: $churn"
printf %s "$churn" | grep -q '"published_check":"0x196cf299a7380245"' || fail "no published check: $churn"
"$bench" allocator --workload unheard-of 2>/dev/null && fail 'an unknown workload is taken'

# Whether a target is met is a matter of time (status 1); that all sessions came and went is not.
sessions=$("$bench" sessions --sessions 200 --allocations 5 --json) || [ $? -eq 1 ] || fail "sessions: $sessions"
[ "$(printf %s "$sessions" | grep -o '"creation_us"' | wc -l)" -eq 10 ] || fail "not 10 tenths: $sessions"
[ "$(printf %s "$sessions" | grep -o '"met"' | wc -l)" -eq 3 ] || fail "not 3 targets: $sessions"
"$bench" sessions --sessions 5 2>/dev/null && fail 'too few sessions are taken'

# A GET, a POST with a body, and two requests in turn: every way in which a load is made.
figures=$(mktemp)
trap 'rm -f "$figures"' EXIT
python3 Benchmarks/http --binary "$server" --yardsticks "$yardsticks" --rounds 1 --seconds 0.1 --json "$figures" \
    --only livez --only decision-none --only session >&2 || fail 'http'
[ "$(grep -c '"to_plain"' "$figures")" -eq 3 ] || fail "not 3 ratios to the bare server: $(cat "$figures")"
[ "$(grep -c '"to_jansson"' "$figures")" -eq 2 ] || fail "not 2 ratios to jansson: $(cat "$figures")"
[ "$(grep -c '"instructions": [1-9]' "$figures")" -eq 3 ] || fail "not 3 counts: $(cat "$figures")"
python3 Benchmarks/http --only unheard-of 2>/dev/null && fail 'an unknown request is taken'
echo 'bench-check: all measurements run'
