// POST /v1/replays with a kernel's trace of iommu:map and iommu:unmap as text: domains, doorbell pages, what
// was allocated before them, and addresses that the model would not have given.

import AddressSpaces
import HTTP
import Ingestion
import JSON
import LinuxReleases
import MSIWindows
import Machines

extension Service {
    func replayTrace(_ context: RequestContext, _ form: BodyForm) throws(Problem) -> Response {
        try refuse(Route.vectorParameters, "a vector as JSON", context)
        let query = context.query
        var stated = query.conditions()
        var reader = query
        stated.read([.defaultDomain], from: &reader)
        var device: PreparedDevice?
        /// Whose reservations the domain has.
        var owner: PreparedDevice?
        var doorbells = query.number("doorbell").map { [PhysicalAddress($0)] } ?? []
        if let id = context.parameter("platform") {
            if let entry = platforms.entry(id, at: "?platform", query.problems) {
                stated.adopt(entry.platform.host)
                device = adopt(entry, query, stated.conditions, &doorbells)
                stated.adoptDomain(of: device?.source, on: entry.platform)
                owner = device.map { asked in
                    let first = platforms.domainOwner(asked.source, on: entry, stated.conditions.kernel)
                    return first == asked.source
                        ? asked : platforms.prepared(first, on: entry, .own, under: stated.conditions)
                }
            }
        } else if context.parameter("device") != nil {
            query.add("device", "\"device\" needs \"platform\"; send both.")
        }
        try query.check()
        let content: TraceText.Content = try pasted(context.request.body)
        let trace = TraceReconstruction(
            content.events,
            TraceQuestion(
                conditions: stated.conditions, prepared: owner, doorbells: doorbells))
        return json(200) { writer in
            writer.traceMembers(trace, lost: content.eventsLost)
            writer.member("lines_read", content.linesRead)
            writer.member("lines_ignored", content.linesIgnored)
            let told = stated.findingsWithoutDomain(of: device?.source.id) + (device?.ownFindings ?? [])
            writer.findings(of: form, content.findings + told)
            writer.hostFacts(stated.hostFacts, of: .dmaAPI)
            writer.model(
                stated.conditions.kernel, onX86: device?.isOfX86 ?? false, engine: configuration.version)
        }
    }

    /// The device's reservations, and its doorbells or all of the platform.
    private func adopt(
        _ entry: PlatformEntry, _ query: QueryReader, _ conditions: Conditions,
        _ doorbells: inout [PhysicalAddress]
    ) -> PreparedDevice? {
        var known = entry.platform.msiControllers.compactMap(\.doorbell)
        defer { if doorbells.isEmpty { doorbells = known } }
        guard let name = query.value("device")?.string(bytesMax: .max, query.problems) else { return nil }
        guard
            let device = platforms.prepared(name, on: entry, .own, under: conditions, including: .domain)
        else {
            query.add("device", entry.unknownDevice(name))
            return nil
        }
        let own = entry.doorbells(of: device.source)
        if !own.isEmpty { known = own }
        return device
    }

    /// Refuses parameters that the other form of the request reads.
    func refuse(_ names: [String], _ form: String, _ context: RequestContext) throws(Problem) {
        let query = context.query
        for name in names where query.value(text: name) != nil {
            query.add(name, "This parameter applies only to \(form).")
        }
        try query.check()
    }
}

extension PreparedDevice {
    /// On an x86 host no trace shows a doorbell, and a device that may have no IOMMU may have no domain.
    fileprivate var ownFindings: [Finding] {
        let told = [("x86-host", x86Remark), ("no-group", source.missingIOMMURemark)]
        return told.compactMap { code, remark in
            remark.map { Finding(severity: .warning, code: code, location: source.id, detail: $0) }
        }
    }
}

extension StatedConditions {
    /// What a trace of mappings says nothing of: a kernel driver's MSIs where nothing is translated for it.
    fileprivate func findingsWithoutDomain(of device: String?) -> [Finding] {
        guard let reason = conditions.defaultDomain.untranslatedBecause else { return [] }
        let whose = device.map { "of \($0) " } ?? ""
        return [
            Finding(
                severity: .warning, code: "no-dma-domain", location: device ?? "trace",
                detail:
                    "\(reason) There is no DMA domain \(whose)to trace: nothing maps the doorbell for kernel drivers. What "
                    + "the trace maps is of other groups, or of user space (VFIO, iommufd)."
            )
        ]
    }
}

extension JSONWriter {
    /// The answer to a kernel trace at POST /v1/replays.
    mutating func traceMembers(_ trace: TraceReconstruction, lost: UInt64) {
        member("kind", "iommu_trace")
        object("events") { writer in
            writer.member("maps", trace.maps)
            writer.member("unmaps", trace.unmaps)
            writer.member("maps_dropped", trace.mapsDropped)
            writer.member("lost", Int(clamping: min(lost, JSONNode.exactIntegerMax)))
        }
        member("doorbell_guessed", trace.isDoorbellGuessed)
        array("domains") { writer in
            for (index, domain) in trace.domains.enumerated() { writer.domain(domain, index) }
        }
        array("attached") { writer in
            for attachment in trace.attached {
                writer.object { writer in
                    writer.member("line", attachment.line)
                    writer.member("device", attachment.device)
                }
            }
        }
    }

    private mutating func domain(_ domain: TracedDomain, _ index: Int) {
        object { writer in
            writer.member("index", index)
            writer.member("kind", domain.kind.rawValue)
            if !domain.device.isEmpty { writer.member("device", domain.device) }
            if domain.devices.count > 1 { writer.member("devices", strings: domain.devices) }
            writer.member("maps", domain.maps)
            writer.member("unmaps", domain.unmaps)
            writer.member("live", domain.live)
            if let span = domain.span { writer.range("span", span) }
            writer.array("doorbells") { writer in domain.doorbells.forEach { writer.doorbell($0) } }
            writer.array("oddities") { writer in
                for oddity in domain.oddities {
                    writer.object { writer in
                        writer.member("line", oddity.line)
                        writer.member("iova", hex: oddity.iova.value)
                        writer.member("size", hex: oddity.size)
                        writer.member("reason", oddity.reason.rawValue)
                        writer.member("detail", oddity.detail)
                    }
                }
            }
            writer.member("oddities_dropped", domain.odditiesDropped)
        }
    }

    private mutating func doorbell(_ doorbell: TracedDomain.Doorbell) {
        object { writer in
            writer.member("line", doorbell.line)
            writer.member("physical", hex: doorbell.physical.value)
            writer.member("iova", hex: doorbell.iova.value)
            writer.member("page", hex: doorbell.page.value)
            writer.key("preceded_by")
            if let before = doorbell.precededBy {
                writer.object { writer in
                    writer.member("line", before.line)
                    writer.member("iova", hex: before.iova.value)
                    writer.member("physical", hex: before.physical.value)
                    writer.member("size", hex: before.size)
                }
            } else {
                writer.null()
            }
            writer.key("expected")
            if let expected = doorbell.expected { writer.hex(expected.value) } else { writer.null() }
        }
    }
}
