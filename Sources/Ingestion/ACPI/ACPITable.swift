// One system description table: header and bytes. Mirrors the ACPI specification 6.5, section 5.2.6.

import AddressSpaces

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
        bytes.allSatisfy { (0x41...0x5a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5f }
    }
}
