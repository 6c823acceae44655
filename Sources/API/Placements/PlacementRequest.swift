// The body of POST /v1/placements, read with all its mistakes at once. Platforms are named here and looked
// up by the service.

public import AddressSpaces
public import Fleet
import Ingestion
public import JSON
import LinuxReleases
public import Machines
public import MSIWindows

/// Hosts, guest and window as they came.
public struct PlacementRequest: Sendable {
    /// Where a host's facts come from.
    public enum Source: Sendable {
        /// A platform and the devices that the VM gets; nil for every active one.
        case platform(id: String, devices: [String]?)
        case reported(regions: [ReservedRegion]?, ranges: [IOVARange]?)
    }

    public struct Host: Sendable {
        public var name: String
        public var source: Source
        /// What is translated; nil where the host does not say.
        public var aperture: IOVARange?
        public var options: [HostFacts.DeviceOption]
        /// JSON Pointer, for problems that only the service sees.
        public var pointer: String
    }

    public var hosts: [Host] = []
    /// nil when it was wrong.
    public var guest: GuestDemand?
    public var window = WindowDemand()
    public var stated = StatedConditions()

    public var conditions: Conditions { stated.conditions }

    /// Reads the body; every fault goes to `problems`.
    public init(_ root: JSONNode, _ problems: ProblemList) {
        guard var reader = ObjectReader(root, problems) else { return }
        stated.read([.kernel, .pageSize], from: &reader)
        let doorbells = reader.optional("doorbell_count")?.int(in: WindowDemand.doorbellsBounds, problems)
        if let nodes = reader.required("hosts")?.elements(countMax: Limits.placementHostsMax, problems) {
            if nodes.isEmpty { problems.add("/hosts", "empty", "Send at least one host.") }
            hosts = nodes.enumerated().compactMap { Self.host($1, index: $0, problems) }
        }
        if let node = reader.required("vm") { guest = Self.guest(node, problems) }
        window = Self.window(
            reader.optional("window"), pageSize: conditions.pageSize, doorbells: doorbells ?? 1, problems)
        reader.finish()
    }

    /// A host of a placement or of a survey.
    static func host(_ node: JSONNode, index: Int, _ problems: ProblemList) -> Host? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let name = reader.optional("name")?.string(bytesMax: Limits.nameBytesMax, problems)
        let bits = reader.value("aperture_bits").flatMap { Condition.apertureBits($0, problems) }
        let options = reader.optional("options").map { Self.options($0, problems) } ?? []
        let platform = reader.optional("platform")
        let devices = reader.optional("devices")
        let regions = reader.optional("reserved_regions")
        let ranges = reader.optional("iova_ranges")
        reader.finish()
        if let bits, ranges != nil {
            problems.add(
                reader.pointer("aperture_bits"), "conflict",
                "\"iova_ranges\" says what is translated; leave out the \(bits) bits.")
        }
        guard let source = source(reader, platform, devices, regions, ranges, problems) else { return nil }
        return Host(
            name: name ?? "host-\(index + 1)", source: source,
            aperture: bits.map { Conditions(apertureBits: $0).aperture },
            options: options, pointer: node.pointer)
    }

    private static func source(
        _ reader: ObjectReader, _ platform: JSONNode?, _ devices: JSONNode?, _ regions: JSONNode?,
        _ ranges: JSONNode?, _ problems: ProblemList
    ) -> Source? {
        if let platform {
            for node in [regions, ranges].compactMap({ $0 }) {
                problems.add(
                    node.pointer, "conflict", "Send \"platform\" or what the host reports, not both.")
            }
            let names = devices?.elements(countMax: Limits.devicesPerPlatformMax, problems)
            if let devices, names?.isEmpty == true {
                problems.add(
                    devices.pointer, "empty", "Name at least one device, or leave devices out for all.")
            }
            let words = names?.compactMap { $0.string(bytesMax: Limits.nameBytesMax, problems) }
            guard let id = platform.string(bytesMax: Limits.platformIDBytesMax, problems) else { return nil }
            return .platform(id: id, devices: words)
        }
        if let devices {
            problems.add(devices.pointer, "conflict", "Devices are those of a \"platform\"; name it too.")
        }
        guard regions != nil || ranges != nil else {
            problems.add(
                reader.pointer("platform"), "required",
                "Send \"platform\", or \"reserved_regions\" and \"iova_ranges\" as the host reports them.")
            return nil
        }
        return .reported(
            regions: regions?.elements(countMax: Limits.inlineRegionsMax, problems)?
                .compactMap { ReservedRegion($0, problems) },
            ranges: ranges?.elements(countMax: Limits.inlineRegionsMax, problems)?
                .compactMap { IOVARange(wire: $0, problems) })
    }

    private static func options(_ node: JSONNode, _ problems: ProblemList) -> [HostFacts.DeviceOption] {
        let nodes = node.elements(countMax: Limits.devicesPerPlatformMax, problems) ?? []
        return nodes.compactMap { node in
            guard var reader = ObjectReader(node, problems) else { return nil }
            let name = reader.required("device")?.string(bytesMax: Limits.nameBytesMax, problems)
            let start = reader.optional("sw_msi_start")
            let size = reader.optional("sw_msi_size_mib")?.int(in: 0...1 << 20, problems) ?? 1
            reader.finish()
            guard let name else { return nil }
            guard let start else { return HostFacts.DeviceOption(device: name, window: nil) }
            guard let base = start.u64(problems) else { return nil }
            guard let window = IOVARange(start: IOVA(base), size: UInt64(max(size, 1)) * Granule.mib1.bytes)
            else {
                problems.add(start.pointer, "wraps", "The window would pass 2^64.")
                return nil
            }
            return HostFacts.DeviceOption(device: name, window: window)
        }
    }
}
