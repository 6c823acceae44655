// Exported state on its way back in. Here only shapes are read; whether the parts fit together is the
// session's to say.

import AddressSpaces
import Ingestion
import IOVAAllocation
import JSON
import LinuxReleases
import Machines
import MSIWindows
import Sandboxes

extension SessionSnapshot {
    /// The members that a fresh session has not: the caller has read the others.
    init?(
        _ reader: inout ObjectReader, id: String, kernel: KernelRelease, ttlSeconds: Int,
        _ problems: ProblemList
    ) {
        // What GET .../state adds for people.
        _ = reader.optional("model")
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
            id: id, kernel: kernel, revision: UInt64(revision), ttlSeconds: ttlSeconds, context: context,
            domains: domains.compactMap { $0 })
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
        _ node: JSONNode, kernel: KernelRelease, _ problems: ProblemList
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
            domain.mappings = Self.list(
                reader.optional("mappings"), Limits.mappingsPerDomainMax, problems
            ) { IOVARange(wire: $0, problems) }
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
            return SessionDevice(id: request.id ?? device.id, platform: request.origin, device: device)
        case .named:
            problems.add(node.pointer, "required", "Exported devices are described: send \"description\".")
            return nil
        case nil: return nil
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
        let range = reader.range()
        let type = reader.optional("type").flatMap {
            $0.kind == .null ? nil : $0.choice(ReservedRegion.Kind.words, problems)
        }
        let origins = WithheldItem.Kind.allCases.map { (word: $0.rawValue, value: $0) }
        let origin = reader.optional("kind").flatMap { $0.choice(origins, problems) }
        let words = reader.optional("provenance")?.string(bytesMax: Limits.nameBytesMax, problems)
        reader.finish()
        guard let range else { return nil }
        self.init(
            range: IOVARange(proven: range.start, range.last), kind: type, origin: origin,
            provenance: words ?? "restored")
    }
}
