"""Runs schemathesis, all checks and all phases, against a server of its own: `make contract` calls it. Rounds
with the seeds SEED, SEED + 1, ... go on until as many cases have run as were asked for; their number and what
was found is printed at the end, and the exit status is 1 if anything was.

    python3 Scripts/contract --binary B --public Public --schemathesis ST [--cases N] [--seed N] [--short]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "record"))

import client  # noqa: E402  the server of the recordings serves here, too

DEFAULT_SEED = 20260101
DEFAULT_CASES = 50_000
# Cases of an operation in one round of fuzzing; the phase of coverage makes as many as there are boundaries.
FUZZED = 150
# The short form: few of each operation, without the phases of examples and coverage.
SHORT_FUZZED = 20


def run_round(options, port, number, folder):
    """One run of schemathesis: (its report, its output)."""
    report = os.path.join(folder, f"report-{number}.json")
    phases = "examples,coverage,fuzzing,stateful" if number == 0 and not options.short else "fuzzing,stateful"
    command = [
        options.schemathesis, "--config-file", os.path.join(HERE, "schemathesis.toml"), "--no-color", "run",
        options.contract, "--url", f"http://127.0.0.1:{port}", "--checks", "all", "--phases", phases,
        "--seed", str(options.seed + number), "--max-examples", str(SHORT_FUZZED if options.short else FUZZED),
        "--workers", "1", "--continue-on-failure", "--no-shrink", "--generation-database", "none",
        "--suppress-health-check", "all", "--request-timeout", "60",
        "--report", "json", "--report-json-path", report,
    ]
    environment = dict(os.environ, SCHEMATHESIS_HOOKS="checks", PYTHONPATH=HERE, PYTHONDONTWRITEBYTECODE="1")
    output = subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                            capture_output=True, text=True)
    if not os.path.exists(report):
        sys.exit(f"schemathesis did not run:\n{output.stdout[-4000:]}{output.stderr[-4000:]}")
    with open(report) as file:
        return json.load(file), output.stdout


def main():
    parser = argparse.ArgumentParser(prog="contract", description=__doc__.split("\n\n")[0])
    parser.add_argument("--binary", required=True)
    parser.add_argument("--public", required=True)
    parser.add_argument("--contract", default=os.path.join(HERE, "..", "..", "openapi.yaml"))
    parser.add_argument("--schemathesis", required=True, help="the program `st`")
    parser.add_argument("--cases", type=int, default=DEFAULT_CASES)
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--short", action="store_true", help="one round of few cases")
    options = parser.parse_args()
    options.contract = os.path.abspath(options.contract)

    began, total, findings, number = time.monotonic(), 0, 0, 0
    server = client.Server(options.binary, "open", options.public)
    try:
        with tempfile.TemporaryDirectory(prefix="iovad-contract-") as folder:
            while number == 0 or (total < options.cases and not options.short):
                report, output = run_round(options, server.port, number, folder)
                cases = report["test_cases"]
                found = cases["unique_failures"] + sum(error["count"] for error in report["errors"])
                total += cases["generated"]
                findings += found
                print(f"round {number}, seed {options.seed + number}: {cases['generated']} cases, "
                      f"{found} findings, {time.monotonic() - began:.0f} s so far", flush=True)
                if found or report["exit_code"]:
                    findings = max(findings, 1)
                    print(output)
                if cases["generated"] == 0:
                    sys.exit("a round without cases")
                number += 1
    finally:
        server.stop()
    print(f"{total} cases, {findings} findings")
    sys.exit(1 if findings else 0)


main()
