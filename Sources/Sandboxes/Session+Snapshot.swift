// Out of a session and into one again. The restored session answers every later call as the first would have:
// hints, memo, caches, notes and the doorbell map come along.

import AddressSpaces
import IOVAAllocation
import LinuxReleases
import MSIWindows

extension Session {
    /// The whole state. O(n).
    public var snapshot: SessionSnapshot {
        SessionSnapshot(
            id: id, kernel: kernel, revision: revision, ttlSeconds: ttlSeconds,
            context: context.pages.map {
                .init(window: $0.window, physical: $0.physical, number: $0.number)
            },
            domains: domains.map(\.snapshot))
    }

    /// The session that `snapshot` describes.
    ///
    /// - Throws: the first contradiction.
    public init(
        restoring snapshot: SessionSnapshot, id: String, createdAt: UInt64, ttlSeconds: Int,
        quota: SessionQuota
    ) throws(SessionSnapshot.Fault) {
        self.init(
            id: id, kernel: snapshot.kernel, createdAt: createdAt, ttlSeconds: ttlSeconds, quota: quota,
            revision: snapshot.revision)
        for (index, domain) in snapshot.domains.enumerated() {
            do {
                try create(domain.setup)
            } catch {
                throw .refused(domain: index, error)
            }
            if let allocator = domain.allocator {
                let restored = try DMASandbox(restoring: domain, allocator, at: index)
                domains[index].dma = restored
            } else {
                var context = DoorbellContext()
                let restored = try UserSandbox(restoring: domain, at: index, quota, &context)
                domains[index].user = restored
            }
            guard weight <= quota.ranges + quota.regions else {
                throw .refused(domain: index, .full(.ranges, max: quota.ranges))
            }
        }
        context = try Self.context(snapshot.context)
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
                throw .context("a physical page stands twice in a window")
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
            snapshot.interrupts = user.attempts.map { .init(physical: $0.physical.value, device: $0.device) }
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
