# What the contract run adds to the checks of schemathesis: a request that fits the published schemas is never
# refused for its shape. Types, bounds, lengths and names are what a schema states; what the service says about
# them to such a request is a disagreement of the two.

import json
import re
from urllib.parse import urlencode

import schemathesis
from schemathesis.transport.serialization import serialize_binary

# Codes of faults that a schema could have excluded. Not among them: `not-an-integer` (4096.0 is an integer for JSON
# Schema and none for an address, which is written one way), `unknown-field` (a member of the schema may be unknown
# beside others, as `prefer` where the kind is fixed), `too-long` (the service counts bytes, a schema characters).
SHAPES = {"wrong-type", "not-hex", "negative", "unknown-parameter"}
# The same of a query, whose faults share one code, and of bounds, which a schema states of integers only: the
# sentences.
SENTENCES = re.compile(
    "Expected |A negative number|Unknown parameter|A decimal string|Not a number|[0-9]+ is not in ")
# Tokens are what an answer gave.
OPAQUE = ("?page_token",)


def shape_faults(document):
    """The errors of a problem that are about shape."""
    for error in document.get("errors", []):
        of_shape = error["code"] in ("invalid-value", "out-of-range") and SENTENCES.match(error["detail"])
        if (error["code"] in SHAPES or of_shape) and not error["pointer"].endswith(OPAQUE):
            yield f"{error['pointer']}: {error['detail']}"


# Heads beyond the memory of a connection are answered by libmicrohttpd itself, with a page without a type: the tests
# of raw heads have them. The rest of a head takes less than 1 KiB.
TARGET_BYTES_MAX = 6 << 10


@schemathesis.hook
def filter_case(context, case):
    """Keeps requests whose heads the server reads."""
    query = urlencode({key: value for key, value in (case.query or {}).items()}, doseq=True)
    fields = sum(len(str(key)) + len(str(value)) + 4 for key, value in (case.headers or {}).items())
    return len(case.formatted_path) + len(query) + fields < TARGET_BYTES_MAX


@schemathesis.check
def refused_for_meaning_only(ctx, response, case):
    """A request that fits the schemas is refused for what it means, if at all."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if response.status_code not in (400, 422):
        return
    try:
        document = json.loads(response.content)
    except ValueError:
        return
    faults = list(shape_faults(document))
    if faults:
        raise AssertionError("The schemas allow what is refused for its shape: " + "; ".join(faults[:4]))


@schemathesis.deserializer("application/x-ndjson")
def last_line(ctx, response):
    """The summary, which ends such an answer; the tests in the repository look at every line."""
    return json.loads(response.content.strip().rsplit(b"\n", 1)[-1])


@schemathesis.serializer("application/vnd.devicetree.blob", "application/vnd.acpi.table")
def octets(ctx, value):
    """Bytes as they are."""
    return serialize_binary(value)
