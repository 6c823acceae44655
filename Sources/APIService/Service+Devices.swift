// Devices of a platform, and what is withheld from one.

import APIContract
import AddressSpaces
import HTTPMessages
import MSIWindows
import Platforms
import SMMUModel
import WireJSON

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
        guard let device = entry.device(id) else { throw noDevice(id, entry) }
        var writer = JSONWriter()
        writer.device(device, doorbells: entry.doorbells(of: device))
        return Response(
            status: 200, headers: HeaderFields([.init("Content-Type", MediaType.json)]), body: writer.bytes)
    }

    private func noDevice(_ id: String, _ entry: PlatformEntry) -> Problem {
        Problem(
            .notFound,
            "No device \"\(shown(id))\" on \(entry.id); GET /v1/platforms/\(entry.id)/devices lists them.")
    }

    /// The device of a view, under its conditions, and the window source.
    private func subject(
        _ context: RequestContext
    ) throws(Problem) -> (device: PreparedDevice, source: WindowSource) {
        let entry = try entry(context)
        var errors: [JSONProblem] = []
        let conditions = conditions(context, &errors)
        let source = windowSource(context, &errors)
        if context.parameter("device") == nil {
            errors.append(
                JSONProblem(
                    pointer: "?device", code: "required", detail: "Name the device whose view is wanted."))
        }
        guard errors.isEmpty, let id = context.parameter("device") else { throw .parameters(errors) }
        guard let device = platforms.prepared(id, on: entry, under: conditions) else {
            throw noDevice(id, entry)
        }
        return (device, source)
    }

    func reservedRegions(_ context: RequestContext) throws(Problem) -> Response {
        let view = context.parameter("view") ?? "dma"
        guard ["dma", "sysfs", "vfio"].contains(view) else {
            throw .parameters([parameter("view", "\"\(shown(view))\" is not one of dma, sysfs, vfio.")])
        }
        let (device, source) = try subject(context)
        let conditions = device.conditions
        let withheld = device.withheld
        let isPlain = view == "sysfs" && context.plan.produces == MediaType.plain
        // The other views are no text: who prefers it but takes JSON gets that.
        let fields = context.head.headers.all("Accept")
        if view != "sysfs", Negotiation.choose(from: [MediaType.json], accepting: fields) == nil {
            throw Problem(.notAcceptable, "Only view=sysfs is available as text/plain.")
        }
        if view == "dma" {
            return json(200) { writer in
                writer.member("view", view)
                writer.member("dma_limit", hex: withheld.dmaLimit)
                writer.member("errno", orNull: withheld.errno?.rawValue)
                writer.array("items") { writer in withheld.items.forEach { writer.item($0) } }
                writer.model(conditions.kernel, engine: configuration.version)
            }
        }
        let list = GroupRegionList(inserting: device.advertised(source))
        if view == "sysfs" {
            // What a kernel has printed is printed again as it was, however large its pages are.
            if let reported = device.source.reportedRegions, source == .fixed {
                let list = GroupRegionList(reported: reported)
                return sysfs(list, list.sysfsText(pageBytes: .max), conditions, isPlain: isPlain)
            }
            let text = list.sysfsText(pageBytes: Int(conditions.pageSize.bytes))
            return sysfs(list, text, conditions, isPlain: isPlain)
        }
        return json(200) { writer in
            writer.member("view", view)
            writer.array("items") { writer in
                let ranges = KnownRanges.bounding(
                    list.vfioRanges(aperture: conditions.aperture), by: device.usable)
                for range in ranges {
                    writer.object { $0.rangeMembers(start: range.start.value, last: range.last.value) }
                }
            }
            writer.model(conditions.kernel, engine: configuration.version)
        }
    }

    private func sysfs(
        _ list: GroupRegionList, _ content: String, _ conditions: Conditions, isPlain: Bool
    ) -> Response {
        if isPlain { return text(200, content) }
        return json(200) { writer in
            writer.member("view", "sysfs")
            writer.array("items") { writer in
                for region in list.regions {
                    writer.object { writer in
                        writer.member("start", hex: region.start)
                        writer.member("last", hex: region.start &+ region.length &- 1)
                        writer.member("type", region.kind.sysfsName)
                    }
                }
            }
            writer.member("text", content)
            writer.model(conditions.kernel, engine: configuration.version)
        }
    }

    func availableWindows(_ context: RequestContext) throws(Problem) -> Response {
        let limit = try pageLimit(context)
        let offset = try pageOffset(context)
        let (device, _) = try subject(context)
        var errors: [JSONProblem] = []
        let size = number("size", context, &errors) ?? WindowSource.mainlineSize
        let alignmentBytes = number("alignment", context, &errors) ?? WindowSource.mainlineSize
        let below = number("below", context, &errors)
        if size == 0 { errors.append(parameter("size", "A window has at least one byte.")) }
        if below == 0 { errors.append(parameter("below", "Nothing is below 0.")) }
        let alignment = Granule(bytes: alignmentBytes)
        if alignment == nil { errors.append(parameter("alignment", "Send a power of two.")) }
        guard errors.isEmpty, let alignment else { throw .parameters(errors) }
        let bounds = IOVARange(proven: 0, below.map { $0 - 1 } ?? .max)
        let free = device.withheld.free.clipped(to: bounds)
        let windows = free.places(size: size, alignment: alignment).ranges
        let target = IOVA(WindowSource.mainlineBase)
        return json(200) { writer in
            writer.array("items") { writer in
                for range in windows.dropFirst(offset).prefix(limit) {
                    writer.object { $0.rangeMembers(start: range.start.value, last: range.last.value) }
                }
            }
            writer.object("picks") { writer in
                writer.pick("nearest_default", free.nearestFit(to: target, size: size, alignment: alignment))
                writer.pick("lowest", free.lowestFit(size: size, alignment: alignment))
                writer.pick("highest", free.highestFit(size: size, alignment: alignment))
            }
            if windows.count > offset + limit { writer.member("next_page_token", String(offset + limit)) }
            writer.model(device.conditions.kernel, engine: configuration.version)
        }
    }
}

extension JSONWriter {
    /// The start of a window, or null.
    fileprivate mutating func pick(_ name: String, _ window: IOVARange?) {
        key(name)
        if let window { hex(window.start.value) } else { null() }
    }
}
