"""Files that are generated and checked in: written, or compared."""


def put(root, name, content, is_check):
    """Writes `content` to the file `name` below `root`, or says in a list what differs."""
    file = root / name
    content = content if isinstance(content, bytes) else content.encode()
    if not is_check:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return []
    if not file.is_file():
        return [f"{name} is missing: make docs"]
    old = file.read_bytes()
    if old == content:
        return []
    pairs = zip(old.split(b"\n") + [b"(end)"], content.split(b"\n") + [b"(end)"])
    line, (was, wants) = next((n, pair) for n, pair in enumerate(pairs, 1) if pair[0] != pair[1])
    return [
        f"{name}:{line} differs: make docs\n  has:   {was.decode(errors='replace')[:200]}"
        f"\n  wants: {wants.decode(errors='replace')[:200]}"
    ]


def sources(root):
    """The Markdown that has examples and becomes pages."""
    return [root / "README.md", root / "SECURITY.md", *sorted((root / "docs").glob("*.md"))]
