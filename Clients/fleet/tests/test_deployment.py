"""The manifests and the Grafana dashboard in Packaging/: of the schema, consistent, and about what the server really has."""
import json
import os
import pathlib
import re
import socket
import subprocess
import time
import urllib.request

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
BINARY = os.environ.get("IOVAD_TEST_BINARY", str(ROOT / ".build/release/iovad"))


def documents(name):
    return list(yaml.safe_load_all((ROOT / "Packaging/kubernetes" / name).read_text()))


def test_manifests_are_of_the_schema():
    validate = pytest.importorskip("kubernetes_validate")
    for manifest in documents("iovad.yaml"):
        validate.validate(manifest, "1.31", strict=True)
        with pytest.raises(validate.ValidationError):
            validate.validate(manifest | {"specs": {}}, "1.31", strict=True)


def test_selectors_find_the_pods():
    deployment, service, budget = documents("iovad.yaml")
    monitor = documents("monitoring.yaml")[0]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    assert service["spec"]["selector"] == labels
    assert budget["spec"]["selector"]["matchLabels"] == labels
    assert monitor["spec"]["selector"]["matchLabels"] == service["metadata"]["labels"]
    ports = {port["name"] for port in service["spec"]["ports"]}
    assert {endpoint["port"] for endpoint in monitor["spec"]["endpoints"]} <= ports
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    assert {port["targetPort"] for port in service["spec"]["ports"]} == {port["name"] for port in container["ports"]}


def settings():
    container = documents("iovad.yaml")[0]["spec"]["template"]["spec"]["containers"][0]
    return container, {variable["name"]: variable.get("value") for variable in container["env"]}


@pytest.fixture
def server(tmp_path):
    """A server with the settings of the manifest, but for the database and the place of its files."""
    container, environment = settings()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    tokens = tmp_path / "tokens"
    tokens.write_text("metrics operate secret-of-metrics-01234\n")
    environment |= {
        "IOVAD_LISTEN": f"127.0.0.1:{port}", "IOVAD_TOKEN_FILE": str(tokens), "IOVAD_STATE_DIR": str(tmp_path / "state"),
        "IOVAD_NO_HOST": "true", "IOVAD_LOG": "none", "IOVAD_DRAIN_SECONDS": "0"}
    environment = {name: value for name, value in environment.items() if value is not None}
    process = subprocess.Popen([BINARY, *container["args"]], env={"PATH": "/usr/bin:/bin"} | environment)
    yield f"http://127.0.0.1:{port}", process
    process.terminate()
    assert process.wait(20) == 0


def ask(url, **headers):
    for _ in range(200):
        try:
            return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10)
        except urllib.error.HTTPError as error:
            return error
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"{url} does not answer")


def test_probes_and_settings_are_of_this_server(server):
    url, process = server
    container, _ = settings()
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert ask(url + container[probe]["httpGet"]["path"]).status == 200, probe
    assert ask(url + "/v1/platforms").status == 401
    assert process.poll() is None


def test_the_dashboard_asks_for_metrics_that_there_are(server):
    url, _ = server
    # So that there is an answer to count.
    ask(url + "/readyz")
    endpoint = documents("monitoring.yaml")[0]["spec"]["endpoints"][0]
    text = ask(url + endpoint["path"], Authorization="Bearer secret-of-metrics-01234").read().decode()
    known = set(re.findall(r"^# TYPE (\S+) ", text, re.M))
    known |= {f"{name}_bucket" for name in known}
    labels = set(re.findall(r'[{,](\w+)="', text)) | {"le", "instance", "job"}
    dashboard = json.loads((ROOT / "Packaging/grafana/iovad.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert len(expressions) >= 15
    for expression in expressions:
        for name in re.findall(r"\b(?:iovad|process)_\w+", expression):
            assert name in known, f"{expression}: no metric {name}"
        for group in re.findall(r"(?:by|on) \(([^)]*)\)", expression):
            for label in re.split(r",\s*", group):
                assert label in labels, f"{expression}: no label {label}"
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in dashboard["panels"]]
    assert len(set(places)) == len(places)
