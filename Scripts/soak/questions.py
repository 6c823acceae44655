"""Questions about machines: decisions on stored platforms and with regions in the request, comparisons, and the views
of what there is."""

from catalogue import CONSUMERS, EXPLAIN, JUNO, REGIONS, SOURCES

HERE = f"/v1/platforms/{JUNO['platform']}"


def kind(turn):
    return CONSUMERS[turn % 3], SOURCES[turn // 3 % 3], EXPLAIN[turn // 9 % 3]


def doorbell(number):
    return f"0x{0x8000_0040 + number * 0x1000:x}"


def _decides(doorbells):
    """It is an answer to this question."""
    return lambda answer: (answer["kind"] == "decision"
                           and [bell["physical"] for bell in answer.get("doorbells", [])] in ([], doorbells))


class Questions:
    def __init__(self, client, number):
        self.client, self.asked = client, 0

    def _fresh(self):
        """A doorbell that was not asked about lately."""
        self.asked += 1
        return [doorbell(self.asked % 500_000)]

    def _stored(self, consumer, source, explain, doorbells):
        self.client.post("decide", f"/v1/decisions?explain={explain}", {
            **JUNO, "consumer": consumer, "window_source": source, "doorbells": doorbells}, holds=_decides(doorbells))

    def cycle(self, turn):
        consumer, source, explain = kind(turn)
        # Always another one, whose answer takes the place of an old one among those that are kept.
        self._stored("vfio_type1", "fixed", "full", self._fresh())
        # Asked before in the same bytes.
        self._stored(consumer, source, explain, [doorbell(0)])
        doorbells = self._fresh()
        self.client.post("decide", f"/v1/decisions?explain={explain}", {
            "reserved_regions": REGIONS, "doorbells": doorbells, "consumer": consumer, "window_source": source},
            holds=_decides(doorbells))
        if turn % 4 == 0:
            self.client.post("compare", "/v1/comparisons", {
                **JUNO, "consumer": consumer, "doorbells": self._fresh()},
                says=b'"mainline_fixed"')
        if turn % 16 == 0:
            self._refused()

    def _refused(self):
        ask = self.client.post
        ask("decide", "/v1/decisions", {"consumer": "other", "y": 1}, status=422, refused="a decision with mistakes",
            holds=lambda problem: len(problem["errors"]) >= 2)
        ask("decide", "/v1/decisions", b"{", status=400, refused="a body that is no JSON", says=b"malformed-json")
        ask("decide", "/v1/decisions", b"{}", type="text/xml", status=415, refused="a body of another type")


class Views:
    def __init__(self, client, number):
        self.client = client

    def cycle(self, turn):
        get = self.client.get
        device = "%2Fpcie@40000000"
        get("listPlatforms", "/v1/platforms", says=b'"example-arm-juno"')
        entity = get("readPlatform", HERE, holds=lambda answer: answer["id"] == JUNO["platform"])
        get("listDevices", f"{HERE}/devices", holds=lambda answer: answer["items"][0]["id"] == JUNO["device"])
        get("readDevice", f"{HERE}/devices/{device}", holds=lambda answer: answer["id"] == JUNO["device"])
        for view in ("dma", "sysfs", "vfio"):
            get("reservedRegions", f"{HERE}/reserved-regions?device={device}&view={view}", says=b'"start"')
        size = 0x10000 << turn % 8
        get("availableWindows", f"{HERE}/available-windows?device={device}&size={size:#x}", says=b'"start"')
        get("listPolicies", "/v1/policies", says=b'"mainline_fixed"')
        get("readPolicy", "/v1/policies/mainline_fixed", says=b'"mainline_fixed"')
        get("listRules", "/v1/rules", says=b'"items"')
        get("listKernels", "/v1/kernels", says=b'"6.12"')
        get("listVMMs", "/v1/vmms", says=b'"qemu-virt"')
        get("readVMM", f"/v1/vmms/qemu-virt?ram={1 + turn % 64}G", says=b'"RAM')
        self._refused(entity)

    def _refused(self, entity):
        get = self.client.get
        if entity is not None and "etag" in entity.fields:
            get("readPlatform", HERE, f'If-None-Match: {entity.fields["etag"]}', status=304,
                refused="a platform that did not change")
        get("readPlatform", "/v1/platforms/none", status=404, refused="a platform that is not there")
        get("reservedRegions", f"{HERE}/reserved-regions?device=none", status=404, refused="a device that is not there")
        get("listPolicies", "/v1/policies?colour=red", status=400, refused="a parameter that nobody knows")
        self.client.ask("listPolicies", "DELETE", "/v1/policies", status=405, refused="a method that is not there")
