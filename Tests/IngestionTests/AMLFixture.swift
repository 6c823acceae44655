// Tables of AML for tests: those of Fixtures/aml, compiled from ASL of ours, and bytes put together here.

import Foundation
import TestSupport

enum AMLFixture {
    /// A compiled table by its name in Fixtures/aml.
    static func compiled(_ name: String) -> [UInt8] {
        let path = "Tests/IngestionTests/Fixtures/aml/\(name).hex"
        let text = try! Data(contentsOf: SharedShelf.packageRoot.appendingPathComponent(path))
        let digits = text.filter { $0 != 0x0a }.map { UInt8(String(UnicodeScalar($0)), radix: 16)! }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    /// A table around terms.
    static func table(_ terms: [UInt8], _ signature: String = "DSDT") -> [UInt8] {
        ACPITableBuilder.table(signature, revision: 2, terms)
    }

    /// A term with a package: opcode, length, content.
    static func packaged(_ opcode: [UInt8], _ content: [UInt8]) -> [UInt8] {
        let count = content.count
        if count < 63 { return opcode + [UInt8(count + 1)] + content }
        let length = count + 4
        return opcode + [
            0xc0 | UInt8(length & 15), UInt8(length >> 4 & 255), UInt8(length >> 12 & 255),
            UInt8(length >> 20 & 255),
        ] + content
    }

    static func name(_ name: String, _ value: [UInt8]) -> [UInt8] { [0x08] + Array(name.utf8) + value }

    static func buffer(_ bytes: [UInt8], size: UInt8? = nil) -> [UInt8] {
        packaged([0x11], [0x0a, size ?? UInt8(bytes.count)] + bytes)
    }

    static func method(_ name: String, arguments: UInt8 = 0, _ body: [UInt8]) -> [UInt8] {
        packaged([0x14], Array(name.utf8) + [arguments] + body)
    }

    /// A host bridge of these terms, in `\_SB`.
    static func bridge(_ terms: [UInt8]) -> [UInt8] {
        let identifier = name("_HID", [0x0c, 0x41, 0xd0, 0x0a, 0x08])
        let device = packaged([0x5b, 0x82], Array("PCI0".utf8) + identifier + terms)
        return packaged([0x10], Array("\\_SB_".utf8) + device)
    }

    /// A list of one resource, memory that the bridge passes on.
    static let window: [UInt8] =
        [0x87, 0x17, 0, 0, 0x0c, 1, 0, 0, 0, 0, 0, 0, 0, 0x10, 0xff, 0xff, 0xff, 0x1f]
        + [0, 0, 0, 0, 0, 0, 0, 0x10, 0x79, 0]
}
