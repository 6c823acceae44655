"""The examples as they are, on a small fleet: each must say byte for byte what one survey of all hosts says."""

import json
import os
import pathlib
import random
import shutil
import subprocess
import sys

import pytest
import yaml

HERE = pathlib.Path(__file__).resolve().parent.parent
IOVAD = os.environ["IOVAD_TEST_BINARY"]
PARTS = 9
HOSTS_OF_PART = 12
MEBIBYTE = 1 << 20


def host(random, number):
    windows = [
        {"bus": hex(random.randrange(1, 3000) * MEBIBYTE), "size": hex(random.randrange(1, 1000) * MEBIBYTE)}
        for _ in range(random.randrange(3))
    ]
    devices = [
        {"id": f"rc{place}", "kind": "pci_host", "smmus": ["smmu"], "pci_windows": windows}
        for place in range(random.randrange(1, 4))
    ]
    return {"name": f"host-{number}", "platform": {"smmus": [{"id": "smmu", "version": "v3"}], "devices": devices}}


@pytest.fixture
def fleet(tmp_path):
    """Hosts in parts, and what one survey says of all."""
    seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
    print(f"SEED={seed}")
    numbers = random.Random(seed)
    folder = tmp_path / "hosts"
    folder.mkdir()
    for part in range(PARTS):
        lines = [json.dumps(host(numbers, part * HOSTS_OF_PART + n)) for n in range(HOSTS_OF_PART)]
        (folder / f"{part}.ndjson").write_text("\n".join(lines) + "\n")
    everything = "".join((folder / f"{part}.ndjson").read_text() for part in range(PARTS))
    (tmp_path / "all.ndjson").write_text(everything)
    command = [IOVAD, "survey", "--format", "json", "--hosts-from", str(tmp_path / "all.ndjson")]
    whole = subprocess.run(command, capture_output=True, check=True).stdout
    assert json.loads(whole)["platforms"] == PARTS * HOSTS_OF_PART
    return tmp_path, whole


def test_dask(fleet):
    folder, whole = fleet
    files = sorted(map(str, (folder / "hosts").iterdir()), reverse=True)
    command = [sys.executable, HERE / "survey_dask.py", "--workers", "2", "--iovad", IOVAD, *files]
    done = subprocess.run(command, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == whole
    assert b"s of CPU" in done.stderr


def test_dask_says_what_failed(fleet):
    folder, _ = fleet
    command = [sys.executable, HERE / "survey_dask.py", "--workers", "1", "--iovad", IOVAD, str(folder / "none.ndjson")]
    done = subprocess.run(command, capture_output=True)
    assert done.returncode == 1 and b"none.ndjson: No such file or directory" in done.stderr


def manifests():
    return sorted((HERE / "kubernetes").glob("*.yaml"))


@pytest.mark.parametrize("path", manifests(), ids=lambda path: path.name)
def test_manifests_are_of_the_schema(path):
    validate = pytest.importorskip("kubernetes_validate")
    for manifest in yaml.safe_load_all(path.read_text()):
        validate.validate(manifest, "1.31", strict=True)
        with pytest.raises(validate.ValidationError):
            validate.validate(manifest | {"specs": {}}, "1.31", strict=True)


def container(path):
    manifest = yaml.safe_load((HERE / "kubernetes" / path).read_text())
    return manifest, manifest["spec"]["template"]["spec"]["containers"][0]


def run_container(path, folder, tools, **environment):
    """The command of a manifest as a container runs it, with the fleet's folder in the place of its volume."""
    manifest, first = container(path)
    values = {variable["name"]: variable["value"] for variable in first["env"]}
    assert values == {"FLEET": first["volumeMounts"][0]["mountPath"]}
    return subprocess.run(
        first["command"] + first["args"], capture_output=True,
        env={"PATH": f"{tools}:/usr/bin:/bin", "FLEET": str(folder)} | environment)


def test_indexed_job(fleet):
    folder, whole = fleet
    tools = folder / "tools"
    tools.mkdir()
    (tools / "iovad").symlink_to(IOVAD)
    for index in reversed(range(PARTS)):
        done = run_container("survey.yaml", folder, tools, JOB_COMPLETION_INDEX=str(index))
        assert done.returncode == 0, done.stderr.decode()
    # An index that runs again changes nothing.
    assert run_container("survey.yaml", folder, tools, JOB_COMPLETION_INDEX="3").returncode == 0
    merged = run_container("merge.yaml", folder, tools)
    assert merged.stdout == whole and merged.returncode == 0
    # One that fails leaves no part behind.
    assert run_container("survey.yaml", folder, tools, JOB_COMPLETION_INDEX="77").returncode != 0
    assert not (folder / "parts" / "77.part").exists()


def test_slurm(fleet):
    folder, whole = fleet
    environment = os.environ | {
        "PATH": f"{HERE / 'tests'}:{os.environ['PATH']}", "IOVAD": IOVAD, "FAKE_SLURM_JOBS": str(folder / "jobs")}
    done = subprocess.run(
        ["sh", HERE / "slurm" / "submit.sh", folder], capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr.decode()
    assert (folder / "survey.json").read_bytes() == whole


@pytest.mark.parametrize("path", sorted((HERE / "slurm").glob("*.sh")), ids=lambda path: path.name)
def test_scripts_are_sound(path):
    subprocess.run(["bash", "-n", path], check=True)
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", path], check=True)
