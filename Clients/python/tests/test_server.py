"""Both clients against a server."""

from __future__ import annotations

import asyncio
import json
from itertools import islice
from pathlib import Path

import pytest

from iovad_client import AsyncClient, Client, Event, Problem

QUESTION = {"platform": "example-arm-juno", "device": "/pcie@40000000", "consumer": "vfio_type1"}
MACHINE = {"smmus": [{"id": "s", "version": "v3"}], "devices": [{"id": "d/1", "kind": "platform", "smmus": ["s"]}]}


def test_questions(address: str) -> None:
    with Client(address) as iovad:
        assert iovad.version()["name"] == "iovad"
        assert iovad.limits()["sessions_max"] > 0
        answer = iovad.decide(**QUESTION)
        assert answer["outcome"] == "window" and not answer["reachable"]
        place = iovad.place(hosts=[{"name": "h", "platform": "example-qemu-virt"}],
                            vm={"vmm": "qemu-virt", "ram": "0x100000000"}, window={})
        assert place["verdict"] == "default_works"
        log = ("arm-smmu 64000000.iommu: Unhandled context fault: fsr=0x402, iova=0x00000040, fsynr=0x2f0013, "
               "cbfrsynra=0x102, cb=15\n")
        assert iovad.explain_faults(log, platform="example-arm-juno")["items"][0]["iova"] == "0x40"
        failed = "vfio_dma_map(0x5585, 0x7ff0000, 0x20000, 0x7f0000000000) = -22 (Invalid argument)\n"
        assert iovad.explain_map_failures(failed)["items"][0]["verdict"] == "software_window"


def test_problems(address: str) -> None:
    with Client(address) as iovad:
        with pytest.raises(Problem) as unknown:
            iovad.platform("nowhere")
        assert (unknown.value.status, unknown.value.code) == (404, "not-found")
        assert unknown.value.request_id and "nowhere" in str(unknown.value)
        with pytest.raises(Problem) as wrong:
            iovad.decide(**QUESTION | {"consumer": "x", "kernel": "y"})
        assert {error.pointer for error in wrong.value.errors} == {"/consumer", "/kernel"}


def test_pages(address: str) -> None:
    with Client(address) as iovad:
        whole = [item["id"] for item in iovad.platforms()]
        assert len(whole) >= 3 and [item["id"] for item in iovad.platforms(page_size=1)] == whole


def test_platforms_and_devices_with_slashes(address: str) -> None:
    with Client(address) as iovad:
        assert iovad.upload(MACHINE, "py", ttl_seconds=60)["id"] == "py"
        assert [device["id"] for device in iovad.devices("py")] == ["d/1"]
        made = iovad.upload(json.dumps(MACHINE).encode())
        iovad.delete_platform(made["id"])
        iovad.delete_platform("py")
        with pytest.raises(Problem):
            iovad.delete_platform("py")


def test_events(address: str) -> None:
    with Client(address) as iovad:
        iovad.create_session(id="py-events")
        for name in ("a", "b", "c"):
            iovad.create_domain("py-events", id=name)
        first = list(islice(iovad.session_events("py-events", last_id="0"), 2))
        assert all(isinstance(event, Event) and event.id and isinstance(event.data, dict) for event in first)
        rest = next(iovad.session_events("py-events", last_id=first[0].id))
        assert rest == first[1]
        iovad.delete_session("py-events")
        with pytest.raises(Problem):
            next(iovad.session_events("py-events", last_id="0"))


def test_asynchronously(address: str) -> None:
    async def several() -> None:
        async with AsyncClient(address) as iovad:
            answers = await asyncio.gather(*(iovad.decide(**QUESTION) for _ in range(8)))
            assert all(answer == answers[0] for answer in answers)
            assert len([item async for item in iovad.platforms(page_size=2)]) >= 3
            await iovad.create_session(id="py-async")
            await iovad.create_domain("py-async", id="a")
            async for event in iovad.session_events("py-async", last_id="0"):
                assert event.id
                break
            await iovad.delete_session("py-async")
            with pytest.raises(Problem):
                await iovad.platform("nowhere")

    asyncio.run(several())


def test_the_twin_is_current() -> None:
    """_async.py is what make_async.py writes."""
    folder = Path(__file__).parents[1]
    names: dict[str, object] = {"__file__": str(folder / "make_async.py"), "__name__": "make_async"}
    exec((folder / "make_async.py").read_text(), names)  # noqa: S102
    assert names["text"]() == (folder / "src/iovad_client/_async.py").read_text()  # type: ignore[operator]
