// Traces as people pasted them: broken by mail programs, of old kernels, of devices with other masks.

import AddressSpaces
import MSIWindows
import Machines
import TestSupport
import Testing

@testable import Ingestion

@Suite struct FieldTraceTests {
    private func bytes(_ name: String) -> [UInt8] { SharedShelf.bytes("data/field/\(name).txt") }

    private func domains(_ text: String) throws -> [TracedDomain] {
        TraceReconstruction(try TraceText.read(Array(text.utf8)).events, TraceQuestion()).domains
    }

    @Test(.enabled(if: SharedShelf.isPresent)) func brokenLinesAreJoined() throws {
        let trace = try TraceText.read(bytes("t01-trace-wrapped"))
        #expect(trace.events.map(\.line) == [1, 7])
        #expect(trace.events.map(\.task) == ["(udev-worker)-532", "kworker/u64:0-12"])
        #expect(
            trace.events.map(\.kind) == [
                .map(iova: 0xfe98_0000, physical: 0x1_0ec8_0000, size: 524288),
                .unmap(iova: 0xfe98_0000, size: 524288, unmapped: 524288),
            ])
        #expect(trace.findings.map(\.code) == ["text-cleaned"])
        #expect(TraceReconstruction(trace.events, TraceQuestion()).domains.map(\.kind) == [.dmaLayer])
    }

    @Test(
        .enabled(if: SharedShelf.isPresent),
        arguments: [("t02-trace-old", ""), ("t04-trace-dev", "1d84000.ufshc")])
    func otherMasksAreTheDMALayers(name: String, device: String) throws {
        let trace = try TraceText.read(bytes(name))
        #expect(trace.events.count == 2 && trace.events.allSatisfy { $0.device == device })
        let domain = try #require(TraceReconstruction(trace.events, TraceQuestion()).domains.first)
        #expect(domain.kind == .dmaLayer && domain.device == device && domain.maps == 1 && domain.unmaps == 1)
        #expect(domain.oddities.isEmpty && domain.live == 0)
    }

    /// The allocator goes down from the top of the mask, also where the trace began later.
    @Test(arguments: [32, 33, 36, 39, 40, 44, 48]) func topsOfMasks(bits: UInt64) throws {
        let top: UInt64 = 1 << bits
        for distance in [0x1000, 0x2000, 0xca000, 0x100_0000] as [UInt64] {
            func map(_ iova: UInt64) -> String {
                "map: IOMMU: iova=\(HexLiteral.text(iova)) paddr=0x1000 size=4096\n"
            }
            let found = try domains(map(top - distance) + map(top - distance - 0x1000))
            #expect(found.map(\.kind) == [.dmaLayer], "\(bits) bits, \(distance) below")
            #expect(found.allSatisfy { $0.oddities.isEmpty }, "\(found)")
        }
    }

    @Test func addressesOfUserSpaceStayUserSpace() throws {
        for iova in ["0x40000000", "0x100000000", "0x7f1234400000", "0x7ffff7a00000", "0x0", "0x7fe00000"] {
            let found = try domains("map: IOMMU: iova=\(iova) paddr=0x100000000 size=2097152\n")
            #expect(found.map(\.kind) == [iova == "0x100000000" ? .direct : .userSpace], "\(iova)")
        }
    }

    @Test func devicesTellDomainsApart() throws {
        let found = try domains(
            """
            map: IOMMU: dev=a.ufshc iova=0xffffff000 paddr=0x1000 size=4096
            map: IOMMU: dev=b.usb iova=0x40000000 paddr=0x2000 size=4096
            map: IOMMU: dev=a.ufshc iova=0xfffffe000 paddr=0x3000 size=4096

            """)
        #expect(found.map(\.device) == ["a.ufshc", "b.usb"] && found.map(\.maps) == [2, 1])
        #expect(found.map(\.kind) == [.dmaLayer, .dmaLayer])
    }

    /// Devices of one group share a domain: the second gets what the allocator gives next.
    @Test func devicesOfOneGroupShareADomain() throws {
        func map(_ device: String, _ iova: UInt64) -> String {
            "map: IOMMU: dev=\(device) iova=\(HexLiteral.text(iova)) paddr=0x1000 size=4096\n"
        }
        let (a, b) = ("0000:01:00.0", "0000:01:00.1")
        for top in [0xffff_f000, 0xf_ffff_f000] as [UInt64] {
            let text = map(a, top) + map(b, top - 0x1000) + map(a, top - 0x2000) + map(b, top - 0x3000)
            let found = try domains(
                text + "unmap: IOMMU: dev=\(b) iova=\(HexLiteral.text(top)) size=4096 unmapped_size=4096\n")
            #expect(found.map(\.devices) == [[a, b]], "\(found)")
            #expect(found.map(\.maps) == [4] && found.map(\.live) == [3] && found[0].oddities.isEmpty)
        }
        // What a fresh domain gives first is a domain of its own.
        let apart = try domains(map(a, 0xffff_f000) + map(b, 0xffff_f000) + map(b, 0xffff_e000))
        #expect(apart.map(\.devices) == [[a], [b]] && apart.map(\.maps) == [1, 2])
        let elsewhere = try domains(map(a, 0xffff_f000) + map(b, 0xfffc_0000))
        #expect(elsewhere.map(\.devices) == [[a], [b]])
    }

    @Test func partsAreJoinedOverOtherLines() throws {
        let stamp = "  a-1 [000] ..... 1.0: "
        let text = """
            \(stamp)map:
            IOMMU: iova=0x1000 -
            \(stamp)sched_switch: prev_comm=x
            0x2000 paddr=0x4000 size=4096
            \(stamp)unmap: IOMMU: iova=0x1000 - 0x2000 size=4096
            unmapped_size=8192
            """
        let trace = try TraceText.read(Array(text.utf8))
        #expect(
            trace.events.map(\.kind) == [
                .map(iova: 0x1000, physical: 0x4000, size: 4096),
                .unmap(iova: 0x1000, size: 4096, unmapped: 8192),
            ])
        #expect(
            trace.events.map(\.task) == ["a-1", "a-1"] && trace.linesRead == 6 && trace.linesIgnored == 1)
        let hole =
            "\(stamp)map: IOMMU: iova=0x1000 -\n\(stamp)map: IOMMU: iova=0x1000 - 0x2000 paddr=0x4000 size=4096\n"
        #expect(throws: TextError.self) { try TraceText.read(Array(hole.utf8)) }
    }
}
