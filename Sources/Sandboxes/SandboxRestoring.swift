// Sandboxes from a caller's snapshot. For the DMA layer the allocator checks itself, and this checks that the
// bookkeeping and the allocator agree. For user space the verbs are done again, in an order in which Linux
// allows them; whatever Linux would refuse is a contradiction.

import AddressSpaces
import IOVAAllocation
import LinuxReleases
import MSIWindows

extension DMASandbox {
    init(
        restoring snapshot: SessionSnapshot.Domain, _ allocator: SessionSnapshot.Allocator, at index: Int
    ) throws(SessionSnapshot.Fault) {
        let conditions = snapshot.setup.conditions
        let iova: IOVADomain
        do {
            iova = try IOVADomain(restoring: allocator.state)
        } catch {
            throw .allocator(domain: index, error)
        }
        func check(_ holds: Bool, _ member: String, _ what: String) throws(SessionSnapshot.Fault) {
            if !holds { throw .domain(index, member: member, what) }
        }
        try check(iova.granule == conditions.granule, "granule", "it differs from the allocator's granule")
        try check(iova.startPFN >= 1, "start_pfn", "the DMA layer starts at page 1 or above")
        try check(iova.release == conditions.kernel, "kernel", "it differs from the allocator's release")
        try check(allocator.state.memo >= 1, "max32_alloc_size", "it is at least one page")
        var notes: [UInt64: Note] = [:]
        for entry in allocator.notes {
            let held = iova.held(containing: entry.hi)
            try check(held?.hi == entry.hi, "notes", "no held range ends at page \(entry.hi)")
            guard let held else { continue }
            try check(
                entry.pages >= 1 && entry.pages - 1 <= held.hi - held.lo && entry.pages <= Note.pagesMax,
                "notes",
                "the range up to page \(entry.hi) does not have \(entry.pages) pages")
            if entry.kind == .cached || entry.kind == .parked {
                try check(
                    IOVADomain.cachedPages(for: entry.pages) == entry.pages, "notes",
                    "the cached level never hands out \(entry.pages) pages")
            }
            let note = Note(.init(entry.kind), pages: entry.pages)
            try check(notes.updateValue(note, forKey: entry.hi) == nil, "notes", "a range is noted twice")
        }
        try Self.check(notes, parkedIn: allocator.state, at: index)
        try Self.check(notes, snapshot.doorbells, iova, at: index)
        for range in allocator.hardware {
            try check(
                iova.granule.pages(around: range) == range, "hardware_msi",
                "\(range.text) is not made of whole pages")
        }
        for member in allocator.givenUp {
            try check(
                (-1..<max(snapshot.devices.count, 0)).contains(member), "gave_up_below_4g",
                "there is no device \(member)")
        }
        let ids = Set(snapshot.devices.map(\.id))
        try check(ids.count == snapshot.devices.count, "devices", "two devices have one id")
        self.init(
            domain: DMADomain(
                restoring: iova, under: conditions, errno: allocator.errno, hardware: allocator.hardware,
                pages: Dictionary(
                    uniqueKeysWithValues: snapshot.doorbells.map { ($0.physical, $0.iova) }),
                gaveUpBelow4G: Set(allocator.givenUp)),
            notes: notes)
        devices = snapshot.devices
        regions = snapshot.regions
        doorbells = snapshot.doorbells.map { Doorbell(physical: $0.physical, iova: $0.iova) }
    }

    /// What the caches keep and what is noted as kept must be the same, each in the class of its size.
    private static func check(
        _ notes: [UInt64: Note], parkedIn state: IOVASnapshot, at index: Int
    ) throws(SessionSnapshot.Fault) {
        var left = notes.filter { $0.value.kind == .parked }
        for (order, sizeClass) in state.sizeClasses.enumerated() {
            for pfn in sizeClass.loaded + sizeClass.previous + sizeClass.depot.joined() {
                // The highest page that the entry can stand for is the last one of its class.
                let pages = (1...UInt64(1 << order)).reversed().first { left[pfn &+ ($0 - 1)]?.pages == $0 }
                guard let pages, pages > UInt64(1 << order) / 2 || order == 0 else {
                    throw .domain(
                        index, member: "notes",
                        "the cached page \(pfn) of class \(order) is not noted as parked")
                }
                left[pfn + (pages - 1)] = nil
            }
        }
        guard left.isEmpty else {
            throw .domain(index, member: "notes", "a range is noted as parked but is in no cache")
        }
    }

    private static func check(
        _ notes: [UInt64: Note], _ doorbells: [SessionSnapshot.DoorbellPage], _ iova: IOVADomain,
        at index: Int
    ) throws(SessionSnapshot.Fault) {
        var left = Set(notes.filter { $0.value.kind == .doorbell }.keys)
        var physical: Set<UInt64> = []
        for page in doorbells {
            guard iova.granule.isAligned(page.physical), iova.granule.isAligned(page.iova),
                physical.insert(page.physical).inserted
            else {
                throw .domain(
                    index, member: "doorbells",
                    "the doorbell page \(HexLiteral.text(page.physical)) is misaligned or listed twice")
            }
            guard left.remove(iova.granule.frame(of: page.iova)) != nil else {
                throw .domain(
                    index, member: "doorbells", "no held page is noted for \(HexLiteral.text(page.iova))")
            }
        }
        guard left.isEmpty else {
            throw .domain(index, member: "notes", "a range is noted as a doorbell's but no doorbell has it")
        }
    }
}

extension UserSandbox {
    init(
        restoring snapshot: SessionSnapshot.Domain, at index: Int, _ quota: SessionQuota,
        _ context: inout DoorbellContext
    ) throws(SessionSnapshot.Fault) {
        let setup = snapshot.setup
        self.init(consumer: setup.consumer, source: setup.source, under: setup.conditions)
        guard snapshot.devices.count <= quota.devices else {
            throw .refused(domain: index, .full(.devices, max: quota.devices))
        }
        for device in snapshot.devices {
            guard !devices.contains(where: { $0.id == device.id }) else {
                throw .domain(index, member: "devices", "two devices have one id")
            }
            do {
                try attach(device, PreparedDevice(device.device, under: setup.conditions))
            } catch { throw .refused(domain: index, error) }
        }
        guard snapshot.mappings.count <= quota.mappings else {
            throw .refused(domain: index, .full(.mappings, max: quota.mappings))
        }
        for range in snapshot.mappings {
            guard let bytes = range.size else {
                throw .domain(index, member: "mappings", "a mapping cannot cover the whole space")
            }
            do {
                _ = try map(range.start.value, bytes: bytes, userAddress: 0)
            } catch {
                throw .refused(domain: index, error)
            }
        }
        // Beside the pages, each cookie at address 0 has one that it lost.
        guard snapshot.interrupts.count <= quota.doorbells + quota.devices else {
            throw .refused(domain: index, .full(.doorbells, max: quota.doorbells))
        }
        for interrupt in snapshot.interrupts {
            guard devices.indices.contains(interrupt.device) else {
                throw .domain(index, member: "interrupts", "there is no device \(interrupt.device)")
            }
            // A refusal is among them where a cookie at address 0 lost its first page.
            _ = try? map(
                PhysicalAddress(interrupt.physical), for: .device(devices[interrupt.device].id),
                context: &context)
        }
    }
}
