// What bytes are, by their start. A label may be wrong; magic numbers and the shape of a first line seldom
// are. A new kind is a case here, with its start or its line; PlatformAssembly says who reads it.

import AddressSpaces
package import Machines

/// The kinds of input that are told apart, in the order in which they are tried.
public enum InputKind: String, CaseIterable, Sendable {
    case deviceTree = "device tree"
    case acpiTables = "ACPI tables"
    case acpiDump = "acpidump text"
    case json = "JSON"
    case sysfs = "reserved_regions text"
    case iomem = "/proc/iomem text"
    case trace = "ftrace text"
    case faultLog = "SMMU fault lines"
    case bootLog = "dmesg text"
    case pciListing = "lspci text"
    case mapFailures = "messages of failed maps"
    case commandLine = "kernel command line"

    /// The kind of some bytes; nil when nothing is known that starts so.
    public static func sniff(_ bytes: [UInt8]) -> InputKind? {
        if let kind = allCases.first(where: { $0.isStart(bytes) }) { return kind }
        let clean = CleanText(Array(bytes.prefix(bytesLookedAt)), stamps: .removed)
        if ACPIDumpText.isDump(clean.bytes) { return .acpiDump }
        var later: Set<InputKind> = []
        for line in clean.lines.lazy.filter({ !$0.isBlank }).prefix(linesLookedAt) {
            if let kind = allCases.first(where: { $0.isLine(line) }) { return kind }
            if BootLogText.isLine(line) { later.insert(.bootLog) }
            if PCIListing.isLine(line) { later.insert(.pciListing) }
            if MapFailureLog.isLine(line) { later.insert(.mapFailures) }
        }
        // Behind the others: faults and traces stand among a boot's lines.
        if let kind = allCases.first(where: later.contains) { return kind }
        if startsArray(bytes) { return .json }
        return isCommandLine(clean) ? .commandLine : nil
    }

    /// The kind of a part that only its name tells: any words may be a command line. A file of that name may
    /// have a suffix.
    static func named(_ name: String) -> InputKind? {
        name.split(separator: ".").first?.lowercased() == "cmdline" ? .commandLine : nil
    }

    /// One line that begins as boot loaders let it begin.
    private static func isCommandLine(_ text: CleanText) -> Bool {
        var lines = text.lines.makeIterator()
        var only: TextLines.Line?
        while let line = lines.next() {
            guard !line.isBlank else { continue }
            guard only == nil else { return false }
            only = line
        }
        guard let only else { return false }
        return commandLineStarts.contains { only.bytes.starts(with: $0.utf8) }
    }

    private static let commandLineStarts = [
        "BOOT_IMAGE=", "root=", "console=", "earlycon=", "initrd=", "iommu.",
    ]

    /// What input of a kind is for.
    package enum Use: Sendable {
        /// It describes a machine.
        case platform
        case traceReplay
        case faultExplanation
        case mapExplanation
        /// Its members say.
        case any
    }

    package var use: Use {
        switch self {
        case .deviceTree, .acpiTables, .acpiDump, .sysfs, .iomem, .bootLog, .pciListing, .commandLine:
            .platform
        case .trace: .traceReplay
        case .faultLog: .faultExplanation
        case .mapFailures: .mapExplanation
        case .json: .any
        }
    }

    /// The finding about a label that promised other kinds than the bytes are of.
    package static func mismatch(
        _ promised: some Sequence<InputKind>, _ found: InputKind, at location: String
    ) -> Finding {
        let words = promised.map(\.rawValue).sorted().joined(separator: " or ")
        return Finding(
            severity: .warning, code: "content-type-mismatch", location: location,
            detail:
                "The content type promises \(words), but the bytes are \(found.rawValue) and were read as that."
        )
    }

    /// Whether a label of plain text may stand on it.
    package var isPlainText: Bool {
        switch self {
        case .acpiDump, .sysfs, .iomem, .trace, .faultLog, .bootLog, .pciListing, .mapFailures, .commandLine:
            true
        case .deviceTree, .acpiTables, .json: false
        }
    }

    /// Whether input of this kind starts so, where the start tells.
    private func isStart(_ bytes: [UInt8]) -> Bool {
        switch self {
        case .deviceTree: bytes.starts(with: DeviceTreeReader.magic)
        case .acpiTables: Self.isTable(bytes)
        case .acpiDump: ACPIDumpText.isDump(bytes)
        case .json: Self.startsObject(bytes)
        case .sysfs, .iomem, .trace, .faultLog, .bootLog, .pciListing, .mapFailures, .commandLine: false
        }
    }

    /// Whether a line is one of a text of this kind.
    private func isLine(_ line: TextLines.Line) -> Bool {
        switch self {
        case .sysfs: SysfsText.isLine(line)
        case .iomem: IOMemText.isLine(line)
        case .trace: line.isTrace
        case .faultLog: line.isFault
        case .deviceTree, .acpiTables, .acpiDump, .json, .bootLog, .pciListing, .mapFailures, .commandLine:
            false
        }
    }

    /// What stands behind blanks and a byte order mark.
    private static func content(of bytes: some Collection<UInt8>) -> some Collection<UInt8> {
        let marks = bytes.starts(with: TextLines.byteOrderMark) ? TextLines.byteOrderMark.count : 0
        return bytes.dropFirst(marks).drop { TextLines.isBlank($0) || $0 == 0x0a || $0 == 0x0d }
    }

    /// A brace, unless a log counts records with it: "{1}[Hardware Error]".
    private static func startsObject(_ bytes: [UInt8]) -> Bool {
        let text = content(of: bytes)
        guard text.first == UInt8(ascii: "{") else { return false }
        let digits = text.dropFirst().prefix { DecimalLiteral.isDigit($0) }
        return digits.isEmpty || text.dropFirst(digits.count + 1).first != UInt8(ascii: "}")
    }

    /// A bracket before a value of JSON. A log's time stamp begins with a bracket as well, and may hold a
    /// number, but something follows it.
    private static func startsArray(_ bytes: [UInt8]) -> Bool {
        let text = content(of: bytes)
        guard text.first == UInt8(ascii: "[") else { return false }
        let inner = content(of: text.dropFirst())
        guard let first = inner.first else { return true }
        if [UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "\"")].contains(first) {
            return true
        }
        if ["true", "false", "null"].contains(where: { inner.starts(with: $0.utf8) }) { return true }
        guard DecimalLiteral.isDigit(first) || first == 0x2d else { return false }
        let behind = inner.drop { $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "]") && $0 != 0x0a }
        return behind.first == UInt8(ascii: ",") || content(of: behind.dropFirst()).isEmpty
    }

    /// Kernel logs and traces may begin with lines of other kinds.
    private static let linesLookedAt = 200
    private static let bytesLookedAt = 256 << 10

    /// Four characters of a signature, and a length whose high bytes are no text.
    static func isTable(_ bytes: [UInt8]) -> Bool {
        if bytes.starts(with: ACPITableSet.rootPointer) { return !ACPIDumpText.isDump(bytes) }
        // Cut within the length field, only the signature is left to tell.
        guard bytes.count >= 8 else { return bytes.starts(with: Array("IORT".utf8)) }
        guard ACPITable.isSignature(bytes[..<4]) else { return false }
        return bytes[4..<8].contains { $0 < 0x20 || $0 > 0x7e }
    }
}

extension TextLines.Line {
    fileprivate var isTrace: Bool {
        bytes.starts(with: Array("# tracer:".utf8)) || TraceText.isLine(self)
    }

    fileprivate var isFault: Bool {
        holds("arm-smmu") && ["fault", "event", "CMDQ", "CMD_SYNC", "global error"].contains(where: holds)
            || holds(FaultOpening.contextFault.words) || holds(FaultOpening.globalFault.words)
    }

    /// Whether `words` stands somewhere in the line.
    func holds(_ words: String) -> Bool {
        let wanted = Array(words.utf8)
        guard bytes.count >= wanted.count, let first = wanted.first else { return false }
        for at in bytes.startIndex...(bytes.endIndex - wanted.count)
        where bytes[at] == first && bytes[at..<at + wanted.count].elementsEqual(wanted) { return true }
        return false
    }
}
