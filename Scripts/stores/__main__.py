"""What a session verb costs with each store: in memory, in a folder (SQLite), in PostgreSQL. Driven by wrk with 1, 8 and 64
connections, each on a session of its own, in one run; and decisions while the database is away.
"""
import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "chaos"))
from clients import ask  # noqa: E402
from machines import Missing, PostgreSQL, Server  # noqa: E402

CLIENTS = [1, 8, 64]
SCRIPT = """
local number = 0
function setup(thread) thread:set("place", number); number = number + 1 end
function init() sent = 0; step = %(threads)d end
function request()
  sent = sent + 1
  local session = (place + sent * step) %% %(sessions)d
  return wrk.format("POST", "/v1/sessions/s" .. session .. "/domains/d/iovas", {["Content-Type"] = "application/json"}, '{"size":"0x1000"}')
end
function done(summary, latency)
  io.write(string.format('FIGURES {"requests":%%d,"span_us":%%d,"bad":%%d,"p50_us":%%d,"p99_us":%%d}\\n', summary.requests,
    summary.duration, summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status
    + summary.errors.timeout, latency:percentile(50), latency:percentile(99)))
end
"""
DECISION = """
wrk.method = "POST"; wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"consumer":"dma_api","platform":"example-arm-juno","device":"/pcie@40000000"}'
function done(summary, latency)
  io.write(string.format('FIGURES {"requests":%d,"span_us":%d,"bad":%d,"p50_us":%d,"p99_us":%d}\\n', summary.requests,
    summary.duration, summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status
    + summary.errors.timeout, latency:percentile(50), latency:percentile(99)))
end
"""


def cpu_microseconds(pid):
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except OSError:
            pass
    return total / 1_000


def drive(server, script, clients, seconds, folder):
    file = folder / "load.lua"
    threads = min(2, clients)
    file.write_text(script % {"threads": threads, "sessions": max(CLIENTS)} if "%(threads)d" in script else script)
    before = cpu_microseconds(server.process.pid)
    run = subprocess.run(
        ["wrk", "-t", str(threads), "-c", str(clients), "-d", f"{seconds}s", "-s", str(file), f"http://127.0.0.1:{server.port}"],
        stdout=subprocess.PIPE, text=True, check=True)
    spent = cpu_microseconds(server.process.pid) - before
    line = next(line for line in run.stdout.splitlines() if line.startswith("FIGURES "))
    figures = json.loads(line[8:])
    figures["cpu_us"] = spent / max(1, figures["requests"])
    figures["per_second"] = figures["requests"] * 1e6 / figures["span_us"]
    return figures


def fresh(server):
    """New sessions, so that rounds begin alike."""
    for number in range(max(CLIENTS)):
        ask(server.port, "DELETE", f"/v1/sessions/s{number}")
        assert ask(server.port, "POST", "/v1/sessions", {"id": f"s{number}", "kernel": "6.12"})[0] == 201
        assert ask(server.port, "POST", f"/v1/sessions/s{number}/domains", {"id": "d", "consumer": "dma_api"})[0] == 201


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not shutil.which("wrk"):
        print("stores: skipped: wrk is not installed (apt install wrk)")
        return 0
    folder = pathlib.Path(tempfile.mkdtemp(prefix="iovad-stores-"))
    folder.chmod(0o755)
    running = []
    try:
        return measure(str(pathlib.Path(options.binary).resolve()), options, folder, running)
    except Missing as error:
        print(f"stores: skipped: {error}")
        return 0
    finally:
        for one in reversed(running):
            one.stop()
        shutil.rmtree(folder, ignore_errors=True)


def measure(binary, options, folder, running):
    log = open(folder / "log", "w")
    postgres = PostgreSQL(folder / "postgresql")
    running.append(postgres)
    stores = {
        "memory": [], "folder": ["--state-dir", str(folder / "state")], "postgresql": ["--store", postgres.conninfo]}
    servers = {}
    for name, arguments in stores.items():
        servers[name] = Server(binary, arguments, log)
        servers[name].start()
        running.append(servers[name])
    rows = {}
    for _ in range(options.rounds):
        for name, server in servers.items():
            fresh(server)
            for clients in CLIENTS:
                rows.setdefault((name, clients), []).append(drive(server, SCRIPT, clients, options.seconds, folder))
    decisions = {"with": drive(servers["postgresql"], DECISION, 8, options.seconds, folder)}
    postgres.run("pg_ctl", "-D", postgres.data, "-m", "immediate", "-w", "stop")
    decisions["without"] = drive(servers["postgresql"], DECISION, 8, options.seconds, folder)
    table = []
    for (name, clients), rounds in rows.items():
        middle = {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
        base = statistics.median(one["cpu_us"] for one in rows[("memory", clients)])
        table.append({
            "store": name, "clients": clients, "verbs_per_second": round(middle["per_second"]),
            "cpu_us": round(middle["cpu_us"], 1), "ratio": round(middle["cpu_us"] / base, 2),
            "p50_us": middle["p50_us"], "p99_us": middle["p99_us"], "bad": sum(one["bad"] for one in rounds)})
    if options.json:
        print(json.dumps({"verbs": table, "decisions": decisions}, indent=1))
        return 0
    print(f"{'store':<12}{'clients':>8}{'verbs/s':>10}{'CPU us':>9}{'x memory':>10}{'p50 us':>9}{'p99 us':>9}{'bad':>5}")
    for row in table:
        print(
            f"{row['store']:<12}{row['clients']:>8}{row['verbs_per_second']:>10}{row['cpu_us']:>9}{row['ratio']:>10}"
            f"{row['p50_us']:>9.0f}{row['p99_us']:>9.0f}{row['bad']:>5}")
    for name, figures in decisions.items():
        print(
            f"decisions {name} the database: {figures['per_second']:.0f}/s, CPU {figures['cpu_us']:.1f} us, "
            f"p99 {figures['p99_us']:.0f} us, {figures['bad']} bad")
    return 0


sys.exit(main())
