// Routing of all IDs at once against a walk of one ID at a time, over small random tables; and tables that
// would keep a trusting walker busy for ever.

import Machines
import TestSupport
import Testing

@testable import Ingestion

@Suite struct IDRoutingTests {
    /// One ID from `node` to an SMMU, mapping by mapping as the specification tells it; nil when it ends
    /// elsewhere.
    private func walk(_ id: UInt32, from node: Int, _ table: IORTTable) -> (smmu: Int, output: UInt32)? {
        var id = id
        var node = node
        for _ in 0..<ACPILimits.routeDepthMax {
            guard let (output, reference) = step(id, table.nodes[node]),
                let target = table.indexByOffset[Int(reference)]
            else { return nil }
            if table.nodes[target].isSMMU { return (target, output) }
            id = output
            node = target
        }
        return nil
    }

    private func step(_ id: UInt32, _ node: IORTNode) -> (output: UInt32, reference: UInt32)? {
        /// A match on the last ID of a range, which a later mapping may take over.
        var doubtful: (UInt32, UInt32)?
        for mapping in node.mappings {
            if mapping.isSingle {
                guard node.type == 1 || node.type == 2 else { continue }
                return (mapping.outputBase, mapping.reference)
            }
            guard id >= mapping.inputBase, id - mapping.inputBase <= mapping.lastIndex else { continue }
            if doubtful != nil, id != mapping.inputBase { continue }
            let made = (mapping.outputBase &+ (id - mapping.inputBase), mapping.reference)
            if mapping.lastIndex == 0 || id - mapping.inputBase < mapping.lastIndex { return made }
            doubtful = made
        }
        return doubtful
    }

    @Test func agreesWithSingleWalks() throws {
        var random = SeededGenerator.forTest("IORT routing", fallback: 0x10c7)
        let universe: UInt32 = 24
        var reached = 0
        for round in 0..<2_000 {
            var builder = IORTBuilder()
            var targets = [builder.smmuV3(base: 0x1000), builder.smmuV3(base: 0x2000), builder.itsGroup([0])]
            for segment in 0..<UInt32.random(in: 1...4, using: &random) {
                let mappings = (0..<Int.random(in: 0...5, using: &random)).map { _ in
                    IORTBuilder.Mapping(
                        .random(in: 0..<universe, using: &random), .random(in: 0...8, using: &random),
                        .random(in: 0..<universe, using: &random), to: targets.randomElement(using: &random)!,
                        single: Int.random(in: 0..<8, using: &random) == 0)
                }
                targets.append(builder.rootComplex(segment: segment, mappings))
            }
            var findings = FindingList()
            var set = ACPITableSet()
            try set.add(builder.table(), &findings)
            let table = try IORTTable(try #require(try set.only("IORT")), &findings)
            var routing = IDRouting(table)
            for node in table.nodes.indices where table.nodes[node].type == 2 {
                let pieces = routing.route(.all, from: node, to: \.isSMMU, &findings)
                for id in 0..<universe + 10 {
                    let got = pieces.filter { $0.piece.first <= id && id <= $0.piece.last }
                    let want = walk(id, from: node, table)
                    #expect(got.count == (want == nil ? 0 : 1), "round \(round), node \(node), ID \(id)")
                    guard let piece = got.first?.piece, let want else { continue }
                    let output = piece.isConstant ? piece.output : piece.output &+ (id - piece.first)
                    #expect(got[0].target == want.smmu && output == want.output, "round \(round), ID \(id)")
                    reached += 1
                }
            }
        }
        #expect(reached > 10_000)
    }

    /// Without its budget this would take hours.
    @Test(.timeLimit(.minutes(10))) func circlesEnd() throws {
        var builder = IORTBuilder()
        let smmu = builder.smmuV3(base: 0x1000)
        // Each of two nodes leads to both, many times over: 16 levels of 400 mappings without a budget.
        let first = builder.next
        let second = first + 36 + 400 * 20
        let both = (0..<200).flatMap { id in
            [IORTBuilder.Mapping(id, 300, id, to: first), IORTBuilder.Mapping(id + 300, 300, id, to: second)]
        }
        builder.rootComplex(segment: 0, both)
        builder.rootComplex(segment: 1, both)
        builder.rootComplex(segment: 2, [.init(0, 0xffff, 0, to: smmu)])
        let platform = try ACPIReader.read([builder.table()])
        let codes = platform.findings.map(\.code)
        #expect(codes.contains("reference-cycle") && codes.contains("routing-too-costly"))
    }

    @Test func ownMSIMappingTakesNoPart() throws {
        var builder = IORTBuilder()
        let its = builder.itsGroup([0, 1])
        let other = builder.itsGroup([2])
        let mappings: [IORTBuilder.Mapping] = [
            .init(0, 0, 0x1_0000, to: other, single: true), .init(0, 0xffff, 0, to: its),
        ]
        let smmu = builder.smmuV3(base: 0x1000, lines: 0, mappings)
        builder.rootComplex(segment: 0, [.init(0, 0xff, 0, to: smmu)])
        let platform = try ACPIReader.read([builder.table()])
        #expect(platform.devices[0].msiControllers == ["its:0"])
        #expect(!platform.findings.contains { $0.code == "single-mapping-not-allowed" })
        builder = IORTBuilder()
        let group = builder.itsGroup([0])
        let wired = builder.smmuV3(
            base: 0x1000,
            [
                .init(0, 0, 0, to: group, single: true), .init(0, 0xff, 0, to: group),
            ])
        builder.rootComplex(segment: 0, [.init(0, 0xff, 0, to: wired)])
        let loud = try ACPIReader.read([builder.table()])
        #expect(loud.findings.contains { $0.code == "single-mapping-not-allowed" })
    }
}
