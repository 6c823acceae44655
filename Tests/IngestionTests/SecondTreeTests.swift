// libfdt as the second reader of device trees: what it refuses is refused here, and of what is read here both
// find the same nodes with the same properties. Trees of the reference shelf, ours, and damaged ones.

import CDeviceTree
import TestSupport
import Testing

@testable import Ingestion

@Suite struct SecondTreeTests {
    private struct Refused: Error {
        let why: String
    }

    /// What libfdt reads of a blob, a line for each node and property.
    private func secondReading(_ blob: [UInt8]) throws(Refused) -> [String] {
        // libfdt wants eight-byte alignment, which an array does not promise.
        let tree = UnsafeMutableRawPointer.allocate(byteCount: max(blob.count, 8), alignment: 8)
        defer { tree.deallocate() }
        tree.copyMemory(from: blob, byteCount: blob.count)
        let status = fdt_check_full(tree, blob.count)
        guard status == 0 else { throw Refused(why: String(cString: fdt_strerror(status))) }
        var lines: [String] = []
        var depth: Int32 = -1
        var node = fdt_next_node(tree, -1, &depth)
        while node >= 0, depth >= 0 {
            lines.append("\(depth) \(String(cString: fdt_get_name(tree, node, nil)))")
            var seen: Set<String> = []
            var property = fdt_first_property_offset(tree, node)
            while property >= 0 {
                var length: Int32 = 0
                var name: UnsafePointer<CChar>?
                if let value = fdt_getprop_by_offset(tree, property, &name, &length), let name {
                    let name = String(cString: name)
                    let bytes = UnsafeRawBufferPointer(start: value, count: Int(length))
                    if Self.names.contains(name), seen.insert(name).inserted {
                        lines.append("\(name) \(Array(bytes))")
                    }
                }
                property = fdt_next_property_offset(tree, property)
            }
            node = fdt_next_node(tree, node, &depth)
        }
        return lines
    }

    private static let names = Set(TreeProperty.allCases.map(\.name))

    /// The same lines from this project's tables.
    private func lines(_ tree: DeviceTree) -> [String] {
        var depths: [Int] = []
        return tree.nodes.flatMap { node in
            depths.append(node.parent.map { depths[$0] + 1 } ?? 0)
            let properties = TreeProperty.allCases.compactMap { property in
                node.property(property).map { (start: $0.startIndex, "\(property.name) \(Array($0))") }
            }
            return ["\(depths[depths.count - 1]) \(node.name)"]
                + properties.sorted { $0.start < $1.start }.map(\.1)
        }
    }

    /// Whether the tree was read.
    private func compare(_ blob: [UInt8], _ what: String) -> Bool {
        guard let tree = try? DeviceTree(reading: blob) else { return false }
        let second: [String]
        do {
            second = try secondReading(blob)
        } catch {
            let header = DeviceTree.cells(blob[..<40]).map { String($0, radix: 16) }
            Issue.record("\(what) is read, and libfdt refuses it: \(error.why), header \(header)")
            return true
        }
        let first = lines(tree)
        guard first != second else { return true }
        let place = zip(first, second).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? -1
        Issue.record("\(what): \(first.count) and \(second.count) lines, line \(place) differs")
        return true
    }

    private static let own: [[UInt8]] = [
        OwnTreeTests.base { _ in },
        OwnTreeTests.base { root in
            root.child("pcie@4000") { node in
                OwnTreeTests.pcie(&node)
                // Of a property that is there twice the first counts.
                node.cells("reg", 1, 2, 3)
                node.cells("reg", 4)
                node.strings("status", "okay", "", "disabled")
                node.cells("not-read-here", 1)
            }
        },
    ]

    @Test func ownTreesAreReadAlike() {
        for (number, blob) in Self.own.enumerated() { #expect(compare(blob, "own tree \(number)")) }
    }

    @Test(.enabled(if: SharedShelf.isPresent)) func referenceTreesAreReadAlike() throws {
        for name in ExpectedTree.names {
            #expect(compare(try ExpectedTree(name).blob, name), "\(name) is refused")
        }
    }

    @Test func damagedTreesAreReadAlike() throws {
        var random = SeededGenerator.forTest("second reader of trees", fallback: 0xfd7)
        var trees = Self.own
        if SharedShelf.isPresent {
            trees += try ExpectedTree.names.map { try ExpectedTree($0).blob }.filter { $0.count < 20_000 }
        }
        let edges: [UInt32] = [0, 1, 2, 3, 4, 9, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, .max]
        var read = 0
        let rounds = 4_000
        for round in 0..<rounds {
            var blob = trees[round % trees.count]
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                // Most in the header and the first nodes, where one cell decides about everything.
                let most = Bool.random(using: &random) ? min(blob.count, 256) : blob.count
                let cell = Int.random(in: 0..<most / 4, using: &random) * 4
                if Bool.random(using: &random) {
                    blob[cell + Int.random(in: 0...3, using: &random)] ^=
                        1 << UInt8.random(in: 0...7, using: &random)
                } else {
                    let value = edges.randomElement(using: &random)!
                    for byte in 0..<4 {
                        blob[cell + byte] = UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * byte))
                    }
                }
            }
            if compare(blob, "round \(round)") { read += 1 }
        }
        print("damaged trees: \(read) of \(rounds) read")
        #expect(read > rounds / 10 && read < rounds)
    }
}
