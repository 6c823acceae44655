// Every reference IORT: nodes, mappings, memory ranges, limits, and what Linux makes of them for each
// device, as the independent reader has them. The first difference of a table is named.

import AddressSpaces
import Foundation
import Machines
import TestSupport
import Testing

@testable import Ingestion

/// One reference table with the independent reader's view of it.
struct ExpectedTable {
    static let folder = "data/iort"
    let name: String
    let json: [String: Any]

    /// Paths below the folder, without their extension: `own/01-smmuv3-rc-its`.
    static var names: [String] {
        guard SharedShelf.isPresent else { return [] }
        return ["own", "malformed", "vendor", "qemu"].flatMap { set in
            SharedShelf.names(in: "\(folder)/\(set)").filter { $0.hasSuffix(".aml") }
                .map { "\(set)/\($0.dropLast(4))" }
        }.filter { expectedNames.contains($0.replacing("/", with: "-", maxReplacements: 1)) }
    }

    private static let expectedNames: Set<String> = Set(
        SharedShelf.names(in: "\(folder)/expected").map { String($0.dropLast(5)) })

    static var sound: [String] { names.filter { !$0.hasPrefix("malformed") } }

    init(_ name: String) throws {
        self.name = name
        let bytes = SharedShelf.bytes(
            "\(Self.folder)/expected/\(name.replacing("/", with: "-", maxReplacements: 1)).json")
        json = try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any] ?? [:]
    }

    var table: [UInt8] { SharedShelf.bytes("\(Self.folder)/\(name).aml") }
    var nodes: [[String: Any]] { json["nodes"] as? [[String: Any]] ?? [] }
    var errors: [String] { json["errors"] as? [String] ?? [] }
}

@Suite(.enabled(if: SharedShelf.isPresent)) struct ReferenceTableTests {
    private func first(_ what: String, _ got: [String], _ want: [String]) {
        guard got != want else { return }
        let place =
            zip(got, want).enumerated().first { $0.element.0 != $0.element.1 }?.offset
            ?? min(got.count, want.count)
        let found = place < got.count ? got[place] : "nothing"
        let expected = place < want.count ? want[place] : "nothing"
        Issue.record("\(what), entry \(place): got \(found), expected \(expected)")
    }

    private func hex(_ value: some BinaryInteger) -> String { "0x" + String(value, radix: 16) }

    @Test func tablesAreThere() { #expect(ExpectedTable.names.count >= 49) }

    @Test(arguments: ExpectedTable.names)
    func nodesAreReadAsExpected(name: String) throws {
        let expected = try ExpectedTable(name)
        var findings = FindingList()
        let iort: IORTTable
        do {
            var set = ACPITableSet()
            try set.add(expected.table, &findings)
            guard let found = try set.only("IORT") else { throw ACPIError.noIORT(found: []) }
            iort = try IORTTable(found, &findings)
        } catch let error as ACPIError {
            #expect(!expected.errors.isEmpty, "\(name) is refused: \(error.reason)")
            return
        }
        iort.check(&findings)
        first("\(name) nodes", iort.nodes.map { line($0, iort) }, expected.nodes.map(line))
        #expect(iort.table.isChecksumRight == expected.json["checksum_ok"] as? Bool)
        let errors = findings.findings.filter { $0.severity == .error }
        #expect(errors.isEmpty == expected.errors.isEmpty, "\(name): \(errors)")
    }

    private func line(_ node: IORTNode, _ iort: IORTTable) -> String {
        let mappings = node.mappings.map { mapping in
            let target = iort.indexByOffset[Int(mapping.reference)].map { word(iort.nodes[$0]) } ?? "-"
            return "\(hex(mapping.inputBase))+\(mapping.count)>\(hex(mapping.outputBase)) "
                + "\(hex(mapping.reference)) \(target) \(mapping.isSingle)"
        }
        return "\(hex(node.offset)) \(word(node)) \(node.length) \(node.revision) \(node.identifier) "
            + "\(mappings) \(content(node))"
    }

    private func word(_ node: IORTNode) -> String {
        let words = ["its-group", "named-component", "root-complex", "smmu-v1v2", "smmu-v3", "pmcg", "rmr"]
        return node.type < 7 ? words[Int(node.type)] : "other"
    }

    private func content(_ node: IORTNode) -> String {
        switch node.content {
        case .itsGroup(let identifiers): "\(identifiers)"
        case .namedComponent(let component):
            "\(component.name) \(hex(component.flags)) \(component.memoryAddressLimit) \(component.isCoherent)"
        case .rootComplex(let root):
            "\(root.segment) \(root.supportsATS) \(root.cacheCoherent) \(hex(root.memoryFlags)) "
                + "\(root.memoryAddressLimit.map { "\($0)" } ?? "none")"
        case .smmuV1V2(let smmu):
            "\(hex(smmu.base)) \(hex(smmu.span)) \(SMMUModelNumber.v1v2(smmu.model).1) "
                + "\(smmu.isCoherentWalk) \(smmu.flags & 1 != 0)"
        case .smmuV3(let smmu):
            "\(hex(smmu.base)) \(hex(smmu.flags)) \(smmu.isCoherentWalk) \(SMMUModelNumber.v3(smmu.model)[0])"
        case .performanceCounters(let base, let reference): "\(hex(base)) \(hex(reference))"
        case .memoryRanges(let content):
            "\(content.isRemapPermitted) \(content.isPrivileged) \(content.attributes) "
                + "\(content.ranges.map { "\(hex($0.base))+\(hex($0.length))" })"
        case .other, .unreadable: ""
        }
    }

    private func line(_ node: [String: Any]) -> String {
        let mappings = (node["mappings"] as! [[String: Any]]).map { mapping in
            "\(mapping["input_base"]!)+\(mapping["count"]!)>\(mapping["output_base"]!) \(mapping["to"]!) "
                + "\(mapping["to_type"] as? String ?? "-") \(mapping["single"] as! Bool)"
        }
        return "\(node["offset"]!) \(node["type"]!) \(node["length"]!) \(node["revision"]!) "
            + "\(node["identifier"]!) \(mappings) \(content(node))"
    }

    private func content(_ node: [String: Any]) -> String {
        let models = [
            "generic": "arm,smmu-v3", "hisilicon-hi161x": "hisilicon,hip06-smmu-v3",
            "cavium-cn99xx": "cavium,thunderx2-smmu-v3", "smmu-v1": "arm,smmu-v1", "smmu-v2": "arm,smmu-v2",
            "mmu-400": "arm,mmu-400", "mmu-401": "arm,mmu-401", "mmu-500": "arm,mmu-500",
            "cavium-thunderx": "cavium,smmu-v2",
        ]
        // A model that is not known is a plain SMMU to the readers.
        let model = (node["model"] as? String).flatMap { models[$0] }
        let own = ["its_ids", "name", "segment", "base", "ranges"]
        // A node too short for its fixed part is listed without its fields.
        guard own.contains(where: { node[$0] != nil }) else { return "" }
        switch node["type"] as! String {
        case "its-group": return "\((node["its_ids"] as! [Int]).map { UInt32($0) })"
        case "named-component":
            return
                "\(node["name"]!) \(node["flags"]!) \(node["memory_address_limit"]!) \(node["coherent"] as! Bool)"
        case "root-complex":
            let limit = (node["memory_address_limit"] as? Int).map { "\($0)" } ?? "none"
            return
                "\(node["segment"]!) \(node["ats"] as! Bool) \(node["cca"]!) \(node["memory_flags"]!) \(limit)"
        case "smmu-v1v2":
            return
                "\(node["base"]!) \(node["span"]!) \(model.map { [$0] } ?? []) \(node["coherent_walk"] as! Bool) \(node["dvm"] as! Bool)"
        case "smmu-v3":
            return
                "\(node["base"]!) \(node["flags"]!) \(node["cohacc_override"] as! Bool) \(model ?? "arm,smmu-v3")"
        case "pmcg": return "\(node["base"]!) \(node["node_reference"]!)"
        case "rmr":
            let ranges = (node["ranges"] as! [[String: Any]]).map { "\($0["base"]!)+\($0["length"]!)" }
            return
                "\(node["remap_permitted"] as! Bool) \(node["privileged"] as! Bool) \(node["attributes"]!) \(ranges)"
        default: return ""
        }
    }

    @Test(arguments: ExpectedTable.sound)
    func platformIsAsExpected(name: String) throws {
        let expected = try ExpectedTable(name)
        var facts = ACPIReader.Facts()
        facts.preservesPCIConfiguration = true
        let platform = try ACPIReader.read([expected.table], facts)
        let offsets = expected.nodes.filter { ($0["type"] as! String).hasPrefix("smmu") }
        #expect(platform.smmus.count == offsets.count)
        let ids = Dictionary(
            uniqueKeysWithValues: zip(offsets.map { $0["offset"] as! String }, platform.smmus.map(\.id)))
        first(
            "\(name) smmus", platform.smmus.map { $0.registers.first.map { hex($0.start.value) } ?? "none" },
            offsets.map { $0["base"] as! String })
        // The table's own ranges, which a kernel of 4 KiB pages rounds when they break the rule of 64 KiB.
        func ranges(_ form: (ReservedRegion) -> ReservedRegion) -> [String] {
            platform.memoryRanges.flatMap { range in
                range.regions.map(form).map {
                    "\(range.smmu) \(hex($0.start)) \(hex($0.wrappingLast)) \(word($0.kind)) \(range.streams)"
                }
            }
        }
        let wanted = (expected.json["rmr_reserved"] as? [[String: Any]] ?? []).map { range in
            let streams = (range["stream_ids"] as! [String]).map { UInt32($0.dropFirst(2), radix: 16)! }
            let type = (range["type"] as! String).replacing("_", with: "-")
            return "\(ids[range["smmu"] as! String]!) \(range["start"]!) \(range["end"]!) \(type) "
                + "\(streams[0]...streams[1])"
        }
        if ranges({ $0 }) != wanted { first("\(name) ranges", ranges { $0.rounded(to: .kib4) }, wanted) }
        let untranslating = (expected.json["hw_msi_smmus"] as! [String]).map { ids[$0]! }
        #expect(
            platform.smmus.filter { $0.compatible.first == "hisilicon,hip06-smmu-v3" }.map(\.id)
                == untranslating)
        for node in expected.nodes { compare(node, platform, ids, name) }
    }

    private func word(_ kind: ReservedRegion.Kind) -> String {
        kind == .directRelaxable ? "direct-relaxable" : "\(kind)"
    }

    /// A master's SMMUs and limit, and the ranges that apply to it.
    private func compare(
        _ node: [String: Any], _ platform: Platform, _ ids: [String: String], _ table: String
    ) {
        let type = node["type"] as! String
        guard type == "root-complex" || type == "named-component" else { return }
        let name = (node["name"] as? String).map { $0.isEmpty ? "nc@\(node["offset"]!)" : $0 }
        let id = type == "root-complex" ? "rc:\(node["segment"]!)" : name!
        let all = node["mappings"] as! [[String: Any]]
        let mappings = all.filter { ($0["to_type"] as? String)?.hasPrefix("smmu") == true }
        // What leads through another master is left to IDRoutingTests.
        let isDirect = all.allSatisfy {
            ["smmu-v1v2", "smmu-v3", "its-group"].contains($0["to_type"] as? String)
        }
        guard isDirect else { return }
        let device = platform.devices.first { $0.id == id }
        guard !mappings.isEmpty else {
            #expect(device == nil, "\(table): \(id) is behind no SMMU")
            return
        }
        guard let device else {
            Issue.record("\(table): no device \(id)")
            return
        }
        #expect(Set(device.smmus) == Set(mappings.map { ids[$0["to"] as! String]! }))
        let bits = node["memory_address_limit"] as? Int ?? 64
        let limit: UInt64 = bits >= 64 || bits == 0 ? .max : (1 << UInt64(bits)) - 1
        #expect(device.dmaLimit == limit, "\(table): \(id)")
    }

    @Test func damagedTablesAreToldApart() throws {
        for name in ExpectedTable.names where name.hasPrefix("malformed") {
            let expected = try ExpectedTable(name)
            do {
                let platform = try ACPIReader.read([expected.table])
                let findings = platform.findings.filter { $0.severity != .info }
                #expect(!findings.isEmpty, "\(name) is accepted without a word")
                #expect(findings.contains { $0.location.contains(":0x") }, "\(name): \(findings)")
            } catch {
                #expect(error.reason.contains("0x"), "\(name): \(error.reason)")
                print("\(name): \(error.reason)")
            }
        }
    }
}
