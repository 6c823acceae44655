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

    static let samples = ["forms", "bridge", "windows", "uses", "doubt"].map(compiled)
    /// Some small ones of the shelf.
    private static let shelf: [[UInt8]] = {
        guard AMLReferenceTests.isThere else { return [] }
        return AMLReferenceTests.names.map { SharedShelf.bytes("\(AMLReferenceTests.folder)/\($0)") }
            .filter { $0.count < 150_000 }
    }()

    /// A damaged table, alone or with a sound one; every hundredth is a large one.
    static func damaged(round: Int, _ random: inout SeededGenerator) -> [[UInt8]] {
        let samples = round % 100 == 0 && !shelf.isEmpty ? shelf : samples
        var table = samples[Int.random(in: samples.indices, using: &random)]
        for _ in 0..<Int.random(in: 1...4, using: &random) { damage(&table, &random) }
        return round % 3 == 0 ? [table, Self.samples[2]] : [table]
    }

    /// Flips, replaces, swaps, removes, inserts or repeats something after the header.
    static func damage(_ table: inout [UInt8], _ random: inout SeededGenerator) {
        damage(&table, kinds: 0...5, &random)
    }

    /// Changes that leave everything else in its place, so that most packages still hold.
    static func damageInPlace(_ table: inout [UInt8], _ random: inout SeededGenerator) {
        damage(&table, kinds: 0...2, &random)
    }

    private static func damage(
        _ table: inout [UInt8], kinds: ClosedRange<Int>, _ random: inout SeededGenerator
    ) {
        guard table.count > 40 else { return }
        let at = Int.random(in: 36..<table.count, using: &random)
        switch Int.random(in: kinds, using: &random) {
        case 0: table[at] ^= 1 << UInt8.random(in: 0...7, using: &random)
        case 1: table[at] = UInt8.random(in: 0...255, using: &random)
        case 2: table.swapAt(at, Int.random(in: 36..<table.count, using: &random))
        case 3: table.remove(at: at)
        case 4:
            let opcodes: [UInt8] = [0x00, 0x10, 0x11, 0x12, 0x14, 0x5b, 0x70, 0xa0, 0xa2, 0xa4, 0xc3, 0xff]
            table.insert(opcodes.randomElement(using: &random)!, at: at)
        default:
            let end = min(table.count, at + Int.random(in: 1...16, using: &random))
            table.insert(contentsOf: table[at..<end], at: Int.random(in: 36..<table.count, using: &random))
        }
    }
}
