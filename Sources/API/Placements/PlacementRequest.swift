// The body of POST /v1/placements, read with all its mistakes at once: hosts, guest and window. Platforms are
// named here; the handler looks them up. Surveys read their hosts here too.

import AddressSpaces
import Fleet
import Ingestion
import JSON
import LinuxReleases
import MSIWindows
import Machines

/// Hosts, guest and window as the request states them.
struct PlacementRequest: Sendable {
    /// Where a host's facts come from.
    enum Source: Sendable {
        /// A platform and the devices that the VM gets; nil for every active one.
        case platform(id: String, devices: [String]?)
        case reported(regions: [ReservedRegion]?, ranges: [IOVARange]?)

        /// Regions and ranges that a host reports; 0 for a platform, which its devices count for.
        var reportedRanges: Int {
            switch self {
            case .platform: 0
            case .reported(let regions, let ranges): (regions?.count ?? 0) + (ranges?.count ?? 0)
            }
        }
    }

    struct Host: Sendable {
        var name: String
        var source: Source
        /// What is translated; nil where the host does not say.
        var aperture: IOVARange?
        /// What its virtio-iommus report; nil where nobody has said.
        var iommuRegions: [ReservedRegion]?
        /// In place of those of the request.
        var kernel: Agreement.Host.Kernel?
        var options: [HostFacts.DeviceOption]
        /// What it states beyond what its kernel release has.
        var capabilities: Set<HostCapability>
        /// nil where no element of the request describes it.
        var node: JSONNode?

        /// JSON Pointer, for problems that only the service sees. Put together when it is asked for: for the
        /// last of many hosts that is a walk over all of them.
        var pointer: String { node?.pointer ?? "" }

        /// Regions that each of its devices has from the request.
        var regionsOfEach: Int { iommuRegions?.count ?? 0 }
    }

    /// Those that are named; none with a pool.
    private(set) var namedHosts: [Host] = []
    /// Whose platforms are the hosts.
    private(set) var pool: String?
    /// nil when it was wrong.
    var guest: GuestDemand?
    var stated = StatedConditions()
    /// What every host has.
    private(set) var capabilities: Set<HostCapability> = []
    private var wish = WindowWish()
    private var doorbells = 1

    /// What a body that is no object says.
    init() {}

    /// Reads the body; every fault goes to `problems`.
    init(_ root: JSONNode, _ problems: ProblemList) {
        guard var reader = ObjectReader(root, problems) else {
            self.init()
            return
        }
        self.init(&reader, problems)
        reader.finish()
    }

    /// Reads the members of a body that may have others too.
    init(_ reader: inout ObjectReader, _ problems: ProblemList) {
        stated.read([.kernel, .pageSize], from: &reader)
        let doorbells = reader.optional("doorbell_count")?.int(in: WindowDemand.doorbellsBounds, problems)
        if let node = reader.optional("capabilities") { capabilities = Self.capabilities(node, problems) }
        pool = Self.pool(&reader, notBeside: ["hosts"], problems)
        let hosts = reader.node.member("pool") == nil ? reader.required("hosts") : nil
        if let nodes = hosts?.elements(countMax: Limits.placementHostsMax, problems) {
            if nodes.isEmpty { problems.add("/hosts", "empty", "Send at least one host.") }
            namedHosts = nodes.enumerated().compactMap { Self.host($1, index: $0, problems) }
        }
        if let node = reader.required("vm") { guest = Self.guest(node, problems) }
        if let node = reader.optional("window") { wish = WindowWish(node, problems) }
        self.doorbells = doorbells ?? 1
    }

    /// A pool, in place of these members.
    static func pool(
        _ reader: inout ObjectReader, notBeside others: [StaticString], _ problems: ProblemList
    ) -> String? {
        guard let node = reader.optional("pool") else { return nil }
        for name in others {
            guard let other = reader.optional(name) else { continue }
            problems.add(other.pointer, "conflict", "Send \"\(name)\" or \"pool\", not both.")
        }
        return node.line(bytesMax: Limits.labelValueBytesMax, problems)
    }

    /// The hosts that are named, or the platforms of the pool.
    func hosts(_ platforms: PlatformStore, _ problems: ProblemList) -> [Host] {
        guard let pool else { return namedHosts }
        return platforms.members(ofPool: pool, problems).map { Host(ofPool: $0.id) }
    }

    /// A host of a placement, of a survey or of an agreement.
    static func host(_ node: JSONNode, index: Int, _ problems: ProblemList) -> Host? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let name = reader.optional("name")?.line(bytesMax: Limits.nameBytesMax, problems)
        let bits = reader.value("aperture_bits").flatMap { Condition.apertureBits($0, problems) }
        let reported = reader.value(Condition.iommuRegions.name)
        let kernel = kernel(&reader, problems)
        let options = reader.optional("options").map { Self.options($0, problems) } ?? []
        let capabilities = reader.optional("capabilities").map { Self.capabilities($0, problems) } ?? []
        let platform = reader.optional("platform")
        let devices = reader.optional("devices")
        let regions = reader.optional("reserved_regions")
        let ranges = reader.optional("iova_ranges")
        reader.finish()
        if let bits, ranges != nil {
            problems.add(
                reader.pointer("aperture_bits"), "conflict",
                "\"iova_ranges\" already says what is translated; leave out the \(bits) bits.")
        }
        if let reported, platform == nil {
            reported.add(
                "conflict",
                "\"iommu_regions\" is of a platform's devices; \"reserved_regions\" has what the IOMMU reports.",
                problems)
        }
        guard let source = source(reader, platform, devices, regions, ranges, problems) else { return nil }
        return Host(
            name: name ?? "host-\(index + 1)", source: source,
            aperture: bits.map { Conditions(apertureBits: $0).aperture },
            iommuRegions: reported.flatMap { Condition.iommuRegions($0, problems) }, kernel: kernel,
            options: options, capabilities: capabilities.union(Self.capabilities(shownBy: options)),
            node: node)
    }

    /// nil of nearly every host.
    private static func kernel(_ reader: inout ObjectReader, _ problems: ProblemList) -> Agreement.Host
        .Kernel?
    {
        let profile = reader.optional(Condition.kernel.name)
        let pageSize = reader.optional(Condition.pageSize.name)
        if profile == nil, pageSize == nil { return nil }
        return Agreement.Host.Kernel(
            profile: profile.flatMap { Condition.kernel(.member($0), problems) },
            pageSize: pageSize.flatMap { Condition.pageSize(.member($0), problems) })
    }

    /// Who has set an option has it.
    private static func capabilities(shownBy options: [HostFacts.DeviceOption]) -> Set<HostCapability> {
        options.contains { $0.window != nil } ? [.softwareMSIOptions] : []
    }

    private static let capabilityWords = HostCapability.allCases.map { (word: $0.rawValue, value: $0) }

    /// Each once, in any order; the same word may come again.
    private static func capabilities(_ node: JSONNode, _ problems: ProblemList) -> Set<HostCapability> {
        let nodes = node.elements(countMax: Limits.capabilitiesMax, problems) ?? []
        return Set(nodes.compactMap { $0.choice(capabilityWords, problems) })
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
                    devices.pointer, "empty",
                    "Name at least one device, or leave out \"devices\" to include all.")
            }
            let words = names?.compactMap { $0.string(bytesMax: Limits.nameBytesMax, problems) }
            guard let id = platform.string(bytesMax: Limits.platformIDBytesMax, problems) else { return nil }
            return .platform(id: id, devices: words)
        }
        if let devices {
            problems.add(devices.pointer, "conflict", "\"devices\" needs \"platform\"; send both.")
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
            let bytes = UInt64(max(size, 1)) * Granule.mib1.bytes
            guard let window = WindowDemand.window(at: base, size: bytes, .member(start), problems) else {
                return nil
            }
            return HostFacts.DeviceOption(device: name, window: window)
        }
    }
}

// MARK: Guest and window

extension PlacementRequest {
    private static let vmms = VMM.allCases.map { (word: $0.rawValue, value: $0) }
    private static let viommus = GuestDemand.VIOMMU.allCases.map { (word: $0.rawValue, value: $0) }
    private static let mapKinds = GuestDemand.MapEntry.Kind.allCases.map { (word: $0.rawValue, value: $0) }

    static func guest(_ node: JSONNode, _ problems: ProblemList) -> GuestDemand? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let viommu = reader.optional("viommu")?.choice(viommus, problems) ?? .none
        let pinned =
            reader.optional("pinned_bars")?.elements(countMax: Limits.memoryMapEntriesMax, problems)?
            .compactMap { IOVARange(wire: $0, problems) } ?? []
        if let map = reader.optional("memory_map") {
            for name in ["vmm", "ram"] as [StaticString] {
                if let other = reader.optional(name) {
                    problems.add(
                        other.pointer, "conflict", "Send \"vmm\" and \"ram\", or \"memory_map\", not both.")
                }
            }
            let peerToPeer = reader.optional("p2p").map { $0.bool(problems) ?? true } ?? true
            let entries = entries(map, problems) + pinned.map { .init(range: $0, kind: .pinnedBAR) }
            reader.finish()
            return GuestDemand(map: entries, peerToPeer: peerToPeer, viommu: viommu)
        }
        let vmm = reader.required("vmm")?.choice(vmms, problems)
        let shape = shape(&reader, problems)
        reader.finish()
        guard let vmm, let shape else { return nil }
        return GuestDemand(vmm, shape, viommu: viommu, pinnedBARs: pinned)
    }

    private static func entries(_ node: JSONNode, _ problems: ProblemList) -> [GuestDemand.MapEntry] {
        let nodes = node.elements(countMax: Limits.memoryMapEntriesMax, problems) ?? []
        return nodes.compactMap { node in
            guard var reader = ObjectReader(node, problems) else { return nil }
            let range = reader.range()
            let kind = reader.optional("kind").map { $0.choice(mapKinds, problems) } ?? .ram
            reader.finish()
            guard let range, let kind else { return nil }
            return GuestDemand.MapEntry(range: IOVARange(proven: range.start, range.last), kind: kind)
        }
    }

    private static func shape(_ reader: inout ObjectReader, _ problems: ProblemList) -> VMShape? {
        guard let shape = VMShape(ram: reader.requiredValue("ram"), &reader) else { return nil }
        // GET /v1/vmms/{vmm} reports how the VMM refuses this.
        if let maxmem = shape.maxmem, maxmem < shape.ram {
            problems.add(
                reader.pointer("maxmem"), "out-of-range",
                "\"maxmem\" (\(HexLiteral.text(maxmem)) bytes) is less than \"ram\" (\(HexLiteral.text(shape.ram))); it "
                    + "counts the memory at boot too: send at least as much.")
        }
        return shape
    }
}

// MARK: Window

extension PlacementRequest {
    /// `window` as it was sent: how large it must be is known with the hosts' pages.
    private struct WindowWish {
        var size: UInt64?
        var alignment: Granule?
        var requested: UInt64?
        var isMovable = true
        var is32BitOnly = false

        init() {}

        init(_ node: JSONNode, _ problems: ProblemList) {
            guard var reader = ObjectReader(node, problems) else { return }
            size = reader.value("size").flatMap { WindowDemand.size($0, problems) }
            alignment = reader.value("alignment").flatMap { WindowDemand.alignment($0, problems) }
            // A base whose window would pass 2^64 is answered as every other that does not work: see
            // `WindowDemand.window`.
            requested = reader.optional("requested")?.u64(problems)
            isMovable = reader.optional("movable").map { $0.bool(problems) ?? true } ?? true
            is32BitOnly = reader.optional("msi_32bit_only").map { $0.bool(problems) ?? false } ?? false
            reader.finish()
        }
    }

    /// The window for hosts with pages of this size.
    func window(pageSize: Granule) -> WindowDemand {
        WindowDemand(
            size: wish.size, alignment: wish.alignment, requested: wish.requested, isMovable: wish.isMovable,
            is32BitOnly: wish.is32BitOnly, pageSize: pageSize, doorbells: doorbells)
    }
}

extension PlacementRequest.Host {
    /// A platform of a pool: a host by the platform's id, with all its active devices.
    init(ofPool id: String) {
        self.init(name: id, source: .platform(id: id, devices: nil), options: [], capabilities: [])
    }
}

extension PlatformStore {
    /// The platforms of a pool, which a request names; a pool without any is noted.
    func members(ofPool pool: String, _ problems: ProblemList) -> [PlatformEntry] {
        let members = members(ofPool: pool)
        if members.isEmpty {
            problems.add(
                "/pool", "empty-pool",
                "No platform has the label \(PlatformLabels.poolName)=\(Excerpt.of(pool)): give it to one with PUT "
                    + "/v1/platforms/{platform}/labels, or name the hosts.")
        }
        return members
    }
}
