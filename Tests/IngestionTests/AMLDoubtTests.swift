// Devices that may be host bridges, and host bridges that may not be there: what has to be evaluated makes
// windows unknown, and never absent.

import AddressSpaces
import Machines
import TestSupport
import Testing

@testable import Ingestion

@Suite struct AMLDoubtTests {
    private static let table = AMLFixture.compiled("doubt")
    private static let bridges = AMLReader.read([table]).bridges

    private func bridge(_ name: String) throws -> AMLHostBridge {
        try #require(Self.bridges.first { $0.path.hasSuffix(name) })
    }

    private func reason<Value: Sendable>(_ fact: AMLFact<Value>) -> AMLRefusal.Reason? {
        guard case .unknown(let refusal) = fact else { return nil }
        return refusal.reason
    }

    @Test func devicesThatMayBeBridges() throws {
        let doubts = Self.bridges.filter { $0.doubt != nil }
        #expect(doubts.map { $0.path.suffix(4) } == ["PCI0", "PCI2", "PCI9", "PCIB"])
        #expect(
            doubts.map(\.doubt?.reason) == [.declaredUnderCondition, .branches, .nameUnknown, .storedTo],
            "\(doubts.map(\.doubt))")
        #expect(Self.bridges.count == 11 && !Self.bridges.contains { $0.path.contains("DEV") })
        // Those that are bridges for sure come first.
        #expect(Self.bridges.prefix(7).allSatisfy { $0.doubt == nil })
    }

    @Test func objectsAreThereWithTheirDevice() throws {
        let whole = try bridge("PCI1")
        #expect(whole.condition?.reason == .declaredUnderCondition && whole.doubt == nil)
        #expect(whole.segment.value == 1 && whole.resources.value != nil)
    }

    /// What a method declares in a device is there when the method has run.
    @Test func methodsDeclareDevices() {
        let identifier = AMLFixture.name("_HID", [0x0c, 0x41, 0xd0, 0x0a, 0x08])
        let device = AMLFixture.packaged([0x5b, 0x82], Array("^PCI1".utf8) + identifier)
        let path: [UInt8] = [0x08, 0x5e, 0x2e] + Array("PCI0_HID".utf8) + [UInt8](identifier.suffix(5))
        let method = AMLFixture.method("INIT", device + path)
        let bridge = AMLFixture.packaged(
            [0x5b, 0x82], Array("PCI0".utf8) + AMLFixture.name("_CRS", AMLFixture.buffer(AMLFixture.window)))
        let bridges = AMLReader.read([AMLFixture.table(bridge + method)]).bridges
        #expect(bridges.map(\.path) == ["\\PCI0", "\\PCI1"], "\(bridges.map(\.path))")
        #expect(bridges.allSatisfy { $0.doubt != nil })
        #expect(AMLDisagreement([AMLFixture.table(bridge + method)]).lines == [])
    }

    @Test func presence() throws {
        for (name, isPresent) in [
            ("PCI1", true), ("PCI5", false), ("PCI7", true), ("PCI8", false), ("PCIC", true),
        ] { #expect(try bridge(name).presence.value == isPresent, "\(name)") }
        #expect(reason(try bridge("PCI4").presence) == .branches)
        #expect(reason(try bridge("PCI6").presence) == .nameUnknown)
    }

    @Test func windowsAreUnknown() throws {
        var builder = IORTBuilder()
        let smmu = builder.smmuV3(base: 0x905_0000)
        for segment in UInt32(0)..<13 {
            builder.rootComplex(segment: segment, [.init(0, 0xffff, segment << 16, to: smmu)])
        }
        let platform = try ACPIReader.read([builder.table(), Self.table])
        let unknown = platform.devices.filter(\.hasUnknownPCIWindows).map(\.id)
        // Segments 3 and 10 have no bridge in these tables.
        #expect(unknown == [0, 1, 2, 3, 4, 6, 9, 10, 11].map { "rc:\($0)" })
        // What a bridge that may be there has counts, so that none is missed; what may be no bridge has none.
        let listed = platform.devices.filter { !$0.pciWindows.isEmpty }.map(\.id)
        #expect(listed == [1, 4, 6, 7, 12].map { "rc:\($0)" })
        let known = platform.hostBridges.filter(\.areWindowsKnown).map { $0.path.suffix(4) }
        #expect(known == ["PCI7", "PCIC"])
        let codes = Dictionary(grouping: platform.findings, by: \.code).mapValues(\.count)
        #expect(
            codes == [
                "hid-needs-evaluation": 4, "bridge-conditional": 1, "sta-needs-evaluation": 2,
                "bridge-absent": 2, "pci-windows-unknown": 1,
            ])
        // A kernel that booted knows which windows there are.
        var facts = ACPIReader.Facts()
        facts.pciWindows = [4: [], 6: [IOMemText.window(IOVARange(proven: 0x6000_0000, 0x60ff_ffff))]]
        let booted = try ACPIReader.read([builder.table(), Self.table], facts)
        for (segment, count) in [(4, 0), (6, 1)] {
            #expect(!booted.devices[segment].hasUnknownPCIWindows, "\(segment)")
            #expect(booted.devices[segment].pciWindows.count == count, "\(segment)")
        }
    }

    /// Who reads a name or a method's result is asked once for all bridges.
    @Test func workGrowsWithTheTable() {
        func seconds(_ size: Int) -> Duration {
            var terms = AMLFixture.name("PBRB", AMLFixture.buffer(AMLFixture.window))
            func name(_ letter: String, _ number: Int) -> String {
                letter
                    + [2, 1, 0].map { String(UnicodeScalar(UInt8(0x41 + number >> (4 * $0) & 15))) }.joined()
            }
            for number in 0..<size * 8 {
                terms += AMLFixture.method(name("M", number), [0xa4] + Array("PBRB".utf8))
            }
            for number in 0..<size {
                let own =
                    AMLFixture.name("_HID", [0x0c, 0x41, 0xd0, 0x0a, 0x08])
                    + AMLFixture.method("_CRS", [0xa4] + Array("\\PBRB".utf8))
                terms += AMLFixture.packaged([0x5b, 0x82], Array(name("B", number).utf8) + own)
            }
            let table = AMLFixture.table(terms)
            return (0..<7).map { _ in
                ContinuousClock().measure {
                    #expect(AMLReader.read([table]).bridges.count == size)
                }
            }.min()!
        }
        let (one, eight) = (seconds(30), seconds(240))
        // Of work that grows with the square it would be 64 times.
        #expect(eight < one * 24, "a table of eight times the length took \(eight) instead of \(one)")
    }
}
