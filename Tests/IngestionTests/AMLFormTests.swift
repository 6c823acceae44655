// The forms of `_CRS`, `_SEG` and `_DSM` that are read, and those that are refused with their offset:
// compiled from ASL of ours. What nothing can have changed is known; everything else is unknown, not absent.

import Machines
import TestSupport
import Testing

@testable import Ingestion

@Suite struct AMLFormTests {
    private static let forms = AMLReader.read([AMLFixture.compiled("forms")]).bridges

    private func bridge(_ name: String) throws -> AMLHostBridge {
        try #require(Self.forms.first { $0.path == "\\_SB.\(name)" })
    }

    private func refusal<Value: Sendable>(_ fact: AMLFact<Value>) -> AMLRefusal? {
        guard case .unknown(let refusal) = fact else { return nil }
        return refusal
    }

    @Test func everyBridgeIsFound() {
        #expect(Self.forms.map(\.path) == "0123456789ABCD".map { "\\_SB.PCI\($0)" })
    }

    @Test func resourcesAreRead() throws {
        for (name, start) in [("PCI2", 0x2000_0000), ("PCI3", 0x3000_0000), ("PCI9", 0x4000_0000)] {
            let list = try ResourceTemplate(try #require(bridge(name).resources.value))
            #expect(list.spaces.map(\.minimum) == [UInt64(start)] && list.spaces[0].window != nil, "\(name)")
        }
        let fixed = try ResourceTemplate(try #require(bridge("PCI1").resources.value))
        #expect(fixed.fixedMemoryCount == 1 && fixed.spaces.map(\.kind) == [.busNumbers])
    }

    @Test func spacesOfEachWidth() throws {
        let list = try ResourceTemplate(try #require(bridge("PCI0").resources.value))
        #expect(list.spaces.map(\.kind) == [.busNumbers, .memory, .memory, .io, .memory, .memory])
        #expect(list.spaces.map(\.isProduced) == [true, true, true, true, true, false])
        #expect(list.fixedMemoryCount == 1)
        let windows = list.spaces.filter(\.isProduced).dropFirst().compactMap(\.window)
        #expect(windows.map(\.busStart) == [0x1000_0000, 0x80_0000_0000, 0, 0x90_0000_0000])
        #expect(windows.map(\.cpuStart) == [0x5000_0000, 0x80_0000_0000, 0x3eff_0000, 0x90_0000_0000])
        #expect(windows.map(\.isPrefetchable) == [false, true, false, false])
        #expect(windows.map(\.is64Bit) == [false, true, false, true])
        #expect(windows.map(\.size) == [0x1000_0000, 0x1_0000_0000, 0x1_0000, 0x100_0000])
    }

    @Test func whatNeedsEvaluationIsUnknown() throws {
        for (name, reason, offset) in [
            ("PCI4", AMLRefusal.Reason.storedTo, 0x33f), ("PCI5", .storedTo, 0x399),
            ("PCI6", .storedTo, 0x3fc), ("PCI7", .branches, 0x420), ("PCI8", .branches, 0x474),
            ("PCIA", .computed, 0x515), ("PCIB", .storedTo, 0x566), ("PCIC", .declaredUnderCondition, 0x58f),
            ("PCID", .storedTo, 0x5de),
        ] {
            #expect(refusal(try bridge(name).resources) == AMLRefusal(reason, at: offset), "\(name)")
        }
    }

    @Test func numbersAreRead() throws {
        let first = try bridge("PCI0")
        #expect(first.firstBus.value == 0x10 && first.uid.value == .text("root"))
        #expect(first.isCoherent.value == true && first.segment.value == 0)
        #expect(try bridge("PCI1").segment.value == 1)
        #expect(try bridge("PCIA").presence.value == false && first.presence.value == true)
        #expect(refusal(try bridge("PCIB").segment)?.reason == .computed)
    }

    @Test func tablesBelongTogether() throws {
        let alone = AMLReader.read([AMLFixture.compiled("bridge")]).bridges
        let both = AMLReader.read([AMLFixture.compiled("bridge"), AMLFixture.compiled("windows")]).bridges
        #expect(both.map(\.path) == ["\\_SB.BUS0.PCI0", "\\_SB.PCI1", "\\_SB.PCI2", "\\_SB.PCI3"])
        for (place, start) in [(0, UInt64(0x1000_0000)), (1, 0x2000_0000)] {
            guard case .absent = alone[place].resources else {
                Issue.record("there is no _CRS in the DSDT")
                continue
            }
            let list = try ResourceTemplate(try #require(both[place].resources.value))
            #expect(list.spaces.map(\.minimum) == [start])
        }
        let inbound = try ResourceTemplate(try #require(both[0].inbound.value))
        #expect(inbound.spaces.compactMap(\.window).map(\.cpuStart) == [0, 0x8_0000_0000])
        #expect(inbound.spaces.compactMap(\.window).map(\.busStart) == [0, 0x1_0000_0000])
    }

    @Test func function5() throws {
        let bridges = AMLReader.read([AMLFixture.compiled("bridge")]).bridges
        #expect(bridges[0].preservesConfiguration.value == true)
        #expect(bridges[1].preservesConfiguration.value == false)
        guard case .absent = bridges[2].preservesConfiguration else {
            Issue.record("another function's identifier")
            return
        }
        #expect(refusal(bridges[3].preservesConfiguration)?.reason == .branches)
    }
}
