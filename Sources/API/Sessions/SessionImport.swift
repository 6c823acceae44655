// Exported state on its way back in. Only shapes are read here; whether the parts fit together is for the
// session to say.

import AddressSpaces
import IOVAAllocation
import Ingestion
import JSON
import LinuxReleases
import MSIWindows
import Machines
import Sandboxes

extension SessionSnapshot {
    /// The members that only an exported session has: the caller has read the others.
    init?(
        _ reader: inout ObjectReader, id: String, kernel: KernelProfile, ttlSeconds: Int,
        _ problems: ProblemList
    ) {
        // What GET .../state adds for people.
        _ = reader.optional("model")
        let origins = KernelOrigin.allCases.map { (word: $0.rawValue, value: $0) }
        let origin = reader.optional("kernel_from").flatMap { $0.choice(origins, problems) }
        let revision = reader.optional("revision").map {
            $0.int(in: 0...Int(JSONNode.exactIntegerMax), problems)
        }
        let context = Self.context(reader.optional("doorbell_context"), problems)
        guard let node = reader.required("domains"),
            let nodes = node.elements(countMax: Limits.domainsPerSessionMax, problems)
        else { return nil }
        let domains = nodes.map { Self.domain($0, kernel: kernel, problems) }
        guard let revision = revision ?? 0 else { return nil }
        self.init(
            id: id, kernel: kernel, kernelOrigin: origin ?? .request, revision: UInt64(revision),
            ttlSeconds: ttlSeconds, context: context, domains: domains.compactMap { $0 })
    }

    private static func context(_ node: JSONNode?, _ problems: ProblemList) -> [ContextPage] {
        let nodes = node?.elements(countMax: Limits.doorbellsPerDomainMax, problems) ?? []
        return nodes.compactMap { node in
            guard var reader = ObjectReader(node, problems) else { return nil }
            let window = reader.required("window")?.u64(problems)
            let physical = reader.required("physical")?.u64(problems)
            let number = reader.required("number")?.int(in: 0...Limits.doorbellsPerDomainMax, problems)
            reader.finish()
            guard let window, let physical, let number else { return nil }
            return ContextPage(window: window, physical: physical, number: UInt64(number))
        }
    }

    private static func domain(
        _ node: JSONNode, kernel: KernelProfile, _ problems: ProblemList
    ) -> Domain? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        defer { reader.finish() }
        let head = DomainRequest(head: &reader, kernel: kernel, problems)
        if head.id == nil, reader.node.member("id") == nil {
            problems.add(reader.pointer("id"), "required", "The member \"id\" is missing.")
        }
        var domain = Domain(setup: head.setup(id: head.id?.text ?? ""))
        let devices = reader.optional("devices")?.elements(countMax: Limits.devicesPerDomainMax, problems)
        domain.devices = (devices ?? []).compactMap { Self.device($0, problems) }
        guard head.consumer == .dmaAPI else {
            domain.mappings = Self.mappings(reader.optional("mappings"), problems)
            domain.interrupts = Self.list(
                reader.optional("interrupts"), Limits.doorbellsPerDomainMax, problems
            ) { Self.interrupt($0, problems) }
            return domain
        }
        domain.regions = Self.list(
            reader.optional("reserved_regions"), Limits.reservedRegionsPerSessionMax, problems
        ) { SessionRegion($0, problems) }
        domain.doorbells = Self.list(
            reader.optional("doorbells"), Limits.doorbellsPerDomainMax, problems
        ) { Self.doorbell($0, problems) }
        domain.allocator = reader.required("allocator").flatMap {
            Allocator($0, head.setup(id: "").conditions, problems)
        }
        return domain
    }

    static func list<T>(
        _ node: JSONNode?, _ countMax: Int, _ problems: ProblemList, _ read: (JSONNode) -> T?
    ) -> [T] {
        node?.elements(countMax: countMax, problems)?.compactMap(read) ?? []
    }

    private static func device(_ node: JSONNode, _ problems: ProblemList) -> SessionDevice? {
        let request = SessionDeviceRequest(node, isExported: true, problems)
        switch request.subject {
        case .described(let device):
            return SessionDevice(
                id: request.id ?? device.id, platform: request.origin, device: device,
                unusedFacts: request.unusedFacts)
        case .named:
            problems.add(node.pointer, "required", "An exported device needs \"description\".")
            return nil
        case nil: return nil
        }
    }

    /// In either form of a state.
    private static func mappings(_ node: JSONNode?, _ problems: ProblemList) -> [IOVARange] {
        guard let node, node.kind == .string else {
            return list(node, Limits.mappingsPerDomainMax, problems) { IOVARange(wire: $0, problems) }
        }
        return Allocator.pairs(node, countMax: Limits.mappingsPerDomainMax, problems).compactMap { ends in
            if ends.0 > ends.1 {
                let detail =
                    "A mapping ends before it starts: \(HexLiteral.text(ends.0)), \(HexLiteral.text(ends.1))."
                problems.add(node.pointer, "backwards", detail)
            }
            return ends.0 <= ends.1 ? IOVARange(proven: ends.0, ends.1) : nil
        }
    }

    private static func interrupt(_ node: JSONNode, _ problems: ProblemList) -> Interrupt? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let physical = reader.required("physical")?.u64(problems)
        let device = reader.required("device")?.int(in: 0...Limits.devicesPerDomainMax, problems)
        reader.finish()
        guard let physical, let device else { return nil }
        return Interrupt(physical: physical, device: device)
    }

    private static func doorbell(_ node: JSONNode, _ problems: ProblemList) -> DoorbellPage? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let physical = reader.required("physical")?.u64(problems)
        let page = reader.required("page")?.u64(problems)
        reader.finish()
        guard let physical, let page else { return nil }
        return DoorbellPage(physical: physical, iova: page)
    }
}

extension SessionRegion {
    fileprivate init?(_ node: JSONNode, _ problems: ProblemList) {
        guard var reader = ObjectReader(node, problems) else { return nil }
        // Not as a caller's region is read: inbound windows up to 2^64-1 make Linux reserve everything.
        let range = reader.range()
        let type = reader.optional("type").flatMap {
            $0.kind == .null ? nil : $0.choice(ReservedRegion.Kind.words, problems)
        }
        let origins = WithheldItem.Kind.allCases.map { (word: $0.rawValue, value: $0) }
        let origin = reader.optional("kind").flatMap { $0.choice(origins, problems) }
        let words = reader.optional("provenance")?
            .string(bytesMax: ReservedRegion.describedProvenanceBytesMax, problems)
        reader.finish()
        guard let range else { return nil }
        self.init(
            range: IOVARange(proven: range.start, range.last), kind: type, origin: origin,
            provenance: words ?? "restored")
    }
}

// MARK: Allocator

extension SessionSnapshot.Allocator {
    init?(_ node: JSONNode, _ conditions: Conditions, _ problems: ProblemList) {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let start = reader.required("start_pfn")?.u64(problems)
        let cpus = reader.optional("online_cpus").map { $0.int(in: 1...Limits.domainCPUsMax, problems) } ?? 1
        let hint32 = reader.required("cached32_node")?.u64(problems)
        let hint64 = reader.required("cached_node")?.u64(problems)
        let memo = reader.required("max32_alloc_size")?.u64(problems)
        let ranges = Self.pairs(reader.required("ranges"), problems)
        let classes = SessionSnapshot.list(reader.required("size_classes"), 64, problems) {
            Self.sizeClass($0, problems)
        }
        let notes = reader.required("notes").map { Self.notes($0, problems) } ?? []
        let hardware = SessionSnapshot.list(
            reader.optional("hardware_msi"), Limits.inlineRegionsMax, problems
        ) { IOVARange(wire: $0, problems) }
        var givenUp = SessionSnapshot.list(
            reader.optional("gave_up_below_4g"), Limits.devicesPerDomainMax, problems
        ) { $0.int(in: 0...Limits.devicesPerDomainMax, problems) }
        if reader.optional("unattached_gave_up_below_4g").flatMap({ $0.bool(problems) }) == true {
            givenUp.append(-1)
        }
        let errnos = Errno.allCases.map { (word: $0.rawValue, value: $0) }
        let errno = reader.optional("errno").flatMap {
            $0.kind == .null ? nil : $0.choice(errnos, problems)
        }
        reader.finish()
        guard let start, let cpus, let hint32, let hint64, let memo else { return nil }
        self.init(
            state: IOVASnapshot(
                granule: conditions.granule, startPFN: start, release: conditions.kernel, onlineCPUs: cpus,
                ranges: ranges.map { PageFrameRange(lo: $0.0, hi: $0.1) }, hint32: hint32, hint64: hint64,
                memo: memo, sizeClasses: classes),
            notes: notes, hardware: hardware, givenUp: givenUp, errno: errno)
    }

    /// A list in either form.
    private static func numbers(
        _ node: JSONNode?, countMax: Int = 2 * Limits.iovasPerSessionMax, _ problems: ProblemList
    ) -> [UInt64] {
        guard let node, node.kind == .string else {
            return SessionSnapshot.list(node, countMax, problems) { $0.u64(problems) }
        }
        let text = node.string(bytesMax: Limits.sessionBodyBytesMax, problems) ?? ""
        do {
            return try PackedNumbers.unpack(text.utf8, countMax: countMax)
        } catch {
            problems.add(node.pointer, "not-packed", error.detail)
            return []
        }
    }

    /// A flat list of at most so many pairs.
    fileprivate static func pairs(
        _ node: JSONNode?, countMax: Int = Limits.iovasPerSessionMax, _ problems: ProblemList
    ) -> [(UInt64, UInt64)] {
        let flat = numbers(node, countMax: 2 * countMax, problems)
        guard flat.count.isMultiple(of: 2) else {
            if let node {
                problems.add(node.pointer, "odd-count", "The numbers are pairs; send an even count.")
            }
            return []
        }
        return stride(from: 0, to: flat.count, by: 2).map { (flat[$0], flat[$0 + 1]) }
    }

    private static func sizeClass(
        _ node: JSONNode, _ problems: ProblemList
    ) -> IOVASnapshot.SizeClass? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        var sizeClass = IOVASnapshot.SizeClass()
        sizeClass.loaded = numbers(reader.required("loaded"), problems)
        sizeClass.previous = numbers(reader.required("previous"), problems)
        sizeClass.depot = SessionSnapshot.list(
            reader.required("depot"), Limits.iovasPerSessionMax, problems
        ) { numbers($0, problems) }
        sizeClass.isArmed = reader.optional("armed").flatMap { $0.bool(problems) } ?? false
        reader.finish()
        return sizeClass
    }

    private static func notes(_ node: JSONNode, _ problems: ProblemList) -> [SessionSnapshot.Note] {
        guard var reader = ObjectReader(node, problems) else { return [] }
        var notes: [SessionSnapshot.Note] = []
        for kind in SessionSnapshot.Note.Kind.allCases {
            notes += pairs(reader.optional(text: kind.rawValue), problems).map {
                SessionSnapshot.Note(kind: kind, hi: $0.0, pages: $0.1)
            }
        }
        reader.finish()
        return notes
    }
}
