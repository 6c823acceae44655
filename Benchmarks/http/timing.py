"""One request measured: the product and the yardsticks serve at the same time and are loaded in turn, round by
round, so that a busy machine hits all alike. Medians of the rounds are kept."""

import json
import os
import statistics

import wrk
from client import Client, record
from servers import Failed


def is_json(case, answers):
    """Whether a JSON library could have read the questions and written the answers."""
    def readable(body):
        try:
            return not body or json.loads(body) is not None
        except ValueError:
            return False
    return any(body for _, _, body in answers) and all(
        readable(step.body) for step in case.steps) and all(readable(body) for _, _, body in answers)


def comparable(name, case, answers, builds):
    """Whether the yardstick can do the same work."""
    if name == "jansson":
        return is_json(case, answers)
    if name == "hummingbird":
        # It declares what a decision asks and answers.
        is_declared = not case.body() or case.steps[0].target.startswith("/v1/decisions")
        return builds.has(name) and len(case.steps) == 1 and is_declared
    return True


def record_answers(case, server, folder):
    """What the product answers, in files for the yardsticks."""
    with Client(server.port) as client:
        case.prepare(client)
        answers = [client.ask(step) for step in case.steps]
        again = [client.ask(step) for step in case.steps]
    if [body for _, _, body in answers] != [body for _, _, body in again] and len(answers) == 1:
        # What a session answers may carry its revision; the length is what counts.
        if len(answers[0][2]) != len(again[0][2]):
            raise Failed(f"{case.name}: the second answer is not as long as the first")
    files = []
    for index, (step, answer) in enumerate(zip(case.steps, again)):
        path = os.path.join(folder, f"{case.name}.{index}.answer")
        record(answer, path)
        files.append((step.method, path))
    return answers, files


def measure(case, builds, folder, rounds, seconds, yardsticks=("plain", "jansson", "hummingbird")):
    """The medians for each server, by name: `product`, `plain` and, where they can do the same, the others."""
    path = wrk.script(case.steps, folder, case.name)
    with builds.product() as product:
        answers, files = record_answers(case, product, folder)
        names = [name for name in yardsticks if comparable(name, case, answers, builds)]
        servers = {"product": product}
        try:
            for name in names:
                servers[name] = builds.yardstick(name, files)
            runs = {name: [] for name in servers}
            for round in range(-1, rounds):
                for name, server in servers.items():
                    # The first round warms up.
                    seen = wrk.run(server, path, case.connections, seconds if round >= 0 else seconds / 2)
                    if round >= 0:
                        runs[name].append(seen)
        finally:
            for name in names:
                if name in servers:
                    servers[name].stop()
    row = {name: {key: statistics.median(seen[key] for seen in rows) for key in rows[0]}
           for name, rows in runs.items()}
    steps = len(case.steps)
    for figures in row.values():
        figures["cpu_us"] *= steps
    row["spread"] = spread([seen["cpu_us"] for seen in runs["product"]])
    row["answer_bytes"] = sum(len(body) for _, _, body in answers)
    row["question_bytes"] = sum(len(step.body) for step in case.steps)
    for name in names:
        row[f"to_{name}"] = row["product"]["cpu_us"] / row[name]["cpu_us"]
    return row


def spread(values):
    """How far apart the rounds lie, as a share of the median."""
    return (max(values) - min(values)) / statistics.median(values)
