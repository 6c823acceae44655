// Faults through the API: the published case from its tree and from the bare line, faults of captures with
// hardware MSIs, and others of both drivers that were no MSIs.

import Foundation
import HTTP
import TestSupport
import Testing

@Suite struct FaultTests {
    private let client = ServiceClient()
    private let stingray =
        "arm-smmu 64000000.iommu: Unhandled context fault: fsr=0x402, iova=0x00000040, fsynr=0x2f0013, cbfrsynra=0x102, cb=15"

    private func explain(_ text: String, _ query: String = "") -> [[String: Any]] {
        let answer = client.ask(
            .post, "/v1/fault-explanations\(query)", Array(text.utf8), type: "text/plain")
        #expect(answer.status == 200, "\(answer.text)")
        return answer.list("items")
    }

    @Test func publishedCaseFromTheBareLine() throws {
        let item = try #require(explain(stingray).first)
        #expect(item["verdict"] as? String == "msi_base_lost" && item["is_msi"] as? String == "likely")
        #expect((item["window"] as? [String: Any])?["start"] as? String == "0x8000000")
        #expect(item["reason"] as? String == "base_stripped" && item["stream_id"] as? String == "0x102")
        let because = try #require(item["because"] as? String)
        #expect(because.contains("0x8000040") && !because.contains("01:00.2"), "\(because)")
        #expect((item["changes"] as? [String])?.first?.contains("0xa0000000") == true)
    }

    @Test(.enabled(if: SharedShelf.isPresent)) func publishedCaseFromItsTree() throws {
        let tree = SharedShelf.bytes("data/device-trees/broadcom_stingray_bcm958742t.dtb")
        #expect(
            client.ask(.put, "/v1/platforms/stingray", tree, type: "application/octet-stream").status == 201)
        let item = try #require(explain(stingray, "?platform=stingray").first)
        #expect(item["verdict"] as? String == "msi_base_lost")
        #expect(item["doorbell"] as? String == "0x63c30040")
        #expect((item["smmu"] as? [String: Any])?["id"] as? String == "/scr-bus@61000000/iommu@3000000")
        let json = "{\"lines\":[\"\(stingray)\"],\"platform\":\"stingray\"}"
        let answer = client.post("/v1/fault-explanations", json: json)
        #expect(answer.list("items").first?["doorbell"] as? String == "0x63c30040", "\(answer.text)")
    }

    /// A machine with an ITS at 0x8080000 and a root complex on an SMMUv3 at 0x9050000.
    private func upload(
        model: UInt32 = 0, limit: UInt8 = 64, range: (UInt64, UInt64)? = nil, windows: String = "",
        lastID: UInt32 = 0xffff
    ) {
        var builder = IORTBuilder()
        let its = builder.itsGroup([0])
        let smmu = builder.smmuV3(base: 0x905_0000, model: model, [.init(0, 0xffff, 0, to: its)])
        builder.rootComplex(segment: 0, limit: limit, [.init(0, lastID, 0, to: smmu)])
        if let range { builder.memoryRanges([range], [.init(0, 0xffff, 0, to: smmu)]) }
        let parts: [(String, [UInt8])] = [
            ("iort", builder.table()), ("madt", ACPITableBuilder.madt(its: [(0, 0x808_0000)])),
            ("facts", Array("{\"preserve_config\":true,\"pci_windows\":[\(windows)]}".utf8)),
        ]
        let body = parts.flatMap { part -> [UInt8] in
            Array("--B\r\nContent-Disposition: form-data; name=\"\(part.0)\"\r\n\r\n".utf8) + part.1 + [
                0x0d, 0x0a,
            ]
        }
        let answer = client.ask(
            .put, "/v1/platforms/m", body + Array("--B--\r\n".utf8), type: "multipart/form-data; boundary=B")
        #expect(answer.status / 100 == 2, "\(answer.text)")
    }

    private func event(_ iova: String, name: String = "F_TRANSLATION", access: String = "write") -> String {
        "arm-smmu-v3 arm-smmu-v3.0.auto: event: \(name) client: 0000:00:01.0 sid: 0x8 ssid: 0x0 iova: \(iova) ipa: 0x0\n"
            + "arm-smmu-v3 arm-smmu-v3.0.auto: unpriv data \(access) s1 \"Input address caused fault\" stag: 0x0"
    }

    private func verdict(_ text: String) throws -> (verdict: String, reason: String?, item: [String: Any]) {
        let item = try #require(explain(text, "?platform=m").first)
        return (item["verdict"] as? String ?? "", item["reason"] as? String, item)
    }

    @Test func shapesOfMSIs() throws {
        upload(model: 1)
        // What the captures with a Hi161x model log: the doorbell itself, translated after all.
        var got = try verdict(event("0x8090040"))
        #expect(got.verdict == "msi_physical_doorbell" && got.reason == "hardware_msi_translated")
        #expect(got.item["devices"] as? [String] == ["0000:00:01.0"])
        upload()
        got = try verdict(event("0x8090040"))
        #expect(got.verdict == "msi_physical_doorbell" && got.reason == "untranslated")
        got = try verdict(event("0x8000040"))
        #expect(
            got.verdict == "msi_window" && got.reason == "not_mapped"
                && got.item["is_msi"] as? String == "yes")
        #expect(got.item["doorbell"] as? String == "0x8090040")
        got = try verdict(event("0x8000040", name: "F_PERMISSION"))
        #expect(got.reason == "not_permitted")
        got = try verdict(event("0xfffff040"))
        #expect(got.verdict == "msi_dma_page" && got.item["is_msi"] as? String == "likely")
        got = try verdict(event("0xa0000040"))
        #expect(got.verdict == "msi_window" && got.item["is_msi"] as? String == "likely")
        got = try verdict(event("0x8000123"))
        #expect(got.verdict == "window_only" && got.item["is_msi"] as? String == "unknown")
        upload(windows: "{\"bus\":\"0x8000000\",\"size\":\"0x1000000\"}")
        got = try verdict(event("0x8000040"))
        #expect(got.verdict == "msi_window" && got.reason == "pci_window")
        #expect((got.item["alternatives"] as? [String])?.contains("0x7f00000") == true, "\(got.item)")
        upload(limit: 27)
        #expect(try verdict(event("0x8000040")).reason == "above_dma_limit")
        upload(range: (0x800_0000, 0x10_0000))
        #expect(try verdict(event("0x8000040")).reason == "moved_under_guest_rmr")
    }

    /// An SMMU refused the device that the log names, so that it has one, whatever the tables say of it.
    @Test func clientsThatNoMappingHolds() throws {
        upload(lastID: 0xff)
        let text = event("0xfffff040").replacing("0000:00:01.0", with: "0000:01:00.0")
        let placement =
            #"{"hosts":[{"platform":"m","devices":["0000:01:00.0"]}],"vm":{"memory_map":[]}}"#
        let placed = client.post("/v1/placements", json: placement).text
        #expect(placed.contains("no IOMMU group"), "\(placed)")
        // In either order, since devices are kept once prepared.
        for isFirst in [false, true] {
            if isFirst { upload(lastID: 0xff) }
            let got = try verdict(text)
            #expect(got.item["devices"] as? [String] == ["0000:01:00.0"], "\(got.item)")
            let warnings = (got.item["warnings"] as? [[String: Any]] ?? []).map { $0["code"] as? String }
            #expect(warnings == ["pci_windows_unknown"], "\(got.item)")
            #expect(got.verdict == "msi_dma_page", "\(got.item)")
            #expect(client.post("/v1/placements", json: placement).text == placed)
            let decided = client.decide(
                #"{"platform":"m","device":"0000:01:00.0","consumer":"dma_api"}"#)
            #expect(decided.text.contains("no IOMMU group"), "\(decided.text)")
        }
    }

    /// Of a node that is a bus and a device each is named by the id that asks about it.
    @Test func nodesThatAreTwoDevices() throws {
        let tree = DeviceTreeBuilder.board { root in
            root.child("host1x") { node in
                node.cells("reg", 0, 0x4000, 0, 0x1000)
                node.cells("iommus", 1, 7)
                node.cells("iommu-map", 0, 1, 0x10, 8)
            }
        }
        let stored = client.ask(
            .put, "/v1/platforms/m", tree, type: "application/vnd.devicetree.blob")
        #expect(stored.status == 201, "\(stored.text)")
        for (stream, id, kind) in [
            ("0x7", "/host1x#platform", "platform"), ("0x11", "/host1x", "id_map_bus"),
        ] {
            let text = event("0x8000040").replacing("sid: 0x8", with: "sid: \(stream)")
            #expect(try verdict(text).item["devices"] as? [String] == [id], "\(stream)")
            let device = client.get("/v1/platforms/m/devices/\(RequestTarget.encoded(id))").json
            #expect(device["id"] as? String == id && device["kind"] as? String == kind, "\(device)")
        }
        let rows = client.ask(
            .post, "/v1/surveys", Array(#"{"platforms":["m"]}"#.utf8), type: "application/json",
            headers: [.init("Accept", "application/x-ndjson")]
        ).drained().answer.text.split(separator: "\n")
        let listed = client.get("/v1/platforms/m/devices").list("items").compactMap { $0["id"] as? String }
        #expect(Set(listed) == ["/host1x", "/host1x#platform"], "\(listed)")
        for id in listed {
            #expect(rows.filter { $0.contains("\"device\":\"\(id)\"") }.count == 1, "\(rows)")
        }
    }

    /// What the SMMU cannot translate is told before what the interconnect may have done.
    @Test func windowsBeyondTheAperture() throws {
        upload(limit: 40)
        let body = { (base: String, iova: String) in
            "{\"platform\":\"m\",\"text\":\"arm-smmu-v3 arm-smmu-v3.0.auto: event: F_TRANSLATION client: 0000:00:01.0 "
                + "sid: 0x8 ssid: 0x0 iova: \(iova) ipa: 0x0\","
                + "\"windows\":[{\"start\":\"\(base)\",\"size\":\"0x100000\"}]}"
        }
        for (base, iova, reason) in [
            ("0x1000000000000", "0x1000000000040", "beyond_aperture"),
            ("0x20000000000", "0x20000000040", "above_dma_limit"),
        ] {
            let item = client.post("/v1/fault-explanations", json: body(base, iova)).list("items").first
            #expect(item?["reason"] as? String == reason, "\(String(describing: item))")
        }
    }

    /// What may have been no MSI is not answered with another window, but with how to find out.
    @Test func doubtsSayHowToFindOut() throws {
        upload()
        let high = try verdict(event("0xffffd040")).item
        #expect(
            high["is_msi"] as? String == "likely" && (high["alternatives"] as? [String])?.isEmpty == true)
        #expect((high["changes"] as? [String])?.contains { $0.contains("/v1/replays") } == true, "\(high)")
        upload(range: (0x800_0000, 0x8_0000))
        let because = try verdict(event("0x80a0040")).item["because"] as? String
        #expect(because?.contains("touches an RMR of") == true, "\(because ?? "")")
    }

    /// Beyond the limit the answer says itself that the platform was not asked.
    @Test func manyStreams() {
        upload()
        let lines = (0..<66).map {
            "arm-smmu-v3 arm-smmu-v3.0.auto: event: F_TRANSLATION client: 0000:00:00.0 sid: 0x\(String($0, radix: 16)) "
                + "ssid: 0x0 iova: 0x8000040 ipa: 0x0"
        }
        let again = lines[0].replacingOccurrences(of: "0x8000040", with: "0x8000044")
        let items = explain((lines + [again]).joined(separator: "\n"), "?platform=m")
        let wasLeft = items.map { ($0["because"] as? String)?.contains("more than 64 streams") == true }
        #expect(wasLeft == (0..<67).map { $0 == 64 || $0 == 65 })
        #expect(items.map { ($0["devices"] as? [String])?.isEmpty == true } == wasLeft)
    }

    @Test func othersAreToldApart() throws {
        upload(windows: "{\"bus\":\"0x10000000\",\"size\":\"0x1000000\"}")
        let v2 = "arm-smmu 2b500000.iommu: Unhandled context fault:"
        let words = "arm-smmu-v3 arm-smmu-v3.0.auto:"
        let cases: [(text: String, verdict: String, cause: String, isMSI: String)] = [
            (
                "\(v2) fsr=0x402, iova=0x9f2a1000, fsynr=0x11, cbfrsynra=0x8, cb=1", "not_msi", "translation",
                "no"
            ),
            (
                "\(v2) fsr=0x402, iova=0x8000040, fsynr=0x1, cbfrsynra=0x8, cb=1", "not_msi", "translation",
                "no"
            ),
            (
                "\(v2) fsr=0x8, iova=0x80001000, fsynr=0x11, cbfrsynra=0x8, cb=1", "not_msi", "permission",
                "no"
            ),
            ("\(v2) fsr=0x402, iova=0x40, fsynr=0x51, cbfrsynra=0x8, cb=1", "not_msi", "translation", "no"),
            (
                "\(v2) fsr=0x80, iova=0xffff00000000, fsynr=0x11, cbfrsynra=0x8, cb=1", "not_msi",
                "address_size", "no"
            ),
            (
                "arm-smmu 2b500000.iommu: Blocked unknown Stream ID 0x3; boot with x", "no_address",
                "configuration", "unknown"
            ),
            (
                "arm-smmu 2b500000.iommu: Unexpected global fault, this could be serious", "no_address",
                "configuration", "unknown"
            ),
            (event("0x10001000"), "not_msi", "translation", "no"),
            (event("0x8000040", access: "read"), "not_msi", "translation", "no"),
            (event("0x0", name: "C_BAD_STE"), "no_address", "configuration", "unknown"),
            (event("0x0", name: "C_BAD_CD"), "no_address", "configuration", "unknown"),
            (event("0x7f001000", name: "F_WALK_EABT"), "not_msi", "external_abort", "no"),
            (
                "\(words) event 0x24 received:\n\(words) \t0x0000000800000024\n\(words) \t0x0\n\(words) \t0x1000",
                "not_msi", "page_request", "no"
            ),
        ]
        for (text, verdict, cause, isMSI) in cases {
            let item = try #require(explain(text, "?platform=m").first)
            #expect(item["verdict"] as? String == verdict, "\(text): \(item)")
            #expect(item["cause"] as? String == cause && item["is_msi"] as? String == isMSI, "\(text)")
        }
        let through = try #require(explain(event("0x10001000"), "?platform=m").first)
        #expect((through["because"] as? String)?.contains("PCI window") == true)
        let deep = try #require(
            explain("\(v2) fsr=0x402, iova=0x1040, fsynr=0x11, cbfrsynra=0x8, cb=1").first)
        #expect(deep["verdict"] as? String == "unknown", "only the first pages lose their base so")
    }

    /// Of a collected host, the function is told and not the bridge or all its functions; and the windows are
    /// those of the kernel's own list.
    @Test(arguments: [0x800_0000, 0x9000_0000] as [UInt64])
    func collectedHosts(base: UInt64) throws {
        let blob = DeviceTreeBuilder.board(smmuBase: 0x905_0000) { root in
            root.pciHost("pcie@10000000", firstStream: 0x100)
        }
        func digits(_ value: UInt64) -> String {
            "0x" + String(repeating: "0", count: 16 - String(value, radix: 16).count)
                + String(value, radix: 16)
        }
        let line = "\(digits(base)) \(digits(base + 0xf_ffff)) msi\\n"
        let groups = (0..<6).map {
            "{\"id\":\"\($0)\",\"devices\":[\"0000:01:00.\($0)\"],\"reserved_regions\":\"\(line)\"}"
        }.joined(separator: ",")
        let body =
            "{\"collected\":{\"format\":1,\"device_tree\":\"\(blob.hexDigits)\",\"groups\":[\(groups)]}}"
        #expect(
            client.ask(.put, "/v1/platforms/host", Array(body.utf8), type: "application/json").status == 201)
        func event(_ iova: UInt64, _ stream: Int) -> String {
            "arm-smmu-v3 9050000.smmu: event 0x10 received:\narm-smmu-v3 9050000.smmu: \t0x\(String(stream, radix: 16))00000010\n"
                + "arm-smmu-v3 9050000.smmu: \t0x0000020000000000\narm-smmu-v3 9050000.smmu: \t0x\(String(iova, radix: 16))"
        }
        let inside = try #require(explain(event(base + 0x40, 0x205), "?platform=host").first)
        #expect(
            inside["devices"] as? [String] == ["0000:01:00.5"] && inside["verdict"] as? String == "msi_window"
        )
        #expect((inside["window"] as? [String: Any])?["start"] as? String == "0x" + String(base, radix: 16))
        let lost = try #require(explain(event(0x40, 0x202), "?platform=host").first)
        #expect(lost["devices"] as? [String] == ["0000:01:00.2"])
        #expect((lost["window"] as? [String: Any])?["start"] as? String == "0x" + String(base, radix: 16))
        // Without a function in the list, the bridge, and where on it.
        let bridge = try #require(explain(event(0x40, 0x300), "?platform=host").first)
        #expect(bridge["devices"] as? [String] == ["/pcie@10000000"])
        #expect((bridge["because"] as? String)?.contains("02:00.0") == true, "\(bridge)")
        let usual = try #require(explain(event(0x800_0040, 0x200), "?platform=host").first)
        #expect(usual["reason"] as? String == (base == 0x800_0000 ? "not_mapped" : "moved_under_guest_rmr"))
    }

    /// A relaxable region goes when user space gets the device: it is neither in the way nor a promise.
    @Test(arguments: ["direct", "direct_relaxable"]) func regionsOverTheWindow(type: String) throws {
        let platform =
            #"{"smmus":[{"id":"s","version":"v3"}],"devices":[{"id":"d","kind":"platform","smmus":["s"],"#
            + #""reserved_regions":[{"start":"0x1000000","size":"0x10000000","type":"\#(type)"}]}]}"#
        #expect(
            client.ask(.put, "/v1/platforms/own", Array(platform.utf8), type: "application/json").status
                == 201)
        let line =
            "arm-smmu-v3 arm-smmu-v3.0.auto: event: F_TRANSLATION client: d sid: 0x1 ssid: 0x0 "
            + "iova: 0x8000040 ipa: 0x0"
        let item = try #require(explain(line, "?platform=own").first)
        #expect(item["devices"] as? [String] == ["d"] && item["verdict"] as? String == "msi_window")
        #expect(item["reason"] as? String == (type == "direct" ? "reserved_region" : "not_mapped"))
    }

    @Test func addressesNearWindows() throws {
        upload()
        let cases: [(iova: String, verdict: String, isMSI: String, words: String)] = [
            ("0x7fff040", "unknown", "unknown", "though it has a doorbell's offset"),
            ("0x8100040", "likely_msi", "likely", "just above the MSI window"),
            ("0xfffff044", "not_msi", "no", "its offset in the page is no doorbell's"),
            ("0xffffd040", "likely_msi", "likely", "just below the end of 32-bit addresses"),
            ("0xfffffe040", "likely_msi", "likely", "36-bit"),
            ("0x1000000000040", "unknown", "unknown", "beyond what the SMMU translates"),
        ]
        for (iova, verdict, isMSI, words) in cases {
            let item = try self.verdict(event(iova)).item
            #expect(item["verdict"] as? String == verdict && item["is_msi"] as? String == isMSI, "\(item)")
            #expect((item["because"] as? String)?.contains(words) == true, "\(item)")
        }
        // The bare line tells where a fresh DMA domain has its first page, of any size.
        #expect(explain(event("0xfffff040")).first?["verdict"] as? String == "msi_dma_page")
        #expect(
            explain(event("0xffff0040"), "?page_size=0x10000").first?["verdict"] as? String == "msi_dma_page")
        // Of a nested translation the address that stage 2 sees counts.
        let nested =
            "arm-smmu-v3 arm-smmu-v3.0.auto: event: F_TRANSLATION client: 0000:00:01.0 sid: 0x8 ssid: 0x0 iova: 0x12340040 ipa: 0x8000000\n"
            + "arm-smmu-v3 arm-smmu-v3.0.auto: unpriv data write s2 "
        let guest = try verdict(nested + "\"Input address caused fault\" stag: 0x0")
        #expect(guest.verdict == "msi_window" && guest.item["ipa"] as? String == "0x8000000")
        #expect(guest.item["transaction"] as? String == "input_address")
        #expect(try verdict(nested + "\"CD fetch\" stag: 0x0").verdict == "no_address")
        let moved = client.post(
            "/v1/fault-explanations",
            json: "{\"lines\":[\"\(stingray.replacingOccurrences(of: "0x00000040", with: "0x08000040"))\"],"
                + "\"windows\":[{\"start\":\"0x90000000\",\"size\":\"0x100000\"}]}")
        #expect(moved.list("items").first?["reason"] as? String == "moved_under_guest_rmr", "\(moved.text)")
    }

    /// Windows and doorbells at the ends of the space are no trouble.
    @Test func extremesAreAnswered() {
        let answer = client.post(
            "/v1/fault-explanations",
            json: "{\"lines\":[\"\(stingray.replacingOccurrences(of: "0x00000040", with: "0x00001040"))\","
                + "\"\(stingray.replacingOccurrences(of: "0x00000040", with: "0xffffffffffffffff"))\"],"
                + "\"doorbells\":[\"0x5040\",\"0x6040\",\"0xffffffffffffffff\"],"
                + "\"windows\":[{\"start\":\"0xfffffffffffff000\",\"size\":\"0x1000\"},{\"start\":\"0x90000000\",\"size\":\"0x2000\"}]}"
        )
        #expect(answer.status == 200, "\(answer.text)")
        // The first window that has room for the page.
        let lost = answer.list("items").first
        #expect((lost?["window"] as? [String: Any])?["start"] as? String == "0x90000000", "\(answer.text)")
        #expect(lost?["verdict"] as? String == "msi_base_lost")
    }

    /// A device for which firmware names no MSI controller is not sure to have raised one.
    @Test func devicesWithoutControllersAreDoubted() throws {
        let platform = """
            {"smmus":[{"id":"s","version":"v3"}],"msi_controllers":[{"id":"i","kind":"its","doorbell":"0x8090040"}],\
            "devices":[{"id":"0000:00:01.0","kind":"pci_function","smmus":["s"]$}]}
            """
        for (members, isMSI) in [("", "likely"), (",\"msi_controllers\":[\"i\"]", "yes")] {
            let body = Array(platform.replacingOccurrences(of: "$", with: members).utf8)
            let upload = client.ask(.put, "/v1/platforms/m", body, type: "application/json")
            #expect(upload.status / 100 == 2, "\(upload.text)")
            let item = try verdict(event("0x8000040")).item
            #expect(
                item["verdict"] as? String == "msi_window" && item["is_msi"] as? String == isMSI, "\(item)")
        }
    }

    /// Numbers of SMMUs count their performance counters too.
    @Test func numberedSMMUsOfTables() throws {
        var builder = IORTBuilder()
        let its = builder.itsGroup([0])
        let first = builder.smmuV3(base: 0x905_0000, [.init(0, 0xffff, 0, to: its)])
        builder.performanceCounters(base: 0x906_0000, reference: first)
        let second = builder.smmuV3(base: 0xa05_0000, [.init(0, 0xffff, 0, to: its)])
        builder.rootComplex(segment: 1, [.init(0, 0xffff, 0, to: second)])
        let answer = client.ask(
            .put, "/v1/platforms/two", builder.table(), type: "application/vnd.acpi.table")
        #expect(answer.status == 201, "\(answer.text)")
        for (number, id) in [(0, "smmuv3@9050000"), (2, "smmuv3@a050000")] {
            let text = event("0x8000040").replacingOccurrences(of: "v3.0.auto", with: "v3.\(number).auto")
                .replacingOccurrences(of: "0000:00:01.0", with: "(unassigned sid)")
            let item = try #require(explain(text, "?platform=two").first)
            #expect((item["smmu"] as? [String: Any])?["id"] as? String == id)
            #expect(item["devices"] as? [String] == (number == 2 ? ["0001:00:01.0"] : []), "\(item)")
        }
    }

    @Test func mixedLogsAndRefusals() {
        let answer = client.ask(
            .post, "/v1/fault-explanations",
            Array("[ 1.0] usb 1-1: new device\n\(stingray)\narm-smmu-v3 a: EVTQ overflow detected\n".utf8),
            type: "text/plain")
        #expect(answer.json["lines_ignored"] as? Int == 1 && answer.json["lines_read"] as? Int == 3)
        #expect(answer.list("other_lines").map { $0["line"] as? Int } == [3])
        #expect(answer.list("items").map { $0["line"] as? Int } == [2])
        func ask(_ text: String, _ query: String = "") -> Int {
            client.ask(.post, "/v1/fault-explanations\(query)", Array(text.utf8), type: "text/plain").status
        }
        #expect(ask("nothing here") == 422 && ask("") == 422)
        #expect(ask(stingray, "?platform=none") == 400 && ask(stingray, "?page_size=3") == 400)
        #expect(ask(stingray, "?doorbell=x") == 400 && ask(stingray, "?doorbell=0x63c30040") == 200)
        let wrong = client.post(
            "/v1/fault-explanations",
            json:
                "{\"text\":\"\",\"lines\":[],\"platform\":\"none\",\"doorbells\":[\"x\"],\"windows\":[{}],\"more\":1}"
        )
        #expect(wrong.status == 422)
        #expect(wrong.pointers.contains("/text") && wrong.pointers.contains("/platform"))
        #expect(wrong.pointers.contains("/doorbells/0") && wrong.pointers.contains("/more"))
        #expect(client.post("/v1/fault-explanations", json: "{}").pointers == ["/lines"])
    }

    @Test(.enabled(if: SharedShelf.isPresent)) func faultsOfCaptures() throws {
        upload(model: 1)
        var seen = 0
        for name in SharedShelf.names(in: "data/linux-captures") where name.hasPrefix("o3") {
            let truth =
                try JSONSerialization.jsonObject(
                    with: Data(SharedShelf.bytes("data/linux-captures/\(name)/truth.json"))) as? [String: Any]
            let notes = truth?["dmesg_notes"] as? [String] ?? []
            for item in explain(notes.joined(separator: "\n"), "?platform=m")
            where item["iova"] as? String == "0x8090040" {
                #expect(item["verdict"] as? String == "msi_physical_doorbell")
                seen += 1
            }
        }
        #expect(seen > 0)
    }
}
