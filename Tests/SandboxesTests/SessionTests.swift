// Sessions as values: verbs, undo, previews, groups, the shared doorbell map, and the log that repeats it
// all.

import AddressSpaces
import IOVAAllocation
import LinuxReleases
import MSIWindows
import Machines
import Sandboxes
import TestSupport
import Testing

@Suite struct SessionTests {
    static let quota = SessionQuota(
        domains: 8, ranges: 100_000, regions: 1_000, devices: 16, doorbells: 100, mappings: 1_000)

    static func session(
        _ consumer: Consumer = .dmaAPI, kernel: KernelProfile = .newest, page: Granule = .kib4,
        ids: [String] = ["d0"], quota: SessionQuota = SessionTests.quota
    ) throws -> Session {
        var session = Session(id: "s", kernel: kernel, createdAt: 0, ttlSeconds: 900, quota: quota)
        for id in ids {
            try session.create(
                DomainSetup(
                    id: id, consumer: consumer, conditions: Conditions(kernel: kernel, pageSize: page)))
        }
        _ = session.takeEvents()
        return session
    }

    private func doorbell(_ address: UInt64) -> PhysicalAddress { PhysicalAddress(address) }

    @Test(arguments: [
        (Granule.kib4, 0xffff_f040 as UInt64, 0xffff_e040 as UInt64), (.kib16, 0xffff_c040, 0xffff_8040),
        (.kib64, 0xffff_0040, 0xfffe_0040),
    ])
    func doorbellsTakeTheHighestPages(page: Granule, first: UInt64, second: UInt64) throws {
        var session = try Self.session(page: page)
        let asker = Asker.anonymous(isPCI: true)
        let one = try session.map(doorbell(0x809_0040), mask: .max, for: asker, in: "d0")
        #expect(one.iova.value == first && one.isNew)
        let two = try session.map(doorbell(0x829_0040), mask: .max, for: asker, in: "d0")
        #expect(two.iova.value == second)
        let again = try session.map(doorbell(0x809_0044), mask: .max, for: asker, in: "d0")
        #expect(again.iova.value == first + 4 && !again.isNew)
    }

    /// Group mates: only the first device's reservations reach the allocator (linux-msi.md B.2).
    @Test func onlyTheFirstDeviceReserves() throws {
        func device(_ id: String, _ start: UInt64) -> SessionDevice {
            SessionDevice(
                id: id, platform: nil,
                device: Device(
                    id: id, kind: .pciFunction,
                    firmwareRegions: [
                        ReservedRegion(
                            kind: .reserved, start: start, length: 0x10_0000, provenance: .caller("test"))
                    ]))
        }
        var session = try Self.session(ids: ["d0", "d1"])
        try session.attach(device("bridge", 0xa000_0000), to: "d0")
        try session.attach(device("edu", 0xfff0_0000), to: "d0")
        let inside = try session.map(doorbell(0x809_0040), mask: .max, for: .device("edu"), in: "d0")
        #expect(inside.iova.value == 0xffff_f040, "the mate's reservation does not count")
        try session.attach(device("edu2", 0xfff0_0000), to: "d1")
        let outside = try session.map(doorbell(0x809_0040), mask: .max, for: .device("edu2"), in: "d1")
        #expect(outside.iova.value == 0xffef_f040, "the first device's does")
        #expect(throws: SessionRefusal.alreadyAttached(domain: "d0", device: "edu")) {
            try session.attach(device("edu", 0), to: "d1")
        }
    }

    @Test func freeingTwiceIsToldAtEveryLevel() throws {
        var session = try Self.session()
        for level in AllocationOrder.Level.allCases {
            let made = try session.allocate(
                AllocationOrder(bytes: 0x3000, limit: 0xffff_ffff, level: level), in: "d0")
            try session.free(made.range.start, in: "d0")
            #expect(throws: SessionRefusal.notAllocated(made.range.start)) {
                try session.free(made.range.start, in: "d0")
            }
        }
        #expect(session.liveCount == 0)
        // The tree level cannot allocate what the caches keep; the cached level can.
        let kept = try session.allocate(
            AllocationOrder(bytes: 0x4000, limit: 0xffff_ffff, level: .cached), in: "d0")
        #expect(try session.domain("d0").holding(at: kept.range.start)?.kind == .allocation)
    }

    @Test func reservationsRespectWhatLivesUnlessToldToGrow() throws {
        var session = try Self.session()
        let made = try session.allocate(AllocationOrder(bytes: 0x1000, limit: 0xffff_ffff), in: "d0")
        let range = try #require(IOVARange(start: IOVA(0xffff_0000), size: 0x1_0000))
        #expect(throws: SessionRefusal.inUse(made.range, .allocation)) {
            try session.reserve(range, as: .reserved, provenance: "test", grows: false, in: "d0")
        }
        try session.reserve(range, as: .reserved, provenance: "test", grows: true, in: "d0")
        // reserve_iova made the allocation grow down; freeing it frees all of it.
        let freed = try session.free(made.range.start, in: "d0")
        #expect(freed.range == range)
        #expect(try session.domain("d0").heldCount == 0)
    }

    /// A range of the caches that a reservation made grow goes on by the pages that were asked for: freed, it
    /// is parked in their class, and an export of it is sound.
    @Test(arguments: [false, true])
    func grownRangesStayInTheirClass(byDevice: Bool) throws {
        var session = try Self.session()
        let order = AllocationOrder(bytes: 0x1000, limit: 0xffff_ffff, level: .cached)
        let first = try session.allocate(order, in: "d0").range
        let below = IOVARange(proven: first.start.value - 0x2000, first.last.value)
        if byDevice {
            let region = ReservedRegion(
                kind: .reserved, start: below.start.value, length: 0x3000, provenance: .caller("test"))
            let device = Device(id: "eth0", kind: .platform, firmwareRegions: [region])
            try session.attach(SessionDevice(id: "eth0", platform: nil, device: device), to: "d0")
        } else {
            try session.reserve(below, as: .reserved, provenance: "test", grows: true, in: "d0")
        }
        for _ in 0..<3 {
            #expect(try session.free(first.start, in: "d0").range == below)
            #expect(try session.allocate(order, in: "d0").range == first)
            #expect(throws: Never.self) {
                try Session(
                    restoring: session.snapshot, id: "s", createdAt: 0, ttlSeconds: 1, quota: Self.quota)
            }
        }
    }

    /// One random verb on `d0`; its result as text.
    static func step(_ session: inout Session, _ random: inout SeededGenerator) -> String {
        do throws(SessionRefusal) {
            switch random.next() % 12 {
            case 0..<6:
                let level = AllocationOrder.Level(rawValue: UInt8(random.next() % 3))!
                let limits: [UInt64] = [0xffff_ffff, 0xff_ffff, .max, 0x1fff, 0x3f_ffff]
                let order = AllocationOrder(
                    bytes: (random.next() % 40 + 1) << 12,
                    limit: limits[Int(random.next() % UInt64(limits.count))],
                    isAligned: random.next() % 3 > 0, level: level)
                return "\(try session.allocate(order, in: "d0").range.text)"
            case 6..<10:
                let held = try session.domain("d0").holdings(
                    from: IOVA(random.next() & 0xffff_ffff), limit: 1
                ).items.first
                guard let held else { return "nothing" }
                return "\(try session.free(held.range.start, in: "d0").range.text)"
            case 10:
                let start = (random.next() % 0x10_0000) << 12
                let range = IOVARange(proven: start, start + (random.next() % 16) << 12 + 0xfff)
                try session.reserve(
                    range, as: .reserved, provenance: "r", grows: random.next() % 2 == 0, in: "d0")
                return "reserved"
            default:
                if random.next() % 4 == 0 {
                    try session.trim("d0")
                    return "trimmed"
                }
                let physical = PhysicalAddress((random.next() % 50) << 12)
                return try session.map(
                    physical, mask: .max, for: .anonymous(isPCI: random.next() % 2 == 0), in: "d0"
                ).iova.hex
            }
        } catch {
            return "\(error)"
        }
    }

    /// What a session is, as text that two can be compared by.
    static func picture(_ session: Session) -> String {
        let snapshot = session.snapshot
        return snapshot.domains.map { domain in
            let allocator = domain.allocator
            return "\(domain.regions) \(domain.doorbells) \(String(describing: allocator?.state)) "
                + "\(allocator?.notes ?? []) \(allocator?.hardware ?? []) \(allocator?.givenUp ?? [])"
        }.joined()
    }

    private struct Undo: Error {}

    @Test(arguments: [KernelProfile.v6_1, .v6_12, .v7_2], [1, 2] as [UInt64])
    func undoneVerbsLeaveNothingBehind(kernel: KernelProfile, seed: UInt64) throws {
        var session = try Self.session(kernel: kernel)
        var random = SeededGenerator(seed: seed)
        for round in 0..<40 {
            for _ in 0..<10 { _ = Self.step(&session, &random) }
            _ = session.takeEvents()
            let before = Self.picture(session)
            #expect(throws: (any Error).self) {
                try session.transaction(on: "d0") { session throws(Undo) in
                    for _ in 0..<25 { _ = Self.step(&session, &random) }
                    throw Undo()
                }
            }
            #expect(Self.picture(session) == before, "seed \(seed), round \(round)")
            #expect(session.takeEvents().isEmpty)
            let order = AllocationOrder(bytes: 0x5000, limit: 0xffff_ffff, level: .dmaLayer)
            let preview = try? session.preview(order, in: "d0")
            #expect(Self.picture(session) == before, "seed \(seed), round \(round)")
            #expect(preview?.range == (try? session.allocate(order, in: "d0"))?.range)
        }
    }

    @Test(arguments: [KernelProfile.v6_1, .v7_2], [5, 6] as [UInt64])
    func importedSessionsGoOnAlike(kernel: KernelProfile, seed: UInt64) throws {
        var first = try Self.session(kernel: kernel)
        var random = SeededGenerator(seed: seed)
        for _ in 0..<3_000 { _ = Self.step(&first, &random) }
        _ = first.takeEvents()
        var second = try Session(
            restoring: first.snapshot, id: "s", createdAt: 5, ttlSeconds: 1, quota: Self.quota)
        #expect(second.revision == first.revision)
        #expect(Self.picture(second) == Self.picture(first))
        var randomToo = random
        for index in 0..<1_000 {
            #expect(
                Self.step(&first, &random) == Self.step(&second, &randomToo), "seed \(seed), verb \(index)")
        }
        #expect(Self.picture(second) == Self.picture(first))
    }

    @Test func notesThatContradictTheAllocatorAreRefused() throws {
        var session = try Self.session()
        var random = SeededGenerator(seed: 9)
        for _ in 0..<500 { _ = Self.step(&session, &random) }
        let sound = session.snapshot
        var refused = 0
        for _ in 0..<2_000 {
            var snapshot = sound
            var allocator = snapshot.domains[0].allocator!
            let index = Int(random.next() % UInt64(allocator.notes.count))
            switch random.next() % 6 {
            case 0: allocator.notes[index].hi &+= 1
            case 1: allocator.notes[index].pages = random.next()
            case 2: allocator.notes.remove(at: index)
            case 3: allocator.notes.append(allocator.notes[index])
            case 4:
                allocator.notes[index].kind =
                    SessionSnapshot.Note.Kind.allCases[Int(random.next() % 4)]
            default: snapshot.domains[0].doorbells.append(.init(physical: 0x7000, iova: random.next()))
            }
            snapshot.domains[0].allocator = allocator
            do throws(SessionSnapshot.Fault) {
                var restored = try Session(
                    restoring: snapshot, id: "s", createdAt: 0, ttlSeconds: 1, quota: Self.quota)
                for _ in 0..<20 { _ = Self.step(&restored, &random) }
                _ = try Session(
                    restoring: restored.snapshot, id: "s", createdAt: 0, ttlSeconds: 1, quota: Self.quota)
            } catch {
                refused += 1
            }
        }
        #expect(refused > 1_000, "only \(refused) of 2000")
    }

    @Test func quotasAreReached() throws {
        var quota = Self.quota
        quota.domains = 2
        quota.ranges = 3
        quota.regions = 1
        var session = try Self.session(ids: ["d0", "d1"], quota: quota)
        #expect(throws: SessionRefusal.full(.domains, max: 2)) {
            try session.create(DomainSetup(id: "d2", consumer: .dmaAPI, conditions: Conditions()))
        }
        let range = IOVARange(proven: 0x1000, 0x1fff)
        try session.reserve(range, as: .reserved, provenance: "", grows: false, in: "d0")
        #expect(throws: SessionRefusal.full(.regions, max: 1)) {
            try session.reserve(range, as: .reserved, provenance: "", grows: false, in: "d1")
        }
        let order = AllocationOrder(bytes: 1, limit: .max)
        _ = try session.allocate(order, in: "d0")
        _ = try session.allocate(order, in: "d1")
        #expect(throws: SessionRefusal.full(.ranges, max: 3)) { try session.allocate(order, in: "d0") }
    }
}
