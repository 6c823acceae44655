"""Runs the examples: every fenced block marked `console` has commands after "$ " and under each what it prints. They
run in a copy of docs/examples, page by page, against a server of their own where they ask one. A line that is "..."
stands for any lines of the output."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import reference
from files import put, sources
from server import Server

FENCE = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)
SECONDS_MAX = 120


class Folder:
    """Where the commands of one page run, and the server that they ask, which is started when one asks."""

    def __init__(self, root, binary):
        self.root, self.binary = root, binary
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="iovad-docs-"))
        shutil.copytree(root / "docs/examples", self.path, dirs_exist_ok=True)
        self.server = None

    def run(self, command):
        """What a terminal would show."""
        if Server.WRITTEN in command and not self.server:
            self.server = Server(self.root, self.binary)
        place = self.server.place if self.server else Server.WRITTEN
        environment = {
            "PATH": f"{self.binary.parent}:{os.environ.get('PATH', '/usr/bin:/bin')}", "HOME": str(self.path),
            "LC_ALL": "C.UTF-8", "NO_COLOR": "1",
        }
        done = subprocess.run(
            ["sh", "-c", command.replace(Server.WRITTEN, place)], cwd=self.path, env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS_MAX)
        return done.stdout.decode(errors="replace").replace(place, Server.WRITTEN)

    def end(self):
        if self.server:
            self.server.stop()
        shutil.rmtree(self.path)


def steps(block):
    """Commands, each with the lines as they stand and what is printed below."""
    found = []
    for line in block.splitlines():
        if found and not found[-1][2] and found[-1][0][-1].endswith("\\"):
            found[-1][0].append(line)
        elif line.startswith("$ "):
            found.append(([line], [], []))
        elif found:
            found[-1][2].append(line)
        else:
            raise SystemExit(f"an example begins without a command: {line}")
    return [(lines, "\n".join(lines)[2:], printed) for lines, _, printed in found]


def fits(written, printed):
    """Whether the lines are what was printed, where "..." stands for any of them."""
    pattern = "".join(r"(?:.*\n)*?" if line == "..." else re.escape(line) + "\n" for line in written)
    return re.fullmatch(pattern, "".join(line + "\n" for line in printed)) is not None


def renewed(text, name, folder, faults):
    def block(match):
        lines = []
        for shown, command, written in steps(match[1]):
            printed = folder.run(command).rstrip("\n").splitlines()
            if not fits(written, printed):
                faults.append("\n".join([f"{name}: $ {command}", "prints:", *printed, "and the page has:", *written]))
                written = printed
            lines += shown + written
        return "```console\n" + "".join(line + "\n" for line in lines) + "```"

    return FENCE.sub(block, text)


def renew(root, binary, is_check):
    faults, count = [], 0
    generated = reference.texts(root, binary)
    for file in sources(root):
        name = str(file.relative_to(root))
        text = file.read_text()
        expected = generated.get(name, text)
        if is_check and expected != text:
            faults.append(f"{name} is not what the program says: make docs")
        folder, found = Folder(root, binary), []
        try:
            count += len(FENCE.findall(expected))
            expected = renewed(expected, name, folder, found)
        finally:
            folder.end()
        if is_check:
            faults += found
        else:
            for fault in found:
                print("renewed", fault.split("\n")[0])
            put(root, name, expected, False)
    print(f"{count} examples ran")
    return faults
