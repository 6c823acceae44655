// What firmware has not told Linux's VFIO: the part of Linux's own window that a device does not reach,
// because its host bridge has no inbound window there (a gap of dma-ranges or _DMA), or has a PCI window of
// its own there. VFIO sees neither, and gives the window out; writes to it are lost. Proposed are the lines
// that would make reserved_regions show it: an `iommu-addresses` node and an RMR, where these can say it
// without harm.

public import AddressSpaces
public import MSIWindows
import Machines

/// A range that a platform withholds from a device and that no list shows.
public struct UndescribedRange: Hashable, Sendable {
    /// The device's id.
    public var device: String
    /// Bytes of the window only: what lies beside it does no harm to MSIs.
    public var range: IOVARange
    public var kind: HostObstacle.Kind
    /// In the words of blockers.
    public var provenance: String
    private let deviceKind: Device.Kind
    private let streams: [StreamMapping]
    private let hasInboundWindows: Bool
    private let hostBridge: String?

    /// What VFIO does not know of the device in `window`, by start. Empty for nearly every device; O(log n)
    /// then.
    public static func among(_ prepared: PreparedDevice, in window: IOVARange) -> [UndescribedRange] {
        let items = prepared.withheld.items(overlapping: window)
        let undescribed = items.compactMap { item in kind(of: item).map { (item, $0) } }
        guard !undescribed.isEmpty else { return [] }
        let told = items.filter(\.isAdvertised).map { $0.exact ?? $0.range }
        // A gap takes the first page of the next window along in Linux's allocator; it is no gap there.
        let inbound = prepared.device.inboundWindows.compactMap {
            IOVARange(start: IOVA($0.busStart), size: $0.size)
        }
        return undescribed.flatMap { item, kind in
            let others = IOVASet(kind == .dmaRangesGap ? told + inbound : told)
            return IOVASet([item.range]).clipped(to: window).subtracting(others).ranges.map {
                UndescribedRange(prepared.device, $0, kind, item.provenance)
            }
        }
    }

    private init(
        _ device: Device, _ range: IOVARange, _ kind: HostObstacle.Kind, _ provenance: String
    ) {
        self.device = device.id
        self.range = range
        self.kind = kind
        self.provenance = provenance
        deviceKind = device.kind
        streams = device.streams
        hasInboundWindows = !device.inboundWindows.isEmpty
        hostBridge = device.hostBridge
    }

    /// nil for what firmware has described, if only where Linux does not look, and for page zero, which is
    /// the allocator's own.
    private static func kind(of item: WithheldItem) -> HostObstacle.Kind? {
        switch item.kind {
        case .pciWindow: .pciWindow
        case .dmaRangesGap: .dmaRangesGap
        case .pageZero, .iommuAddresses, .rmr, .hardwareMSI, .reservedRegion, .outsideIOVARanges: nil
        }
    }
}

extension UndescribedRange {
    /// What `kind` may be.
    public static let kinds = [HostObstacle.Kind.dmaRangesGap, .pciWindow]
    /// Ranges of one host of which it is said.
    public static let devicesMax = 16

    /// Why it matters: a sentence.
    public var because: String {
        let what =
            kind == .pciWindow
            ? "lies in a PCI window of the host bridge" : "lies in no inbound window of the host bridge"
        return
            "\(range.text) of the MSI window \(what) (\(provenance)), and no line of reserved_regions says so: VFIO "
            + "gives the window out all the same\(kind.reachability.clause)."
    }

    /// The `iommu-addresses` node.
    public func deviceTree() throws(Rendering.Refusal) -> String {
        let remark = "For the host's tree: \(range.text) is not reached by \(deviceName)."
        // A function that is known by its address has no node of its own as a rule.
        let hasNode = deviceKind == .pciFunction && device.hasPrefix("/")
        let node = deviceKind == .pciFunction && !hasNode ? hostBridge ?? device : device
        guard node.hasPrefix("/"), node.utf8.allSatisfy(Self.isPathCharacter) else {
            throw .init("\(device) is no node of a device tree, nor known to be behind one.")
        }
        guard !hasNode || !hasInboundWindows else {
            throw .init(
                "The address does not translate through dma-ranges of the bridge, and Linux 6.12 and later crash on such "
                    + "an entry of a function's own node.")
        }
        return ReservedMemoryNode(
            range, of: "{\(node)}", on: hasNode ? .pci : .plain, isMapped: false,
            remarks: [remark] + (hasNode ? [] : Self.bridgeRemarks)
        ).text
    }

    /// What holds for the node of a host bridge.
    private static let bridgeRemarks = [
        "The kernel must have patch 2/4 of the posted \"arm-smmu: select suitable MSI IOVA\", v4, 9 Sep 2025:",
        "mainline does not let functions inherit the node of their host bridge. Cells are two for an address and",
        "two for a size: use as many as #address-cells and #size-cells of the bridge's parent say.",
    ]

    /// For a remark, which no id may end.
    private var deviceName: String {
        let isPlain = device.utf8.allSatisfy { Self.isPathCharacter($0) || "\\:_".utf8.contains($0) }
        return isPlain && !device.contains("*/") ? device : "the device"
    }

    /// What dtc takes in a path.
    private static func isPathCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
        default: "/,._+*#?@-".utf8.contains(byte)
        }
    }

    /// The RMR.
    public func memoryRange() throws(Rendering.Refusal) -> String {
        let streams = streams.compactMap(MemoryRangeNode.Streams.init)
        guard !streams.isEmpty, streams.count <= Self.streamsMax else {
            throw .init("No stream IDs of \(device) are known that a node could name.")
        }
        return try MemoryRangeNode(
            range, streams, isRemapPermitted: true,
            remarks: [
                "For the host's IORT, revision 5 or later: \(range.text) is not reached by \(deviceName).",
                MemoryRangeNode.condition,
                "With \"Remapping Permitted\" the line's type is direct-relaxable, which shows the range and keeps nothing out;",
                "without it the type is direct, for which Linux gives the device to no user space at all.",
            ]
        ).text
    }

    /// ID mappings of one node.
    private static let streamsMax = 64
}

extension MemoryRangeNode.Streams {
    /// nil for a placeholder.
    init?(_ mapping: StreamMapping) {
        switch mapping.kind {
        case .specifier(let cells):
            guard let id = cells.first else { return nil }
            self.init(first: id, lastIndex: 0)
        case .idMap(_, let length, let output):
            guard length > 0, let first = output.first else { return nil }
            self.init(first: first, lastIndex: min(length - 1, .max - first))
        case .constant(_, let length, let output):
            guard length > 0 else { return nil }
            self.init(first: output, lastIndex: 0)
        }
    }
}

/// The same of a host, in a placement.
public struct MissingDescription: Hashable, Sendable {
    /// The first of those that are alike.
    public var host: String
    public var undescribed: UndescribedRange

    /// Of one answer: more of them would tell nobody more.
    public static let countMax = 16

    /// Of each kind of host of a placement whose default window is not certain to be reached.
    static func among(_ question: PlacementQuestion) -> [MissingDescription] {
        var seenFacts: Set<Int> = []
        var seen: Set<UndescribedRange> = []
        var found: [MissingDescription] = []
        for host in question.hosts where found.count < countMax && seenFacts.insert(host.facts).inserted {
            found += question.facts[host.facts].undescribed.filter { seen.insert($0).inserted }
                .map { MissingDescription(host: host.name, undescribed: $0) }
        }
        return Array(found.prefix(countMax))
    }
}
