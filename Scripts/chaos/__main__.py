"""Kills servers while clients use them, and says what was lost: nothing may be.

`--store postgresql` runs three instances behind nginx, round robin, on one PostgreSQL that is restarted twice; an instance is
killed every few seconds. `--store folder` runs one instance on a folder, killed at moments by chance.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import sys
import tempfile
import threading
import time

import judging
from clients import Client, Watcher, Away, ask
from machines import Missing, Nginx, PostgreSQL, Server

SESSIONS = [f"chaos-{number}" for number in range(8)]


def until(ready, seconds, what):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if ready():
                return
        except Away:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"{what} did not come within {seconds} s")


def prepare(port):
    for session in SESSIONS:
        body = {"id": session, "kernel": "6.12", "ttl_seconds": 3600}
        until(lambda: ask(port, "POST", "/v1/sessions", body)[0] in (201, 409), 30, "a session")
        domain = {"id": "d", "consumer": "dma_api"}
        until(lambda: ask(port, "POST", f"/v1/sessions/{session}/domains", domain)[0] in (201, 409), 30, "a domain")


def disturb_shared(servers, postgres, options, end, counts):
    """Kills one instance after the other, and the database twice."""
    begin, chance = time.monotonic(), random.Random(options.seed)
    restarts = [begin + options.seconds * part for part in (0.35, 0.7)]
    following = begin + options.every
    while time.monotonic() < end - options.every / 2:
        time.sleep(0.05)
        now = time.monotonic()
        if restarts and now >= restarts[0]:
            restarts.pop(0)
            postgres.restart()
            counts["database restarts"] += 1
        if now >= following:
            following = now + options.every
            server = chance.choice(servers)
            server.kill()
            server.start()
            counts["kills"] += 1


def disturb_one(servers, options, counts):
    chance = random.Random(options.seed)
    while counts["kills"] < options.kills:
        time.sleep(chance.uniform(0.01, 0.25))
        servers[0].kill()
        servers[0].start()
        counts["kills"] += 1


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--store", choices=["postgresql", "folder"], default="postgresql")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--every", type=float, default=5, help="seconds between kills")
    parser.add_argument("--kills", type=int, default=200, help="of a folder's server")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    options = parser.parse_args()
    options.binary = str(pathlib.Path(options.binary).resolve())
    print(f"chaos: --store {options.store} --seed {options.seed}", flush=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="iovad-chaos-"))
    folder.chmod(0o755)
    log = open(folder / "servers.log", "w")
    running = []
    try:
        return run(options, folder, log, running)
    except Missing as error:
        print(f"chaos: skipped: {error}")
        return 0
    except (Away, RuntimeError) as error:
        print(f"chaos: FAILED: {error}")
        print((folder / "servers.log").read_text()[-3000:])
        return 1
    finally:
        for one in reversed(running):
            one.stop()
        shutil.rmtree(folder, ignore_errors=True)


def run(options, folder, log, running):
    counts = {"kills": 0, "database restarts": 0}
    postgres = None
    if options.store == "postgresql":
        postgres = PostgreSQL(folder / "postgresql")
        running.append(postgres)
        servers = [Server(options.binary, ["--store", postgres.conninfo], log) for _ in range(3)]
    else:
        servers = [Server(options.binary, ["--state-dir", str(folder / "state")], log)]
    for server in servers:
        server.start()
        running.append(server)
    port = servers[0].port
    if postgres:
        proxy = Nginx(folder / "nginx", servers)
        running.append(proxy)
        port = proxy.port
    prepare(port)
    watchers = [Watcher(port, session) for session in SESSIONS]
    end = time.monotonic() + (options.seconds if postgres else 86_400)
    clients = [Client(port, number, SESSIONS, end, options.seed) for number in range(options.clients)]
    for thread in watchers + clients:
        thread.start()
    if postgres:
        disturb_shared(servers, postgres, options, end, counts)
    else:
        disturb_one(servers, options, counts)
        for client in clients:
            client.end = time.monotonic()
    for client in clients:
        client.join(60)
    for server in servers:
        if server.process.poll() is not None:
            raise RuntimeError(f"a server ended by itself with {server.process.returncode}")
    return judge(options, servers, port, watchers, clients, counts, folder, log, running)


def judge(options, servers, port, watchers, clients, counts, folder, log, running):
    states = {}
    for watcher in watchers:
        def caught_up():
            status, headers, _ = ask(port, "GET", f"/v1/sessions/{watcher.session}")
            return status == 200 and watcher.last >= int(headers["ETag"].strip('"'))
        try:
            until(caught_up, 30, f"the log of {watcher.session}")
        except RuntimeError as error:
            counts["findings"] = counts.get("findings", 0) + 1
            print(f"finding: {error} (event {watcher.last})")
        watcher.stopping.set()
        states[watcher.session] = [judging.state(server.port, watcher.session) for server in servers]
    fresh = Server(options.binary, [], log)
    fresh.start()
    running.append(fresh)
    logs = {watcher.session: watcher.events for watcher in watchers}
    acknowledged = [verb for client in clients for verb in client.acknowledged]
    findings = [line for client in clients for line in client.findings]
    lost = judging.missing(acknowledged, logs)
    twice = [f"{session} {one}" for session, events in logs.items() for one in judging.live_twice(events)]
    holes = [f"{session} {one}" for session, events in logs.items() for one in judging.holes(events)]
    gaps = [f"{watcher.session} {gap}" for watcher in watchers for gap in watcher.gaps]
    differences, unequal = [], 0
    for session, events in logs.items():
        differences += [f"{session} {one}" for one in judging.replayed(fresh.port, session, events)]
        wanted = judging.state(fresh.port, session)
        unequal += sum(state != wanted for state in states[session])
    statuses = {}
    for client in clients:
        for status, count in client.statuses.items():
            statuses[status] = statuses.get(status, 0) + count
    told = {f"{status or 'no answer'}": count for status, count in sorted(statuses.items())}
    print(json.dumps({
        "kills": counts["kills"], "database_restarts": counts["database restarts"],
        "verbs_acknowledged": len(acknowledged), "verbs_lost": len(lost), "addresses_given_twice": len(twice),
        "log_holes": len(holes), "log_gaps": len(gaps), "replay_differences": len(differences),
        "states_unequal_to_replay": unequal, "unexpected_answers": len(findings),
        "verbs_without_an_answer": sum(client.lost for client in clients), "events": sum(map(len, logs.values())),
        "streams": sum(watcher.streams for watcher in watchers), "statuses": told}, indent=1))
    for line in (lost + twice + holes + gaps + differences + findings)[:20]:
        print(f"finding: {line}")
    bad = lost or twice or holes or gaps or differences or unequal or findings or counts.get("findings")
    print("chaos: " + ("FAILED" if bad else "nothing acknowledged was lost, no address was given twice"))
    if bad:
        print((folder / "servers.log").read_text()[-3000:])
    return 1 if bad else 0


sys.exit(main())
