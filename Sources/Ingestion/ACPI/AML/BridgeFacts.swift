// What DSDT and SSDTs say of host bridges, by PCI segment, so that the IORT's root complexes can have it:
// windows, inbound windows, whether the boot configuration is kept. What is not known is a finding with its
// table and offset, and its segment's windows count as unknown.

import AddressSpaces
import Machines

/// A host bridge that is there for sure, with what other tables say too.
struct SureBridge: Sendable {
    let path: String
    /// For findings.
    let place: String
    let segment: UInt32
    let buses: ClosedRange<UInt32>?
    /// `_CCA`: whether DMA behind it sees the caches.
    let isCoherent: Bool?
    /// `_CBA` has the address of its configuration space.
    let hasConfigurationBase: Bool
}

/// The facts of all host bridges, by segment.
struct BridgeFacts {
    /// Known windows. A segment whose bridges have none has an empty list.
    private(set) var windows: [UInt32: [PCIWindow]] = [:]
    /// Windows of bridges that may not be there.
    private(set) var uncertainWindows: [UInt32: [PCIWindow]] = [:]
    /// In the order of their declarations.
    private(set) var sureBridges: [SureBridge] = []
    private(set) var inboundWindows: [UInt32: [InboundWindow]] = [:]
    private(set) var preserves: [UInt32: Bool] = [:]
    /// The bridges that are there, in the order of their declarations.
    private(set) var bridges: [HostBridge] = []
    /// Segments of which a bridge has windows that are not known.
    private(set) var unknownSegments: Set<UInt32> = []
    /// Segments of which a bridge may have inbound windows that are not known.
    private(set) var unknownInbound: Set<UInt32> = []
    /// Segments of which a bridge may ask to keep the boot configuration.
    private(set) var unknownPreservation: Set<UInt32> = []
    /// A table cannot be read, or a bridge's segment is not known: any segment may have more windows.
    private(set) var isIncomplete = false
    /// The same of inbound windows, and of keeping the boot configuration.
    private(set) var isInboundIncomplete = false, isPreservationIncomplete = false
    /// `the DSDT`, and where findings about all of it are.
    let name: String
    var place: String { tables[0].signature }

    private let tables: [ACPITable]
    private let readTables: [Int]

    /// nil when there is neither a DSDT nor an SSDT.
    init?(_ set: ACPITableSet, _ findings: inout FindingList) throws(ACPIError) {
        let dsdt = try set.only(AMLReader.signatures[0])
        let others = set.tables.filter { $0.signature == AMLReader.signatures[1] }
        tables = [dsdt].compactMap { $0 } + others
        guard !tables.isEmpty else { return nil }
        name = others.isEmpty ? "the DSDT" : dsdt == nil ? "the SSDT" : "the DSDT with its SSDTs"
        let content = AMLReader.read(tables.map(\.bytes.bytes))
        readTables = content.readTables
        for (place, refusal) in content.refusals.sorted(by: { $0.key < $1.key }) {
            isIncomplete = true
            isInboundIncomplete = true
            isPreservationIncomplete = true
            findings.note(
                .error, "aml-unreadable", location(place, refusal.offset),
                "The table is not read: \(refusal.words). What it says of host bridges is not known.")
        }
        if content.isCut {
            isIncomplete = true
            isInboundIncomplete = true
            isPreservationIncomplete = true
            findings.note(
                .warning, "too-many-host-bridges", tables[0].signature,
                "There are more than \(AMLLimits.hostBridgesMax) host bridges; the others are not read.")
        }
        for bridge in content.bridges { take(bridge, &findings) }
    }

    // MARK: One bridge

    private mutating func take(_ bridge: AMLHostBridge, _ findings: inout FindingList) {
        if case .known(false) = bridge.presence {
            findings.note(
                .info, "bridge-absent", location(bridge),
                "`_STA` of \(bridge.path), or of a device around it, says that it is not there; Linux looks at "
                    + "nothing in a device that is not.")
            if bridge.doubt == nil, let segment = bridge.segment.value {
                windows[UInt32(truncatingIfNeeded: segment), default: []] += []
            }
            return
        }
        guard let segment = segment(of: bridge, &findings) else {
            isInboundIncomplete = isInboundIncomplete || !bridge.inbound.isAbsent
            isPreservationIncomplete = isPreservationIncomplete || !bridge.preservesConfiguration.isAbsent
            return
        }
        if let doubt = bridge.doubt {
            unknownSegments.insert(segment)
            if !bridge.inbound.isAbsent { unknownInbound.insert(segment) }
            if !bridge.preservesConfiguration.isAbsent { unknownPreservation.insert(segment) }
            findings.note(
                .warning, "hid-needs-evaluation", location(doubt),
                "Whether \(bridge.path) is a host bridge, of segment \(segment), has to be evaluated: "
                    + "\(doubt.words). The windows of the segment are not known.")
            return
        }
        let isThere = isThere(bridge, segment, &findings)
        bridges.append(
            HostBridge(
                path: bridge.path, segment: segment, buses: nil, windows: [], areWindowsKnown: false))
        takeResources(bridge, segment, isThere: isThere, &findings)
        takeInbound(bridge, segment, &findings)
        takePreservation(bridge, segment, &findings)
        guard isThere else { return }
        sureBridges.append(
            SureBridge(
                path: bridge.path, place: location(bridge), segment: segment,
                buses: bridges.last?.buses, isCoherent: bridge.isCoherent.value,
                hasConfigurationBase: bridge.hasConfigurationBase))
    }

    /// Whether the bridge exists for sure; otherwise its segment's windows are not known.
    private mutating func isThere(
        _ bridge: AMLHostBridge, _ segment: UInt32, _ findings: inout FindingList
    ) -> Bool {
        var isThere = true
        if let condition = bridge.condition {
            isThere = false
            findings.note(
                .warning, "bridge-conditional", location(condition),
                "Whether \(bridge.path) of segment \(segment) exists has to be evaluated: "
                    + "\(condition.words). Its windows count, and those of the segment are not known.")
        }
        if case .unknown(let refusal) = bridge.presence {
            isThere = false
            findings.note(
                .warning, "sta-needs-evaluation", location(refusal),
                "Whether `_STA` of \(bridge.path), segment \(segment), or of a device around it says that it is "
                    + "there has to be evaluated: \(refusal.words). Its windows count, and those of the segment "
                    + "are not known.")
        }
        if !isThere { unknownSegments.insert(segment) }
        return isThere
    }

    private mutating func segment(of bridge: AMLHostBridge, _ findings: inout FindingList) -> UInt32? {
        switch bridge.segment {
        case .absent: return 0
        case .known(let number): return UInt32(truncatingIfNeeded: number)
        case .unknown(let refusal):
            isIncomplete = true
            findings.note(
                .warning, "seg-needs-evaluation", location(refusal),
                "`_SEG` of \(bridge.path) has to be evaluated: \(refusal.words). Its windows are not joined to "
                    + "a root complex.")
            return nil
        }
    }

    private mutating func takeResources(
        _ bridge: AMLHostBridge, _ segment: UInt32, isThere: Bool, _ findings: inout FindingList
    ) {
        switch bridge.resources {
        case .absent:
            unknownSegments.insert(segment)
            findings.note(
                .warning, "crs-missing", location(bridge),
                "\(bridge.path) of segment \(segment) has no `_CRS` in these tables: send its SSDTs too. Its "
                    + "windows are not known.")
        case .unknown(let refusal):
            unknownSegments.insert(segment)
            findings.note(
                .warning, "crs-needs-evaluation", location(refusal),
                "`_CRS` of \(bridge.path), segment \(segment), has to be evaluated: \(refusal.words). Its "
                    + "windows are not known.")
        case .known(let bytes):
            do {
                takeWindows(try ResourceTemplate(bytes), bridge, segment, isThere: isThere, &findings)
            } catch {
                unknownSegments.insert(segment)
                findings.note(
                    .warning, "crs-unreadable", location(bridge),
                    "`_CRS` of \(bridge.path), segment \(segment), is not a list of resources: \(error.words) of "
                        + "its bytes. ACPICA refuses the whole list, and the windows are not known.")
            }
        }
    }

    /// Linux keeps what the bridge passes on to its bus, and drops the rest (drivers/pci/pci-acpi.c:
    /// pci_acpi_root_prepare_resources).
    private mutating func takeWindows(
        _ list: ResourceTemplate, _ bridge: AMLHostBridge, _ segment: UInt32, isThere: Bool,
        _ findings: inout FindingList
    ) {
        let produced = list.spaces.filter { $0.isProduced && $0.kind != .busNumbers }
        var own: [PCIWindow] = []
        for space in produced {
            if let window = space.window {
                own.append(window)
            } else {
                findings.note(
                    .warning, "crs-range-invalid", location(bridge),
                    "`_CRS` of \(bridge.path) has \(HexLiteral.text(space.minimum)) to "
                        + "\(HexLiteral.text(space.maximum)) with length \(HexLiteral.text(space.length)) at offset "
                        + "\(HexLiteral.text(space.offset)) of its bytes, which is no window; it is ignored.")
            }
        }
        if isThere {
            windows[segment, default: []] += own
        } else {
            uncertainWindows[segment, default: []] += own
        }
        bridges[bridges.count - 1].windows = own
        bridges[bridges.count - 1].areWindowsKnown = isThere
        bridges[bridges.count - 1].buses = buses(list, bridge, segment, &findings)
        guard !own.contains(where: { $0.kind == .memory }) else { return }
        let used = list.fixedMemoryCount + list.spaces.count { !$0.isProduced && $0.kind == .memory }
        findings.note(
            .info, "crs-without-window", location(bridge),
            "`_CRS` of \(bridge.path), segment \(segment), has no memory window"
                + (used > 0 ? ": its \(used) memory ranges are the bridge's own" : "")
                + ". Linux reserves none.")
    }

    /// The range that `_CRS` has, or from `_BBN` to the last bus there is (drivers/acpi/pci_root.c:
    /// acpi_pci_root_add).
    private func buses(
        _ list: ResourceTemplate, _ bridge: AMLHostBridge, _ segment: UInt32, _ findings: inout FindingList
    ) -> ClosedRange<UInt32>? {
        if let range = list.spaces.first(where: { $0.kind == .busNumbers && $0.isProduced }) {
            guard range.minimum <= range.maximum, range.maximum <= 0xff else { return nil }
            if let first = bridge.firstBus.value, first != range.minimum {
                findings.note(
                    .warning, "bbn-contradicts", location(bridge),
                    "`_BBN` of \(bridge.path), segment \(segment), says that bus \(HexLiteral.text(first)) is the "
                        + "first, and `_CRS` says \(HexLiteral.text(range.minimum)); Linux takes `_CRS`.")
            }
            return UInt32(range.minimum)...UInt32(range.maximum)
        }
        switch bridge.firstBus {
        case .absent: return 0...0xff
        case .known(let first): return first <= 0xff ? UInt32(first)...0xff : nil
        case .unknown: return nil
        }
    }

    private mutating func takeInbound(
        _ bridge: AMLHostBridge, _ segment: UInt32, _ findings: inout FindingList
    ) {
        switch bridge.inbound {
        case .absent: return
        case .unknown(let refusal):
            unknownInbound.insert(segment)
            findings.note(
                .warning, "dma-needs-evaluation", location(refusal),
                "`_DMA` of \(bridge.path), segment \(segment), has to be evaluated: \(refusal.words). Its limit "
                    + "is not known; the IORT's counts.")
        case .known(let bytes):
            let ranges: [InboundWindow]
            var refusal: AMLRefusal?
            do {
                ranges = try ResourceTemplate(bytes).spaces.filter { $0.kind == .memory }.compactMap(\.window)
                    .map { InboundWindow(busStart: $0.busStart, cpuStart: $0.cpuStart, size: $0.size) }
            } catch {
                (ranges, refusal) = ([], error)
            }
            guard !ranges.isEmpty else {
                let reason = refusal.map { "is not a list of resources: \($0.words) of its bytes" }
                findings.note(
                    .warning, "dma-unreadable", location(bridge),
                    "`_DMA` of \(bridge.path), segment \(segment), \(reason ?? "has no memory range"); the IORT's "
                        + "limit counts.")
                return
            }
            inboundWindows[segment, default: []] += ranges
        }
    }

    private mutating func takePreservation(
        _ bridge: AMLHostBridge, _ segment: UInt32, _ findings: inout FindingList
    ) {
        switch bridge.preservesConfiguration {
        case .absent: preserves[segment] = preserves[segment] ?? false
        case .known(let value): preserves[segment] = value || preserves[segment] ?? false
        case .unknown(let refusal):
            unknownPreservation.insert(segment)
            findings.note(
                .warning, "dsm-needs-evaluation", location(refusal),
                "`_DSM` of \(bridge.path), segment \(segment), has to be evaluated: \(refusal.words). Whether "
                    + "function 5 keeps the boot configuration is not known; send preserve_config=true if it does."
            )
        }
    }

    // MARK: Places

    private func location(_ refusal: AMLRefusal) -> String {
        location(readTables.indices.contains(refusal.table) ? readTables[refusal.table] : 0, refusal.offset)
    }

    private func location(_ bridge: AMLHostBridge) -> String {
        location(readTables[bridge.table], bridge.offset)
    }

    /// `DSDT:0x40`, `SSDT 2:0x40`
    private func location(_ place: Int, _ offset: Int) -> String {
        let signature = tables[place].signature
        let alike = tables.indices.filter { tables[$0].signature == signature }
        let number = alike.count > 1 ? " \((alike.firstIndex(of: place) ?? 0) + 1)" : ""
        return "\(signature)\(number):\(HexLiteral.text(offset))"
    }
}
