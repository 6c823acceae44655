// System description tables as bytes: one with its header (ACPI 6.5, section 5.2.6), several from one file
// (one after the other, as `cat *.aml` makes it, or the text of acpidump), and little-endian fields with
// every access checked. What a table says is for its reader.

import AddressSpaces
import Machines

/// A table whose length field has been checked against what is there.
struct ACPITable {
    static let headerBytes = 36

    let signature: String
    let revision: UInt8
    let bytes: TableBytes
    /// Where it lay in the file.
    let fileOffset: Int
    /// The file's name, when there are several.
    let source: String?
    /// Whether all bytes add up to zero. Linux warns of a wrong sum and reads on.
    let isChecksumRight: Bool

    /// The table at `offset` of a file.
    init(at offset: Int, of file: [UInt8], source: String? = nil) throws(ACPIError) {
        self.source = source
        let present = file.count - offset
        guard present >= Self.headerBytes else {
            throw .shorterThanHeader(bytes: present, offset: offset)
        }
        guard Self.isSignature(file[offset..<offset + 4]) else { throw .badSignature(offset: offset) }
        let header = TableBytes(Array(file[offset..<offset + Self.headerBytes]))
        signature = header.text(0, 4)
        revision = header.u8(8) ?? 0
        let length = header.u32(4) ?? 0
        guard length >= Self.headerBytes else {
            throw .lengthTooSmall(signature: signature, length: length, offset: offset)
        }
        guard Int(length) <= present else {
            throw .lengthExceedsFile(signature: signature, length: length, present: present, offset: offset)
        }
        guard length <= ACPILimits.tableBytesMax else {
            throw .tableTooLarge(
                signature: signature, bytes: Int(length), limitBytes: ACPILimits.tableBytesMax)
        }
        let own = Array(file[offset..<offset + Int(length)])
        bytes = TableBytes(own)
        fileOffset = offset
        isChecksumRight = own.reduce(0, &+) == 0
    }

    /// Signature and where the table lay, for messages.
    var place: String {
        "\(signature) at offset " + HexLiteral.text(fileOffset) + (source.map { " of \"\($0)\"" } ?? "")
    }

    static func isSignature(_ bytes: some Sequence<UInt8>) -> Bool {
        bytes.allSatisfy { (0x41...0x5a).contains($0) || DecimalLiteral.isDigit($0) || $0 == 0x5f }
    }
}

/// The tables that one or several files hold.
struct ACPITableSet {
    /// What the root pointer begins with, which is no table.
    static let rootPointer = Array("RSD PTR ".utf8)

    private(set) var tables: [ACPITable] = []

    /// Adds the tables of a file, binary or text.
    /// - Parameter source: the file's name, when there are several.
    mutating func add(
        _ file: [UInt8], source: String? = nil, _ findings: inout FindingList
    ) throws(ACPIError) {
        if let text = ACPIDumpText.text(file) {
            text.tell(&findings)
            for table in try ACPIDumpText.tables(text, &findings) { try addBinary(table, source, &findings) }
        } else {
            try addBinary(file, source, &findings)
        }
    }

    private mutating func addBinary(
        _ file: [UInt8], _ source: String?, _ findings: inout FindingList
    ) throws(ACPIError) {
        var offset = afterRootPointer(file)
        if offset > 0, offset >= file.count { return }
        repeat {
            // After a sound table, what is not a table is padding or an accident; a table cut short is not.
            if offset > 0, file.count - offset < 4 || !ACPITable.isSignature(file[offset..<offset + 4]) {
                findings.note(
                    .warning, "trailing-bytes", "\(source ?? "file"):\(hex(offset))",
                    "\(file.count - offset) bytes after the last table are not a table and are not read.")
                return
            }
            let table = try ACPITable(at: offset, of: file, source: source)
            guard tables.count < ACPILimits.tablesMax else {
                throw .tooManyTables(limit: ACPILimits.tablesMax)
            }
            // A FACS has no checksum.
            if !table.isChecksumRight, table.signature != "FACS" {
                findings.note(
                    .error, "checksum-wrong", "\(table.signature):0x9",
                    "The bytes of the table do not add up to zero; Linux warns and reads the table anyway.")
            }
            tables.append(table)
            offset = afterPadding(offset + table.bytes.count, file)
        } while offset < file.count
    }

    /// The offset after a root pointer, which a dump of everything begins with and which is no table: it has
    /// a header of its own (ACPI 6.5, section 5.2.5.3).
    private func afterRootPointer(_ file: [UInt8]) -> Int {
        guard file.starts(with: Self.rootPointer), file.count >= 20 else { return 0 }
        let isFirstRevision = file[15] < 2
        return afterPadding(min(isFirstRevision ? 20 : 36, file.count), file)
    }

    /// Zeros up to the next multiple of 16 may stand between tables.
    private func afterPadding(_ offset: Int, _ file: [UInt8]) -> Int {
        var at = offset
        while at < file.count, file[at] == 0, at - offset < 16 { at += 1 }
        return at
    }

    /// The table of a signature; more than one cannot be told apart.
    func only(_ signature: String) throws(ACPIError) -> ACPITable? {
        let found = tables.filter { $0.signature == signature }
        if found.count > 1 { throw .secondTable(first: found[0].place, second: found[1].place) }
        return found.first
    }

    /// The name of the file that holds a table of a signature.
    func source(of signature: String) -> String? { tables.first { $0.signature == signature }?.source }

    private func hex(_ value: Int) -> String { HexLiteral.text(value) }
}

/// The bytes of one table.
struct TableBytes {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var count: Int { bytes.count }

    private func number(_ offset: Int, _ width: Int) -> UInt64? {
        guard offset >= 0, offset <= count - width else { return nil }
        var value: UInt64 = 0
        for place in 0..<width { value |= UInt64(bytes[offset + place]) << UInt64(8 * place) }
        return value
    }

    func u8(_ offset: Int) -> UInt8? { number(offset, 1).map { UInt8(truncatingIfNeeded: $0) } }
    func u16(_ offset: Int) -> UInt16? { number(offset, 2).map { UInt16(truncatingIfNeeded: $0) } }
    func u32(_ offset: Int) -> UInt32? { number(offset, 4).map { UInt32(truncatingIfNeeded: $0) } }
    func u64(_ offset: Int) -> UInt64? { number(offset, 8) }

    /// `count` bytes as ASCII; what is not printable becomes a question mark.
    func text(_ offset: Int, _ length: Int) -> String {
        let part = bytes[min(offset, count)..<min(offset + length, count)]
        return String(decoding: part.map { (0x20...0x7e).contains($0) ? $0 : 0x3f }, as: UTF8.self)
    }
}
