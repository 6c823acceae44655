// The catalogue of doorbells against the maps of VMMs. An ITS that lies at one place in every guest is in
// both, so that a guest's fault is recognised from its bare line.

import AddressSpaces
import Fleet
import Machines
import Testing

@Suite struct DoorbellCatalogueTests {
    /// GITS_TRANSLATER in the second half of an ITS.
    private static let translater: UInt64 = 0x1_0040

    private func places(_ vmm: VMM, ram: UInt64, vcpus: Int) -> Set<UInt64> {
        var shape = VMShape(ram: ram)
        shape.vcpus = vcpus
        guard let map = try? vmm.map(shape) else { return [] }
        return Set(map.regions.filter { $0.kind == .its }.map { $0.range.start.value })
    }

    @Test(arguments: VMM.allCases) func fixedPlacesAreListed(vmm: VMM) {
        let small = places(vmm, ram: 1 << 30, vcpus: 2)
        for base in small.intersection(places(vmm, ram: 4 << 30, vcpus: 16)) {
            let rows = DoorbellCatalogue.rows(at: base + Self.translater)
            #expect(!rows.isEmpty, "\(vmm.name): \(HexLiteral.text(base))")
        }
    }

    /// Where the ITS lies below the redistributors, it is listed for the usual numbers of CPUs.
    @Test(arguments: VMM.allCases) func placesThatMoveAreListed(vmm: VMM) {
        for vcpus in [1, 2, 3, 8, 31, Int(DoorbellCatalogue.guestCPUsMax)] {
            for base in places(vmm, ram: 1 << 30, vcpus: vcpus) {
                let rows = DoorbellCatalogue.rows(at: base + Self.translater)
                #expect(!rows.isEmpty, "\(vmm.name), \(vcpus) vCPUs: \(HexLiteral.text(base))")
            }
        }
        let window: ClosedRange<UInt64> = 0x800_0000...0x80f_ffff
        let inside = DoorbellCatalogue.rows.filter { window.contains($0.doorbell.value) }
        #expect(inside.allSatisfy { $0.machines == ["QEMU virt"] }, "\(inside)")
    }
}
