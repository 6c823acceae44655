// Faults as people paste them: the public reports of the shelf, each with what the truth was, and a few lines
// of our own for what must never be said of such a log.

import Foundation
import HTTP
import TestSupport
import Testing

@Suite struct FieldFaultTests {
    private let client = ServiceClient()

    private func explain(_ text: [UInt8], _ query: String = "") -> [[String: Any]] {
        let answer = client.ask(.post, "/v1/fault-explanations\(query)", text, type: "text/plain")
        #expect(answer.status == 200, "\(answer.text)")
        return answer.list("items")
    }

    private func explain(_ text: String, _ query: String = "") throws -> [String: Any] {
        try #require(explain(Array(text.utf8), query).first)
    }

    private func said(_ item: [String: Any]) -> String {
        ([item["because"] as? String ?? ""] + (item["changes"] as? [String] ?? [])).joined(separator: "\n")
    }

    /// What an item of a report has to say, and what it must not.
    struct Wanted: Sendable {
        let verdicts: Set<String>
        let isMSI: Set<String>
        let words: [String]
        let absent: [String]

        init(
            _ verdicts: Set<String>, _ isMSI: Set<String>, _ words: [String] = [],
            without absent: [String] = []
        ) {
            (self.verdicts, self.isMSI, self.words, self.absent) = (verdicts, isMSI, words, absent)
        }

        static let read = Wanted(["not_msi"], ["no"])
        static let queue = Wanted(["no_address"], ["no"], ["not a DMA fault", "No access was refused"])
        static let stream = Wanted(["no_address"], ["unknown"])
    }

    /// By the report's file, an element for each item.
    private static let reports: [(name: String, items: [Wanted])] = [
        (
            "f02-sva-wrapped",
            [Wanted(["not_msi"], ["no"], ["substream 0x1", "iopf", "stall"], without: ["after unmapping"])]
        ),
        ("f03-imx95-quoted", [Wanted(["not_msi"], ["no"], ["0000:01:00.0"])]),
        ("f03b-imx95-qp", [Wanted(["not_msi"], ["no"], ["0000:01:00.0"], without: ["00:02.1"])]),
        ("f05-aquantia", [Wanted(["not_msi"], ["no"], ["after unmapping"])]),
        (
            "f06-rk3588-r8125-zero",
            [
                Wanted(["not_msi"], ["no"], ["never uses the first page"], without: ["after unmapping"]),
                Wanted(["not_msi"], ["no"], ["never uses the first page"], without: ["after unmapping"]),
            ]
        ),
        ("f08-layerscape-dpio-msi", [Wanted(["likely_msi"], ["likely"], ["fsl,ls1088a", "platform"])]),
        (
            "f09-ft2000-unknown-sid",
            [Wanted(["no_address"], ["unknown"], ["the SMMU has no entry"], without: ["22:1c.0", "17:00.0"])]
        ),
        (
            "f10-ls1028-shutdown",
            [Wanted(["no_address"], ["unknown"], ["shutdown"], without: ["04:05.1"])]
        ),
        ("f12-fastrpc-sid", [Wanted(["not_msi"], ["no"])]),
        ("f13-wifi-nocomma", [Wanted(["not_msi"], ["no"], without: ["14:00.1"])]),
        ("f14-tx2-sid-named", [Wanted(["not_msi"], ["no"], ["a read", "Nothing is mapped"])]),
        ("f16-mt7916", [.read]),
        ("f17-sm7150-newfmt", [.read, .read]),
        (
            "f18-rk3588-02",
            [Wanted(["no_address"], ["unknown"], ["no entry for this stream ID", "iommu-map"])]
        ),
        ("f19-hisi-53rc1-msi", [Wanted(["likely_msi"], ["likely"], ["32-bit"])]),
        ("f19b-fixed", [Wanted(["likely_msi"], ["likely"], ["32-bit"])]),
        ("f19d-noword0", [Wanted(["no_address"], ["unknown"], ["incomplete"], without: ["0x201"])]),
        ("f19f-trunc", [Wanted(["no_address"], ["unknown"], ["incomplete"])]),
        ("f20-hpre-interleaved", [Wanted(["not_msi"], ["no"], ["first page"]), .stream]),
        (
            "f21-xen",
            [
                Wanted(["not_msi"], ["no"], ["not for fetching instructions"]),
                Wanted(["no_address"], ["unknown"], ["more than one of"]),
            ]
        ),
        ("f23-only-decoded", [Wanted(["msi_dma_page"], ["likely"])]),
        // A doorbell's offset, and an address that no doorbell is known to have: neither claimed nor denied.
        (
            "f24-noheader",
            [Wanted(["unknown"], ["unknown"], ["doorbell's offset", "nothing rules one out"])]
        ),
        ("f25-qemu-multi-smmu", [Wanted(["no_address"], ["unknown"], ["VMM"], without: ["09:00.0"])]),
        (
            "f28-bad-ste",
            [
                Wanted(
                    ["no_address"], ["unknown"], ["VMM", "nested table"], without: ["iommu-map", "fe040000"])
            ]
        ),
        (
            "f34-two-smmus-interleaved",
            [Wanted(["msi_window"], ["likely"]), Wanted(["not_msi"], ["no"], without: ["75:02.0"])]
        ),
        ("f35-android-qcom", [Wanted(["not_msi"], ["no"], ["a600000.dwc3", "Nothing is mapped"])]),
        (
            "f36-cmdq",
            [.queue, Wanted(["no_address"], ["no"], ["not a DMA fault", "device is gone"]), .queue]
        ),
    ]

    @Test(.enabled(if: SharedShelf.isPresent), arguments: reports.indices) func report(index: Int) {
        let (name, wanted) = Self.reports[index]
        let items = explain(SharedShelf.bytes("data/field/\(name).txt"))
        #expect(items.count == wanted.count, "\(name): \(items)")
        for (item, wanted) in zip(items, wanted) {
            #expect(wanted.verdicts.contains(item["verdict"] as? String ?? ""), "\(name): \(item)")
            #expect(wanted.isMSI.contains(item["is_msi"] as? String ?? ""), "\(name): \(item)")
            for word in wanted.words { #expect(said(item).contains(word), "\(name): \(word): \(said(item))") }
            for word in wanted.absent {
                #expect(!said(item).contains(word), "\(name): \(word): \(said(item))")
            }
        }
    }

    /// Mail broke the line between the client and its stream.
    @Test(
        .enabled(if: SharedShelf.isPresent), arguments: ["f03-imx95-quoted", "f03b-imx95-qp", "f24-noheader"])
    func clientsOfReports(name: String) throws {
        let item = try #require(explain(SharedShelf.bytes("data/field/\(name).txt")).first)
        #expect(item["client"] as? String == "0000:01:00.0", "\(item)")
    }

    /// One stream for all buses: the log's own client is one of several.
    @Test(.enabled(if: SharedShelf.isPresent)) func streamsSharedThroughAMask() throws {
        let tree = SharedShelf.bytes("data/field/dt/d1-imx95.dtb")
        #expect(client.ask(.put, "/v1/platforms/imx95", tree, type: "application/octet-stream").status == 201)
        let log = SharedShelf.bytes("data/field/f03-imx95-quoted.txt")
        let shared = try #require(explain(log, "?platform=imx95").first)
        for word in ["Stream 0x11 is shared", "iommu-map-mask 0x1ff", "01:00.0, 03:00.0"] {
            #expect(said(shared).contains(word), "\(said(shared))")
        }
        let unknown = SharedShelf.bytes("data/field/f09-ft2000-unknown-sid.txt")
        let none = try #require(explain(unknown, "?platform=imx95").first)
        #expect(said(none).contains("The log is of arm-smmu, and this machine has no SMMU of that driver"), "\(said(none))")
        let v3 = try explain(
            "arm-smmu-v3 490d0000.iommu: event: F_TRANSLATION client: (unassigned sid) sid: 0x99 ssid: 0x0 "
                + "iova: 0x1000000 ipa: 0x0", "?platform=imx95")
        #expect(said(v3).contains("No device here uses stream 0x99"), "\(said(v3))")
    }

    /// The Layerscape's own doorbell, with its tree.
    @Test(.enabled(if: SharedShelf.isPresent)) func doorbellOfTheMachine() throws {
        let names = SharedShelf.names(in: "data/device-trees").filter {
            $0.contains("ls2088a") || $0.contains("ls1088a")
        }
        for name in names where name.hasSuffix(".dtb") {
            let tree = SharedShelf.bytes("data/device-trees/\(name)")
            #expect(
                client.ask(.put, "/v1/platforms/\(name)", tree, type: "application/octet-stream").status
                    == 201)
            let log = SharedShelf.bytes("data/field/f08-layerscape-dpio-msi.txt")
            let item = try #require(explain(log, "?platform=\(name)").first)
            #expect(
                item["is_msi"] as? String == "yes" && item["verdict"] as? String == "msi_physical_doorbell")
            #expect(item["machines"] == nil)
        }
    }

    private func fault(_ iova: String, fsr: String = "0x402", fsynr: String = "0x13") -> String {
        "arm-smmu 2b500000.iommu: Unhandled context fault: fsr=\(fsr), iova=\(iova), fsynr=\(fsynr), "
            + "cbfrsynra=0x8, cb=1"
    }

    /// A permission fault found a mapping, so nothing on the way was the reason.
    @Test func permissionFaultsHaveArrived() throws {
        let refused = try explain(fault("0x8000040", fsr: "0x408"), "?platform=example-arm-juno")
        #expect(
            refused["reason"] as? String == "not_permitted"
                && refused["happened"] as? String == "not_permitted")
        #expect(!said(refused).contains("dma-ranges"), "\(said(refused))")
        let unmapped = try explain(fault("0x8000040"), "?platform=example-arm-juno")
        #expect(unmapped["reason"] as? String == "dma_ranges_gap" && unmapped["in_window"] as? Bool == true)
        let ordinary = try explain(fault("0x10001000", fsr: "0x408"), "?platform=example-arm-juno")
        #expect(!said(ordinary).contains("dma-ranges") && said(ordinary).contains("not for this access"))
    }

    /// The three facts of a few lines.
    @Test func factsAreApart() throws {
        func facts(_ text: String, _ query: String = "") throws -> [String] {
            let item = try explain(text, query)
            let inWindow = (item["in_window"] as? Bool).map(String.init) ?? "null"
            return [item["verdict"], item["doorbell_write"], inWindow, item["happened"]].map {
                "\($0 ?? "-")"
            }
        }
        #expect(try facts(fault("0x8090040")) == ["likely_msi", "likely", "null", "not_mapped"])
        #expect(try explain(fault("0x8090040"))["machines"] as? [String] == ["QEMU virt"])
        #expect(try facts(fault("0x8000040")) == ["msi_window", "likely", "true", "not_mapped"])
        #expect(
            try facts(fault("0x8000040"), "?doorbell=0x2c1c0040") == [
                "msi_window", "yes", "true", "not_mapped",
            ])
        #expect(try facts(fault("0x8000040", fsynr: "0x3")) == ["not_msi", "no", "null", "not_mapped"])
        #expect(
            try facts(fault("0x45678040"), "?platform=example-arm-juno")
                == ["unknown", "unknown", "false", "not_mapped"])
        // A doorbell elsewhere in its page excludes the offset.
        #expect(
            try facts(fault("0xffffe040"), "?doorbell=0x12345678") == ["not_msi", "no", "null", "not_mapped"])
        #expect(try facts(fault("0xffffe040")) == ["likely_msi", "likely", "null", "not_mapped"])
    }

    /// Global faults of SMMUv2 by the bit that is set.
    @Test(arguments: [
        ("0x80000002", "the SMMU has no entry"), ("0x4", "more than one of"),
        ("0x1", "does not exist or is off"),
        ("0x100", "before it knew where"),
    ])
    func globalFaults(status: String, words: String) throws {
        let item = try explain(
            "arm-smmu a: Unexpected global fault, this could be serious\n"
                + "arm-smmu a: \tGFSR \(status), GFSYNR0 0x00000006, GFSYNR1 0x00000005, GFSYNR2 0x00000000")
        #expect(item["verdict"] as? String == "no_address" && said(item).contains(words), "\(said(item))")
    }
}
