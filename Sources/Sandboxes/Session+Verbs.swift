// The verbs on one domain, each with its event. A preview is the same verb undone, and a batch is several
// verbs that are kept together or undone together: there is one path to every answer.

public import AddressSpaces
import IOVAAllocation
import MSIWindows
public import Machines

extension Session {
    /// Allocates in a DMA domain.
    public mutating func allocate(_ order: AllocationOrder, in id: String) throws(SessionRefusal) -> Allocated
    {
        try allocate(order, at: try dmaIndex(of: id), keepsReason: true)
    }

    /// What `allocate` would answer now. Nothing is kept.
    public mutating func preview(_ order: AllocationOrder, in id: String) throws(SessionRefusal) -> Allocated
    {
        let index = try dmaIndex(of: id)
        let events = pending.count
        guard let savepoint = domains[index].dma?.begin() else { throw notForConsumer(index) }
        defer {
            domains[index].dma?.rollBack(to: savepoint)
            pending.removeLast(pending.count - events)
        }
        return try allocate(order, at: index, keepsReason: true)
    }

    private mutating func allocate(
        _ order: AllocationOrder, at index: Int, keepsReason: Bool
    ) throws(SessionRefusal) -> Allocated {
        try checkRoom()
        var listener = SandboxListener(keepsReason: keepsReason)
        let manner = manner(of: order, at: index)
        guard let holding = try domains[index].dma?.allocate(order, &listener) else {
            pending.append(
                .exhausted(domains[index].name, bytes: order.bytes, limit: order.limit, manner))
            throw .exhausted(listener.reason)
        }
        pending.append(
            .allocated(
                domains[index].name, bytes: order.bytes, limit: order.limit,
                iova: holding.range.start.value, manner))
        return Allocated(range: holding.range, pages: holding.pages, reason: listener.reason)
    }

    private func manner(of order: AllocationOrder, at index: Int) -> SessionEvent.Manner {
        manner(order.asker, level: order.level, isAligned: order.isAligned, at: index)
    }

    private func manner(
        _ asker: Asker, level: AllocationOrder.Level, isAligned: Bool, at index: Int
    ) -> SessionEvent.Manner {
        // Not by a copy of the domain, which costs more than the rest of a verb.
        var member: Int16 = -1
        let isPCI: Bool
        switch asker {
        case .anonymous(let flag): isPCI = flag
        case .device(let id):
            let found = domains[index].devices.firstIndex { $0.id == id }
            member = Int16(found ?? -1)
            isPCI = found.map { domains[index].devices[$0].device.isPCI } ?? false
        }
        return SessionEvent.Manner(
            level: level, isAligned: isAligned || level != .tree, isPCI: isPCI,
            shift: domains[index].granule.shift,
            member: member)
    }

    /// Maps memory of user space in a VFIO container or an iommufd address space; without an address, where
    /// iommufd places it.
    public mutating func mapMemory(
        at iova: UInt64?, bytes: UInt64, userAddress: UInt64, in id: String
    ) throws(SessionRefusal) -> Holding {
        let index = try index(of: id)
        guard domains[index].user != nil else { throw notForConsumer(index) }
        guard domains[index].liveCount < quota.mappings else {
            throw .full(.mappings, max: quota.mappings)
        }
        try checkRoom()
        guard let made = try domains[index].user?.map(iova, bytes: bytes, userAddress: userAddress) else {
            throw notForConsumer(index)
        }
        pending.append(
            .mapped(domains[index].name, start: made.range.start.value, last: made.range.last.value))
        return made
    }

    /// Frees the allocation, or unmaps the mapping, that contains the address.
    @discardableResult
    public mutating func free(_ address: IOVA, in id: String) throws(SessionRefusal) -> Holding {
        let index = try index(of: id)
        if let removed = try domains[index].user?.unmap(address) {
            pending.append(
                .unmapped(
                    domains[index].name, start: removed.range.start.value, last: removed.range.last.value))
            return removed
        }
        var listener = SandboxListener(keepsReason: false)
        guard let removed = try domains[index].dma?.free(address, &listener) else {
            throw notForConsumer(index)
        }
        pending.append(
            .freed(domains[index].name, start: removed.range.start.value, last: removed.range.last.value))
        return removed
    }

    /// Withholds a range of a DMA domain by hand. With `grows` also over what is allocated, as
    /// Linux's reserve_iova does.
    public mutating func reserve(
        _ range: IOVARange, as kind: ReservedRegion.Kind, provenance: String, grows: Bool, in id: String
    ) throws(SessionRefusal) {
        let index = try dmaIndex(of: id)
        let regions = domains.reduce(1) { $0 + $1.keptRegionCount }
        guard regions <= quota.regions else { throw .full(.regions, max: quota.regions) }
        try checkRoom()
        var listener = SandboxListener(keepsReason: false)
        try domains[index].dma?.reserve(range, as: kind, provenance, grows: grows, &listener)
        pending.append(
            .reserved(
                domains[index].name, start: range.start.value, last: range.last.value,
                kind: UInt8(kind.rawValue), grows: grows))
    }

    /// Maps a doorbell for a device, or finds its page.
    public mutating func map(
        _ doorbell: PhysicalAddress, mask: UInt64, for asker: Asker, in id: String
    ) throws(SessionRefusal) -> MappedDoorbell {
        let index = try index(of: id)
        guard domains[index].doorbellCount < quota.doorbells else {
            throw .full(.doorbells, max: quota.doorbells)
        }
        try checkRoom()
        let manner = manner(asker, level: .dmaLayer, isAligned: true, at: index)
        let made: MappedDoorbell
        if let mapped = try domains[index].user?.map(doorbell, for: asker, context: &context) {
            made = mapped
        } else {
            var listener = SandboxListener(keepsReason: true)
            guard let mapped = try domains[index].dma?.map(doorbell, mask: mask, for: asker, &listener) else {
                pending.append(
                    .doorbellFailed(domains[index].name, physical: doorbell.value, mask: mask, manner))
                throw .exhausted(listener.reason)
            }
            made = mapped
        }
        if made.isNew {
            pending.append(
                .doorbellMapped(
                    domains[index].name, physical: doorbell.value, iova: made.iova.value, mask: mask, manner))
        }
        return made
    }

    /// The trimmer of a DMA domain's caches fires once.
    public mutating func trim(_ id: String) throws(SessionRefusal) {
        let index = try dmaIndex(of: id)
        var listener = SandboxListener(keepsReason: false)
        domains[index].dma?.tick(&listener)
        pending.append(.trimmed(domains[index].name))
    }

    func dmaIndex(of id: String) throws(SessionRefusal) -> Int {
        let index = try index(of: id)
        guard domains[index].dma != nil else { throw notForConsumer(index) }
        if let because = domains[index].dma?.untranslatedBecause { throw .notTranslated(because: because) }
        return index
    }

    private func notForConsumer(_ index: Int) -> SessionRefusal { .notForConsumer(domains[index].consumer) }

    // MARK: Batches

    /// Runs `body` on one domain; when it throws, everything that it did is undone, the allocator's memory of
    /// failures included. `body` calls verbs on that domain only, and attaches nothing.
    public mutating func transaction<T, E: Error>(
        on id: String, _ body: (inout Session) throws(E) -> T
    ) throws(SessionTransactionError<E>) -> T {
        let index: Int
        do { index = try self.index(of: id) } catch { throw .refused(error) }
        let events = pending.count
        guard let savepoint = domains[index].dma?.begin() else {
            // Small values that share storage; what changes is copied once.
            let before = (domains[index].user, context)
            do {
                return try body(&self)
            } catch {
                (domains[index].user, context) = before
                pending.removeLast(pending.count - events)
                throw .failed(error)
            }
        }
        do {
            let result = try body(&self)
            domains[index].dma?.commit()
            return result
        } catch {
            domains[index].dma?.rollBack(to: savepoint)
            pending.removeLast(pending.count - events)
            throw .failed(error)
        }
    }
}

/// Why a transaction did not happen.
public enum SessionTransactionError<Failure: Error>: Error {
    /// It could not begin.
    case refused(SessionRefusal)
    /// Its body failed, and everything was undone.
    case failed(Failure)
}
