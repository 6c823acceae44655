"""Generates a Python client from the contract that a server serves, and asks that server with it: every operation has
a function, and what the functions send is taken. `make client-check` calls it, with the generator's own Python.

    .build/openapi-python-client-V/bin/python Scripts/client-check --binary B
"""

import argparse
import importlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "Scripts/docs"))
from server import Server  # noqa: E402

#: The only thing that the generator may leave out.
LEFT_OUT = "Unsupported content type text/plain"


def generate(document, folder):
    """The package `iovad_client` in the folder, and what the generator warned about."""
    source = folder / "openapi.json"
    source.write_bytes(document)
    generator = pathlib.Path(sys.executable).parent / "openapi-python-client"
    done = subprocess.run(
        [generator, "generate", "--path", source, "--output-path", folder / "iovad_client", "--meta", "none", "--config",
         HERE / "generator.yaml"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise SystemExit(f"the generator failed:\n{done.stdout[-2000:]}")
    reasons = re.findall(r"^WARNING parsing (.*)$\n\n^(.*)$", done.stdout, re.M)
    unable = re.findall(r"^Unable to parse .*$", done.stdout, re.M)
    return [f"{place} {reason}" for place, reason in reasons if reason != LEFT_OUT] + unable


def missing(document, folder):
    """Operations without a function."""
    modules = {file.stem.replace("_", "") for file in (folder / "iovad_client/api").glob("*/*.py")}
    operations = [
        operation["operationId"] for item in json.loads(document)["paths"].values()
        for method, operation in item.items() if method in ("get", "put", "post", "patch", "delete")
    ]
    return len(operations), [f"no function for {name}" for name in operations if name.lower() not in modules]


def calls(place):
    """What people do first, as they would write it. Each pair: what was expected, what came."""
    client = importlib.import_module("iovad_client").Client(base_url=f"http://{place}")
    models = importlib.import_module("iovad_client.models")

    def ask(name, *arguments, **keywords):
        return importlib.import_module(f"iovad_client.api.{name}").sync(*arguments, client=client, **keywords)

    device = {"platform": "example-arm-juno", "device": "/pcie@40000000"}
    decision = ask("decisions.decide", body=models.DecisionRequest(consumer=models.Consumer.VFIO_TYPE1, **device))
    yield ("Outcome", False), (type(decision).__name__, decision.reachable)
    comparison = ask("decisions.compare", body=models.ComparisonRequest(**device))
    yield "Comparison", type(comparison).__name__
    session = ask("sessions.create_session", body=models.SessionRequest(id="client-check"))
    yield ("Session", "client-check"), (type(session).__name__, session.id)
    domain = ask("domains.create_domain", "client-check", body=models.DomainRequest(id="d"))
    yield ("MadeDomain", "d"), (type(domain).__name__, domain.id)
    page = ask("domains.allocate_iova", "client-check", "d", body=models.AllocationMembers(size="0x1000"))
    yield "0x1000", page.range_.size
    yield "Session", type(ask("sessions.read_session", "client-check")).__name__
    problem = ask("platforms.read_platform", "nobody")
    yield ("Problem", "not-found"), (type(problem).__name__, str(problem.code))
    yield ["example-ampere-altra"], [each.id for each in ask("platforms.list_platforms", limit=1).items]


def main():
    parser = argparse.ArgumentParser(prog="Scripts/client-check")
    parser.add_argument("--binary", required=True, type=pathlib.Path)
    options = parser.parse_args()
    server = Server(ROOT, options.binary.resolve())
    try:
        with tempfile.TemporaryDirectory() as name, \
                urllib.request.urlopen(f"http://{server.place}/openapi.json") as answer:
            folder, document = pathlib.Path(name), answer.read()
            faults = generate(document, folder)
            count, without = missing(document, folder)
            sys.path.insert(0, name)
            results = list(calls(server.place))
    finally:
        server.stop()
    faults += without + [f"expected {wanted}, got {came}" for wanted, came in results if wanted != came]
    for fault in faults:
        print(fault)
    print(f"client-check: {count} operations, {len(results)} calls, {len(faults)} faults")
    return 1 if faults else 0


sys.exit(main())
