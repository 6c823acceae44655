"""Pages, files and probes, as a browser and a load balancer ask for them."""

import gzip


class Pages:
    def __init__(self, client, number):
        self.client = client

    def cycle(self, turn):
        get = self.client.get
        get("landingPage", "/", "Accept: text/html", says=b"<html")
        tag = get("staticFile", "/css/base.css", says=b"{").fields["etag"]
        get("staticFile", "/css/base.css", f"If-None-Match: {tag}", status=304, refused="a file that did not change")
        get("staticFile", "/js/main.js", says=b"import")
        packed = get("openAPI", "/openapi.yaml", "Accept-Encoding: gzip")
        if packed.fields.get("content-encoding") != "gzip" or b"openapi: " not in gzip.decompress(packed.body):
            self.client.error("GET /openapi.yaml: not packed, or not the document")
        get("openAPI", "/openapi.yaml", says=b"openapi: ")
        get("openAPIJSON", "/openapi.json", says=b'"openapi":')
        get("staticFile", "/docs/concepts", says=b"<html")
        get("problemPage", "/problems/not-found", says=b"<html")
        get("version", "/version", says=b'"iovad"')
        get("index", "/v1", says=b'"decide"')
        get("limits", "/v1/limits", says=b'"body_bytes_max"')
        get("ready", "/readyz", says=b"ready")
        get("atlas", "/v1/atlas", says=b"{")
        get("none", "/nothing", status=404, refused="a page that is not there")
        get("index", "/v1", "Accept: text/html", status=406, refused="a type that is not offered")


class Probes:
    """Only /livez, for which the server does next to nothing: how long its way takes."""

    def __init__(self, client, number):
        self.client = client

    def cycle(self, turn):
        self.client.get("live", "/livez", says=b"alive")
