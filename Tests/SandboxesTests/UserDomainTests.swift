// VFIO containers and iommufd address spaces inside a session.

import AddressSpaces
import IOVAAllocation
import LinuxReleases
import MSIWindows
import Machines
import Sandboxes
import TestSupport
import Testing

@Suite struct UserDomainTests {
    private func device(
        _ id: String, _ kind: ReservedRegion.Kind = .reserved, at start: UInt64? = nil, smmu: String = "smmu"
    ) -> SessionDevice {
        let regions = start.map {
            [ReservedRegion(kind: kind, start: $0, length: 0x10_0000, provenance: .caller("test"))]
        }
        return SessionDevice(
            id: id, platform: nil,
            device: Device(
                id: id, kind: .pciFunction, streams: [StreamMapping(smmu: smmu, kind: .specifier([]))],
                firmwareRegions: regions ?? []))
    }

    private let any = Asker.anonymous(isPCI: true)

    /// One iommufd context: the same doorbell has the same IOVA in each of its domains, pages count across.
    @Test func domainsOfOneContextShareDoorbells() throws {
        var session = try SessionTests.session(.iommufd, ids: ["a", "b"])
        try session.attach(device("x"), to: "a")
        try session.attach(device("y"), to: "b")
        func map(_ physical: UInt64, _ id: String) throws -> MappedDoorbell {
            try session.map(PhysicalAddress(physical), mask: .max, for: any, in: id)
        }
        #expect(try map(0x809_0040, "a").iova.value == 0x800_0040)
        #expect(try map(0x829_0040, "b").iova.value == 0x800_1040)
        let shared = try map(0x829_0040, "a")
        #expect(shared.iova.value == 0x800_1040 && shared.isNew)
        for page in 2..<64 as Range<UInt64> { _ = try map(0x1000_0000 + page << 12, "a") }
        #expect(throws: SessionRefusal.self) { try map(0x2000_0000, "b") }
        var moved = try Session(
            restoring: session.snapshot, id: "m", createdAt: 0, ttlSeconds: 1, quota: SessionTests.quota)
        #expect(
            try moved.map(PhysicalAddress(0x809_0044), mask: .max, for: any, in: "b").iova.value == 0x800_0044
        )
        #expect(throws: SessionRefusal.self) {
            try moved.map(PhysicalAddress(0x3000_0000), mask: .max, for: any, in: "b")
        }
    }

    /// What a session of user-space domains is, for comparing two: what it exports and what it lists.
    private func picture(_ session: Session) -> String {
        let snapshot = session.snapshot
        return "\(snapshot.context) "
            + session.domains.enumerated().map { index, domain in
                "\(domain.doorbells) \(domain.holdings(from: IOVA(0), limit: 100).items) "
                    + "\(domain.devices.map(\.id)) \(snapshot.domains[index].interrupts)"
            }.joined(separator: "; ")
    }

    /// One random verb on one of the domains; its result as text.
    private func step(_ session: inout Session, _ random: inout SeededGenerator) -> String {
        let id = ["a", "b"][Int(random.next() % 2)]
        let name = "\(id)\(random.next() % 3)"
        do throws(SessionRefusal) {
            switch random.next() % 8 {
            case 0, 1:
                let start = random.next() % 2 == 0 ? 0xa000_0000 + (random.next() % 4) << 24 : nil
                try session.attach(device(name, at: start, smmu: "smmu\(random.next() % 2)"), to: id)
                return "attached"
            case 2:
                try session.detach(name, from: id)
                return "detached"
            case 3, 4:
                let made = try session.mapMemory(
                    at: (random.next() % 0x200) << 20, bytes: 0x10_0000, userAddress: 0, in: id)
                return made.range.text
            case 5: return try session.free(IOVA((random.next() % 0x200) << 20), in: id).range.text
            default:
                let asker = random.next() % 2 == 0 ? any : .device(name)
                let physical = PhysicalAddress((random.next() % 12) << 12 | 0x40)
                let made = try session.map(physical, mask: .max, for: asker, in: id)
                return "\(made.iova.hex) \(made.isNew)"
            }
        } catch {
            return "\(error)"
        }
    }

    /// Every export comes back as what it was, and goes on alike, also after devices have left.
    @Test(arguments: [Consumer.vfioType1, .iommufd], [KernelProfile.v6_12, .v7_2])
    func exportsComeBackAlike(consumer: Consumer, kernel: KernelProfile) throws {
        var random = SeededGenerator.forTest("exportsComeBackAlike", fallback: 4)
        var filled = 0
        for round in 0..<40 {
            var session = try SessionTests.session(consumer, kernel: kernel, ids: ["a", "b"])
            for _ in 0..<30 { _ = step(&session, &random) }
            let isFilled = session.domains.contains { !$0.devices.isEmpty && !$0.doorbells.isEmpty }
            filled += isFilled ? 1 : 0
            let snapshot = session.snapshot
            var moved: Session
            do throws(SessionSnapshot.Fault) {
                moved = try Session(
                    restoring: snapshot, id: "s", createdAt: 0, ttlSeconds: 1, quota: SessionTests.quota)
            } catch {
                Issue.record("round \(round): \(error)")
                continue
            }
            #expect(picture(moved) == picture(session), "round \(round)")
            var randomToo = random
            for index in 0..<30 {
                let (first, second) = (step(&session, &random), step(&moved, &randomToo))
                #expect(first == second, "round \(round), verb \(index)")
                if first != second { break }
            }
        }
        #expect(filled > 0, "no session had a device and a doorbell")
    }

    @Test func vfioMapsWhereItsListAllows() throws {
        var session = try SessionTests.session(.vfioType1)
        try session.attach(device("x", at: 0xa000_0000), to: "d0")
        #expect(try session.domain("d0").usableRanges?.count == 3)
        func map(_ iova: UInt64?, _ bytes: UInt64) throws -> Holding {
            try session.mapMemory(at: iova, bytes: bytes, userAddress: 0, in: "d0")
        }
        #expect(try map(0x4000_0000, 0x10_0000).pages == 0x100)
        #expect(throws: SessionRefusal.inUse(IOVARange(proven: 0x4000_0000, 0x400f_ffff), .mapping)) {
            try map(0x4000_0000, 0x1000)
        }
        #expect(throws: SessionRefusal.overlapsReserved(IOVARange(proven: 0x800_0000, 0x800_0fff))) {
            try map(0x800_0000, 0x1000)
        }
        #expect(throws: SessionRefusal.self) { try map(nil, 0x1000) }
        // A device whose reservation meets the mapping is refused; detaching the first gives its range back.
        #expect(throws: SessionRefusal.self) {
            try session.attach(device("y", at: 0x4000_0000, smmu: "other"), to: "d0")
        }
        try session.detach("x", from: "d0")
        #expect(try session.domain("d0").devices.isEmpty)
        try session.free(IOVA(0x4000_1000), in: "d0")
        #expect(session.liveCount == 0)
        try session.attach(device("y", at: 0x4000_0000, smmu: "other"), to: "d0")
    }

    @Test func hardwareMSIAloneFailsSinceLinux615() throws {
        for (kernel, works) in [(KernelProfile.v6_12, true), (.v7_2, false)] {
            var session = try SessionTests.session(.vfioType1, kernel: kernel)
            try session.attach(device("x", .msi, at: 0x800_0000), to: "d0")
            let made = try? session.map(PhysicalAddress(0x809_0040), mask: .max, for: any, in: "d0")
            #expect((made?.iova.value == 0x809_0040) == works, "\(kernel)")
        }
    }

    @Test func directRegionsKeepVFIOAndIommufdOut() throws {
        for consumer in [Consumer.vfioType1, .iommufd] {
            var session = try SessionTests.session(consumer)
            #expect(throws: SessionRefusal.self) {
                try session.attach(device("x", .direct, at: 0x800_0000), to: "d0")
            }
            #expect(session.takeEvents().isEmpty)
        }
    }

    @Test func iommufdPlacesFromTheBottom() throws {
        var session = try SessionTests.session(.iommufd)
        try session.attach(device("x"), to: "d0")
        let made = try session.mapMemory(at: nil, bytes: 0x1000, userAddress: 0x7f00_1000, in: "d0")
        #expect(made.range.start.value == 0x1000)
        let next = try session.mapMemory(at: nil, bytes: 0x800_0000, userAddress: 0x7f00_0000_0000, in: "d0")
        #expect(next.range.start.value == 0x820_0000)
    }
}
