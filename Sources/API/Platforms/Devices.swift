// Devices of a platform, and the views of one: which regions are withheld from it, and where windows are
// left.

import AddressSpaces
import Fleet
import HTTP
import JSON
import LinuxReleases
import MSIWindows
import Machines

extension Route {
    /// Conditions of a view.
    private static let conditions = Condition.ofQueries.map(\.word) + ["window_source"]

    static let devices: [Route] = [
        .get("listDevices", "/v1/platforms/{platform}/devices", query: paging, Service.listDevices),
        .get("readDevice", "/v1/platforms/{platform}/devices/{device}", Service.readDevice),
        .get(
            "reservedRegions", "/v1/platforms/{platform}/reserved-regions",
            query: ["device", "view", Condition.defaultDomain.word] + conditions,
            produces: [MediaType.json, MediaType.plain],
            Service.reservedRegions),
        .get(
            "availableWindows", "/v1/platforms/{platform}/available-windows",
            query: ["device", "size", "alignment", "below"] + paging + conditions,
            Service.availableWindows),
    ]
}

extension Service {
    func listDevices(_ context: RequestContext) throws(Problem) -> Response {
        let entry = try entry(context)
        let limit = try pageLimit(context)
        let offset = try pageOffset(context)
        let devices = entry.platform.devices.dropFirst(offset)
        return json(200) { writer in
            writer.array("items") { writer in
                for device in devices.prefix(limit) {
                    writer.device(device, of: entry)
                }
            }
            if devices.count > limit { writer.member("next_page_token", String(offset + limit)) }
        }
    }

    func readDevice(_ context: RequestContext) throws(Problem) -> Response {
        let entry = try entry(context)
        let id = context.variable("device")
        guard let device = entry.device(id) else { throw Problem(.notFound, entry.unknownDevice(id)) }
        return json { $0.device(device, of: entry) }
    }

    /// The device of a view, under its conditions, with its doorbells, and the window source.
    ///
    /// - Parameter consumer: of whose domain the view is; nil where it is of none.
    private func subject(
        _ context: RequestContext, for consumer: Consumer? = nil
    ) throws(Problem) -> ViewSubject {
        // A view without a domain is for user space, which gets groups whole.
        let share = consumer?.share ?? .whole
        let entry = try entry(context)
        let query = context.query
        var stated = query.conditions()
        var reader = query
        stated.read([.defaultDomain], from: &reader)
        stated.adopt(entry.platform.host)
        // Facts that decide addresses decide no view.
        stated.hostFacts.removeAll { !$0.concerns(nil) }
        let source = query.windowSource()
        if context.parameter("device") == nil {
            query.problems.add("?device", "required", "Name the device to show.")
        }
        guard query.problems.isEmpty, let id = context.parameter("device") else {
            throw .parameters(query.problems)
        }
        guard let device = platforms.prepared(id, on: entry, share, under: stated.conditions) else {
            throw Problem(.notFound, entry.unknownDevice(id))
        }
        if consumer != nil { stated.adoptDomain(of: device.source, entry.platform.host) }
        return ViewSubject(
            device: device, doorbells: entry.doorbells(of: device), source: source, stated: stated,
            consumer: consumer)
    }

    /// Whose list of regions it is.
    private enum View: String, CaseIterable {
        case dma, sysfs, vfio

        static let words = allCases.map { (word: $0.rawValue, value: $0) }

        /// Of whose domain it is; nil for lists of the group.
        var consumer: Consumer? {
            switch self {
            case .dma: .dmaAPI
            case .sysfs, .vfio: nil
            }
        }
    }

    func reservedRegions(_ context: RequestContext) throws(Problem) -> Response {
        let query = context.query
        let view = query.value("view")?.choice(View.words, query.problems) ?? .dma
        if view.consumer == nil, let value = query.value(Condition.defaultDomain.name) {
            value.add("not-for-view", "The default domain decides view=dma only.", query.problems)
        }
        try query.check()
        let subject = try subject(context, for: view.consumer)
        let untranslated = subject.untranslated
        let plain = view == .sysfs ? subject.sysfs(of: subject.device).text : untranslated?.words
        if let plain, context.plan.produces == MediaType.plain { return text(200, plain) }
        // The other views are not text: a caller that prefers text but accepts JSON gets JSON.
        let fields = context.head.headers.all("Accept")
        if plain == nil, Negotiation.choose(from: [MediaType.json], accepting: fields) == nil {
            throw Problem(.notAcceptable, "Only view=sysfs is available as text/plain.")
        }
        return json(200) { writer in
            writer.member("view", view.rawValue)
            if let untranslated { writer.noDMADomain(untranslated) }
            let write: (inout JSONWriter, PreparedDevice) -> Void =
                switch view {
                case .dma: { writer, device in writer.withheldMembers(device) }
                case .sysfs: { writer, device in writer.sysfsMembers(subject.sysfs(of: device)) }
                case .vfio: { writer, device in writer.vfioMembers(device, subject.source) }
                }
            write(&writer, subject.device)
            writer.kernelCrashes(subject.device.crashRemark)
            writer.x86Host(subject.device.x86Remark)
            writer.noGroup(subject.device.source)
            if untranslated == nil { writer.ifReported(subject, write) }
            writer.hostFacts(subject.stated.hostFacts, of: subject.consumer)
            writer.model(
                subject.stated.conditions.kernel, onX86: subject.device.isOfX86,
                engine: configuration.version)
        }
    }

    func availableWindows(_ context: RequestContext) throws(Problem) -> Response {
        let limit = try pageLimit(context)
        let offset = try pageOffset(context)
        let subject = try subject(context)
        let query = context.query
        let size =
            query.value("size").flatMap { WindowDemand.size($0, query.problems) }
            ?? WindowSource.mainlineSize
        let alignment =
            query.value("alignment").map { WindowDemand.alignment($0, query.problems) }
            ?? Granule(bytes: WindowSource.mainlineSize)
        let below = query.value("below")?.size(query.problems)
        if below == 0 { query.add("below", "No address is below 0; send a higher one.") }
        guard query.problems.isEmpty, let alignment else { throw .parameters(query.problems) }
        let bounds = IOVARange(proven: 0, below.map { $0 - 1 } ?? .max)
        let page = WindowPage(size: size, alignment: alignment, bounds: bounds, offset: offset, limit: limit)
        return json(200) { writer in
            writer.windowMembers(page, of: subject.device)
            writer.windowsKnown(of: subject.device.source)
            writer.firmwareKnown(of: subject.device.source)
            writer.kernelCrashes(subject.device.crashRemark)
            writer.x86Host(subject.device.x86Remark)
            writer.noGroup(subject.device.source)
            writer.ifReported(subject) { $0.windowMembers(page, of: $1) }
            writer.model(
                of: subject.stated, onX86: subject.device.isOfX86, engine: configuration.version)
        }
    }
}

/// What a view shows: a device under conditions, and what its windows depend on.
private struct ViewSubject {
    let device: PreparedDevice
    let doorbells: [PhysicalAddress]
    let source: WindowSource
    let stated: StatedConditions
    /// Of whose domain the view is; nil where it is of none.
    let consumer: Consumer?

    /// What becomes of MSIs where that consumer has no domain that translates.
    var untranslated: Decision? {
        guard let consumer, !stated.conditions.translates(for: consumer) else { return nil }
        var conditions = stated.conditions
        conditions.driver = device.conditions.driver
        return .decide(
            Question(
                group: PreparedGroup([device]), consumer: consumer, conditions: conditions,
                doorbells: doorbells))
    }

    /// The list that a kernel prints of the device's group, and its lines.
    func sysfs(of device: PreparedDevice) -> (list: GroupRegionList, text: String) {
        // Lines that a kernel printed are repeated unchanged, whatever its page size.
        if let reported = device.source.reportedRegions, source == .fixed {
            let list = GroupRegionList(reported: reported)
            return (list, list.sysfsText(pageBytes: .max))
        }
        let list = GroupRegionList(inserting: device.advertised(source))
        return (list, list.sysfsText(pageBytes: Int(device.conditions.pageSize.bytes)))
    }
}

extension Decision {
    /// The same where there is no DMA domain, as lines for a person.
    fileprivate var words: String {
        let lines = doorbells.map { "doorbell \(HexLiteral.text($0.physical.value)) -> \($0.iova.hex)" }
        return (["There is no DMA domain. \(because)"] + lines).map { $0 + "\n" }.joined()
    }
}

/// Which windows are listed.
private struct WindowPage {
    let size: UInt64
    let alignment: Granule
    let bounds: IOVARange
    let offset: Int
    let limit: Int
}

extension JSONWriter {
    /// Where a virtio-iommu decides: the same members, had it reported a region over each doorbell.
    fileprivate mutating func ifReported(
        _ subject: ViewSubject, _ write: (inout JSONWriter, PreparedDevice) -> Void
    ) {
        iommuDecides(subject.device.undecidedRemark) { writer in
            guard let other = subject.device.ifReported(over: subject.doorbells), !other.regions.isEmpty
            else { return }
            writer.iommuRegions(other.regions)
            write(&writer, other.device)
        }
    }

    /// `"no_dma_domain"`: where MSIs go without one.
    fileprivate mutating func noDMADomain(_ decision: Decision) {
        object("no_dma_domain") { writer in
            writer.decisionMembers(decision)
            writer.member("text", decision.words)
        }
    }

    fileprivate mutating func withheldMembers(_ device: PreparedDevice) {
        let withheld = device.withheld
        member("dma_limit", hex: withheld.dmaLimit)
        windowsKnown(of: device.source)
        firmwareKnown(of: device.source)
        member("errno", orNull: withheld.errno?.rawValue)
        array("items") { writer in withheld.items.forEach { writer.item($0) } }
    }

    fileprivate mutating func sysfsMembers(_ content: (list: GroupRegionList, text: String)) {
        array("items") { writer in
            for region in content.list.regions {
                writer.object { writer in
                    writer.member("start", hex: region.start)
                    writer.member("last", hex: region.wrappingLast)
                    writer.member("type", region.kind.sysfsName)
                }
            }
        }
        member("text", content.text)
    }

    fileprivate mutating func vfioMembers(_ device: PreparedDevice, _ source: WindowSource) {
        let list = GroupRegionList(inserting: device.advertised(source))
        let ranges = device.usable.bounding(list.vfioRanges(aperture: device.conditions.aperture))
        array("items") { writer in
            for range in ranges {
                writer.object { $0.rangeMembers(start: range.start.value, last: range.last.value) }
            }
        }
    }

    fileprivate mutating func windowMembers(_ page: WindowPage, of device: PreparedDevice) {
        let free = device.withheld.freeForWindow.clipped(to: page.bounds)
        // The list is of what is reachable; a pick is a base to use, as those of placements are.
        let places = free.clipped(to: WindowDemand.bounds)
        let windows = free.places(size: page.size, alignment: page.alignment).ranges
        let target = WindowSource.mainlineWindow.start
        array("items") { writer in
            for range in windows.dropFirst(page.offset).prefix(page.limit) {
                writer.object { $0.rangeMembers(start: range.start.value, last: range.last.value) }
            }
        }
        object("picks") { writer in
            writer.pick(
                "nearest_default",
                places.nearestFit(to: target, size: page.size, alignment: page.alignment))
            writer.pick("lowest", places.lowestFit(size: page.size, alignment: page.alignment))
            writer.pick("highest", places.highestFit(size: page.size, alignment: page.alignment))
        }
        if windows.count > page.offset + page.limit {
            member("next_page_token", String(page.offset + page.limit))
        }
    }
}
