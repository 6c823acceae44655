// Nodes by path and by phandle: what is quick for trees as compilers write them holds for all others too.

import Machines
import TestSupport
import Testing

@testable import Ingestion

@Suite struct NodePathTests {
    /// A slash in a name makes two nodes of one path that are no children of one node.
    @Test func slashInAName() throws {
        let blob = DeviceTreeBuilder.board { root in
            root.child("a") { node in node.child("b") { $0.cells("iommus", 1, 5) } }
            root.child("a/b") { $0.cells("iommus", 1, 6) }
        }
        let platform = try DeviceTreeReader.read(blob)
        let named = platform.devices.filter { $0.id.hasPrefix("/a") }
        #expect(named.map(\.id) == ["/a/b", "/a/b#1"])
        #expect(named.map(\.streams.first?.kind) == [.specifier([5]), .specifier([6])])
        #expect(platform.findings.filter { $0.code == "duplicate-node" }.count == 1, "\(platform.findings)")
    }

    /// Names that differ in their last bytes only, or are longer than a step, are told apart.
    @Test func namesOfManyLengths() throws {
        let names = (1...40).map { String(repeating: "x", count: $0) }
        let blob = DeviceTreeBuilder.board { root in
            for (stream, name) in names.enumerated() {
                root.child(name) { $0.cells("iommus", 1, UInt32(stream)) }
            }
        }
        let platform = try DeviceTreeReader.read(blob)
        #expect(platform.devices.map(\.id).filter { $0.hasPrefix("/x") } == names.map { "/\($0)" })
        #expect(!platform.findings.contains { $0.code == "duplicate-node" })
    }

    @Test func phandlesLowAndHigh() {
        var table = PhandleTable(nodes: 2)
        for phandle in [3, 7, 8, 0xffff_fff0] as [UInt32] {
            #expect(table[phandle] == nil)
            let isFirst = table.add(phandle, Int(phandle % 5))
            let isSecondFirst = table.add(phandle, 99)
            #expect(isFirst && !isSecondFirst, "the first node counts")
            #expect(table[phandle] == Int(phandle % 5))
        }
        #expect(table[1] == nil && table[9] == nil && table[.max] == nil)
    }
}
