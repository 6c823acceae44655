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
    private static let conditions = Condition.ofQueries.map(\.rawValue) + ["window_source"]

    static let devices: [Route] = [
        .get("listDevices", "/v1/platforms/{platform}/devices", query: paging, Service.listDevices),
        .get("readDevice", "/v1/platforms/{platform}/devices/{device}", Service.readDevice),
        .get(
            "reservedRegions", "/v1/platforms/{platform}/reserved-regions",
            query: ["device", "view"] + conditions, produces: [MediaType.json, MediaType.plain],
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
                    writer.device(device, doorbells: entry.doorbells(of: device))
                }
            }
            if devices.count > limit { writer.member("next_page_token", String(offset + limit)) }
        }
    }

    func readDevice(_ context: RequestContext) throws(Problem) -> Response {
        let entry = try entry(context)
        let id = context.variable("device")
        guard let device = entry.device(id) else { throw Problem(.notFound, entry.unknownDevice(id)) }
        return json { $0.device(device, doorbells: entry.doorbells(of: device)) }
    }

    /// The device of a view, under its conditions, and the window source.
    private func subject(
        _ context: RequestContext
    ) throws(Problem) -> (device: PreparedDevice, source: WindowSource, stated: StatedConditions) {
        let entry = try entry(context)
        let query = context.query
        var stated = query.conditions()
        stated.adopt(entry.platform.host)
        let source = query.windowSource()
        if context.parameter("device") == nil {
            query.problems.add("?device", "required", "Name the device to show.")
        }
        guard query.problems.isEmpty, let id = context.parameter("device") else {
            throw .parameters(query.problems)
        }
        guard let device = platforms.prepared(id, on: entry, under: stated.conditions) else {
            throw Problem(.notFound, entry.unknownDevice(id))
        }
        return (device, source, stated)
    }

    /// Whose list of regions it is.
    private enum View: String, CaseIterable {
        case dma, sysfs, vfio

        static let words = allCases.map { (word: $0.rawValue, value: $0) }
    }

    func reservedRegions(_ context: RequestContext) throws(Problem) -> Response {
        let query = context.query
        let view = query.value("view")?.choice(View.words, query.problems) ?? .dma
        try query.check()
        let (device, source, stated) = try subject(context)
        let conditions = device.conditions
        let withheld = device.withheld
        let isPlain = view == .sysfs && context.plan.produces == MediaType.plain
        // The other views are not text: a caller that prefers text but accepts JSON gets JSON.
        let fields = context.head.headers.all("Accept")
        if view != .sysfs, Negotiation.choose(from: [MediaType.json], accepting: fields) == nil {
            throw Problem(.notAcceptable, "Only view=sysfs is available as text/plain.")
        }
        if view == .dma {
            return json(200) { writer in
                writer.member("view", view.rawValue)
                writer.member("dma_limit", hex: withheld.dmaLimit)
                if device.source.hasUnknownPCIWindows { writer.member("pci_windows_known", false) }
                writer.member("errno", orNull: withheld.errno?.rawValue)
                writer.array("items") { writer in withheld.items.forEach { writer.item($0) } }
                writer.model(of: stated, engine: configuration.version)
            }
        }
        let list = GroupRegionList(inserting: device.advertised(source))
        if view == .sysfs {
            // Lines that a kernel printed are repeated unchanged, whatever its page size.
            if let reported = device.source.reportedRegions, source == .fixed {
                let list = GroupRegionList(reported: reported)
                return sysfs(list, list.sysfsText(pageBytes: .max), stated, isPlain: isPlain)
            }
            let text = list.sysfsText(pageBytes: Int(conditions.pageSize.bytes))
            return sysfs(list, text, stated, isPlain: isPlain)
        }
        return json(200) { writer in
            writer.member("view", view.rawValue)
            writer.array("items") { writer in
                let ranges = device.usable.bounding(list.vfioRanges(aperture: conditions.aperture))
                for range in ranges {
                    writer.object { $0.rangeMembers(start: range.start.value, last: range.last.value) }
                }
            }
            writer.model(of: stated, engine: configuration.version)
        }
    }

    private func sysfs(
        _ list: GroupRegionList, _ content: String, _ stated: StatedConditions, isPlain: Bool
    ) -> Response {
        if isPlain { return text(200, content) }
        return json(200) { writer in
            writer.member("view", View.sysfs.rawValue)
            writer.array("items") { writer in
                for region in list.regions {
                    writer.object { writer in
                        writer.member("start", hex: region.start)
                        writer.member("last", hex: region.wrappingLast)
                        writer.member("type", region.kind.sysfsName)
                    }
                }
            }
            writer.member("text", content)
            writer.model(of: stated, engine: configuration.version)
        }
    }

    func availableWindows(_ context: RequestContext) throws(Problem) -> Response {
        let limit = try pageLimit(context)
        let offset = try pageOffset(context)
        let (device, _, stated) = try subject(context)
        let query = context.query
        let size =
            query.value("size").flatMap { WindowDemand.size($0, query.problems) }
            ?? WindowSource.mainlineSize
        let alignment =
            query.value("alignment").map { WindowDemand.alignment($0, query.problems) }
            ?? Granule(bytes: WindowSource.mainlineSize)
        let below = query.number("below")
        if below == 0 { query.add("below", "No address is below 0; send a higher one.") }
        guard query.problems.isEmpty, let alignment else { throw .parameters(query.problems) }
        let bounds = IOVARange(proven: 0, below.map { $0 - 1 } ?? .max)
        let free = device.withheld.freeForWindow.clipped(to: bounds)
        // The list is of what is reachable; a pick is a base to use, as those of placements are.
        let places = free.clipped(to: WindowDemand.bounds)
        let windows = free.places(size: size, alignment: alignment).ranges
        let target = WindowSource.mainlineWindow.start
        return json(200) { writer in
            writer.array("items") { writer in
                for range in windows.dropFirst(offset).prefix(limit) {
                    writer.object { $0.rangeMembers(start: range.start.value, last: range.last.value) }
                }
            }
            writer.object("picks") { writer in
                writer.pick(
                    "nearest_default", places.nearestFit(to: target, size: size, alignment: alignment))
                writer.pick("lowest", places.lowestFit(size: size, alignment: alignment))
                writer.pick("highest", places.highestFit(size: size, alignment: alignment))
            }
            if windows.count > offset + limit { writer.member("next_page_token", String(offset + limit)) }
            writer.model(of: stated, engine: configuration.version)
        }
    }
}
