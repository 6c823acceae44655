// A VFIO container or an iommufd address space that lives on between requests: devices come and go, memory
// is mapped and unmapped, doorbells are mapped one by one. It is the consumer that also answers single
// questions, kept alive, and adds no rule of its own. Each device is a group of its own here; reservations
// are those of the attached devices, as VFIO and iommufd have no call to add one.

import AddressSpaces
import LinuxReleases
import MSIWindows
import Machines

struct UserSandbox: Sendable {
    /// A device with the result of its attachment.
    struct Member: Sendable {
        let device: SessionDevice
        let prepared: PreparedDevice
        let attachment: Attachment
        /// Of its regions, those that the domain names.
        let regionCount: Int

        init(
            _ device: SessionDevice, _ prepared: PreparedDevice, _ attachment: Attachment,
            _ conditions: Conditions
        ) {
            self.device = device
            self.prepared = prepared
            self.attachment = attachment
            let isTranslated = attachment.untranslatedBecause == nil
            regionCount = isTranslated ? device.device.withheldRegions(under: conditions).count : 0
        }

        /// Whether its regions count: there is an IOMMU.
        var isTranslated: Bool { attachment.untranslatedBecause == nil }
    }

    let consumer: Consumer
    private let source: WindowSource
    let conditions: Conditions
    private var space: AddressSpace
    /// In order of attachment.
    private(set) var members: [Member] = []
    /// Ascending; each as it was mapped.
    private(set) var mappings: [IOVARange] = []
    /// By the SMMUs of a container's domain; iommufd before Linux 6.15 has one.
    private var maps: [Set<String>: DoorbellMap] = [:]

    /// A doorbell that was set up: what its domain's cookie remembers.
    struct Interrupt: Sendable {
        /// As it was asked for.
        let physical: PhysicalAddress
        /// Index of a device in the domain that the page is mapped in.
        var device: Int
        /// nil where a cookie at address 0 lost its first page.
        let page: IOVA?
    }

    /// In order; setting them up again leads to the same cookies.
    private(set) var interrupts: [Interrupt] = []

    /// - Precondition: not the DMA layer.
    init(consumer: Consumer, source: WindowSource, under conditions: Conditions) {
        self.consumer = consumer
        self.source = source
        self.conditions = conditions
        space = AddressSpace(consumer, under: conditions)
    }

    var devices: [SessionDevice] { members.map(\.device) }
    /// What user space may map. A VFIO container has no ranges before its first group.
    var ranges: [IOVARange] { space.ranges }
    /// The window of the device attached last.
    var window: IOVARange? { members.last?.attachment.window }

    /// How many `regions` has.
    var regionCount: Int { members.reduce(0) { $0 + $1.regionCount } }
    /// Regions that are kept of the devices, whether or not the domain names them.
    var keptRegionCount: Int {
        members.reduce(0) { $0 + ($1.isTranslated ? $1.device.device.statedRegionCount : 0) }
    }

    /// What the devices' firmware withholds, in order of attachment.
    var regions: [SessionRegion] { members.filter(\.isTranslated).flatMap(regions(of:)) }

    /// Also what this kernel does not apply, as decisions do: DMA does not get there.
    private func regions(of member: Member) -> [SessionRegion] {
        let attached = member.device
        return attached.device.withheldRegions(under: conditions).map { withheld in
            SessionRegion(
                range: withheld.range, kind: withheld.region.kind,
                provenance: "\(attached.id): \(attached.provenance(of: withheld, under: conditions))")
        }
    }

    /// Attaches a device; nothing changes when Linux refuses.
    mutating func attach(
        _ device: SessionDevice, _ prepared: PreparedDevice
    ) throws(SessionRefusal) {
        do {
            let attachment = try Self.attach(
                prepared, beside: members.map(\.prepared), to: &space, source, conditions)
            members.append(Member(device, prepared, attachment, conditions))
        } catch {
            throw .attachRefused(error.errno, because: error.because)
        }
    }

    private static func attach(
        _ prepared: PreparedDevice, beside others: [PreparedDevice], to space: inout AddressSpace,
        _ source: WindowSource,
        _ conditions: Conditions
    ) throws(Refusal) -> Attachment {
        var ignored = NoRecorder()
        try space.checkKernel(&ignored)
        let attempt = Attempt(
            PreparedGroup([prepared]), beside: others, source: source, under: conditions)
        return try space.attach(attempt, &ignored)
    }

    /// Doorbell pages as they were mapped: physical page and IOVA. Each of a container's domains has its own.
    var doorbells: [(physical: PhysicalAddress, page: IOVA)] {
        interrupts.compactMap { interrupt in interrupt.page.map { (page(of: interrupt.physical), $0) } }
    }

    private func page(of physical: PhysicalAddress) -> PhysicalAddress {
        PhysicalAddress(conditions.pageSize.alignDown(physical.value))
    }

    /// Those in the domain that a device is in.
    private func interrupts(beside member: Member) -> [Interrupt] {
        let key = key(of: member)
        return interrupts.filter { self.key(of: members[$0.device]) == key }
    }

    private func key(of member: Member) -> Set<String> { space.domainKey(of: member.device.device) }

    /// Detaches a device: what was withheld for it alone is free again. The cookie of a domain lives while a
    /// device is in it, and so do the pages that were mapped for the ones before.
    mutating func detach(_ index: Int) {
        let detached = members.remove(at: index)
        let key = key(of: detached)
        let mates = members.indices.filter { self.key(of: members[$0]) == key }
        let heir =
            mates.first { members[$0].attachment.window == detached.attachment.window } ?? mates.first
        interrupts = interrupts.compactMap { interrupt in
            var interrupt = interrupt
            if interrupt.device == index {
                guard let heir else { return nil }
                interrupt.device = heir
            } else if interrupt.device > index {
                interrupt.device -= 1
            }
            return interrupt
        }
        if mates.isEmpty { maps[key] = nil }
        // What was attached beside more devices can be attached beside fewer; what they have is kept.
        var rebuilt = AddressSpace(consumer, under: conditions)
        for (index, member) in members.enumerated() {
            do {
                _ = try Self.attach(
                    member.prepared, beside: members[..<index].map(\.prepared), to: &rebuilt, source,
                    conditions)
            } catch {
                preconditionFailure(
                    "\(member.device.id) cannot stay after \(detached.device.id) left: \(error)")
            }
        }
        rebuilt.setMappings(mappings)
        space = rebuilt
    }
}

// MARK: Memory

extension UserSandbox {
    /// Maps memory at an address, or, with iommufd, wherever it fits.
    mutating func map(_ iova: UInt64?, bytes: UInt64, userAddress: UInt64) throws(SessionRefusal) -> Holding {
        let range: IOVARange
        do {
            range = try place(iova, bytes: bytes, userAddress: userAddress)
        } catch {
            throw refusal(error, mapping: iova, bytes: bytes)
        }
        mappings.insert(range, at: firstMapping(from: range.start))
        space.add(range, to: mappings)
        return holding(range)
    }

    private func place(
        _ iova: UInt64?, bytes: UInt64, userAddress: UInt64
    ) throws(Refusal) -> IOVARange {
        let start: UInt64
        if let iova {
            if let errno = space.errno(iova: iova, bytes: bytes) {
                throw Refusal(
                    errno: errno,
                    because: "\(HexLiteral.text(bytes)) bytes at \(HexLiteral.text(iova)) cannot be mapped.")
            }
            start = iova
        } else {
            start = try space.place(bytes: bytes, userAddress: userAddress, in: space.holes)
        }
        guard let range = IOVARange(start: IOVA(start), size: bytes) else {
            throw Refusal(errno: .overflow, because: "The mapping passes 2^64.")
        }
        return range
    }

    /// What a refused mapping met, where that is known.
    private func refusal(_ error: Refusal, mapping iova: UInt64?, bytes: UInt64) -> SessionRefusal {
        if let iova, let asked = IOVARange(start: IOVA(iova), size: bytes) {
            if error.errno == .exists {
                return .inUse(mappings.first { $0.overlaps(asked) } ?? asked, .mapping)
            }
            if !ranges.isEmpty, !IOVASet(ranges).contains(asked) { return .overlapsReserved(asked) }
        }
        return .refused(error.errno, because: error.because)
    }

    /// Removes the mapping that contains an address.
    mutating func unmap(_ address: IOVA) throws(SessionRefusal) -> Holding {
        guard let range = mapping(at: address) else { throw .notAllocated(address) }
        mappings.remove(at: firstMapping(from: range.start))
        space.setMappings(mappings)
        return holding(range)
    }

    /// The mapping that contains an address.
    private func mapping(at address: IOVA) -> IOVARange? {
        let index = firstMapping(from: address)
        if index < mappings.count, mappings[index].start == address { return mappings[index] }
        return index > 0 && mappings[index - 1].contains(address) ? mappings[index - 1] : nil
    }

    /// Index of the first mapping that starts at or above an address.
    private func firstMapping(from address: IOVA) -> Int {
        mappings.partitioningIndex { $0.start >= address }
    }

    private func holding(_ range: IOVARange) -> Holding {
        let page = conditions.userPage
        return Holding(
            range: range, kind: .mapping,
            pages: page.frame(of: range.last.value) - page.frame(of: range.start.value) + 1)
    }

    func holding(at address: IOVA) -> Holding? { mapping(at: address).map(holding) }

    func holdings(from address: IOVA, limit: Int) -> (items: [Holding], hasMore: Bool) {
        var first = firstMapping(from: address)
        if first > 0, mappings[first - 1].contains(address) { first -= 1 }
        let rest = mappings[first...]
        return (rest.prefix(limit).map(holding), rest.count > limit)
    }
}

// MARK: Doorbells

extension UserSandbox {
    /// Sets an interrupt up for a device: maps the doorbell's page, or finds it.
    mutating func map(
        _ doorbell: PhysicalAddress, for asker: Asker, context: inout DoorbellContext
    ) throws(SessionRefusal) -> MappedDoorbell {
        let index = try member(of: asker)
        let made: DoorbellMap.Mapped
        do {
            made = try map(doorbell, for: members[index], context: &context)
        } catch {
            // A cookie at address 0 has moved on though nothing is mapped.
            if members[index].attachment.window?.start.value == 0, interrupts(beside: members[index]).isEmpty
            {
                interrupts.append(Interrupt(physical: doorbell, device: index, page: nil))
            }
            throw .refused(error.errno, because: error.because)
        }
        let isNew = !interrupts(beside: members[index]).contains {
            page(of: $0.physical) == page(of: doorbell) && $0.page == made.doorbell.page
        }
        if isNew {
            interrupts.append(Interrupt(physical: doorbell, device: index, page: made.doorbell.page))
        }
        return MappedDoorbell(
            physical: doorbell, iova: made.doorbell.iova, page: made.doorbell.page, isNew: isNew,
            reason: AllocationReason(sentence: made.because))
    }

    private func member(of asker: Asker) throws(SessionRefusal) -> Int {
        switch asker {
        case .device(let id):
            guard let found = members.firstIndex(where: { $0.device.id == id }) else { throw .noDevice(id) }
            return found
        case .anonymous:
            guard !members.isEmpty else {
                throw .refused(.noEntry, because: "No device is attached, so nothing can raise an interrupt.")
            }
            return members.count - 1
        }
    }

    private mutating func map(
        _ doorbell: PhysicalAddress, for member: Member, context: inout DoorbellContext
    ) throws(Refusal) -> DoorbellMap.Mapped {
        var ignored = NoRecorder()
        guard let window = member.attachment.window else {
            return try space.mapWithoutWindow(doorbell, member.attachment, conditions)
        }
        if space.usesContext(conditions) {
            return try context.map(doorbell, in: window, conditions, &ignored)
        }
        let key = space.domainKey(of: member.device.device)
        var map = maps[key] ?? space.doorbellMap(in: window, conditions, &ignored)
        defer { maps[key] = map }
        return try map.map(doorbell, &ignored)
    }
}
