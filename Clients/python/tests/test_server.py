"""Both clients against a server."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
from itertools import islice
from pathlib import Path

import httpx
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


def test_what_the_server_knows(address: str) -> None:
    with Client(address) as iovad:
        kernels = [kernel["kernel"] for kernel in iovad.kernels()]
        assert iovad.version()["kernels"] == kernels
        policies = iovad.policies()
        assert iovad.policy(policies[0]["id"])["sentence"] == policies[0]["sentence"]
        assert iovad.rules() and iovad.atlas()["source"]
        assert "qemu-virt" in [vmm["id"] for vmm in iovad.vmms()]
        assert iovad.vmm("qemu-virt", ram="4G", p2p=True)["id"] == "qemu-virt"
        compared = iovad.compare(platform="example-arm-juno", device="/pcie@40000000", kernels=["6.1", "7.3"],
                                 policies=[policies[0]["id"]])
        assert compared["kind"] == "comparison"


def test_devices_of_platforms(address: str) -> None:
    with Client(address) as iovad:
        where = ("example-arm-juno", "/pcie@40000000")
        assert iovad.device(*where)["id"] == where[1]
        assert iovad.reserved_regions(*where, kernel="6.1")["items"]
        assert iovad.available_windows(*where, size="0x100000")["picks"]
        assert iovad.replace_platform("py-put", MACHINE, ttl_seconds=60)["id"] == "py-put"
        iovad.delete_platform("py-put")


def test_replays(address: str) -> None:
    with Client(address) as iovad:
        ops = [{"op": "alloc", "size": 1, "limit": "0xfffff", "aligned": True, "id": "a"}, {"op": "free", "id": "a"}]
        assert iovad.replay(ops, granule="0x1000")["results"] == ["0xfffff", None]
        trace = "  map: IOMMU: iova=0x0000000008000000 paddr=0x0000000008090000 size=4096\n"
        answer = iovad.replay_trace(trace, platform="example-qemu-virt", device="/pcie@10000000")
        assert answer["domains"][0]["doorbells"][0]["iova"] == "0x8000040"


def test_surveys(address: str) -> None:
    with Client(address) as iovad:
        whole = iovad.survey(platforms=["example-arm-juno"])
        lines = list(iovad.survey_lines(platforms=["example-arm-juno"]))
        assert len(lines) > 1 and lines[-1]["kind"] == whole["kind"]


def test_verbs_of_domains(address: str) -> None:
    with Client(address) as iovad:
        name = iovad.create_session(id="py-verbs", ttl_seconds=300)["id"]
        assert iovad.create_domain(name, id="d", consumer="dma_api", granule="0x1000")["id"] == "d"
        assert [domain["id"] for domain in iovad.domains(name)] == ["d"] and iovad.domain(name, "d")["id"] == "d"
        attached = iovad.attach(name, "d", id="j", platform="example-arm-juno", device="/pcie@40000000")
        assert attached["id"] == "j" and [device["id"] for device in iovad.attached(name, "d")] == ["j"]
        iovad.reserve(name, "d", start="0xf0000000", size="0x1000")
        assert "0xf0000000" in [region["start"] for region in iovad.reservations(name, "d")]
        expected = iovad.preview(name, "d", size="0x10000", limit="0xffffffff")
        made = iovad.allocate(name, "d", size="0x10000", limit="0xffffffff")
        assert made["range"] == expected["range"]
        assert iovad.iova(name, "d", made["range"]["start"]) == next(iovad.iovas(name, "d"))
        revision = iovad.session(name)["revision"]
        with pytest.raises(Problem) as late:
            iovad.free(name, "d", made["range"]["start"], if_revision=revision - 1)
        assert late.value.status == 412
        iovad.free(name, "d", int(made["range"]["start"], 16), if_revision=revision)
        bell = iovad.map_doorbell(name, "d", physical="0x8090040")
        assert [doorbell["page"] for doorbell in iovad.doorbells(name, "d")] == [bell["page"]]
        results = iovad.batch(name, "d", [{"op": "allocate", "size": "0x1000", "limit": "0xffffffff"}, {"op": "trim"}])
        assert len(results) == 2
        assert iovad.renew_session(name, 600)["id"] == name
        assert [event["event"] for event in iovad.events(name)][:1] == ["domain_created"]
        assert iovad.domain_state(name, "d")["id"] == "d"

        state = iovad.export_session(name)
        assert iovad.import_session(state, "py-copy")["revision"] == iovad.session(name)["revision"]
        size: dict[str, str] = {"size": "0x1000", "limit": "0xffffffff"}
        assert iovad.allocate("py-copy", "d", **size) == iovad.allocate(name, "d", **size)
        iovad.detach("py-copy", "d", "j")
        iovad.delete_domain("py-copy", "d")
        assert not list(iovad.domains("py-copy"))
        iovad.delete_session("py-copy")
        iovad.delete_session(name)


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
            made = await iovad.allocate("py-async", "a", size="0x1000", limit="0xffffffff")
            assert [item["range"] async for item in iovad.iovas("py-async", "a")] == [made["range"]]
            assert len(await iovad.batch("py-async", "a", [{"op": "trim"}])) == 1
            assert (await iovad.import_session(await iovad.export_session("py-async"), "py-async-2"))["id"]
            await iovad.delete_session("py-async-2")
            await iovad.delete_session("py-async")
            assert (await iovad.kernels())[0]["kernel"]
            assert len([line async for line in iovad.survey_lines(platforms=["example-arm-juno"])]) > 1
            with pytest.raises(Problem):
                await iovad.platform("nowhere")

    asyncio.run(several())


def test_the_twin_has_every_method() -> None:
    """That _async.py is what make_async.py writes is `make_async.py --check`."""
    assert {name for name in vars(AsyncClient) if name[0] != "_"} == {name for name in vars(Client) if name[0] != "_"}


#: By the contract's name of an operation, the method that asks it. The rest are pages, files and what operators ask.
METHODS = {
    "limits": "limits", "listPlatforms": "platforms", "createPlatform": "upload", "readPlatform": "platform",
    "putPlatform": "replace_platform", "patchPlatform": "rename_platform", "deletePlatform": "delete_platform",
    "putLabels": "label_platform",
    "listDevices": "devices", "readDevice": "device", "reservedRegions": "reserved_regions",
    "availableWindows": "available_windows", "explainFaults": "explain_faults",
    "explainMapFailures": "explain_map_failures", "decide": "decide", "compare": "compare", "listKernels": "kernels",
    "listPolicies": "policies", "readPolicy": "policy", "listRules": "rules", "replay": "replay", "listVMMs": "vmms",
    "readVMM": "vmm", "place": "place", "survey": "survey", "atlas": "atlas", "listSessions": "sessions",
    "createSession": "create_session", "readSession": "session", "patchSession": "renew_session",
    "deleteSession": "delete_session", "sessionState": "export_session", "sessionEvents": "events",
    "listDomains": "domains", "createDomain": "create_domain", "readDomain": "domain", "deleteDomain": "delete_domain",
    "domainState": "domain_state", "listAttached": "attached", "attachDevice": "attach", "detachDevice": "detach",
    "listReservations": "reservations", "reserveRange": "reserve", "listIOVAs": "iovas", "allocateIOVA": "allocate",
    "readIOVA": "iova", "freeIOVA": "free", "availableIOVAs": "preview", "listDoorbells": "doorbells",
    "mapDoorbell": "map_doorbell", "runBatch": "batch", "listAgreements": "agreements", "createAgreement": "propose",
    "readAgreement": "agreement", "patchAgreement": "accept", "deleteAgreement": "delete_agreement",
    "checkHost": "check_host", "addHost": "add_host", "removeHost": "remove_host",
    "agreementEvents": "agreement_log",
}


def request_of(method: str) -> tuple[str, str]:
    """Method and path that a method of the client sends, each value that it needs written as "1"."""
    sent = []

    def refuse(request: httpx.Request) -> httpx.Response:
        sent.append((request.method, request.url.path))
        return httpx.Response(400)

    with Client("http://iovad", transport=httpx.MockTransport(refuse)) as iovad:
        function = getattr(iovad, method)
        needed = [parameter for parameter in inspect.signature(function).parameters.values()
                  if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD]
        with pytest.raises(Problem):
            answer = function(*([] if parameter.name in ("ops", "operations") else "1" for parameter in needed))
            # What has pages asks when the first item is wanted.
            next(answer)
    assert len(sent) == 1
    return sent[0]


def test_every_operation_has_a_method() -> None:
    contract = json.loads((Path(__file__).parents[3] / "Public/openapi.json").read_text())
    asked = {operation["operationId"]: (method.upper(), re.sub(r"\{[^}]*\}", "1", path))
             for path, item in contract["paths"].items() if path.startswith("/v1/")
             for method, operation in item.items() if method in ("get", "put", "post", "patch", "delete")}
    assert {name: request_of(method) for name, method in METHODS.items()} == asked


def test_an_agreement_is_kept(address: str) -> None:
    with Client(address) as iovad:
        vm = {"vmm": "qemu-virt", "ram": "1G"}
        reserving = {**MACHINE, "devices": [
            {**device, "reserved_regions": [{"start": "0x8000000", "size": "0x100000"}]} for device in MACHINE["devices"]]}
        iovad.upload(MACHINE, "py-host")
        iovad.label_platform("py-host", pool="py-rack")
        assert [item["id"] for item in iovad.platforms(label="pool=py-rack")] == ["py-host"]
        assert iovad.try_proposal(pool="py-rack", vm=vm)["possible"]
        made = iovad.propose(id="py-vm", pool="py-rack", vm=vm)
        with pytest.raises(Problem) as late:
            iovad.accept("py-vm", if_revision=made["revision"] + 1)
        assert late.value.status == 412
        assert iovad.accept("py-vm", if_revision=made["revision"])["state"] == "accepted"
        assert iovad.check_host("py-vm", {"reserved_regions": []})["keeps"]
        assert len(iovad.add_host("py-vm", {"name": "other", "reserved_regions": []})["hosts"]) == 2
        iovad.remove_host("py-vm", "other")
        iovad.replace_platform("py-host", reserving)
        assert iovad.agreement("py-vm")["broken"]["host"] == "py-host"
        assert iovad.renew_agreement("py-vm", 600)["ttl_seconds"] == 600
        assert iovad.release("py-vm")["state"] == "released"
        assert [item["id"] for item in iovad.agreements(state="released")] == ["py-vm"]
        names = [event["event"] for event in iovad.agreement_log("py-vm")]
        assert names == ["proposed", "accepted", "host_added", "host_removed", "host_changed", "broken", "renewed", "released"]
        for event in iovad.agreement_events("py-vm", last_id="0"):
            assert event.id == "1"
            break
        iovad.delete_agreement("py-vm")
        iovad.delete_platform("py-host")


def test_a_platform_is_renamed(address: str) -> None:
    with Client(address) as iovad:
        iovad.upload(MACHINE, "before")
        assert iovad.rename_platform("before", "after")["id"] == "after"
        with pytest.raises(Problem):
            iovad.platform("before")
        iovad.delete_platform("after")
