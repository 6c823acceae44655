"""When a request is repeated, by a transport that answers as it is told."""

from __future__ import annotations

import httpx
import pytest

from iovad_client import Call, Client, Problem, Retries
from iovad_client._events import EventParser

BUSY = httpx.Response(503, headers={"Retry-After": "0"}, json={"title": "Busy", "status": 503, "code": "busy"})
GOOD = httpx.Response(200, json={"id": "s"})


class Script:
    """Answers one after the other; an exception is raised."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers, self.seen = list(answers), list[httpx.Request]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self) -> Client:
        return Client("http://iovad.test", retries=Retries(count=2, first_seconds=0),
                      transport=httpx.MockTransport(self))


def test_busy_servers_are_asked_again() -> None:
    script = Script(BUSY, httpx.ConnectError("gone"), GOOD)
    assert script.client().decide() == {"id": "s"}
    assert len(script.seen) == 3


def test_creations_keep_their_key() -> None:
    script = Script(httpx.ReadError("torn"), GOOD)
    script.client().create_session(id="s")
    keys = {request.headers["Idempotency-Key"] for request in script.seen}
    assert len(script.seen) == 2 and len(keys) == 1


def test_posts_without_a_key_are_not_repeated() -> None:
    script = Script(httpx.ReadError("torn"), GOOD)
    with pytest.raises(httpx.ReadError):
        script.client().send(Call("POST", "/v1/sessions/s/domains/d/batches", json={}))
    assert len(script.seen) == 1


def test_it_ends() -> None:
    script = Script(BUSY, BUSY, BUSY, GOOD)
    with pytest.raises(Problem) as problem:
        script.client().version()
    assert problem.value.status == 503 and len(script.seen) == 3


def test_what_is_wrong_stays_wrong() -> None:
    script = Script(httpx.Response(422, json={"status": 422}), GOOD)
    with pytest.raises(Problem):
        script.client().decide()
    assert len(script.seen) == 1


def test_the_server_says_how_long() -> None:
    assert Retries().pause(0, httpx.Response(429, headers={"Retry-After": "7"})) == 7
    assert Retries(first_seconds=1).pause(3, None) == 8
    assert Retries(most_seconds=5).pause(0, httpx.Response(429, headers={"Retry-After": "99"})) == 5


def test_lines_of_events() -> None:
    parser = EventParser()
    lines = [": heartbeat", "", "id: 4", "event: created", 'data: {"a":', "data: 1}", "", "data: plain", ""]
    events = [event for line in lines if (event := parser.line(line))]
    assert [(event.id, event.type, event.data) for event in events] == [
        ("4", "created", {"a": 1}), ("4", "message", "plain")]


def test_a_deletion_that_was_done_is_done() -> None:
    script = Script(httpx.ReadError("torn"), httpx.Response(404, json={"status": 404}))
    script.client().delete_session("s")
    assert len(script.seen) == 2
    # What was heard of the first attempt is that nothing was done.
    for script in Script(httpx.Response(404, json={"status": 404})), Script(BUSY, httpx.Response(404, json={"status": 404})):
        with pytest.raises(Problem):
            script.client().delete_session("s")


def test_a_torn_event_is_sent_again() -> None:
    def stream(text: str) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, content=text.encode())

    script = Script(
        stream('id: 1\nevent: a\ndata: {"n":1}\n\nid: 2\nevent: b\ndata: {"n":2}\n'),
        BUSY,
        stream('id: 2\nevent: b\ndata: {"n":2}\n\nevent: bye\ndata: {"reason":"shutting_down"}\n\n'),
        stream('id: 3\nevent: c\ndata: {"n":3}\n\nevent: bye\ndata: {"reason":"session_deleted"}\n\n'))
    events = list(script.client().session_events("s"))
    assert [(event.id, event.type) for event in events] == [
        ("1", "a"), ("2", "b"), ("2", "bye"), ("3", "c"), ("3", "bye")]
    assert [event.data["n"] for event in events if event.type != "bye"] == [1, 2, 3]
    assert [request.headers.get("Last-Event-ID") for request in script.seen] == [None, "1", "1", "2"]


def test_a_full_server_is_asked_for_the_stream_again() -> None:
    full = httpx.Response(429, headers={"Retry-After": "0"}, json={"status": 429, "code": "too-many-subscribers"})
    last = httpx.Response(200, content=b'id: 1\nevent: bye\ndata: {"reason":"session_deleted"}\n\n')
    script = Script(full, BUSY, last)
    assert [event.type for event in script.client().session_events("s")] == ["bye"]
    assert len(script.seen) == 3
    # It ends, too.
    with pytest.raises(Problem) as problem:
        next(Script(full, full, full, last).client().session_events("s"))
    assert problem.value.code == "too-many-subscribers"


def test_lines_of_surveys() -> None:
    lines = httpx.Response(200, content=b'{"kind":"row"}\n{"kind":"survey"}\n')
    script = Script(BUSY, lines)
    assert [line["kind"] for line in script.client().survey_lines(platforms=["p"])] == ["row", "survey"]
    assert [request.headers["Accept"] for request in script.seen] == ["application/x-ndjson"] * 2
    with pytest.raises(Problem):
        next(Script(BUSY, BUSY, BUSY, lines).client().survey_lines())


def test_changes_on_condition_may_be_repeated() -> None:
    script = Script(BUSY, GOOD)
    script.client().allocate("s", "d", if_revision=4, size="0x1000")
    assert {request.headers["If-Match"] for request in script.seen} == {'"4"'}
    assert len({request.headers["Idempotency-Key"] for request in script.seen}) == 1 and len(script.seen) == 2
    script = Script(httpx.Response(204))
    script.client().free("s", "d/1", 0x1000)
    assert script.seen[0].url.raw_path == b"/v1/sessions/s/domains/d%2F1/iovas/0x1000"
    assert "If-Match" not in script.seen[0].headers
