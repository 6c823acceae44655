// The same mistake at every entrance: whatever reads a condition, an allocation order or a VM's shape says
// the same sentence about the same wrong value, in a body and in a query. Only the place differs, and the
// code of a query parameter, which is always invalid-value.

import API
import Foundation
import HTTP
import Testing

@Suite struct ConditionEntranceTests {
    /// A wrong value as a query spells it.
    struct Mistake: Sendable, CustomStringConvertible {
        var text: String
        /// The same in JSON.
        var json: String
        /// What a body says of it.
        var code: String

        var description: String { json }

        static func number(_ text: String, _ code: String) -> Self {
            Self(text: text, json: text, code: code)
        }

        static func string(_ text: String, _ code: String) -> Self {
            Self(text: text, json: "\"\(text)\"", code: code)
        }
    }

    static let numbers: [Mistake] = [
        .number("-1", "negative"), .number("1.5", "not-an-integer"), .number("1e3", "not-an-integer"),
        .number("9007199254740993", "too-large"),
    ]
    static let hexNumbers =
        numbers + [
            .string("x", "not-hex"), .string("", "not-hex"), .string("0x", "not-hex"),
            .string("0x1g", "not-hex"), .string("0x11112222333344445", "too-large"),
            .number("true", "wrong-type"),
        ]
    /// Sizes are read as texts too, so that other words are wrong.
    static let sizes = hexNumbers.map { wrong in
        ["x", ""].contains(wrong.text) ? Mistake.string(wrong.text, "not-a-size") : wrong
    }

    let client = ServiceClient()

    init() {
        #expect(client.post("/v1/sessions?id=s", json: "{}").status == 201)
        #expect(client.post("/v1/sessions/s/domains", json: #"{"id":"d"}"#).status == 201)
    }

    static let view = "/v1/platforms/example-arm-juno/reserved-regions?device=%2Fpcie@40000000"
    static let windows = "/v1/platforms/example-arm-juno/available-windows?device=%2Fpcie@40000000"
    static let fault = "arm-smmu 64000000.iommu: Unhandled context fault: fsr=0x402, iova=0x40, fsynr=0x1"
    static let trace = "a-1 [000] 5.8: map: IOMMU: iova=0xfffff000 - 0x100000000 paddr=0x8090000 size=4096"
    static let vm = #""vm":{"vmm":"qemu-virt","ram":"0x40000000"}"#
    static let host = #"{"platform":"example-arm-juno"}"#

    private func encoded(_ text: String) -> String { RequestTarget.encoded(text) }

    /// What each entrance that reads the condition says of it, by entrance.
    private func ask(_ name: String, _ wrong: Mistake) -> [String: ServiceClient.Answer] {
        let query = "\(name)=\(encoded(wrong.text))"
        let member = "\"\(name)\":\(wrong.json)"
        var answers = [
            "view": client.get("\(Self.view)&\(query)"),
            "windows": client.get("\(Self.windows)&\(query)"),
            "faults": client.ask(
                .post, "/v1/fault-explanations?\(query)", Array(Self.fault.utf8), type: "text/plain"),
            "trace": client.ask(.post, "/v1/replays?\(query)", Array(Self.trace.utf8), type: "text/plain"),
            "decision": client.decide(
                #"{"consumer":"vfio_type1","platform":"example-arm-juno","device":"/pcie@40000000",\#(member)}"#
            ),
            "survey": client.post("/v1/surveys", json: "{\(member)}"),
        ]
        if name != "aperture_bits" {
            answers["placement"] = client.post(
                "/v1/placements", json: #"{"hosts":[\#(Self.host)],\#(Self.vm),\#(member)}"#)
        } else {
            answers["placement's host"] = client.post(
                "/v1/placements",
                json: #"{"hosts":[{"platform":"example-arm-juno",\#(member)}],\#(Self.vm)}"#)
        }
        if name == "kernel" {
            answers["comparison"] = client.post(
                "/v1/comparisons",
                json:
                    #"{"platform":"example-arm-juno","device":"/pcie@40000000","kernels":[\#(wrong.json)]}"#)
            answers["replay"] = client.post("/v1/replays", json: "{\"ops\":[],\(member)}")
            answers["session"] = client.post("/v1/sessions", json: "{\(member)}")
        } else {
            answers["comparison"] = client.post(
                "/v1/comparisons",
                json: #"{"platform":"example-arm-juno","device":"/pcie@40000000",\#(member)}"#)
            answers["domain"] = client.post("/v1/sessions/s/domains", json: "{\(member)}")
        }
        if name == "page_size" {
            answers["granule"] = client.post(
                "/v1/sessions/s/domains", json: "{\"granule\":\(wrong.json)}")
        }
        return answers
    }

    private func checkAlike(
        _ answers: [String: ServiceClient.Answer], _ wrong: Mistake, _ what: String
    ) {
        let details = answers.mapValues { $0.list("errors").first?["detail"] as? String ?? "none" }
        #expect(Set(details.values).count == 1, "\(what): \(details)")
        for (entrance, answer) in answers {
            let pointer = answer.pointers.first ?? "none"
            let isQuery = pointer.hasPrefix("?")
            #expect(answer.status == (isQuery ? 400 : 422), "\(what), \(entrance)")
            let code = answer.list("errors").first?["code"] as? String
            #expect(code == (isQuery ? "invalid-value" : wrong.code), "\(what), \(entrance)")
            #expect(answer.pointers.count == 1, "\(what), \(entrance)")
        }
    }

    @Test(arguments: ["linux", "", "7", "\(String(repeating: "x", count: 100))"])
    func kernels(text: String) {
        let wrong = Mistake.string(text, "unknown-value")
        checkAlike(ask("kernel", wrong), wrong, "kernel \(text)")
    }

    @Test(arguments: sizes + [.number("3", "unknown-value"), .string("0x1001", "unknown-value")])
    func pageSizes(wrong: Mistake) {
        checkAlike(ask("page_size", wrong), wrong, "page_size \(wrong)")
    }

    @Test(
        arguments: numbers + [
            .number("15", "out-of-range"), .number("65", "out-of-range"), .string("x", "wrong-type"),
            .string("0x30", "wrong-type"), .string("", "wrong-type"),
        ])
    func apertureBits(wrong: Mistake) {
        checkAlike(ask("aperture_bits", wrong), wrong, "aperture_bits \(wrong)")
    }

    @Test(arguments: ["nowhere", ""])
    func windowSources(word: String) {
        let wrong = Mistake.string(word, "unknown-value")
        let member = #""window_source":"\#(word)""#
        let answers = [
            "view": client.get("\(Self.view)&window_source=\(word)"),
            "decision": client.decide(
                #"{"consumer":"vfio_type1","platform":"example-arm-juno","device":"/pcie@40000000",\#(member)}"#
            ),
            "domain": client.post("/v1/sessions/s/domains", json: "{\(member)}"),
        ]
        checkAlike(answers, wrong, "window_source \(word)")
    }

    /// Members of an allocation order that are wrong, with how many faults they are.
    private static let orders: [(members: [(name: String, value: Mistake)], faults: Int)] =
        hexNumbers.flatMap { wrong in
            ["limit", "dma_mask"].map { name in
                (members: [("size", .number("4096", "")), (name: name, value: wrong)], faults: 1)
            }
        } + sizes.map { (members: [("size", $0)], faults: 1) } + [
            ([("size", .number("0", "zero-size"))], 1),
            ([("size", .number("1", "")), ("dma_mask", .number("0", "zero-mask"))], 1),
            ([("size", .number("1", "")), ("cached", .string("yes", "wrong-type"))], 1),
            ([("size", .number("1", "")), ("size_aligned", .number("1", "wrong-type"))], 1),
            (
                [
                    ("size", .number("1", "")), ("cached", .number("true", "")),
                    ("size_aligned", .number("false", "conflict")),
                ], 1
            ),
            (
                [
                    ("size", .number("1", "")), ("dma_mask", .number("15", "")),
                    ("limit", .number("15", "conflict")), ("cached", .number("true", "conflict")),
                ], 2
            ),
            (
                [
                    ("size", .number("1", "")), ("dma_mask", .number("15", "")),
                    ("device", .string("x", "")), ("pci", .number("true", "conflict")),
                ], 1
            ),
        ]

    /// GET .../available-iovas refuses what POST .../iovas and a batch refuse, in the same words.
    @Test(arguments: orders.indices)
    func allocationOrders(index: Int) {
        let (members, faults) = Self.orders[index]
        let object = members.map { "\"\($0.name)\":\($0.value.json)" }.joined(separator: ",")
        let query = members.map { "\($0.name)=\(encoded($0.value.text))" }.joined(separator: "&")
        let domain = "/v1/sessions/s/domains/d"
        let answers = [
            client.get("\(domain)/available-iovas?\(query)"),
            client.post("\(domain)/iovas", json: "{\(object)}"),
            client.post("\(domain)/batches", json: "{\"operations\":[{\"op\":\"allocate\",\(object)}]}"),
        ]
        #expect(answers.map(\.status) == [400, 422, 422], "\(object)")
        let details = answers.map { answer in
            answer.list("errors").map { $0["detail"] as? String ?? "none" }.sorted()
        }
        #expect(details.allSatisfy { $0 == details[0] && $0.count == faults }, "\(object): \(details)")
        let code = members.last?.value.code
        #expect(answers[1].list("errors").last?["code"] as? String == code || code == "", "\(object)")
    }

    @Test func aMissingSizeIsMissedEverywhere() {
        let domain = "/v1/sessions/s/domains/d"
        #expect(client.get("\(domain)/available-iovas").pointers == ["?size"])
        #expect(client.post("\(domain)/iovas", json: "{}").pointers == ["/size"])
    }

    /// A name that leads nowhere, in the words of the path that it would have.
    @Test func unknownPlatforms() {
        let long = String(repeating: "x", count: 60)
        for id in ["none", long] {
            let named = #""platform":"\#(id)","device":"d""#
            let answers = [
                client.decide(#"{"consumer":"iommufd",\#(named)}"#),
                client.post("/v1/comparisons", json: "{\(named)}"),
                client.post("/v1/placements", json: #"{"hosts":[{"platform":"\#(id)"}],\#(Self.vm)}"#),
                client.post("/v1/surveys", json: #"{"platforms":["\#(id)"]}"#),
                client.post("/v1/surveys", json: #"{"hosts":[{"platform":"\#(id)"}]}"#),
                client.post("/v1/sessions/s/domains", json: "{\"devices\":[{\(named)}]}"),
                client.post("/v1/sessions/s/domains/d/devices", json: "{\(named)}"),
                client.post("/v1/fault-explanations", json: #"{"text":"","platform":"\#(id)"}"#),
                client.ask(
                    .post, "/v1/fault-explanations?platform=\(id)", Array(Self.fault.utf8),
                    type: "text/plain"),
                client.ask(
                    .post, "/v1/replays?platform=\(id)", Array(Self.trace.utf8), type: "text/plain"),
            ]
            let sentence = client.get("/v1/platforms/\(id)").json["detail"] as? String
            for answer in answers {
                #expect(answer.list("errors").map { $0["detail"] as? String } == [sentence])
            }
        }
    }

    @Test func unknownDevices() {
        let named = #""platform":"example-arm-juno","device":"/nope""#
        let host = #"{"platform":"example-arm-juno","devices":["/nope"]}"#
        let answers = [
            client.decide(#"{"consumer":"iommufd",\#(named)}"#),
            client.post("/v1/comparisons", json: "{\(named)}"),
            client.post("/v1/placements", json: "{\"hosts\":[\(host)],\(Self.vm)}"),
            client.post("/v1/surveys", json: "{\"hosts\":[\(host)]}"),
            client.post("/v1/sessions/s/domains", json: "{\"devices\":[{\(named)}]}"),
            client.post("/v1/sessions/s/domains/d/devices", json: "{\(named)}"),
            client.ask(
                .post, "/v1/replays?platform=example-arm-juno&device=/nope", Array(Self.trace.utf8),
                type: "text/plain"),
        ]
        let sentence =
            client.get("/v1/platforms/example-arm-juno/devices/%2Fnope").json["detail"] as? String
        for answer in answers {
            #expect(answer.list("errors").map { $0["detail"] as? String } == [sentence])
        }
        #expect(answers[3].pointers == ["/hosts/0/devices/0"])
    }

    @Test(arguments: VMParameter.all.map(\.name) + ["ram"])
    func shapesOfVMs(name: String) {
        let ram = name == "ram" ? "" : #""ram":1073741824,"#
        let ramQuery = name == "ram" ? "" : "ram=1073741824&"
        for wrong in Self.numbers {
            let placement = client.post(
                "/v1/placements",
                json: #"{"hosts":[\#(Self.host)],"vm":{"vmm":"qemu-virt",\#(ram)"\#(name)":\#(wrong.json)}}"#)
            let map = client.get("/v1/vmms/qemu-virt?\(ramQuery)\(name)=\(wrong.text)")
            #expect(placement.status == 422 && map.status == 400, "\(name) \(wrong)")
            let details = [placement, map].map { $0.list("errors").first?["detail"] as? String ?? "none" }
            #expect(details[0] == details[1], "\(name) \(wrong)")
        }
    }
}
