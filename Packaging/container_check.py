"""Executes the final stage of the Containerfile in a chroot, without an engine, and asks the server that it starts.

    container_check.py CONTAINERFILE BINARY CACHE

What this does not check: the build stage (its /out is filled by Packaging/stage.sh from BINARY, as its last
RUN does), the base image (a minimal Debian of this system's release stands in for it), and layers, networks and
volumes, which are the engine's. Any instruction that is not known here ends the check.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def instructions(text):
    """Pairs of instruction and rest, continuation lines joined, comments left out."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield word.upper(), rest.strip()


def stages(text):
    """Of each stage its base, its name and its instructions."""
    found = []
    for word, rest in instructions(text):
        if word == "FROM":
            words = rest.split()
            found.append((words[0], words[2] if len(words) == 3 else "", []))
        elif word != "ARG" or found:
            found[-1][2].append((word, rest))
    return found


class Image:
    """The final stage as it becomes: a folder, variables, a user and what is started."""

    def __init__(self, root, outputs):
        self.root, self.outputs = root, outputs
        self.variables = {"PATH": PATH}
        self.user, self.folder = "root", "/"
        self.entry, self.command = [], []

    def prefix(self):
        identity = [] if self.user == "root" else [
            "setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups", "--no-new-privs"]
        variables = [f"{name}={value}" for name, value in self.variables.items()]
        return ["chroot", str(self.root), "env", "-i", *variables, *identity]

    def apply(self, word, rest):
        print(f"{word} {rest}"[:110], flush=True)
        if word == "RUN":
            subprocess.run([*self.prefix(), "sh", "-c", rest], check=True, stdout=subprocess.DEVNULL)
        elif word == "COPY":
            words = rest.split()
            stage = words.pop(0).removeprefix("--from=")
            source, target = words
            shutil.copytree(self.outputs[stage] / source.strip("/"), self.root / target.strip("/"),
                            symlinks=True, dirs_exist_ok=True)
        elif word == "ENV":
            self.variables |= dict(part.split("=", 1) for part in rest.split())
        elif word == "USER":
            self.user = rest
        elif word in ("ENTRYPOINT", "CMD"):
            setattr(self, {"ENTRYPOINT": "entry", "CMD": "command"}[word], json.loads(rest))
        elif word not in ("EXPOSE", "LABEL", "STOPSIGNAL"):
            raise SystemExit(f"container-check: the instruction {word} is not known here")


def ask(address, target):
    with urllib.request.urlopen(f"http://{address}{target}", timeout=5) as answer:
        return answer.status, answer.read().decode()


def check(image):
    """Starts the container's command and holds what it answers against what it must."""
    variables = image.variables
    # The image's port may be taken on this system, whose network a chroot shares.
    listen = variables["IOVAD_LISTEN"] = variables["IOVAD_LISTEN"].rsplit(":", 1)[0] + ":0"
    assert listen.startswith("0.0.0.0:"), "an engine forwards to the container's address, not to loopback"
    assert image.user != "root", "the last USER is root"
    server = subprocess.Popen([*image.prefix(), *image.entry, *image.command], stderr=subprocess.PIPE, text=True)
    try:
        place = ""
        while "serves http://" not in place:
            place = server.stderr.readline()
            assert place, f"it ended with {server.wait()}"
        port = place.strip().rsplit(":", 1)[1].rstrip('"}')
        address = f"127.0.0.1:{port}"
        status = Path(f"/proc/{server.pid}/status").read_text()
        identity = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
        assert "0" not in identity, f"it runs as {identity}"
        assert ask(address, "/readyz") == (200, "ready\n")
        assert "<title>iovad" in ask(address, "/")[1]
        assert json.loads(ask(address, "/version")[1])["build"] == "release"
    finally:
        server.terminate()
        try:
            assert server.wait(timeout=30) == 0, "it does not end in good order"
        except subprocess.TimeoutExpired:
            server.kill()
            raise


def main():
    containerfile, binary, cache = sys.argv[1:]
    *before, (base, _, final) = stages(Path(containerfile).read_text())
    work = Path(tempfile.mkdtemp())
    root = work / "root"
    try:
        outputs = {}
        for _, name, steps in before:
            outputs[name] = work / name
            assert any("Packaging/stage.sh" in rest for word, rest in steps if word == "RUN"), f"stage {name}"
            subprocess.run(["sh", str(HERE / "stage.sh"), binary, f"{outputs[name]}/out", "/usr"], check=True)
        print(f"FROM {base}: a minimal Debian stands in for it; the build stage is not run", flush=True)
        subprocess.run(["sh", str(HERE / "chroot.sh"), cache, str(root)], check=True)
        subprocess.run(["mount", "-t", "proc", "proc", str(root / "proc")], check=True)
        image = Image(root, outputs)
        for word, rest in final:
            image.apply(word, rest)
        check(image)
        print("container-check: the final stage starts, answers and ends as its user")
    finally:
        subprocess.run(["umount", str(root / "proc")], stderr=subprocess.DEVNULL, check=False)
        if not os.path.ismount(root / "proc"):
            shutil.rmtree(work)


if __name__ == "__main__":
    main()
