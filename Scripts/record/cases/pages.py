"""Probes, catalogues, problem pages, static files; HEAD and OPTIONS of every route; a server with a token
and one without files."""

import os

from client import ORIGIN, TOKEN
from contract import segment
from . import vocabulary

EXAMPLE = "example-arm-juno"
SAMPLES = {"platform": EXAMPLE, "device": "%2Fpcie%4040000000", "policy": "mainline_fixed", "vmm": "crosvm",
           "session": "rec-none", "domain": "d0", "iova": "0x1000", "slug": "not-found", "file": "index.html"}


def run(r, context):
    probes(r)
    site(r, context.public)
    catalogues(r)
    every_route(r)
    guarded(r)
    bare(r)


def last(r, context):
    """After everything else: what was counted, and the lists as they are now."""
    for target in ("/metrics", "/v1/sessions?limit=1000", "/v1/platforms?limit=1000", "/version", "/livez"):
        r.get(target)


def probes(r):
    for target in ("/", "/livez", "/readyz", "/version", "/metrics", "/v1", "/v1/limits", "/openapi.yaml",
                   "/openapi.json", "/docs", "/docs/limits"):
        r.get(target)
        r.ask("HEAD", target)
        r.get(target, [["Accept", "application/json"]])
        r.get(target, [["Accept", "text/html, */*;q=0.1"]])
        r.get(target, [["Accept-Encoding", "gzip"]])
        r.get(target, [["If-None-Match", "@etag"]])
        r.get(target, [["X-Request-ID", "recorder-1"]])
        r.get(target, [["Origin", ORIGIN]])
    for identifier in ("ok.id-1", "x" * 128, "x" * 129, "with blank", "quote\"d"):
        r.get("/livez", [["X-Request-ID", identifier]])
        r.get("/v1/none", [["X-Request-ID", identifier]])


def site(r, public):
    paths = []
    for folder, _, names in os.walk(public):
        paths += [os.path.relpath(os.path.join(folder, name), public) for name in names]
    for path in sorted(paths):
        target = "/" + "/".join(segment(part) for part in path.split(os.sep))
        r.get(target, [["Accept-Encoding", "gzip"]])
        r.get(target)
        r.get(target, [["If-None-Match", "@etag"]])
        r.ask("HEAD", target)
    for target in ("/js", "/js/", "/index.htm", "/.hidden", "/js/../index.html", "/js/%2e%2e/index.html",
                   "/index.html?x=1", "/css/base.css?", "//", "/index.html/"):
        r.get(target)
    r.get("/css/base.css", [["Accept", "application/json"]])
    r.get("/css/base.css", [["Range", "bytes=0-9"]])


def catalogues(r):
    policies = r.json("/v1/policies").get("items", [])
    for policy in policies:
        r.get(f"/v1/policies/{segment(policy['id'])}")
        if policy["numeral"]:
            r.get(f"/v1/policies/{segment(policy['numeral'])}")
    r.get("/v1/policies/none")
    r.get("/v1/rules")
    r.get("/v1/kernels")
    r.get("/v1/atlas")
    r.get("/v1/atlas", [["If-None-Match", "@etag"]])
    r.get("/v1/atlas", [["Accept-Encoding", "gzip"]])
    for slug in vocabulary.PROBLEMS + ["none", "Not-Found", "not-found.html"]:
        r.get(f"/problems/{slug}")
    r.ask("HEAD", "/problems/not-found")


def every_route(r):
    """The methods of each path: allowed ones as HEAD and OPTIONS, all others as 405."""
    paths = sorted({path for _, path in r.contract.operations.values()})
    for path in paths:
        target = path
        for name, sample in SAMPLES.items():
            target = target.replace("{" + name + "}", sample)
        methods = {method for method, known in r.contract.operations.values() if known == path}
        r.ask("OPTIONS", target)
        r.ask("OPTIONS", target, None, [["Origin", ORIGIN], ["Access-Control-Request-Method", "POST"]])
        if "GET" in methods:
            r.ask("HEAD", target)
            r.get(target, [["Accept", "image/png"]])
            r.get(target + "?no_such=1&no_such=2")
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            if method not in methods:
                r.ask(method, target)
            elif method != "GET":
                r.ask(method, target, b"x", [["Content-Type", "image/png"], ["Accept", "image/png"]])
                if method in ("POST", "PUT", "PATCH"):
                    r.ask(method, target, b"x", [["Content-Type", "image/png"]])
                    r.ask(method, target, b"x")
                    r.ask(method, target, None, [["Content-Type", "application/json"]])
        r.ask("BREW", target)
    r.ask("OPTIONS", "*")
    r.ask("OPTIONS", "/v1/nothing")
    for target in ("/v1/", "/v1/nothing", "/v1//platforms", "/v1/platforms/", "/V1", "/v2", "/problems",
                   "/problems/", "/livez/", "/v1/platforms/a/b/c", "/v1/sessions/s/domains/d/x"):
        r.get(target)


def guarded(r):
    """Tokens, and what browsers of another origin ask first."""
    bearer = ["Authorization", f"Bearer {TOKEN}"]
    targets = ["/", "/livez", "/openapi.yaml", "/problems/forbidden", "/metrics", "/v1", "/v1/platforms",
               "/v1/sessions/x", "/v1/nothing"]
    for target in targets:
        for fields in ([], [bearer], [["Authorization", "Bearer wrong"]], [["Authorization", "Basic eDp5"]],
                       [["Origin", ORIGIN]], [bearer, ["Origin", ORIGIN]], [["Origin", "https://other.org"]]):
            r.ask("GET", target, None, fields, profile="guarded")
        for method in ("POST", "DELETE"):
            r.ask("OPTIONS", target, None, [["Origin", ORIGIN], ["Access-Control-Request-Method", method],
                                            ["Access-Control-Request-Headers", "authorization, content-type"]],
                  profile="guarded")
        r.ask("OPTIONS", target, None, profile="guarded")
    question = {"platform": EXAMPLE, "device": "/pcie@40000000", "consumer": "iommufd"}
    r.post("/v1/decisions", question, profile="guarded")
    r.post("/v1/decisions", question, [bearer, ["Origin", ORIGIN]], profile="guarded")
    r.post("/v1/sessions?id=g", {}, [bearer, ["Origin", ORIGIN]], profile="guarded")


def bare(r):
    for target in ("/", "/index.html", "/openapi.yaml", "/favicon.ico", "/v1", "/problems/internal"):
        r.ask("GET", target, None, profile="bare")
        r.ask("HEAD", target, None, profile="bare")
