// The entrance for ACPI: which tables are needed, what a caller may know that no table says, how much is
// read, and why bytes are refused as a whole. What Linux reads from an IORT is in IORTAnalysis.

public import AddressSpaces
public import Machines

/// Reads IORT, VIOT, MADT and MCFG, and what DSDT and SSDTs say of host bridges.
public enum ACPIReader {
    /// What a DSDT would say and a caller may know too. Where both do, the caller's facts count.
    public struct Facts: Sendable {
        /// The host bridges' `_DSM` function 5 returns 0: the kernel keeps the boot configuration, and
        /// applies RMRs to PCI functions. nil when the caller does not say.
        public var preservesPCIConfiguration: Bool?
        /// Outbound windows of root complexes by PCI segment, from `_CRS`.
        public var pciWindows: [UInt32: [PCIWindow]] = [:]
        /// Where they are from, for sentences.
        var windowsName = "/proc/iomem"
        /// A caller states them; otherwise a kernel printed them, and a DSDT may complete them.
        var areWindowsStated = false
        /// Inbound windows of root complexes by PCI segment, from `_DMA`. They bound what DMA reaches,
        /// in place of the table's own limit, and reserve nothing between them: only device trees do that.
        public var inboundWindows: [UInt32: [InboundWindow]] = [:]
        public var memory: [PhysicalRange] = []
        /// Segments whose host bridges have windows that are not known.
        var unknownSegments: Set<UInt32> = []
        /// Segments whose host bridges may have inbound windows that are not known.
        var unknownInbound: Set<UInt32> = []
        /// A table of AML cannot be read, and nothing else says what it would.
        var areAllUnknown = false
        /// A bridge of a segment that is not known has inbound windows, or a `_DSM`.
        var isAnyInboundUnknown = false, isAnyPreservationUnknown = false
        /// Whether a segment that no source names has no windows.
        var areOthersAbsent = false
        var hostBridges: [HostBridge] = []
        /// By segment, from the host bridges' own methods.
        var preserves: [UInt32: Bool] = [:]
        /// Segments of which a bridge's `_DSM` has to be evaluated.
        var unknownPreservation: Set<UInt32> = []
        /// What other tables are held against.
        var sureBridges: [SureBridge] = []

        public init() {}
    }

    /// The platform that tables describe, each file holding one table, several in a row, or acpidump's text.
    /// Throws when the bytes are no tables or when the IORT's nodes cannot be told apart; contradictions
    /// inside a sound chain of nodes become findings.
    public static func read(_ files: [[UInt8]], _ facts: Facts = Facts()) throws(ACPIError) -> Platform {
        var findings = FindingList()
        var set = ACPITableSet()
        for file in files { try set.add(file, &findings) }
        return try read(set, facts, findings)
    }

    /// The platform of tables that have been taken apart, with the findings of that.
    static func read(
        _ set: ACPITableSet, _ facts: Facts, _ findings: FindingList
    ) throws(ACPIError) -> Platform {
        var findings = findings
        var viot: VIOT?
        let viotTable = try set.only("VIOT")
        if let viotTable { viot = VIOT(viotTable, &findings) }
        let found = try set.only("IORT")
        var table = found
        if table == nil, let viotTable { table = try IORTTable.empty(beside: viotTable, &findings) }
        guard let iort = table else {
            throw .noIORT(found: set.tables.map(\.place))
        }
        var madt: MADT?
        if let table = try set.only("APIC") { madt = try MADT(table, &findings) }
        let mcfg = try set.only(MCFG.signature).map { MCFG($0, &findings) }
        let read = ["IORT", "VIOT", "APIC", MCFG.signature] + AMLReader.signatures
        for table in set.tables where !read.contains(table.signature) {
            findings.note(
                .info, "table-not-read", table.signature,
                "\(table.bytes.count) bytes of \(table.signature); only IORT, VIOT, APIC, MCFG, DSDT and SSDT "
                    + "are read."
            )
        }
        var facts = facts
        facts.areOthersAbsent = !facts.pciWindows.isEmpty
        if let bridges = try BridgeFacts(set, &findings) { facts.join(bridges, &findings) }
        // What stands in for an absent IORT has no faults to tell.
        var ownFindings = findings
        let nodes = try IORTTable(iort, &ownFindings)
        if found != nil { findings = ownFindings }
        nodes.check(&findings)
        var analysis = IORTAnalysis(nodes, viot, madt, facts, findings)
        if let mcfg { analysis.check(mcfg) }
        return try analysis.platform()
    }
}

/// Tables that are refused as a whole. Everything less than this becomes a finding.
public enum ACPIError: Error, Hashable, Sendable {
    /// Offsets count from the start of the file.
    case shorterThanHeader(bytes: Int, offset: Int)
    case badSignature(offset: Int)
    case lengthTooSmall(signature: String, length: UInt32, offset: Int)
    case lengthExceedsFile(signature: String, length: UInt32, present: Int, offset: Int)
    case tableTooLarge(signature: String, bytes: Int, limitBytes: Int)
    case tooManyTables(limit: Int)
    /// What is there instead, each with its place.
    case noIORT(found: [String])
    /// Two tables of one signature, with their places.
    case secondTable(first: String, second: String)
    /// From here on offsets count from the start of the table.
    case iortTooShort(bytes: Int)
    case nodeOffsetOutside(UInt32, tableBytes: Int)
    case nodePastEnd(index: UInt32, offset: Int, length: Int?, tableBytes: Int, count: UInt32)
    case nodeTooShort(index: UInt32, offset: Int, length: Int)
    case tooManyNodes(limit: Int)
    case tooManyMappings(limit: Int)
    case tooManyRanges(limit: Int)
    case tooManyDevices(limit: Int)
    case tooManyRegions(limit: Int)
    case tooManyStreams(limit: Int)
    case madtEntryTooShort(offset: Int, length: Int)
    case madtEntryPastEnd(offset: Int, length: Int, tableBytes: Int)
    case tooManyFrames(limit: Int)
    /// Lines count from 1.
    case dumpLineUnreadable(line: Int)
    case dumpOffsetWrong(line: Int, expected: Int)
    case dumpWithoutTable

    /// One sentence that names place and cause.
    public var reason: String {
        switch self {
        case .shorterThanHeader(let bytes, let offset):
            "table shorter than an ACPI header at offset \(hex(offset)): "
                + (bytes == 0 ? "it is empty" : "\(bytes) bytes") + ", a header has 36"
        case .badSignature(let offset):
            "no table signature (four of A-Z 0-9 _) at offset \(hex(offset))"
        case .lengthTooSmall(let signature, let length, let offset):
            "length field \(length) of \(signature) at offset \(hex(offset + 4)) is smaller than an ACPI header"
        case .lengthExceedsFile(let signature, let length, let present, let offset):
            "length field \(length) of \(signature) at offset \(hex(offset + 4)) exceeds the \(present) bytes present"
        case .tableTooLarge(let signature, let bytes, let limit):
            "\(signature) has \(bytes) bytes; the limit for a table is \(limit)"
        case .tooManyTables(let limit): "more than \(limit) tables"
        case .noIORT(let found):
            "no IORT among the tables (\(found.isEmpty ? "no tables" : found.joined(separator: ", ")))"
                + (found.contains { $0.contains("DMAR") || $0.contains("IVRS") }
                    ? "; they are of an x86 host, which has no Arm SMMU and no software MSI window" : "")
        case .secondTable(let first, let second): "\(first) and \(second) are both present; send one of them"
        case .iortTooShort(let bytes):
            "IORT ends at offset \(hex(bytes)), inside its header of 48 bytes, which holds node count and offset"
        case .nodeOffsetOutside(let offset, let bytes):
            "node offset \(hex(offset)) at offset 0x28 is outside the nodes' part of the table (\(hex(bytes)) bytes)"
        case .nodePastEnd(let index, let offset, let length, let bytes, let count):
            "node \(index) of \(count) at \(hex(offset))\(length.map { " (length \($0))" } ?? "") runs past "
                + "the end of the table at \(hex(bytes))"
        case .nodeTooShort(let index, let offset, let length):
            "node \(index) at \(hex(offset)) has length \(length), shorter than a node header"
        case .tooManyNodes(let limit): "more than \(limit) IORT nodes"
        case .tooManyMappings(let limit): "more than \(limit) ID mappings"
        case .tooManyRanges(let limit): "more than \(limit) RMR descriptors"
        case .tooManyDevices(let limit): PlatformLimits.tooManyDevices(limit)
        case .tooManyRegions(let limit): PlatformLimits.tooManyRegions(limit)
        case .tooManyStreams(let limit): "more than \(limit) runs of stream IDs"
        case .madtEntryTooShort(let offset, let length):
            "APIC entry at \(hex(offset)) has length \(length), too short for its type"
        case .madtEntryPastEnd(let offset, let length, let bytes):
            "APIC entry at \(hex(offset)) (length \(length)) runs past the end of the table at \(hex(bytes))"
        case .tooManyFrames(let limit): "more than \(limit) MSI frames and ITSs in the APIC table"
        case .dumpLineUnreadable(let line):
            "line \(line) is neither a table's header (\"IORT @ 0x...\") nor a line of hex"
        case .dumpOffsetWrong(let line, let expected):
            "line \(line) does not continue the table: its offset should be \(hex(expected))"
        case .dumpWithoutTable: "the text contains no table"
        }
    }

    /// The signature of the table whose content is wrong; nil when it is not about one table's content.
    var table: String? {
        switch self {
        case .iortTooShort, .nodeOffsetOutside, .nodePastEnd, .nodeTooShort, .tooManyNodes, .tooManyMappings,
            .tooManyRanges, .tooManyDevices, .tooManyRegions, .tooManyStreams:
            "IORT"
        case .madtEntryTooShort, .madtEntryPastEnd, .tooManyFrames: "APIC"
        case .shorterThanHeader, .badSignature, .lengthTooSmall, .lengthExceedsFile, .tableTooLarge,
            .tooManyTables, .noIORT, .secondTable, .dumpLineUnreadable, .dumpOffsetWrong, .dumpWithoutTable:
            nil
        }
    }

    private func hex(_ value: some BinaryInteger) -> String { HexLiteral.text(value) }
}

/// Bounds of the ACPI readers; the service lists them under its own limits.
public enum ACPILimits {
    /// Of one table. Real IORTs have a few kilobytes; a DSDT of a server has some hundred.
    public static let tableBytesMax = 2 << 20
    public static let tablesMax = 64
    public static let nodesMax = 16_384
    /// Of a VIOT, whose ranges are searched for each segment; real ones have a few.
    public static let viotNodesMax = 1_024
    /// Of an MCFG: one for each host bridge; real ones have up to some dozens.
    public static let mcfgEntriesMax = 1_024
    /// ID mappings of a whole IORT.
    public static let mappingsMax = 8_192
    /// Memory range descriptors of all RMR nodes.
    public static let rangesMax = 16_384
    /// Runs of stream IDs of all devices together.
    public static let streamsMax = 16_384
    /// Of a named component's path.
    public static let nameBytesMax = 1_024
    /// Nodes that an ID may pass on its way to an SMMU or an ITS. Linux walks on until it is there.
    public static let routeDepthMax = 16
    /// Mapping pieces visited while IDs are routed; real tables need hundreds. Beyond, IDs count as
    /// unmapped and a finding says so.
    public static let routeStepsMax = 2_000_000
    /// Pieces into which the IDs of one device may fall.
    public static let piecesPerDeviceMax = 4_096
    /// Entries of an MADT that name frames for MSIs.
    public static let madtFramesMax = 4_096
}
