// How objects are changed without their own names, what a value of the wrong kind means, and what devices
// around a bridge say. What writes to the buffers of bridges 0 to 2 does so in ACPICA's interpreter.

import TestSupport
import Testing

@testable import Ingestion

@Suite struct AMLUseTests {
    private static let uses = AMLReader.read([AMLFixture.compiled("uses")]).bridges

    private func bridge(_ name: String) throws -> AMLHostBridge {
        try #require(Self.uses.first { $0.path.hasSuffix(name) })
    }

    private func reason<Value: Sendable>(_ fact: AMLFact<Value>) -> AMLRefusal.Reason? {
        guard case .unknown(let refusal) = fact else { return nil }
        return refusal.reason
    }

    private func isAbsent<Value: Sendable>(_ fact: AMLFact<Value>) -> Bool {
        guard case .absent = fact else { return false }
        return true
    }

    @Test(arguments: ["PCI0", "PCI1", "PCI2", "PCI3"]) func buffersChangeUnseen(name: String) throws {
        #expect(reason(try bridge(name).resources) == .storedTo)
    }

    @Test func readingChangesNothing() throws {
        let read = try bridge("PCI4")
        #expect(read.resources.value?.count == 14)
        #expect(read.segment.value == 4 && read.firstBus.value == 0x20)
    }

    @Test func whatIsElsewhereIsUnknown() throws {
        let bridge = try bridge("PCI5")
        // At the External, which iasl wraps in an If of three bytes.
        guard case .unknown(let refusal) = bridge.resources else {
            Issue.record("another table declares it")
            return
        }
        #expect(refusal == AMLRefusal(.nameUnknown, at: ACPITable.headerBytes + 3))
        #expect(reason(bridge.segment) == .notAnInteger)
    }

    @Test func devicesAround() throws {
        let bridge = try bridge("PCI6")
        #expect(bridge.isCoherent.value == false && isAbsent(bridge.inbound))
    }

    @Test func selections() throws {
        #expect(try bridge("PCI6").preservesConfiguration.value == true)
        #expect(reason(try bridge("PCI7").preservesConfiguration) == .branches)
    }

    @Test func theDSDTSaysHowWideIntegersAre() {
        let segment = AMLFixture.name("_SEG", [0x0e, 1, 0, 0, 0, 2, 0, 0, 0])
        let bridge = AMLFixture.bridge(segment + AMLFixture.name("_BBN", [0xff]))
        var narrow = AMLFixture.table(bridge)
        narrow[8] = 1
        let empty = AMLFixture.table([])
        var narrowEmpty = empty
        narrowEmpty[8] = 1
        let ssdt = AMLFixture.table(bridge, "SSDT")
        for (tables, isNarrow) in [([narrow], true), ([narrowEmpty, ssdt], true), ([empty, ssdt], false)] {
            let read = AMLReader.read(tables).bridges[0]
            #expect(read.segment.value == (isNarrow ? 1 : 0x2_0000_0001))
            #expect(read.firstBus.value == (isNarrow ? UInt64(UInt32.max) : .max))
        }
    }

    @Test func onlyNamesAreNames() {
        func refused(_ terms: [UInt8]) -> AMLRefusal? {
            AMLReader.read([AMLFixture.table(terms)]).refusals[0]
        }
        #expect(refused([0x2f, 0x00]) == AMLRefusal(.noName, at: 36))
        let constant = AMLFixture.name("ABCD", [0x01])
        #expect(refused([0x06] + constant + Array("EFGH".utf8)) == AMLRefusal(.noName, at: 37))
        let field = AMLFixture.packaged([0x5b, 0x81], constant + [0])
        #expect(refused(field) == AMLRefusal(.noName, at: 39))
    }
}
