"""The figures of a soak as text, or as JSON."""

import json
import math

from percentiles import SHARES


def write(figures, checks, as_json):
    if as_json:
        print(json.dumps(_plain(figures, checks), indent=1))
        return
    print(f'{figures["requests"]:,} requests in {figures["seconds"]:.0f} s\n')
    _percentiles(figures["percentiles"])
    _growth(figures["growth"])
    _memory(figures["memory"])
    print("refusals that were wanted: "
          + ", ".join(f"{name} ({count})" for name, count in sorted(figures["refusals"].items())) + "\n")
    for text in figures["errors"][:20]:
        print(f"  error: {text}")
    for text in checks.passed:
        print(f"    {text}")
    for text in checks.failures:
        print(f"  ! {text}")


def _percentiles(rows):
    print("milliseconds: the server's histogram; with the way that /livez measures; the clients' own; their difference")
    heads = "".join(f"  {f'p{share}':>9} {'with way':>8} {'client':>8} {'':>6}" for share in SHARES)
    print(f"{'operation':20}{'requests':>9}{heads}")
    for operation, requests, shares in rows:
        cells = "".join(
            f"  {one.server / 1e3:9.3f} {one.expected / 1e3:8.3f} {one.client / 1e3:8.3f} {one.difference:+6.1%}"
            for one in shares.values())
        print(f"{operation:20}{requests:9,}{cells}")
    print()


def _growth(rows):
    print("what is not a counter")
    print(f"{'':42} {'lowest':>11} {'highest':>11} {'an hour':>24} {'a million requests':>24}")
    for name, low, high, hour, hour_bound, million, million_bound in rows:
        print(f"{name:42} {low:11,.0f} {high:11,.0f} {f'{hour:+,.1f} +- {hour_bound:,.1f}':>24} "
              f"{f'{million:+,.1f} +- {million_bound:,.1f}':>24}")
    print()


def _memory(found):
    print(f'resident memory: {found["mb_per_hour"]:+.1f} +- {found["bound"]:.1f} MB an hour; of the second half '
          f'{found["second_half_mb_per_hour"]:+.1f} +- {found["second_half_bound"]:.1f}; '
          f'highest {found["highest_mb"]:.1f} MB\n')


def _plain(figures, checks):
    percentiles = {operation: {"requests": requests} | {
        f"p{share}_us": {"server": one.server, "with_way": one.expected, "client": one.client,
                            "client_least": one.least, "client_most": None if one.most == math.inf else one.most}
        for share, one in shares.items()} for operation, requests, shares in figures["percentiles"]}
    names = ("lowest", "highest", "per_hour", "per_hour_bound", "per_million_requests", "per_million_requests_bound")
    growth = {name: dict(zip(names, values)) for name, *values in figures["growth"]}
    return figures | {"percentiles": percentiles, "growth": growth, "held": checks.passed, "failed": checks.failures}
