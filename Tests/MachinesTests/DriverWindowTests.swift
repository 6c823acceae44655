// Which `msi` of a list is the driver's window.

import AddressSpaces
import Machines
import Testing

@Suite struct DriverWindowTests {
    private func region(
        _ start: UInt64, _ length: UInt64 = 0x10_0000, _ kind: ReservedRegion.Kind = .msi
    ) -> ReservedRegion {
        ReservedRegion(kind: kind, start: start, length: length, provenance: .caller("test"))
    }

    private func kinds(_ regions: [ReservedRegion]) -> [ReservedRegion.Kind] {
        regions.tellingMSIsApart().map(\.kind)
    }

    @Test func placeAndSizeDecide() {
        for window in DriverWindow.known {
            #expect(kinds([region(window.start.value)]) == [.softwareMSI])
            #expect(kinds([region(window.start.value, 0x1_0000)]) == [.msi])
            #expect(kinds([region(window.start.value + 0x1000)]) == [.softwareMSI])
        }
        #expect(kinds([region(DriverWindow.x86.start.value)]) == [.msi])
        #expect(kinds([region(0x900_0000), region(0xb00_0000)]) == [.msi, .msi])
        #expect(kinds([region(0x900_0000), region(0x800_0000)]) == [.msi, .softwareMSI])
        // The union over groups repeats lines.
        #expect(kinds([region(0x900_0000), region(0x900_0000)]) == [.softwareMSI, .softwareMSI])
    }

    @Test func whatTheCallerSaysStays() {
        #expect(
            kinds([region(0x900_0000), region(0x800_0000, 0x10_0000, .softwareMSI)]) == [.msi, .softwareMSI])
        let said = [
            region(0x700_0000, 0x10_0000, .softwareMSI), region(0x800_0000), region(0x809_0000, 0x1000),
        ]
        #expect(said.withoutDriverWindowNamedMSI().map(\.start) == [0x700_0000, 0x809_0000])
    }

    /// Regions of no bytes, and such that pass 2^64, have no range.
    @Test func oddRegionsAreHardwares() {
        let odd = [region(0x800_0000, 0), region(.max - 0xffff), region(0, .max)]
        #expect(kinds(odd) == [.msi, .msi, .msi])
        #expect(odd.withoutDriverWindowNamedMSI() == odd)
        #expect([ReservedRegion]().tellingMSIsApart().isEmpty)
    }
}
