// Uploads of every kind: ACPI tables alone, in a row, as text, in parts with what tables cannot tell; wrong
// labels; and every refusal with its problem.

import HTTP
import TestSupport
import Testing

@Suite struct UploadTests {
    private let client = ServiceClient()

    private func machine(model: UInt32 = 0) -> [UInt8] {
        var builder = IORTBuilder()
        let its = builder.itsGroup([0])
        let smmu = builder.smmuV3(base: 0x905_0000, model: model, [.init(0, 0xffff, 0, to: its)])
        builder.rootComplex(segment: 0, limit: 40, [.init(0, 0xffff, 0, to: smmu)])
        builder.memoryRanges([(0x800_1000, 0x800)], [.init(0, 0, 0x80, to: smmu)])
        return builder.table()
    }

    private let madt = ACPITableBuilder.madt(its: [(0, 0x808_0000)])
    private let iomem = """
        08000000-0800ffff : GICD
        10000000-3efeffff : PCI Bus 0000:00
          10000000-101fffff : PCI Bus 0000:03
        40000000-bc43ffff : System RAM
        8000000000-ffffffffff : PCI Bus 0000:00

        """

    private func codes(_ answer: ServiceClient.Answer) -> [String] {
        answer.list("findings").map { $0["code"] as? String ?? "" }
    }

    @Test func oneTable() {
        let answer = client.ask(.post, "/v1/platforms?id=t", machine(), type: "application/vnd.acpi.table")
        #expect(answer.status == 201, "\(answer.text)")
        #expect(answer.json["source"] as? String == "acpi")
        #expect(answer.json["devices"] as? Int == 1)
        #expect(codes(answer).contains("pci-windows-unknown"))
        let device = client.get("/v1/platforms/t/devices/rc%3A0").json
        #expect(device["kind"] as? String == "root_complex")
        #expect(device["dma_limit"] as? String == "0xffffffffff")
        let function = client.get("/v1/platforms/t/devices/0000%3A00%3A10.0").json
        #expect(function["kind"] as? String == "pci_function")
        #expect(function["pci_windows_known"] as? Bool == false)
        #expect(client.get("/v1/platforms/t/devices/0001%3A00%3A10.0").status == 404)
    }

    /// \_SB.PCI0: its `_HID`, and `_CRS` with memory 0x8000000 to 0x80fffff at the same bus addresses.
    private func dsdt(_ members: [UInt8]) -> [UInt8] {
        let template: [UInt8] =
            [0x87, 0x17, 0, 0, 0x0c, 1, 0, 0, 0, 0, 0, 0, 0, 0x08, 0xff, 0xff, 0x0f, 0x08]
            + [0, 0, 0, 0, 0, 0, 0x10, 0, 0x79, 0]
        let resources: [UInt8] = [0x08, 0x5f, 0x43, 0x52, 0x53, 0x11, 31, 0x0a, 28] + template
        let device = Array("PCI0".utf8) + members + resources
        let scope =
            Array("\\_SB_".utf8) + [0x5b, 0x82, 0x40 | UInt8((device.count + 2) & 15)]
            + [UInt8((device.count + 2) >> 4)] + device
        let length = [0x40 | UInt8((scope.count + 2) & 15), UInt8((scope.count + 2) >> 4)]
        return ACPITableBuilder.table("DSDT", revision: 2, [0x10] + length + scope)
    }

    /// `_HID` PNP0A08
    private let identifier: [UInt8] = [0x08, 0x5f, 0x48, 0x49, 0x44, 0x0c, 0x41, 0xd0, 0x0a, 0x08]

    /// What no source states is unknown in every answer, and known once a DSDT states it.
    @Test func windowsAreUnknownUntilADSDTHasThem() {
        let type = "multipart/form-data; boundary=B"
        let table = "application/vnd.acpi.table"
        let alone = form([("iort", table, machine())])
        let both = form([("iort", table, machine()), ("dsdt", table, dsdt(identifier))])
        // `_HID` in an If.
        let condition: [UInt8] = [0xa0, UInt8(identifier.count + 2), 0x01] + identifier
        let doubtful = form([
            ("iort", table, machine()), ("dsdt", table, dsdt(condition)),
            ("mcfg", table, ACPITableBuilder.mcfg([(0, 0, 0xff)])),
        ])
        for (parts, isKnown) in [(alone, false), (doubtful, false), (both, true)] {
            let answer = client.ask(.put, "/v1/platforms/w", parts, type: type)
            #expect((200..<300).contains(answer.status), "\(answer.text)")
            #expect(codes(answer).contains("pci-windows-unknown") == !isKnown)
            let bridges = answer.json["host_bridges"] as? [[String: Any]]
            #expect(bridges?.first?["path"] as? String == (isKnown ? "\\_SB.PCI0" : nil))
            #expect(bridges?.first?["last_bus"] as? Int == (isKnown ? 255 : nil))
            #expect(
                client.get("/v1/platforms/w/reserved-regions?device=0000:00:10.0&view=dma").list("items")
                    .contains { $0["kind"] as? String == "pci_window" } == isKnown)
            let decision = client.post(
                "/v1/decisions", json: #"{"platform":"w","device":"0000:00:10.0","consumer":"vfio_type1"}"#)
            let warnings = decision.list("warnings").compactMap { $0["code"] as? String }
            #expect(warnings.contains("window_in_pci_window") == isKnown)
            everyAnswer(isKnown, "pci_windows_known", "pci_windows_unknown")
        }
    }

    /// `_DMA` that would have to be run, in answers of every kind, until the caller states what it says.
    @Test func inboundWindowsAreUnknownUntilSomebodyStatesThem() {
        // Returns its argument.
        let inbound: [UInt8] = [0x14, 8] + Array("_DMA".utf8) + [0, 0xa4, 0x68]
        let table = "application/vnd.acpi.table"
        let tables = [("iort", table, machine()), ("dsdt", table, dsdt(identifier + inbound))]
        let facts = ##"{"dma_ranges":[{"segment":0,"bus":0,"size":"0x100000000"}]}"##
        for (parts, isKnown) in [
            (tables, false), (tables + [("facts", "application/json", Array(facts.utf8))], true),
        ] {
            let answer = client.ask(
                .put, "/v1/platforms/w", form(parts), type: "multipart/form-data; boundary=B")
            #expect((200..<300).contains(answer.status), "\(answer.text)")
            #expect(codes(answer).contains("dma-needs-evaluation"), "\(answer.text)")
            everyAnswer(isKnown, "inbound_windows_known", "inbound_windows_unknown")
        }
    }

    /// Whether an RMR applies depends on a `_DSM` that has to be run, or was not sent; somebody may say it.
    @Test func whetherMemoryRangesApplyIsUnknownUntilSomebodySays() {
        let method: [UInt8] = [0x14, 8] + Array("_DSM".utf8) + [0, 0xa4, 0x68]
        let table = "application/vnd.acpi.table"
        let iort = (name: "iort", type: table, bytes: machine())
        let facts = (
            name: "facts", type: "application/json", bytes: Array(#"{"preserve_config":false}"#.utf8)
        )
        let run = (name: "dsdt", type: table, bytes: dsdt(identifier + method))
        for (parts, isKnown) in [
            ([iort, run], false), ([iort], false), ([iort, run, facts], true),
            ([iort, (name: "dsdt", type: table, bytes: dsdt(identifier))], true),
        ] {
            let made = client.ask(
                .put, "/v1/platforms/w", form(parts), type: "multipart/form-data; boundary=B")
            #expect(made.status / 100 == 2, "\(made.text)")
            everyAnswer(isKnown, "preserve_config_known", "preserve_config_unknown")
        }
    }

    /// A decision does not state that an RMR is skipped where `_DSM` would have to be run.
    @Test func decisionsSayThatNothingKeepsTheConfiguration() {
        let method: [UInt8] = [0x14, 8] + Array("_DSM".utf8) + [0, 0xa4, 0x68]
        let table = "application/vnd.acpi.table"
        let parts = form([("iort", table, machine()), ("dsdt", table, dsdt(identifier + method))])
        let answer = client.ask(
            .put, "/v1/platforms/w", parts, type: "multipart/form-data; boundary=B")
        #expect(codes(answer).contains("dsm-needs-evaluation"), "\(answer.text)")
        let decision = client.post(
            "/v1/decisions", json: #"{"platform":"w","device":"0000:00:10.0","consumer":"vfio_type1"}"#)
        let warning = decision.list("warnings").first { $0["code"] as? String == "rmr_skipped" }
        let detail = warning?["detail"] as? String
        #expect(detail?.contains("send preserve_config=true") == true, "\(decision.text)")
    }

    /// What is not known of the windows of platform `w`: the member of views, and the warning elsewhere.
    private func everyAnswer(_ isKnown: Bool, _ member: String, _ code: String) {
        for path in [
            "devices/rc%3A0", "reserved-regions?device=0000:00:10.0&view=dma",
            "available-windows?device=0000:00:10.0",
        ] {
            let view = client.get("/v1/platforms/w/" + path)
            #expect(view.json[member] as? Bool == (isKnown ? nil : false), "\(path): \(view.text)")
        }
        func check(_ answer: ServiceClient.Answer, _ entrance: String) {
            let codes = answer.list("warnings").compactMap { $0["code"] as? String }
            #expect(codes.contains(code) == !isKnown, "\(entrance): \(answer.text)")
        }
        for consumer in ["vfio_type1", "iommufd", "dma_api"] {
            let body = #"{"platform":"w","device":"0000:00:10.0","consumer":"\#(consumer)"}"#
            check(client.post("/v1/decisions", json: body), consumer)
        }
        let guest =
            #"{"hosts":[{"platform":"w","devices":["0000:00:10.0"]}],"vm":{"vmm":"qemu-virt","ram":"0x40000000"}}"#
        check(client.post("/v1/placements", json: guest), "placement")
        check(client.post("/v1/surveys", json: #"{"platforms":["w"]}"#), "survey")
        unknownWindowsElsewhere(isKnown, code)
    }

    /// The same in answers about one device that are no decisions.
    private func unknownWindowsElsewhere(_ isKnown: Bool, _ code: String) {
        let device = #""platform":"w","device":"0000:00:10.0""#
        func check(_ answer: ServiceClient.Answer, _ warnings: Any?, _ entrance: String) {
            let codes = (warnings as? [[String: Any]] ?? []).compactMap { $0["code"] as? String }
            #expect(codes.contains(code) == !isKnown, "\(entrance): \(answer.text)")
        }
        let comparison = client.post("/v1/comparisons", json: #"{\#(device),"policies":["mainline_fixed"]}"#)
        check(comparison, comparison.list("items").first?["warnings"], "comparison")
        let failure = "QEMU: vfio_dma_map(0x5, 0x8000000, 0x1000, 0x7f) = -22 (Invalid argument)"
        let maps = client.post("/v1/map-failures", json: #"{"text":"\#(failure)",\#(device)}"#)
        check(maps, maps.json["warnings"], "map failure")
        let fault =
            #"arm-smmu-v3 arm-smmu-v3.0.auto: event: F_TRANSLATION client: 0000:00:10.0 sid: 0x80 ssid: 0x0 iova: 0x8000040 ipa: 0x0"#
        let faults = client.post("/v1/fault-explanations", json: #"{"platform":"w","text":"\#(fault)"}"#)
        check(faults, faults.list("items").first?["warnings"], "fault")
        _ = client.ask(.delete, "/v1/sessions/w")
        #expect(client.post("/v1/sessions", json: #"{"id":"w"}"#).status == 201)
        let made = client.post(
            "/v1/sessions/w/domains", json: #"{"id":"a","devices":[{\#(device)}]}"#)
        check(made, made.json["warnings"], "domain")
        // Brought in again, it is known of the device still.
        let state = client.get("/v1/sessions/w/state").text
        #expect(client.post("/v1/sessions?id=again", json: state).status == 201, "\(state)")
        let again = client.get("/v1/sessions/again/domains/a")
        check(again, again.json["warnings"], "imported domain")
        _ = client.ask(.delete, "/v1/sessions/again")
        #expect(client.post("/v1/sessions/w/domains", json: #"{"id":"b"}"#).status == 201)
        #expect(client.ask(.delete, "/v1/sessions/w/domains/a/devices/0000:00:10.0").status == 204)
        let attached = client.post("/v1/sessions/w/domains/b/devices", json: "{\(device)}")
        check(attached, attached.json["warnings"], "attached")
    }

    @Test func partsWithWhatTablesCannotTell() {
        let parts = form([
            ("iort", "application/vnd.acpi.table", machine()), ("madt", "application/octet-stream", madt),
            ("iomem", "text/plain", Array(iomem.utf8)),
            ("facts", "application/json", Array("{\"preserve_config\":true}".utf8)),
        ])
        let type = "multipart/form-data; boundary=B"
        let answer = client.ask(.put, "/v1/platforms/m", parts, type: type)
        #expect(answer.status == 201, "\(answer.text)")
        #expect(!codes(answer).contains("pci-windows-unknown"))
        #expect(answer.list("memory").count == 1)
        let view = client.get("/v1/platforms/m/reserved-regions?device=0000:00:10.0&view=dma")
        let kinds = view.list("items").map { "\($0["kind"]!) \($0["start"]!)" }
        #expect(kinds.contains("pci_window 0x10000000") && kinds.contains("pci_window 0x8000000000"))
        #expect(client.get("/v1/platforms/m/devices/rc:0").json["doorbells"] as? [String] == ["0x8090040"])
        let text = client.get("/v1/platforms/m/reserved-regions?device=0000:00:10.0&view=sysfs").json["text"]
        #expect((text as? String)?.contains("direct\n") == true, "\(String(describing: text))")
        let other = client.get("/v1/platforms/m/reserved-regions?device=rc:0&view=sysfs").json["text"]
        #expect(other as? String == "0x0000000008000000 0x00000000080fffff msi\n")
        // The query says it over the part.
        let off = client.ask(.post, "/v1/platforms?id=n&preserve_config=false", parts, type: type)
        #expect(codes(off).contains("rmr-not-preserved"))
    }

    /// `_DMA` goes before the table's limit of 40 bits, and reserves nothing between its windows.
    @Test func inboundWindowsOfACPI() {
        let facts = #"""
            {"dma_ranges":[{"bus":"0x80000000","size":"0x80000000"},{"bus":0,"size":"0x1000"},
              {"segment":1,"bus":0,"size":"0x10000000000"}]}
            """#
        let parts = form([
            ("iort", "application/vnd.acpi.table", machine()),
            ("facts", "application/json", Array(facts.utf8)),
        ])
        let type = "multipart/form-data; boundary=B"
        #expect(client.ask(.put, "/v1/platforms/d", parts, type: type).status == 201)
        let device = client.get("/v1/platforms/d/devices/0000:00:10.0").json
        #expect(device["dma_limit"] as? String == "0xffffffff")
        let kinds = client.get("/v1/platforms/d/reserved-regions?device=0000:00:10.0").list("items")
            .map { $0["kind"] as? String }
        #expect(!kinds.contains("dma_ranges_gap"))
        let wrong = form([
            ("iort", "application/vnd.acpi.table", machine()),
            ("facts", "application/json", Array(#"{"dma_ranges":[{"bus":1,"size":0}]}"#.utf8)),
        ])
        #expect(client.ask(.put, "/v1/platforms/d", wrong, type: type).pointers == ["/dma_ranges/0/size"])
    }

    @Test func textOfAcpidump() {
        let text = Array(ACPITableBuilder.dump([machine(), madt]).utf8)
        for type in ["application/vnd.acpi.table", "text/plain", "application/octet-stream"] {
            let answer = client.ask(.post, "/v1/platforms?validate_only=true", text, type: type)
            #expect(answer.status == 200, "\(type): \(answer.text)")
            #expect(!codes(answer).contains("content-type-mismatch"))
        }
    }

    @Test func wrongLabelsAreSeenThrough() {
        let tree = DeviceTreeBuilder.blob { $0.strings("compatible", "x,y") }
        let json = Array("{\"devices\":[]}".utf8)
        let sysfs = Array("0x0000000008000000 0x00000000080fffff msi\n".utf8)
        let kinds: [([UInt8], String, String)] = [
            (tree, "application/json", "device_tree"), (machine(), "application/json", "acpi"),
            (json, "application/vnd.acpi.table", "json"), (sysfs, "application/json", "sysfs"),
            (machine(), "text/plain", "acpi"), (tree, "text/plain", "device_tree"),
            (machine(), "application/vnd.devicetree.blob", "acpi"), (json, "text/plain", "json"),
        ]
        for (bytes, type, source) in kinds {
            let answer = client.ask(.post, "/v1/platforms?validate_only=true", bytes, type: type)
            #expect(answer.status == 200, "\(type) \(source): \(answer.text)")
            #expect(answer.json["source"] as? String == source)
            #expect(codes(answer).first == "content-type-mismatch")
            let plain = client.ask(
                .post, "/v1/platforms?validate_only=true", bytes, type: "application/octet-stream")
            #expect(!codes(plain).contains("content-type-mismatch"))
        }
    }

    @Test func partsAreNamedInRefusals() {
        let table = "application/vnd.acpi.table"
        let binary = "application/octet-stream"
        let iort = ("iort", table, machine())
        var short = madt
        short[45] = 3
        let cases: [(parts: [(name: String, type: String, bytes: [UInt8])], words: String)] = [
            ([iort, ("madt", table, Array(madt.dropLast()))], "of \"madt\" cannot be read: length field"),
            (
                [iort, ("madt", table, ACPITableBuilder.resummed(short))],
                "of \"madt\" cannot be read: APIC entry"
            ),
            (
                [("madt", table, madt), ("iort", table, Array(machine().dropLast()))],
                "of \"iort\" cannot be read"
            ),
            ([iort, ("madt", table, [])], "of \"madt\" cannot be read: table shorter than an ACPI header"),
            ([iort, ("madt", binary, [])], "\"madt\" is empty"),
            ([("iort", table, [])], "of \"iort\" cannot be read"),
            (
                [iort, ("again", table, machine())],
                "IORT at offset 0x0 of \"iort\" and IORT at offset 0x0 of \"again\""
            ),
            (
                [("madt", table, madt), ("more", table, madt)],
                "no IORT among the tables (APIC at offset 0x0 of \"madt\""
            ),
            ([("t", table, machine()), ("t", table, Array(madt.dropLast()))], "of \"t[1]\" cannot be read"),
        ]
        for (place, wrong) in cases.enumerated() {
            let answer = client.ask(
                .post, "/v1/platforms?validate_only=true", form(wrong.parts),
                type: "multipart/form-data; boundary=B")
            #expect(answer.status == 422, "case \(place): \(answer.text)")
            let detail = answer.json["detail"] as? String ?? ""
            #expect(detail.contains(wrong.words), "case \(place): \(detail)")
        }
    }

    @Test func severalFilesOfOneField() {
        let table = "application/vnd.acpi.table"
        let type = "multipart/form-data; boundary=B"
        let both = client.ask(
            .post, "/v1/platforms?validate_only=true", form([("t", table, madt), ("t", table, machine())]),
            type: type)
        #expect(both.status == 200, "\(both.text)")
        // A browser's file field that was left alone.
        let left = client.ask(
            .post, "/v1/platforms?validate_only=true",
            form([("t", table, machine()), ("u\"; filename=\"", "application/octet-stream", [])]), type: type)
        #expect(left.status == 200, "\(left.text)")
    }

    @Test func refusals() {
        let table = "application/vnd.acpi.table"
        let multipart = "multipart/form-data; boundary=B"
        let cases: [(bytes: [UInt8], type: String, status: Int, code: String, words: String)] = [
            (Array(machine().dropLast()), table, 422, "unreadable-iort", "0x4"),
            ([], table, 422, "unreadable-iort", "shorter than an ACPI header"),
            (Array("junk".utf8), table, 422, "unreadable-iort", "4 bytes, a header has 36"),
            (madt, table, 422, "unreadable-iort", "no IORT"),
            (
                Array(machine().prefix(6)), "application/octet-stream", 422, "unreadable-iort",
                "6 bytes, a header"
            ),
            ([], "application/octet-stream", 422, "unreadable-input", "\\\"body\\\" is empty"),
            (
                Array("hello\n".utf8), "text/plain", 422, "unreadable-input",
                "of no known kind (68 65 6c 6c 6f 0a at offset 0x0)"
            ),
            (Array(iomem.utf8), "text/plain", 422, "unreadable-input", "No part describes a machine"),
            (form([("a", table, machine())]), "multipart/form-data", 400, "malformed-multipart", "boundary"),
            (
                Array(form([("a", table, machine())]).dropLast(6)), multipart, 400, "malformed-multipart",
                "cut off"
            ),
            (
                form([("a", table, machine()), ("b", "text/plain", Array("0x1 0x2 msi\n".utf8))]), multipart,
                422,
                "unreadable-input", "describe the same"
            ),
            (
                form([
                    ("a", table, machine()), ("f", "application/json", Array("{\"preserve_config\":1}".utf8)),
                ]),
                multipart, 422, "invalid-request", "wrong in 1 place"
            ),
            (
                form([
                    ("a", table, machine()),
                    ("i", "text/plain", Array("10-20 : PCI Bus 0000:00\nbad\n".utf8)),
                ]),
                multipart, 422, "unreadable-input", "line 2"
            ),
        ]
        for (place, wrong) in cases.enumerated() {
            let answer = client.ask(.post, "/v1/platforms?validate_only=true", wrong.bytes, type: wrong.type)
            #expect(answer.status == wrong.status, "case \(place): \(answer.text)")
            #expect(answer.json["code"] as? String == wrong.code, "case \(place): \(answer.text)")
            #expect(answer.text.contains(wrong.words), "case \(place): \(answer.text)")
        }
        #expect(client.ask(.post, "/v1/platforms?assume=x", machine(), type: table).status == 400)
        #expect(client.ask(.post, "/v1/platforms?preserve_config=1", machine(), type: table).status == 400)
    }

    /// Mappings times regions of an RMR are not written out without end.
    @Test func memoryRangesOfManyStreams() {
        var builder = IORTBuilder()
        let its = builder.itsGroup([0])
        let smmu = builder.smmuV3(base: 0x905_0000, [.init(0, 0xffff, 0, to: its)])
        builder.rootComplex(segment: 0, limit: 64, [.init(0, 0xffff, 0, to: smmu)])
        builder.memoryRanges(
            (0..<500).map { (0x1_0000_0000 + $0 * 0x1_0000, 0x1_0000) },
            (0..<1_000).map { .init(0, 0, $0, to: smmu) })
        let answer = client.ask(
            .put, "/v1/platforms/rmr", builder.table(), type: "application/vnd.acpi.table")
        #expect(answer.status == 201 && answer.text.utf8.count < 4 << 20, "\(answer.text.prefix(300))")
        let listed = answer.list("memory_ranges").count
        #expect(listed > 60 && listed + (answer.json["memory_ranges_omitted"] as? Int ?? 0) == 1_000)
    }
}
