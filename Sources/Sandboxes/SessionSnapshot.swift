// A whole session as plain values, for export and import. The restored session answers every later call as
// the first would have: hints, memo, caches, notes and the doorbell map are part of it. What comes in is a
// caller's data: a snapshot that no sequence of verbs leads to is refused with the place of the
// contradiction.

public import AddressSpaces
public import IOVAAllocation
public import LinuxReleases
import MSIWindows
import Machines

/// Everything that decides what a session answers next; its life time aside.
public struct SessionSnapshot: Sendable {
    public struct Domain: Sendable {
        public var setup: DomainSetup
        public var devices: [SessionDevice] = []
        /// DMA domains only: the others' regions are their devices'.
        public var regions: [SessionRegion] = []
        /// DMA domains only: doorbell pages as they were mapped.
        public var doorbells: [DoorbellPage] = []
        public var allocator: Allocator?
        /// Other domains: mapped ranges, ascending.
        public var mappings: [IOVARange] = []
        /// Other domains: doorbells as they were set up.
        public var interrupts: [Interrupt] = []

        public init(setup: DomainSetup) { self.setup = setup }
    }

    public struct DoorbellPage: Hashable, Sendable {
        public var physical: UInt64
        public var iova: UInt64

        public init(physical: UInt64, iova: UInt64) {
            self.physical = physical
            self.iova = iova
        }
    }

    public struct Interrupt: Hashable, Sendable {
        public var physical: UInt64
        /// Index of the device.
        public var device: Int

        public init(physical: UInt64, device: Int) {
            self.physical = physical
            self.device = device
        }
    }

    /// A held range that is no plain allocation.
    public struct Note: Hashable, Sendable {
        public enum Kind: String, CaseIterable, Sendable { case reserved, doorbell, cached, parked }

        public var kind: Kind
        /// Last page frame of the range.
        public var hi: UInt64
        /// Pages as handed out; at least 1.
        public var pages: UInt64

        public init(kind: Kind, hi: UInt64, pages: UInt64) {
            self.kind = kind
            self.hi = hi
            self.pages = pages
        }
    }

    public struct Allocator: Sendable {
        public var state: IOVASnapshot
        /// Ascending.
        public var notes: [Note]
        /// Hardware MSI regions, in whole pages.
        public var hardware: [IOVARange]
        /// Members that no longer try below 4 GiB; -1 for requesters that are not attached.
        public var givenUp: [Int]
        /// What the set-up failed with.
        public var errno: Errno?

        public init(
            state: IOVASnapshot, notes: [Note], hardware: [IOVARange], givenUp: [Int], errno: Errno?
        ) {
            self.state = state
            self.notes = notes
            self.hardware = hardware
            self.givenUp = givenUp
            self.errno = errno
        }
    }

    /// One page of the doorbell map of the session's iommufd context.
    public struct ContextPage: Hashable, Sendable {
        public var window: UInt64
        public var physical: UInt64
        public var number: UInt64

        public init(window: UInt64, physical: UInt64, number: UInt64) {
            self.window = window
            self.physical = physical
            self.number = number
        }
    }

    /// A contradiction.
    public enum Fault: Error, Hashable, Sendable {
        /// Of the domain at this index.
        case allocator(domain: Int, IOVASnapshot.Fault)
        /// A member of the domain at this index, by its name on the wire, and what is wrong with it.
        case domain(Int, member: String, String)
        case context(String)
        case refused(domain: Int, SessionRefusal)
    }

    public var id: String
    public var kernel: KernelProfile
    public var kernelOrigin: KernelOrigin
    public var revision: UInt64
    public var ttlSeconds: Int
    public var context: [ContextPage]
    public var domains: [Domain]

    public init(
        id: String, kernel: KernelProfile, kernelOrigin: KernelOrigin = .request, revision: UInt64,
        ttlSeconds: Int, context: [ContextPage], domains: [Domain]
    ) {
        self.id = id
        self.kernel = kernel
        self.kernelOrigin = kernelOrigin
        self.revision = revision
        self.ttlSeconds = ttlSeconds
        self.context = context
        self.domains = domains
    }
}

extension SessionSnapshot {
    /// Whoever reads a state knows one machine under an id: the number of a group says nothing where a later
    /// one is in the session.
    fileprivate mutating func leaveOutReplacedGroups() {
        var latest: [String: UInt64] = [:]
        for device in domains.lazy.flatMap(\.devices) {
            guard let platform = device.platform, let machine = device.machine else { continue }
            latest[platform] = max(machine, latest[platform] ?? 0)
        }
        for domain in domains.indices {
            for place in domains[domain].devices.indices {
                let device = domains[domain].devices[place]
                guard let platform = device.platform, let machine = device.machine,
                    machine != latest[platform]
                else { continue }
                domains[domain].devices[place].device.groupNumber = nil
            }
        }
    }

    /// Has the devices be of the machines that are known by the ids of their platforms.
    public mutating func takeMachines(_ serial: (String) -> UInt64?) {
        var known: [String: UInt64?] = [:]
        for domain in domains.indices {
            for place in domains[domain].devices.indices {
                guard let platform = domains[domain].devices[place].platform else { continue }
                let machine = known[platform] ?? serial(platform)
                known[platform] = .some(machine)
                domains[domain].devices[place].machine = machine
            }
        }
    }
}

extension Session {
    /// The whole state. O(n).
    public var snapshot: SessionSnapshot {
        var snapshot = SessionSnapshot(
            id: id, kernel: kernel, kernelOrigin: kernelOrigin, revision: revision, ttlSeconds: ttlSeconds,
            context: context.pages.map {
                .init(window: $0.window, physical: $0.physical, number: $0.number)
            },
            domains: domains.map(\.snapshot))
        snapshot.leaveOutReplacedGroups()
        return snapshot
    }

    /// The session that `snapshot` describes.
    ///
    /// - Throws: the first contradiction.
    public init(
        restoring snapshot: SessionSnapshot, id: String, createdAt: UInt64, ttlSeconds: Int,
        quota: SessionQuota
    ) throws(SessionSnapshot.Fault) {
        self.init(
            id: id, kernel: snapshot.kernel, kernelOrigin: snapshot.kernelOrigin, createdAt: createdAt,
            ttlSeconds: ttlSeconds, quota: quota, revision: snapshot.revision)
        context = try Self.context(snapshot.context)
        // The first device of each group, as an import may have hundreds of thousands.
        var groups: [SessionDevice.Group: (domain: Int, mate: String)] = [:]
        for (index, domain) in snapshot.domains.enumerated() {
            do {
                try create(domain.setup)
            } catch {
                throw .refused(domain: index, error)
            }
            for device in domain.devices {
                guard let group = device.group else { continue }
                let first = groups[group, default: (index, device.id)]
                groups[group] = first
                guard first.domain == index else {
                    let refusal = SessionRefusal.groupAttached(
                        domain: domains[first.domain].id, device: device.id, mate: first.mate,
                        group: group.number)
                    throw .refused(domain: index, refusal)
                }
            }
            if let allocator = domain.allocator {
                let restored = try DMASandbox(restoring: domain, allocator, at: index)
                domains[index].dma = restored
            } else {
                let restored = try UserSandbox(restoring: domain, at: index, quota, &context)
                domains[index].user = restored
            }
            guard weight <= quota.ranges + quota.regions else {
                throw .refused(domain: index, .full(.ranges, max: quota.ranges))
            }
        }
        guard context.pages.count == snapshot.context.count else {
            throw .context("interrupts that it has no page of")
        }
        pending = []
    }

    private static func context(
        _ pages: [SessionSnapshot.ContextPage]
    ) throws(SessionSnapshot.Fault) -> DoorbellContext {
        guard pages.count <= DoorbellContext.pagesMax else {
            throw .context("more than \(DoorbellContext.pagesMax) pages")
        }
        var next: [UInt64: UInt64] = [:]
        var seen: Set<[UInt64]> = []
        for page in pages.sorted(by: { ($0.window, $0.number) < ($1.window, $1.number) }) {
            guard page.number == next[page.window] ?? 0 else {
                throw .context("the numbers of a window's pages are not 0, 1, 2 ...")
            }
            guard seen.insert([page.window, page.physical]).inserted else {
                throw .context("a physical page appears twice in a window")
            }
            next[page.window] = page.number + 1
        }
        return DoorbellContext(
            pages.map { .init(window: $0.window, physical: $0.physical, number: $0.number) })
    }
}

extension SessionDomain {
    /// The whole state of the domain. O(n).
    public var snapshot: SessionSnapshot.Domain {
        var snapshot = SessionSnapshot.Domain(
            setup: setup)
        snapshot.devices = devices
        if let dma {
            snapshot.regions = dma.regions
            snapshot.doorbells = dma.doorbells.map { .init(physical: $0.physical, iova: $0.iova) }
            snapshot.allocator = dma.allocatorSnapshot
        }
        if let user {
            snapshot.mappings = user.mappings
            snapshot.interrupts = user.interrupts.map {
                .init(physical: $0.physical.value, device: $0.device)
            }
        }
        return snapshot
    }
}

extension DMASandbox {
    var allocatorSnapshot: SessionSnapshot.Allocator {
        let notes = domain.iova.heldRanges.compactMap { held -> SessionSnapshot.Note? in
            switch memory(of: held.hi) {
            case .nothing: nil
            case .cachedWhole: .init(kind: .cached, hi: held.hi, pages: held.hi - held.lo + 1)
            case .noted(let note): .init(kind: note.kind.exported, hi: held.hi, pages: note.pages)
            }
        }
        return SessionSnapshot.Allocator(
            state: domain.iova.snapshot, notes: notes, hardware: domain.hardwareRanges,
            givenUp: domain.membersGivenUp.sorted(), errno: domain.errno)
    }
}

extension DMASandbox.Note.Kind {
    var exported: SessionSnapshot.Note.Kind {
        switch self {
        case .reserved: .reserved
        case .doorbell: .doorbell
        case .cached: .cached
        case .parked: .parked
        }
    }

    init(_ kind: SessionSnapshot.Note.Kind) {
        switch kind {
        case .reserved: self = .reserved
        case .doorbell: self = .doorbell
        case .cached: self = .cached
        case .parked: self = .parked
        }
    }
}
