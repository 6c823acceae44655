// What bytes are, told by their start. A label may be wrong; magic numbers and the shape of a first line
// seldom are.

/// The kinds of input that are told apart.
public enum InputKind: String, CaseIterable, Sendable {
    case deviceTree = "device tree"
    case acpiTables = "ACPI tables"
    case acpiDump = "acpidump text"
    case json = "JSON"
    case sysfs = "reserved_regions text"
    case iomem = "/proc/iomem text"
    case trace = "ftrace text"
    case faultLog = "SMMU fault lines"

    /// The kind of some bytes; nil when nothing is known that starts so.
    public static func sniff(_ bytes: [UInt8]) -> InputKind? {
        if bytes.starts(with: DeviceTreeReader.magic) { return .deviceTree }
        if isTable(bytes) { return .acpiTables }
        if ACPIDumpText.isDump(bytes) { return .acpiDump }
        let marks = bytes.starts(with: TextLines.byteOrderMark) ? TextLines.byteOrderMark.count : 0
        let start = bytes.dropFirst(marks).drop { TextLines.isBlank($0) || $0 == 0x0a || $0 == 0x0d }
        if start.first == UInt8(ascii: "{") { return .json }
        for line in TextLines(bytes).lazy.filter({ !$0.isBlank }).prefix(linesLookedAt) {
            if SysfsText.isLine(line) { return .sysfs }
            if IOMemText.isLine(line) { return .iomem }
            if line.isTrace { return .trace }
            if line.isFault { return .faultLog }
        }
        // A log's time stamp begins as a JSON array does.
        return start.first == UInt8(ascii: "[") ? .json : nil
    }

    /// Kernel logs and traces may begin with lines of other kinds.
    private static let linesLookedAt = 200

    /// Four characters of a signature, and a length whose high bytes are no text.
    private static func isTable(_ bytes: [UInt8]) -> Bool {
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
        holds("arm-smmu") && (holds("fault") || holds("event")) || holds("Unhandled context fault")
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
