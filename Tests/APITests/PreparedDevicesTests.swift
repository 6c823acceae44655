// Prepared devices are kept between requests, so every question about a stored platform is put twice to one
// service and once to a fresh one: the answers must be the same bytes. Then the cache itself: a replaced
// platform is never answered from the old one, and the limit holds whatever is asked.

import API
import HTTP
import Testing

@Suite struct PreparedDevicesTests {
    private static let consumers = ["dma_api", "vfio_type1", "iommufd"]
    private static let pages = ["0x1000", "0x4000", "0x10000"]

    /// Machines of our own: two devices of different ranges, a bus and a device under one path's name, and a
    /// driver that prints hardware MSIs.
    private static let uploads = [
        #"{"smmus":[{"id":"s","version":"v2"}],"devices":[{"id":"d","kind":"platform","smmus":["s"],"reserved_regions":"#
            + #"[{"start":"0x8000000","size":"0x1800"}]},{"id":"e","kind":"pci_function","smmus":["s"],"dma_limit":"0xffffffff"}]}"#,
        #"{"smmus":[{"id":"v","version":"virtio"}],"devices":[{"id":"d","kind":"pci_function","smmus":["v"],"reserved_regions":"#
            + #"[{"start":"0xfee00000","size":"0x100000","type":"msi"}]}]}"#,
        #"{"devices":[{"id":"d","kind":"group","iova_ranges":[{"start":"0x1000","last":"0x7ffffff"},"#
            + #"{"start":"0x8100000","last":"0xffffffff"}]}]}"#,
    ]

    private struct Ask {
        var method = HTTP.Method.post
        var target: String
        var json = ""
        var accept = "application/json"

        /// The same with a blank behind its body.
        var respelled: Ask {
            Ask(method: method, target: target, json: json.isEmpty ? "" : json + " ", accept: accept)
        }
    }

    private static func client() -> ServiceClient {
        let client = ServiceClient()
        for (index, upload) in uploads.enumerated() {
            let answer = client.post("/v1/platforms?id=own-\(index)", json: upload)
            #expect(answer.status == 201, "\(answer.text)")
        }
        return client
    }

    private static func answer(_ client: ServiceClient, _ ask: Ask) -> String {
        let answer = client.ask(
            ask.method, ask.target, Array(ask.json.utf8), type: ask.json.isEmpty ? nil : "application/json",
            headers: [.init("Accept", ask.accept)])
        guard answer.response.stream == nil else { return answer.drained().answer.text }
        return "\(answer.status) \(withoutRequest(answer.text))"
    }

    /// A problem names its own request.
    private static func withoutRequest(_ text: String) -> String {
        text.replacing(/"instance":"[^"]*"/, with: "")
    }

    private static func names(_ client: ServiceClient, _ platform: String) -> [String] {
        client.get("/v1/platforms/\(platform)/devices?limit=1000").list("items")
            .compactMap { $0["id"] as? String }
    }

    private static func platforms(_ client: ServiceClient) -> [String] {
        client.get("/v1/platforms?limit=1000").list("items").compactMap { $0["id"] as? String }
    }

    /// What can be asked about one device, under one kernel and one page size.
    private static func asks(_ platform: String, _ device: String, _ kernel: String, _ page: String) -> [Ask]
    {
        let of = #""platform":"\#(platform)","device":"\#(device)""#
        let under = #""kernel":"\#(kernel)","page_size":"\#(page)""#
        let escaped = RequestTarget.encoded(device)
        let query = "?device=\(escaped)&kernel=\(kernel)&page_size=\(page)"
        var asks = consumers.map {
            Ask(target: "/v1/decisions", json: #"{\#(of),\#(under),"consumer":"\#($0)"}"#)
        }
        asks.append(
            Ask(
                target: "/v1/decisions",
                json:
                    #"{\#(of),\#(under),"consumer":"dma_api","forcedac":true,"iommu":"v3","aperture_bits":40}"#
            ))
        asks.append(
            Ask(target: "/v1/comparisons", json: #"{\#(of),"page_size":"\#(page)","kernels":["\#(kernel)"]}"#)
        )
        for view in ["dma", "sysfs", "vfio"] {
            asks.append(
                Ask(method: .get, target: "/v1/platforms/\(platform)/reserved-regions\(query)&view=\(view)"))
        }
        asks.append(Ask(method: .get, target: "/v1/platforms/\(platform)/available-windows\(query)"))
        asks.append(
            Ask(
                target: "/v1/placements",
                json: #"{\#(under),"hosts":[{"platform":"\#(platform)","devices":["\#(device)"]}],"#
                    + #""vm":{"vmm":"qemu-virt","ram":"0x40000000"}}"#))
        return asks
    }

    /// What is asked about a platform as a whole.
    private static func asks(_ platform: String, _ kernel: String, _ page: String) -> [Ask] {
        let under = #""kernel":"\#(kernel)","page_size":"\#(page)""#
        let log =
            "arm-smmu-v3 arm-smmu-v3.0.auto: event 0x10 received:\\narm-smmu-v3 arm-smmu-v3.0.auto: "
            + "0x0000010000000010\\narm-smmu a.iommu: Unhandled context fault: fsr=0x402, iova=0x8000040, fsynr=0x13, cb=1"
        return [
            Ask(
                target: "/v1/fault-explanations?kernel=\(kernel)&page_size=\(page)",
                json: #"{"platform":"\#(platform)","text":"\#(log)"}"#),
            Ask(
                target: "/v1/surveys", json: #"{\#(under),"platforms":["\#(platform)"],"active_only":false}"#,
                accept: "application/x-ndjson"),
            Ask(
                target: "/v1/placements",
                json:
                    #"{\#(under),"hosts":[{"platform":"\#(platform)"}],"vm":{"vmm":"qemu-virt","ram":"0x40000000"}}"#
            ),
        ]
    }

    /// Every question in an order that shares prepared devices, then all again, then each to a service
    /// that has answered nothing.
    @Test func keptDevicesAnswerAsFreshOnes() {
        let client = Self.client()
        var asks: [Ask] = []
        for platform in Self.platforms(client) {
            for (index, kernel) in ["6.1", "6.12", "6.18", "7.2"].enumerated() {
                let page = Self.pages[index % Self.pages.count]
                asks += Self.asks(platform, kernel, page)
                let names = Self.names(client, platform)
                for name in Set([names.first, names.last].compactMap { $0 }).sorted() {
                    asks += Self.asks(platform, name, kernel, page)
                }
            }
        }
        #expect(asks.count > 200)
        let first = asks.map { Self.answer(client, $0) }
        #expect(first.contains { $0.hasPrefix("200 ") })
        // Spelled otherwise, so that no finished answer is given for it.
        let reversed = Array(asks.reversed().map { Self.answer(client, $0.respelled) }.reversed())
        var fresh = Self.client()
        for (index, ask) in asks.enumerated() {
            // Few enough that a service sees a device under the same conditions at most once or twice.
            if index % 7 == 0 { fresh = Self.client() }
            let expected = Self.answer(fresh, ask)
            #expect(first[index] == expected, "\(ask)")
            #expect(reversed[index] == expected, "\(ask)")
        }
    }

    /// A session's domain over a kept device reserves and places as one over a fresh service's.
    @Test func sessionsAreTheSame() {
        func run(_ client: ServiceClient, _ id: String) -> [String] {
            _ = client.post("/v1/sessions", json: #"{"id":"\#(id)"}"#)
            return Self.consumers.flatMap { consumer in
                let domain = "/v1/sessions/\(id)/domains/\(consumer)"
                let made = client.post(
                    "/v1/sessions/\(id)/domains",
                    json: #"{"id":"\#(consumer)","consumer":"\#(consumer)","#
                        + #""devices":[{"platform":"own-0","device":"d"}]}"#)
                let bell = client.post(domain + "/doorbells", json: #"{"physical":"0x8090040","device":"d"}"#)
                return [made.text, bell.text, client.get(domain + "/state").text]
                    .map(Self.withoutRequest)
            }
        }
        let used = Self.client()
        for ask in Self.asks("own-0", "d", "7.2", "0x1000") { _ = Self.answer(used, ask) }
        let first = run(used, "s")
        _ = used.ask(.delete, "/v1/sessions/s")
        #expect(run(used, "s") == first)
        #expect(run(Self.client(), "s") == first)
    }

    @Test func replacedPlatformIsNeverAnsweredFromTheOldOne() {
        let client = Self.client()
        for index in 0..<50 {
            // An upload of the same id, now with another range in the way.
            let start = "0x" + String(0x800_0000 + UInt64(index) << 20, radix: 16)
            let upload =
                #"{"smmus":[{"id":"s","version":"v3"}],"devices":[{"id":"d","kind":"platform","smmus":["s"],"reserved_regions":"#
                + #"[{"start":"\#(start)","size":"0x100000"}]}]}"#
            let put = client.ask(.put, "/v1/platforms/own-0", Array(upload.utf8), type: "application/json")
            #expect(put.status == 200)
            let fresh = ServiceClient()
            _ = fresh.ask(.put, "/v1/platforms/own-0", Array(upload.utf8), type: "application/json")
            for ask in Self.asks("own-0", "d", "7.2", "0x1000") {
                let answer = Self.answer(client, ask)
                #expect(answer == Self.answer(fresh, ask), "\(ask)")
            }
            if index % 2 == 0 {
                #expect(client.ask(.delete, "/v1/platforms/own-0").status == 204)
                #expect(Self.answer(client, Self.asks("own-0", "d", "7.2", "0x1000")[0]).hasPrefix("422 "))
                let again = client.ask(
                    .put, "/v1/platforms/own-0", Array(upload.utf8), type: "application/json")
                #expect(again.status == 201)
            }
        }
    }

    /// Large devices under ever other conditions: the sum stays within the limit.
    @Test func sizeStaysWithinTheLimit() {
        let client = ServiceClient()
        let names = (0..<15).map { "d\($0)" }
        let regions = (0..<4_000).map {
            #"{"start":"0x\#(String(0x1_0000_0000 + UInt64($0) << 17, radix: 16))","size":4096}"#
        }.joined(separator: ",")
        for id in ["small", "large"] {
            let own = id == "large" ? regions : ""
            let devices = names.map {
                #"{"id":"\#($0)","kind":"pci_function","reserved_regions":[\#(own)]}"#
            }
            let upload = #"{"devices":[\#(devices.joined(separator: ","))]}"#
            let answer = client.post("/v1/platforms?id=\(id)", json: upload)
            #expect(answer.status == 201, "\(answer.text.prefix(300))")
        }
        var most = 0
        for bits in 44...52 {
            for (id, name) in names.flatMap({ [("large", $0), ("small", $0)] }) {
                _ = client.get(
                    "/v1/platforms/\(id)/available-windows?device=\(name)&aperture_bits=\(bits)&limit=1")
                most = max(most, client.service.preparedSize.ranges)
                #expect(client.service.preparedSize.ranges <= Limits.preparedRangesMax)
            }
        }
        #expect(most > 65_000, "nothing was kept")
        // Asked again, a kept device is not kept twice.
        let size = client.service.preparedSize
        for _ in 0..<3 {
            _ = client.get("/v1/platforms/small/available-windows?device=d0&aperture_bits=52&limit=1")
        }
        #expect(client.service.preparedSize == size)
    }
}
