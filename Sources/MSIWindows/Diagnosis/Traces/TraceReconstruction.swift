// From a trace to domains: each mapping goes to a domain where its range is free, by preference the one whose
// allocator expects it there, else the one that the task used last. A trace does not name domains, so what
// comes out is the simplest story that contradicts nothing.

public import AddressSpaces
import IOVAAllocation
public import Machines

/// What a trace shows.
public struct TraceReconstruction: Hashable, Sendable {
    public private(set) var domains: [TracedDomain] = []
    /// Devices as they were attached: line and name.
    public private(set) var attached: [Attachment] = []
    /// Whether the doorbell was guessed from being mapped in several domains.
    public private(set) var isDoorbellGuessed = false
    public private(set) var maps = 0
    public private(set) var unmaps = 0
    /// Mappings beyond the domains that are kept apart.
    public private(set) var mapsDropped = 0

    public struct Attachment: Hashable, Sendable {
        public var line: Int
        public var device: String
    }

    public static let domainsMax = 64
    public static let attachmentsMax = 1_024

    /// Puts the domains together. O(events * (domains + log of mappings)).
    public init(_ events: [MappingEvent], _ question: TraceQuestion) {
        var builder = Builder(question)
        if question.doorbells.isEmpty, let guess = Self.guess(events, question.conditions.granule) {
            builder.doorbellPages = [guess: PhysicalAddress(guess)]
            isDoorbellGuessed = true
        }
        let runs = Self.runs(events)
        for (place, event) in events.enumerated() {
            switch event.kind {
            case .map(let iova, let physical, let size):
                maps += 1
                let mapping = TracedDomain.Mapping(
                    line: event.line, iova: IOVA(iova), physical: PhysicalAddress(physical), size: size)
                if !builder.map(mapping, run: runs[place] ?? 0, event) { mapsDropped += 1 }
            case .unmap(let iova, let size, let unmapped):
                unmaps += 1
                builder.unmap(iova, size, unmapped, event)
            case .attach(let device):
                guard attached.count < Self.attachmentsMax else { continue }
                attached.append(Attachment(line: event.line, device: device))
            case .detach: continue
            }
        }
        domains = builder.models.indices.map { builder.models[$0].finish() }
    }

    /// Bytes of each buffer by the index of its first piece: pieces follow each other in one task, upwards.
    private static func runs(_ events: [MappingEvent]) -> [Int: UInt64] {
        var runs: [Int: UInt64] = [:]
        /// By task: index of the open run's first event, and where its next piece would begin.
        var open: [String: (first: Int, next: UInt64)] = [:]
        for (place, event) in events.enumerated() {
            guard case .map(let iova, _, let size) = event.kind else {
                open[event.task] = nil
                continue
            }
            // Pages that are taken from the top down touch from above; upwards, only pieces of one buffer do.
            if let run = open[event.task], run.next == iova, iova != 0 {
                runs[run.first] = (runs[run.first] ?? 0) &+ size
                open[event.task] = (run.first, iova &+ size)
            } else {
                runs[place] = size
                open[event.task] = (place, iova &+ size)
            }
        }
        return runs
    }

    /// The physical page that single-page mappings of at least two domains share: mapped at one IOVA twice
    /// without an unmap between, and oftener than any other.
    private static func guess(_ events: [MappingEvent], _ granule: Granule) -> UInt64? {
        var counts: [UInt64: Int] = [:]
        var mapped: [UInt64: UInt64] = [:]
        for event in events {
            switch event.kind {
            case .map(let iova, let physical, granule.bytes):
                if mapped[iova] == physical { counts[physical, default: 0] += 1 }
                mapped[iova] = physical
            case .unmap(let iova, _, _): mapped[iova] = nil
            case .map, .attach, .detach: continue
            }
        }
        return counts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
    }
}

/// The domains while they are put together.
private struct Builder {
    var models: [DomainModel] = []
    /// Doorbells by the page that holds them.
    var doorbellPages: [UInt64: PhysicalAddress] = [:]
    private let conditions: Conditions
    private let withheld: Withheld?
    /// Whether domains of the DMA layer may be the device's.
    private let isOfDevice: Bool
    private var fresh: DomainModel

    init(_ question: TraceQuestion) {
        conditions = question.conditions
        let granule = question.conditions.granule
        withheld = question.prepared?.withheld
        for doorbell in question.doorbells { doorbellPages[granule.alignDown(doorbell.value)] = doorbell }
        // Without a DMA domain of its own, the device says nothing of those that the trace shows.
        isOfDevice = conditions.defaultDomain.untranslatedBecause == nil
        let owner = isOfDevice ? question.prepared : nil
        let domain = owner?.freshDomain(under: conditions) ?? DMADomain(under: conditions)
        let limit = min(conditions.aperture.last.value, owner?.device.dmaLimit ?? .max)
        fresh = DomainModel(
            domain.iova, limit: limit, DMAAttempts(isPCI: owner?.device.isPCI ?? true, under: conditions))
    }

    /// False when there is no room for another domain.
    mutating func map(_ mapping: TracedDomain.Mapping, run bytes: UInt64, _ event: MappingEvent) -> Bool {
        guard let index = domain(for: mapping, run: bytes, event) else { return false }
        models[index].ask(for: event.device)
        models[index].facts.add(device: event.device)
        let size = bytes > 0 ? bytes : mapping.size
        let expected = models[index].facts.kind == .dmaLayer ? models[index].predicted(size) : nil
        let before = models[index].last
        models[index].map(mapping, run: bytes, event.task)
        check(mapping, index)
        let page = conditions.granule.alignDown(mapping.physical.value)
        if let doorbell = doorbellPages[page], mapping.size <= 0x1_0000 {
            models[index].facts.doorbells.append(
                .init(
                    line: mapping.line, physical: doorbell,
                    iova: IOVA(mapping.iova.value &+ (doorbell.value &- mapping.physical.value)),
                    page: mapping.iova, precededBy: before,
                    expected: models[index].facts.kind == .dmaLayer ? expected.map(IOVA.init) : nil))
        }
        return true
    }

    private mutating func domain(
        for mapping: TracedDomain.Mapping, run bytes: UInt64, _ event: MappingEvent
    ) -> Int? {
        let task = event.task
        let unused = models.indices.filter { models[$0].live.isFree(mapping.iova.value, mapping.size) }
        let free = unused.filter { models[$0].facts.isOf(event.device) }
        if let going = free.last(where: { models[$0].isContinued(by: mapping, task) }) { return going }
        let size = max(bytes, mapping.size)
        let expecting = free.filter {
            models[$0].facts.kind == .dmaLayer && models[$0].predicted(size) == mapping.iova.value
        }
        if let same = expecting.last(where: { models[$0].lastTask == task }) ?? expecting.last { return same }
        fresh.ask(for: event.device)
        if free.isEmpty, let shared = domainOfGroup(for: mapping, size, event, among: unused) {
            return shared
        }
        // What a fresh domain gives first is more likely a new domain than a surprise in an old one.
        if fresh.predicted(size) != mapping.iova.value,
            let same = free.last(where: { models[$0].lastTask == task })
                ?? free.last(where: { isNear(mapping, models[$0].facts) })
        {
            return same
        }
        guard models.count < TraceReconstruction.domainsMax else { return free.last }
        models.append(fresh)
        return models.count - 1
    }

    /// The domain of other devices whose allocator gives just this address next, where a fresh one would not:
    /// the device is in their group. Where the allocator is not known, next is what touches from below.
    private mutating func domainOfGroup(
        for mapping: TracedDomain.Mapping, _ size: UInt64, _ event: MappingEvent, among places: [Int]
    ) -> Int? {
        guard !event.device.isEmpty, fresh.predicted(size) != mapping.iova.value else { return nil }
        return places.last {
            guard models[$0].facts.kind == .dmaLayer, !models[$0].facts.devices.isEmpty else { return false }
            guard !models[$0].isModelled else { return models[$0].predicted(size) == mapping.iova.value }
            return models[$0].facts.span?.start.value == mapping.iova.value &+ size
        }
    }

    /// Whether an unexpected address may still belong to a domain: other tasks map and unmap in it too, and
    /// their mappings lie close by.
    private func isNear(_ mapping: TracedDomain.Mapping, _ facts: TracedDomain) -> Bool {
        guard facts.kind == .dmaLayer, let span = facts.span else { return false }
        let (low, below) = span.start.value.subtractingReportingOverflow(Self.nearBytes)
        let (high, above) = span.last.value.addingReportingOverflow(Self.nearBytes)
        return mapping.iova.value >= (below ? 0 : low) && mapping.iova.value <= (above ? .max : high)
    }

    private static let nearBytes: UInt64 = 64 << 20

    /// What no allocator of Linux would have given, whatever came before.
    private mutating func check(_ mapping: TracedDomain.Mapping, _ index: Int) {
        func odd(_ reason: TracedDomain.Oddity.Reason, _ detail: String) {
            models[index].facts.add(
                .init(
                    line: mapping.line, iova: mapping.iova, size: mapping.size, reason: reason,
                    detail: detail))
        }
        let range = mapping.range
        if !conditions.granule.isWhole(range) {
            odd(.notAligned, "pages are \(HexLiteral.text(conditions.granule.bytes)) bytes")
        }
        if range.last > conditions.aperture.last {
            odd(.beyondAperture, "the SMMU translates \(conditions.aperture.text)")
        }
        let isChosen = models[index].facts.kind != .dmaLayer
        if let withheld, isOfDevice || isChosen {
            if range.last.value > withheld.dmaLimit {
                odd(.aboveDMALimit, "the bus ends at \(HexLiteral.text(withheld.dmaLimit))")
            }
            // User space may use what only the DMA allocator avoids, and gets silence for it. The allocator
            // gives out what Linux does not look at.
            if let item = withheld.firstItem(overlapping: range),
                isChosen ? item.kind != .pageZero : !item.isIgnoredByLinux
            {
                odd(.withheld, "\(item.kind.phrase) \(item.range.text), \(item.provenance)")
            }
        } else if !isChosen, mapping.iova.value == 0 {
            odd(.withheld, "page zero is never allocated")
        }
    }

    /// Takes out what was really mapped: less than was asked for, or a whole block around it.
    mutating func unmap(_ iova: UInt64, _ size: UInt64, _ unmapped: UInt64, _ event: MappingEvent) {
        let holding = models.indices.filter { unmapped > 0 && !models[$0].live.isFree(iova, unmapped) }
        let own = holding.filter { models[$0].facts.isOf(event.device) }
        let named = own.isEmpty ? holding : own
        let beginning = named.filter { models[$0].live.begins(at: iova) }
        let likely = beginning.isEmpty ? named : beginning
        if let index = likely.last(where: { models[$0].lastTask == event.task }) ?? likely.last {
            models[index].unmap(iova, unmapped)
        } else if let index = models.indices.last {
            models[index].facts.add(
                .init(
                    line: event.line, iova: IOVA(iova), size: size, reason: .unmappedWithoutMap,
                    detail: unmapped == 0
                        ? "nothing was mapped there" : "the trace began after the mapping"))
        }
    }
}

/// The surroundings of a trace.
public struct TraceQuestion: Sendable {
    public let conditions: Conditions
    /// The device whose domain is traced, as far as it is known; its reservations and limits apply.
    let prepared: PreparedDevice?
    /// Doorbells to look for; empty to guess one.
    public let doorbells: [PhysicalAddress]

    /// - Parameter prepared: under `conditions`, perhaps with its machine's own driver.
    public init(
        conditions: Conditions = Conditions(), prepared: PreparedDevice?, doorbells: [PhysicalAddress] = []
    ) {
        var conditions = conditions
        // One driver for both: a page of the domain depends on it.
        if let prepared { conditions.driver = prepared.conditions.driver }
        self.conditions = conditions
        self.prepared = prepared
        self.doorbells = doorbells
    }

    public init(
        conditions: Conditions = Conditions(), device: Device? = nil, doorbells: [PhysicalAddress] = []
    ) {
        self.init(
            conditions: conditions, prepared: device.map { PreparedDevice($0, under: conditions) },
            doorbells: doorbells)
    }
}
