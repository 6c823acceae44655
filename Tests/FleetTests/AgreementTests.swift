// Promises and agreements as values: what a placement lets hosts promise, when a host keeps it, and the steps
// of an agreement, without platforms and clocks.

import AddressSpaces
import MSIWindows
import Machines
import TestSupport
import Testing

@testable import Fleet

@Suite struct AgreementTests {
    private static func facts(_ regions: [ReservedRegion]) -> HostFacts {
        HostFacts(regions: regions, ranges: nil, aperture: Conditions().aperture)
    }

    private static func reserving(_ start: UInt64) -> ReservedRegion {
        ReservedRegion(kind: .reserved, start: start, length: 0x10_0000, provenance: .caller("test"))
    }

    private static func question(
        _ hosts: [HostFacts], _ guest: GuestDemand, _ window: WindowDemand = WindowDemand(),
        _ capabilities: Set<HostCapability> = []
    ) -> PlacementQuestion {
        PlacementQuestion(
            hosts: hosts.indices.map { .init(name: "h\($0)", facts: $0, capabilities: capabilities) },
            facts: hosts, guest: guest, window: window)
    }

    private static func promise(_ question: PlacementQuestion) -> Promise? {
        try? Promise(Placement.decide(question, checkpoint: {}), question)
    }

    /// Random hosts and guests: what is promised is a place that every host has free and the guest leaves,
    /// and each of the hosts keeps it by itself; a host keeps it that has nothing there and maps the guest.
    @Test func promisesAreKeptByWhoGaveThem() {
        var random = SeededGenerator.forTest("FleetTests.AgreementTests", fallback: 20_261_202)
        let places: [UInt64] = [0x800_0000, 0x810_0000, 0x4000_0000, 0x4100_0000, 0x8000_0000, 0xc000_0000]
        var promised = 0
        var broken = 0
        for _ in 0..<600 {
            let guest = GuestDemand(
                [VMM.qemuVirt, .openVMMLinux, .openVMMUEFI, .crosvm][Int(random.next() % 4)],
                VMShape(ram: 0x1000_0000 << (random.next() % 5)))
            let options: Set<HostCapability> = random.next() % 2 == 0 ? [.softwareMSIOptions] : []
            func host() -> HostFacts {
                Self.facts(places.filter { _ in random.next() % 4 == 0 }.map { Self.reserving($0) })
            }
            let question = Self.question([host(), host()], guest, WindowDemand(), options)
            guard let promise = Self.promise(question), let window = promise.window else { continue }
            promised += 1
            #expect(!guest.occupied.contains { $0.range.overlaps(window) })
            for facts in question.facts {
                #expect(facts.obstacles(overlapping: window).isEmpty)
                let standing = promise.standing(
                    of: "h", facts, capabilities: options, pageSize: .kib4, iommufd: .byContext)
                #expect(standing.keeps, "\(standing.blockers)")
            }
            let other = host()
            let standing = promise.standing(
                of: "o", other, capabilities: options, pageSize: .kib4, iommufd: .byContext)
            let maps = guest.ram.allSatisfy { other.mappable.contains($0) }
            let isFree = other.obstacles(overlapping: window).isEmpty
            // Where Linux's own window was promised nothing else is needed; where options move it, they do so
            // on every host that has them.
            #expect(standing.keeps == (maps && isFree), "\(window.text): \(standing.blockers)")
            if !standing.keeps { broken += 1 }
            if promise.mechanism.kind == .iommufdOptions {
                let without = promise.standing(
                    of: "o", question.facts[0], capabilities: [], pageSize: .kib4, iommufd: .byContext)
                #expect(without.blockers.map(\.kind) == ["mechanism"])
            }
        }
        #expect(promised > 100 && broken > 30, "\(promised) promised, \(broken) broken")
    }

    /// Larger pages need a larger window than was promised.
    @Test func pagesOfAnotherHost() throws {
        let guest = GuestDemand(.qemuVirt, VMShape(ram: 0x4000_0000))
        let question = Self.question([Self.facts([])], guest, WindowDemand(doorbells: 20))
        let promise = try #require(Self.promise(question))
        #expect(promise.doorbells(on: [], most: 2)?.map(\.value) == [0x800_0000, 0x800_1000])
        let large = promise.standing(
            of: "h", Self.facts([]), capabilities: [], pageSize: .kib64, iommufd: .byContext)
        #expect(large.blockers.map(\.kind) == ["window_too_small"])
    }

    private func agreement() throws -> Agreement {
        let guest = GuestDemand(.qemuVirt, VMShape(ram: 0x4000_0000))
        let promise = try #require(Self.promise(Self.question([Self.facts([])], guest)))
        let standing = promise.standing(
            of: "h", Self.facts([]), capabilities: [], pageSize: .kib4, iommufd: .byContext)
        return Agreement(
            id: "a", promise: promise, pool: nil,
            hosts: [
                .init(
                    name: "h", origin: .platform(id: "p", devices: nil), seen: .init(digest: "1", serial: 1),
                    standing: standing)
            ], createdAt: 1_000, ttlSeconds: 10)
    }

    /// What is looked at again is what has another digest, and what is said twice is one event.
    @Test func reviewsFollowTheDigest() throws {
        var agreement = try agreement()
        #expect(agreement.takeEvents().map(\.kind) == [.proposed] && agreement.revision == 1)
        let failing = agreement.promise.standing(
            of: "h", Self.facts([Self.reserving(0x800_0000)]), capabilities: [], pageSize: .kib4,
            iommufd: .byContext)
        let keeping = agreement.hosts[0].standing
        func review(_ digest: String?, _ serial: UInt64, _ standing: Standing, at now: UInt64) -> Int {
            let seen = digest.map { Agreement.Seen(digest: $0, serial: serial) }
            return agreement.review([.init("p", seen, isMember: false)], now: now, hasRoom: { _ in true }) {
                _ in standing
            }
        }
        #expect(review("1", 1, failing, at: 2_000) == 0 && review("1", 2, failing, at: 2_000) == 0)
        #expect(agreement.takeEvents().isEmpty && agreement.revision == 1)
        #expect(review("2", 3, failing, at: 3_000) == 1)
        #expect(agreement.takeEvents().map(\.kind) == [.hostChanged, .broken])
        #expect(agreement.broken?.since == 3_000 && agreement.broken?.host == "h")
        #expect(review("3", 4, failing, at: 4_000) == 1)
        #expect(agreement.takeEvents().map(\.kind) == [.hostChanged] && agreement.broken?.since == 3_000)
        do throws(Agreement.Refusal) {
            try agreement.move(to: .accepted)
            Issue.record("a broken promise was accepted")
        } catch {
            if case .broken(let blockers, _, _) = error {
                #expect(blockers == failing.blockers)
            } else {
                Issue.record("\(error)")
            }
        }
        // Followed to another id only where the platform is meant that has moved.
        agreement.follow("p", serial: 9, to: "q")
        #expect(agreement.platforms == ["p"])
        agreement.follow("p", serial: 4, to: "q")
        #expect(agreement.platforms == ["q"])
        let count = agreement.review(
            [.init("q", .init(digest: "4", serial: 5), isMember: false)], now: 5_000, hasRoom: { _ in true }
        ) { _ in
            keeping
        }
        #expect(count == 1 && agreement.broken == nil)
        #expect(agreement.takeEvents().map(\.kind) == [.hostChanged, .hostChanged, .holds])
        try agreement.move(to: .accepted)
        try agreement.move(to: .released)
        #expect(
            agreement.review([.init("q", nil, isMember: false)], now: 6_000, hasRoom: { _ in true }) { _ in
                failing
            } == 0
                && agreement.broken == nil)
    }

    /// A member of a pool that has no room keeps the promise from being known, until all of them fit.
    @Test func poolsHaveToFit() throws {
        let question = Self.question([Self.facts([])], GuestDemand(.qemuVirt, VMShape(ram: 1 << 30)))
        let promise = try Promise(Placement.decide(question, checkpoint: {}), question)
        var agreement = Agreement(
            id: "a", promise: promise, pool: "x", hosts: [], createdAt: 0, ttlSeconds: 60)
        let keeping = Standing(verdict: .defaultWorks, mechanism: nil, blockers: [], remedies: [])
        let members = ["p", "q"].map { Agreement.Sighting($0, .init(digest: "1", serial: 1), isMember: true) }
        func review(room: Int) -> [String] {
            _ = agreement.review(members, now: 1, hasRoom: { $0 < room }) { _ in keeping }
            return agreement.broken?.blockers.map(\.kind) ?? []
        }
        #expect(review(room: 0) == ["pool_empty"] && agreement.lacksRoom)
        #expect(review(room: 1) == ["pool_too_large"] && agreement.hosts.map(\.name) == ["p"])
        #expect(review(room: 2) == [] && !agreement.lacksRoom && agreement.hosts.map(\.name) == ["p", "q"])
        #expect(agreement.takeEvents().map(\.kind).last == .holds)
    }
}
