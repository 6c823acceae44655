// Several tables from one file: tables one behind the other, as `cat *.aml` makes it, or the text of
// acpidump. It knows headers only; what a table says is its reader's.

import Platforms

/// The tables that one or several files hold.
struct ACPITableSet {
    private(set) var tables: [ACPITable] = []

    /// Adds the tables of a file, binary or text.
    mutating func add(_ file: [UInt8], _ findings: inout FindingList) throws(ACPIError) {
        if ACPIDumpText.isDump(file) {
            for table in try ACPIDumpText.tables(file) { try addBinary(table, &findings) }
        } else {
            try addBinary(file, &findings)
        }
    }

    private mutating func addBinary(_ file: [UInt8], _ findings: inout FindingList) throws(ACPIError) {
        var offset = 0
        repeat {
            // Behind a sound table, what is no table is padding or an accident; a table cut short is not.
            if offset > 0, file.count - offset < 4 || !ACPITable.isSignature(file[offset..<offset + 4]) {
                findings.note(
                    .warning, "trailing-bytes", "file:\(hex(offset))",
                    "\(file.count - offset) bytes behind the last table are no table and are not read.")
                return
            }
            let table = try ACPITable(at: offset, of: file)
            guard tables.count < ACPILimits.tablesMax else {
                throw .tooManyTables(limit: ACPILimits.tablesMax)
            }
            if !table.isChecksumRight {
                findings.note(
                    .error, "checksum-wrong", "\(table.signature):0x9",
                    "The bytes of the table do not add up to zero; Linux warns and reads it all the same.")
            }
            tables.append(table)
            offset = afterPadding(offset + table.bytes.count, file)
        } while offset < file.count
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
        if found.count > 1 { throw .secondTable(signature: signature, offset: found[1].fileOffset) }
        return found.first
    }

    private func hex(_ value: Int) -> String { "0x" + String(value, radix: 16) }
}
