"""Raw heads: the table of the server's own tests, asked of the whole program. What stands behind a refused head is
never read as a request, and the connection is closed."""

import json
import os
import re

import wire

HERE = os.path.dirname(os.path.abspath(__file__))
TABLE = os.path.join(HERE, "..", "..", "Tests", "MicroHTTPTests", "raw-heads.json")
SECOND = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


# The table's server has a target that gives every body back; here bodies are read as questions.
ECHO = b"POST /echo HTTP/1.1\r\n"
QUESTION = b"POST /v1/decisions HTTP/1.1\r\nContent-Type: application/json\r\n"
# What a request that was read is answered with, whatever it asks for; 400 only where its body is no JSON.
READ = {200, 204, 401, 403, 404, 405, 415, 422, 501}


def _bytes(case):
    return _raw(case).replace(ECHO, QUESTION)


def _raw(case):
    fill = b"y" * case.get("fill", 0)
    return b"".join(fill if letter == "\u2026" else bytes([ord(letter)]) for letter in case["raw"])


def _wanted(case):
    return [int(line.split()[1]) for line in case["statuses"]]


def _got(port, case):
    connection = wire.Connection(port)
    connection.socket.settimeout(10)
    try:
        connection.send(_bytes(case) + SECOND)
        if case["closed"]:
            received = connection.read_to_end()
            read = b'"code":"malformed-json"' in received
            return [200 if read and code == b"400" else int(code)
                    for code in re.findall(rb"HTTP/1\.1 (\d{3})", received)]
        answers = [connection.read() for _ in case["statuses"]] + [connection.read()]
        return [200 if b'"code":"malformed-json"' in answer.body else answer.status for answer in answers]
    except (wire.Closed, TimeoutError) as error:
        return [str(error)]
    finally:
        connection.close()


def table(server, checks):
    if not os.path.exists(TABLE):
        return checks.true("no table in this checkout: nothing was asked", True)
    with open(TABLE) as file:
        cases = json.load(file)["cases"]
    for case in cases:
        wanted = _wanted(case) + ([] if case["closed"] else [200])
        got = _got(server.port, case)
        alike = len(got) == len(wanted) and all(a == b or (b == 200 and a in READ) for a, b in zip(got, wanted))
        if not alike:
            checks.equal(f'{case["section"]}: {case["name"]}', got, wanted)
    checks.true(f"{len(cases)} heads are answered as the table says", not checks.failures)


ATTACKS = [("raw heads", None, table)]
