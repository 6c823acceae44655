"""Load by wrk: writes the Lua script of a request, runs wrk for a fraction of a second and reads what it saw. wrk
counts whole seconds only, so it is ended by SIGINT, after which it still prints its figures."""

import json
import os
import shutil
import signal
import subprocess
import time

from client import BLANKS
from servers import Failed

# Seconds in which a wrk that was told to stop has to print its figures.
ATTEMPTS = 120

SCRIPT = """
local steps, sent_by = %(steps)s, {}
sent = -1 -- wrk asks once for a request that it does not send
function read(path)
  local file = assert(io.open(path, "rb"))
  local bytes = file:read("*a")
  file:close()
  return bytes
end
function blanks(number)
  local bits = {}
  for place = 1, %(blanks)d do
    bits[place] = number %% 2 == 1 and "\\t" or " "
    number = math.floor(number / 2)
  end
  return table.concat(bits)
end
function setup(thread) table.insert(sent_by, thread) end
function init()
  ready = {}
  for index, step in ipairs(steps) do
    local body = step.body and read(step.body) or nil
    if step.fresh then body = body .. blanks(0) end
    local headers = body and {["Content-Type"] = step.type} or {}
    headers["Host"] = wrk.headers["Host"]
    ready[index] = wrk.format(step.method, step.target, headers, body)
  end
end
function request()
  sent = sent + 1
  local index = (math.max(sent, 1) - 1) %% #ready + 1
  if steps[index].fresh then return ready[index]:sub(1, -1 - %(blanks)d) .. blanks(sent) end
  return ready[index]
end
function done(summary, latency)
  local total, errors = 0, summary.errors
  for _, thread in ipairs(sent_by) do total = total + thread:get("sent") end
  io.write(string.format('FIGURES {"sent":%%d,"completed":%%d,"span_us":%%d,"bad":%%d,"p50_us":%%d,"p99_us":%%d}\\n',
    total, summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def script(steps, folder, name):
    """Writes the script of a request; its bodies lie in files beside it."""
    rows = []
    for index, step in enumerate(steps):
        row = f"method={quoted(step.method)},target={quoted(step.target)}"
        if step.body:
            path = os.path.join(folder, f"{name}.{index}.body")
            with open(path, "wb") as file:
                file.write(step.body)
            row += f",body={quoted(path)},type={quoted(step.type)}"
        if step.fresh:
            row += ",fresh=true"
        rows.append("{" + row + "}")
    path = os.path.join(folder, f"{name}.lua")
    with open(path, "w") as file:
        file.write(SCRIPT % {"steps": "{" + ",".join(rows) + "}", "blanks": BLANKS})
    return path


class Load:
    """A running wrk. Made when it has begun: a SIGINT before that would end it without figures."""

    def __init__(self, port, path, connections):
        if not shutil.which("wrk"):
            raise Failed("no wrk here: apt-get install wrk")
        self.process = subprocess.Popen(
            ["stdbuf", "-oL", "wrk", "-t1", f"-c{connections}", "-d600s", "--timeout", "60s", "-s", path,
             f"http://127.0.0.1:{port}/"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
        self.process.stdout.readline()

    def finish(self):
        text = ""
        for _ in range(ATTEMPTS):
            # More than once: a signal that comes just before wrk sleeps does not wake it.
            self.process.send_signal(signal.SIGINT)
            try:
                text = self.process.communicate(timeout=1)[0].decode("utf-8", "replace")
                break
            except subprocess.TimeoutExpired:
                continue
        else:
            self.process.kill()
        for line in text.splitlines():
            if line.startswith("FIGURES "):
                return json.loads(line[8:])
        raise Failed(f"wrk printed no figures: {text}")


def run(server, path, connections, seconds):
    """Loads a server; its CPU time for a request and what the client saw. Requests that were sent and not answered
    in time are counted as well, for the server computes them to their end."""
    before = server.settle()
    load = Load(server.port, path, connections)
    time.sleep(seconds)
    seen = load.finish()
    spent = server.settle() - before
    if seen["bad"]:
        raise Failed(f"{seen['bad']} of {seen['sent']} requests were not answered well")
    if not seen["completed"]:
        raise Failed(f"no request was answered within {seconds} s")
    return {"cpu_us": spent / 1000 / seen["sent"], "per_second": seen["completed"] / (seen["span_us"] / 1e6),
            "p50_us": seen["p50_us"], "p99_us": seen["p99_us"], "requests": seen["sent"]}
