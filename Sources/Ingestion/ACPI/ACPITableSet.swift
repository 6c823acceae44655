// Several tables from one file: tables one behind the other, as `cat *.aml` makes it, or the text of
// acpidump. It knows headers only; what a table says is its reader's.

import AddressSpaces
import Machines

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
        if ACPIDumpText.isDump(file) {
            for table in try ACPIDumpText.tables(file) { try addBinary(table, source, &findings) }
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
            // Behind a sound table, what is no table is padding or an accident; a table cut short is not.
            if offset > 0, file.count - offset < 4 || !ACPITable.isSignature(file[offset..<offset + 4]) {
                findings.note(
                    .warning, "trailing-bytes", "\(source ?? "file"):\(hex(offset))",
                    "\(file.count - offset) bytes behind the last table are no table and are not read.")
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
                    "The bytes of the table do not add up to zero; Linux warns and reads it all the same.")
            }
            tables.append(table)
            offset = afterPadding(offset + table.bytes.count, file)
        } while offset < file.count
    }

    /// The offset behind a root pointer, which a dump of everything begins with and which is no table: it has
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
