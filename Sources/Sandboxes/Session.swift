// One session: a sandbox of domains on one kernel release, with a revision and a log. Mirrors what one
// process and one kernel would hold: DMA domains of groups, VFIO containers, and one iommufd context whose
// doorbell pages all its address spaces share. It has no lock and no clock: whoever holds it calls one verb
// at a time and says what time it is.

import AddressSpaces
import IOVAAllocation
public import LinuxReleases
public import MSIWindows

/// A sandbox. Not copied in use: a copy would share storage, and the next change would copy it all.
public struct Session: Sendable {
    public let id: String
    public private(set) var kernel: KernelProfile
    /// Who said which kernel it is.
    public private(set) var kernelOrigin: KernelOrigin
    /// What the kernel was before the first domain's host said which one runs; nil once a domain is kept, and
    /// where the kernel was chosen.
    private var openKernel: KernelProfile?
    /// Milliseconds since 1970 in UTC.
    public let createdAt: UInt64
    /// From creation or the last renewal on.
    public var ttlSeconds: Int
    public var expiresAt: UInt64
    /// Counts changes; every change has at least one event.
    public private(set) var revision: UInt64
    public package(set) var domains: [SessionDomain] = []
    var context = DoorbellContext()
    public let quota: SessionQuota
    /// What happened since `takeEvents` was called last.
    var pending: [SessionEvent] = []

    /// - Parameter kernelOrigin: where nobody has said it, the host of the first domain still may.
    public init(
        id: String, kernel: KernelProfile, kernelOrigin: KernelOrigin = .request, createdAt: UInt64,
        ttlSeconds: Int, quota: SessionQuota, revision: UInt64 = 0
    ) {
        self.id = id
        self.kernel = kernel
        self.kernelOrigin = kernelOrigin
        openKernel = kernelOrigin == .unstated ? kernel : nil
        self.createdAt = createdAt
        self.ttlSeconds = ttlSeconds
        expiresAt = createdAt + UInt64(ttlSeconds) * 1_000
        self.quota = quota
        self.revision = revision
    }

    /// Ends a verb, or a batch of them: what happened becomes one revision. Also to be called after a verb
    /// that failed, since a failed allocation changes the allocator.
    public mutating func takeEvents() -> [SessionEvent] {
        guard !pending.isEmpty else { return [] }
        revision += 1
        defer { pending.removeAll(keepingCapacity: pending.count <= 16) }
        return pending
    }

    /// The revision once `takeEvents` has been called.
    public var nextRevision: UInt64 { pending.isEmpty ? revision : revision + 1 }

    /// Held ranges, regions, devices and doorbells of all domains: what the session takes in memory.
    public var weight: Int {
        domains.reduce(domains.count) {
            $0 + $1.heldCount + $1.keptRegionCount + $1.devices.count + $1.doorbellCount
        }
    }

    public var liveCount: Int { domains.reduce(0) { $0 + $1.liveCount } }
    private var heldCount: Int { domains.reduce(0) { $0 + $1.heldCount } }

    public func domain(_ id: String) throws(SessionRefusal) -> SessionDomain {
        domains[try index(of: id)]
    }

    func index(of id: String) throws(SessionRefusal) -> Int {
        guard let index = domains.firstIndex(where: { $0.name.text == id }) else { throw .noDomain(id) }
        return index
    }

    func checkRoom(for ranges: Int = 1) throws(SessionRefusal) {
        guard heldCount + ranges <= quota.ranges else { throw .full(.ranges, max: quota.ranges) }
    }

    /// Extends the life: `seconds` from `now`.
    public mutating func renew(seconds: Int, now: UInt64) {
        ttlSeconds = seconds
        expiresAt = now + UInt64(seconds) * 1_000
        pending.append(.renewed(seconds: seconds))
    }

    // MARK: Domains and devices

    /// Whether the next domain's host may say which kernel the session is of.
    public var isKernelOpen: Bool { openKernel != nil && domains.isEmpty }

    /// The kernel of the first domain's host.
    public mutating func adopt(_ host: KernelProfile) {
        precondition(isKernelOpen, "the kernel of session \(id) is settled")
        kernel = host
        kernelOrigin = .host
    }

    public mutating func create(_ setup: DomainSetup) throws(SessionRefusal) {
        precondition(setup.conditions.kernel == kernel, "a domain of Linux \(setup.conditions.kernel)")
        guard domains.count < quota.domains else { throw .full(.domains, max: quota.domains) }
        guard !domains.contains(where: { $0.id == setup.id }) else { throw .domainExists(setup.id) }
        let domain = SessionDomain(setup, birth: revision)
        domains.append(domain)
        pending.append(.domainCreated(domain.name))
    }

    /// Takes back the domain that was made last in the verb that is under way, and its events.
    public mutating func abandonCreation(of id: String) {
        precondition(domains.last?.id == id, "\(id) is not the newest domain")
        domains.removeLast()
        if domains.isEmpty, let openKernel {
            kernel = openKernel
            kernelOrigin = .unstated
        }
        if let start = pending.lastIndex(where: {
            if case .domainCreated(let name) = $0 { name.text == id } else { false }
        }) {
            pending.removeSubrange(start...)
        }
    }

    public mutating func delete(_ id: String) throws(SessionRefusal) {
        let index = try index(of: id)
        let removed = domains.remove(at: index)
        openKernel = nil
        pending.append(.domainDeleted(removed.name))
    }

    /// Attaches a device; what its firmware reserves is applied as Linux does for the consumer.
    ///
    /// - Parameter prepare: prepares the device for the domain's conditions, or finds it where somebody keeps
    ///   it.
    /// - Returns: what the set-up of a DMA domain fails with while the device stays attached.
    @discardableResult
    public mutating func attach(
        _ device: SessionDevice, to id: String, prepare: ((Conditions) -> PreparedDevice)? = nil
    ) throws(SessionRefusal) -> Errno? {
        let index = try index(of: id)
        for domain in domains
        where domain.devices.contains(where: { $0.id == device.id && $0.platform == device.platform }) {
            throw .alreadyAttached(domain: domain.id, device: device.id)
        }
        guard !domains[index].devices.contains(where: { $0.id == device.id }) else {
            throw .alreadyAttached(domain: id, device: device.id)
        }
        if let refusal = groupElsewhere(device, than: index) { throw refusal }
        let member = domains[index].devices.count
        guard member < quota.devices else { throw .full(.devices, max: quota.devices) }
        let conditions = domains[index].conditions
        let prepared = prepare?(conditions) ?? PreparedDevice(device.device, under: conditions)
        // A DMA domain is set up with the first device of a group, which may be another one.
        let count = max(device.device.reservationCount, prepared.source.reservationCount)
        let regions = domains.reduce(count) { $0 + $1.keptRegionCount }
        guard regions <= quota.regions else { throw .full(.regions, max: quota.regions) }
        try checkRoom(for: count)
        var listener = SandboxListener(keepsReason: true)
        let errno = try domains[index].dma?.attach(device, prepared, &listener)
        try domains[index].user?.attach(device, prepared)
        pending.append(
            .attached(domains[index].name, device: DomainName(device.id), member: Int16(member)))
        return errno
    }

    /// Why a device cannot be in the domain at the index beside the others: a group is in one domain, whoever
    /// of it was attached. Mirrors drivers/iommu/iommu.c: iommu_group_claim_dma_owner and
    /// iommu_device_use_default_domain, Linux 7.2. O(devices).
    private func groupElsewhere(_ device: SessionDevice, than index: Int) -> SessionRefusal? {
        guard let group = device.group else { return nil }
        for (place, domain) in domains.enumerated() where place != index {
            guard let mate = domain.devices.first(where: { $0.sharesGroup(with: device) }) else { continue }
            return .groupAttached(
                domain: domain.id, device: device.id, mate: mate.id, group: group.number)
        }
        return nil
    }

    /// Takes a device out. A DMA domain keeps what was reserved for it, as Linux does.
    public mutating func detach(_ device: String, from id: String) throws(SessionRefusal) {
        let index = try index(of: id)
        guard let member = domains[index].devices.firstIndex(where: { $0.id == device }) else {
            throw .noDevice(device)
        }
        domains[index].dma?.detach(member)
        domains[index].user?.detach(member)
        pending.append(.detached(domains[index].name, device: DomainName(device)))
    }
}
