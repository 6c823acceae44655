"""openapi.yaml as JSON, for pages and programs that read no YAML. A line for each operation and each component, so
that a difference is a line."""

import json


def read(root):
    import yaml

    with open(root / "openapi.yaml", encoding="utf-8") as file:
        return yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def members(value, depth):
    """An object whose members stand on lines of their own, and theirs, down to `depth`."""
    if depth == 0 or not isinstance(value, dict) or not value:
        return compact(value)
    return "{\n" + ",\n".join(f"{compact(name)}:{members(item, depth - 1)}" for name, item in value.items()) + "\n}"


def as_json(root):
    document = read(root)
    depths = {"paths": 2, "components": 2}
    lines = [f"{compact(name)}:{members(value, depths.get(name, 0))}" for name, value in document.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"
