"""The pages that the program writes itself: the commands from their --help, the operations and the limits from the
contract and a running server. What stands around a generated part is written by hand."""

import json
import re
import subprocess

import contract
from server import Server


def texts(root, binary):
    """The pages by their names, with their generated parts."""
    document = contract.read(root)
    server = Server(root, binary)
    try:
        limits = server.get("/v1/limits")["limits"]
    finally:
        server.stop()
    parts = {
        "docs/cli.md": commands(binary),
        "docs/api.md": operations(document),
        "docs/limits.md": table(limits, document),
    }
    return {name: inserted((root / name).read_text(), part, name) for name, part in parts.items()}


def inserted(text, part, name):
    found = re.fullmatch(r"(.*<!-- generated -->\n).*?(<!-- end -->\n.*)", text, re.S)
    if not found:
        raise SystemExit(f"{name} has no <!-- generated --> and <!-- end -->")
    return f"{found[1]}\n{part}\n{found[2]}"


def help_of(binary, words):
    """What `iovad help` prints of a command, and the commands below it."""
    text = subprocess.run([binary, "help", *words], capture_output=True, text=True, check=True).stdout
    listed = re.search(r"^SUBCOMMANDS:\n(.*?)(?:\n\n|\Z)", text, re.M | re.S)
    names = re.findall(r"^  ([a-z][a-z-]*)", listed[1], re.M) if listed else []
    return text, [name for name in names if name != "help"]


def commands(binary, words=()):
    text, below = help_of(binary, words)
    title = " ".join(["iovad", *words])
    command = " ".join(["iovad help", *words])
    part = f"## {title}\n\n```console\n$ {command}\n{text.rstrip()}\n```\n"
    return "\n".join([part, *(commands(binary, (*words, name)) for name in below)])


def cell(text):
    return " ".join(text.split()).replace("|", "\\|")


def operations(document):
    lines = []
    for tag in document["tags"]:
        lines += [f"### {tag['name']}", "", tag["description"], "", "| Method and path | Does |", "|---|---|"]
        for path, item in document["paths"].items():
            for method, operation in item.items():
                if isinstance(operation, dict) and tag["name"] in operation.get("tags", []):
                    lines.append(f"| `{method.upper()} {path}` | {cell(operation['summary'])} |")
        lines.append("")
    return "\n".join(lines)


def table(limits, document):
    members = document["components"]["schemas"]["Limits"]["properties"]["limits"]["properties"]
    lines = ["| Limit | Value | Of what |", "|---|---|---|"]
    for name, value in limits.items():
        lines.append(f"| `{name}` | {value:,} | {cell(members[name]['description'])} |")
    return "\n".join(lines) + "\n"
