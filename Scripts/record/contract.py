"""The operations of the API, from the contract that the server itself serves: no source file is looked at.

A few lines of regular expressions read the `paths` of openapi.yaml; what they would miss after a change of
its layout shows at once, because GET /v1 lists the same operations and is held against them.
"""

import re

_PATH = re.compile(r"^  (/[^\s:]*):\s*$")
_METHOD = re.compile(r"^    (get|put|post|patch|delete):(.*)$")
_ID = re.compile(r"^(?:      |    (?:get|put|post|patch|delete): \{ )operationId:\s*([A-Za-z0-9_]+)")


class Contract:
    def __init__(self, yaml, links):
        """`links` are those of GET /v1: operation id -> "GET /v1/..."."""
        self.operations = {}
        path = method = None
        for line in yaml.splitlines():
            if line.startswith("components:"):
                break
            if found := _PATH.match(line):
                path, method = found.group(1), None
            elif found := _METHOD.match(line):
                method = found.group(1).upper()
            if path and method and (found := _ID.search(line)):
                self.operations[found.group(1)] = (method, path)
        missing = {name for name in links if self.operations.get(name) != tuple(links[name].split(" ", 1))}
        if missing:
            raise SystemExit(f"openapi.yaml and GET /v1 disagree on {', '.join(sorted(missing))}")
        # Literal segments count before variables, as in the router.
        routes = sorted(self.operations.items(), key=lambda item: (item[1][1].count("{"), item[1][1]))
        self._routes = [(name, method, self._pattern(path)) for name, (method, path) in routes]

    @staticmethod
    def _pattern(path):
        if path == "/{file}":
            return re.compile(r"/[^\s].*")
        return re.compile(re.sub(r"\\\{[a-z_]+\\\}", r"[^/]+", re.escape(path)))

    def operation(self, method, target):
        """The id of the operation that a request asks for; "OPTIONS", or "-" where there is none."""
        if method == "OPTIONS":
            return "OPTIONS"
        path = target.split("?")[0]
        asked = "GET" if method == "HEAD" else method
        for name, known, pattern in self._routes:
            if known == asked and pattern.fullmatch(path):
                # Any path looks like a file's; only those of files are.
                if name == "staticFile" and (path.startswith(("/v1", "/problems")) or "%" in path):
                    continue
                return name
        return "-"


def segment(text):
    """A path segment or query value, percent-encoded like a browser does it."""
    return "".join(c if re.match(r"[A-Za-z0-9._~-]", c) else "".join(f"%{b:02X}" for b in c.encode())
                   for c in text)

