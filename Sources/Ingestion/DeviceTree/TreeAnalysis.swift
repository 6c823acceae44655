// From a device tree to a platform: the state that the steps share, and their order. What each step reads
// follows the kernel's own readers; what they dislike becomes a finding.

import AddressSpaces
import Machines

/// One reading of one tree.
struct TreeAnalysis {
    let tree: DeviceTree
    /// The nodes that are named after anything that is read here, in the order of the tree. Looked for once:
    /// hardly any node is one, and each of a thousand has a list of names.
    private let named: [Int]
    /// SMMUs by node index.
    private(set) var smmus: [Int: SMMU] = [:]
    /// The ids of those that are disabled.
    private(set) var disabledSMMUs: Set<String> = []
    /// The nodes that take MSIs, in the order of the tree.
    let controllerKinds: [(node: Int, kind: MSIController.Kind)]
    private(set) var findings: [Finding] = []
    /// Entries of the device read last that Linux does not apply.
    var unapplied: [UnappliedRegion] = []
    /// Reserved regions with an entry that names nothing, by node index.
    var unreadableEntries: Set<Int> = []
    private var findingsDropped = 0
    private var regionsTotal = 0
    private var streamsTotal = 0
    /// Ids by node, as far as they were asked for.
    private var ids: [String?]
    /// All of them, where paths do not tell nodes apart.
    private var taken: Set<String> = []
    /// The numbers of nodes whose path an earlier node has; nil where every node has a path of its own.
    private lazy var repeats = Self.repeats(in: tree)
    /// By path: how many of its numbers are names of other nodes.
    private var skipped: [String: Int] = [:]

    init(_ tree: DeviceTree) {
        self.tree = tree
        let flat = tree.nodes.flat
        named = flat.nodes(naming: Self.names, in: .compatible)
        ids = Array(repeating: nil, count: tree.nodes.count)
        controllerKinds = Set(named).union(flat.nodes(having: .msiController)).sorted().compactMap { index in
            Self.msiControllerKind(tree.nodes[index]).map { (index, $0) }
        }
    }

    /// Every name in `compatible` that something here is known by.
    private static let names = DeviceTree.WordTable(
        (driversOfMMIO.words.map(\.word) + controllerNames).map { (word: $0, value: true) })

    mutating func platform() throws(DeviceTreeError) -> Platform {
        let smmuList = readSMMUs()
        smmus = Dictionary(uniqueKeysWithValues: smmuList.map { ($0.node, $0.smmu) })
        disabledSMMUs = Set(smmuList.lazy.map(\.smmu).filter { !$0.enabled }.map(\.id))
        let controllers = readMSIControllers()
        let devices = try readDevices()
        noteCutLengths(devices)
        for index in tree.duplicatePhandles {
            note(
                .warning, "duplicate-phandle", tree.nodes[index].path, "phandle",
                "phandle \(hex(tree.nodes[index].phandle ?? 0)) belongs to an earlier node; references resolve to that one."
            )
        }
        if tree.work.isExhausted {
            note(
                .error, "translation-too-costly", "/", "",
                "Translating the tree's addresses takes more than \(DeviceTreeLimits.translationStepsMax) steps; "
                    + "the rest count as untranslatable.")
        }
        findings += FindingList.rest(findingsDropped)
        let root = tree.nodes[0]
        var platform = Platform(
            source: .deviceTree, model: root.string(.model), compatible: root.strings(.compatible),
            smmus: smmuList.map(\.smmu), msiControllers: controllers, devices: devices, memory: readMemory(),
            findings: findings)
        let words = HostOptions.bootArguments(of: tree)
        if !words.isEmpty {
            platform.host = RunningHost()
            platform.host?.options = words
        }
        return platform
    }

    /// Adds a finding about a property of a node.
    mutating func note(
        _ severity: Finding.Severity, _ code: String, _ path: String, _ property: String, _ detail: String
    ) {
        guard findings.count < PlatformLimits.findingsMax else {
            findingsDropped += 1
            return
        }
        let location = property.isEmpty ? path : "\(path):\(property)"
        findings.append(Finding(severity: severity, code: code, location: location, detail: detail))
    }

    /// The id of a node: its path, with a number where earlier nodes have the path, whatever they are, as in
    /// Linux's own view of the tree (drivers/of/kobj.c: safe_name, Linux 7.2).
    mutating func id(of index: Int) -> String {
        // A node is asked about as a device, a bus and a controller, and named by others.
        if let id = ids[index] { return id }
        let path = tree.nodes[index].path
        guard let repeats else {
            ids[index] = path
            return path
        }
        let number = repeats[index]
        var id = number.map { "\(path)#\($0 + skipped[path, default: 0])" } ?? path
        // A node may have the name of another with its number.
        while !taken.insert(id).inserted {
            skipped[path, default: 0] += 1
            id = "\(path)#\((number ?? 0) + skipped[path, default: 0])"
        }
        ids[index] = id
        if id != path {
            note(
                .warning, "duplicate-node", path, "",
                "Two nodes have this path, or paths that differ in bytes which are no text only: \"\(path)\" is the first "
                    + "of them, and \"\(id)\" this one.")
        }
        return id
    }

    /// Counts in the order of the tree the nodes whose path an earlier one has. O(n) for n nodes: nodes of
    /// one path have parents of one path.
    private static func repeats(in tree: DeviceTree) -> [Int: Int]? {
        guard mayRepeat(in: tree) else { return nil }
        struct Place: Hashable {
            let parent: Int
            let name: String
        }
        var known: [Place: (first: Int, count: Int)] = [:]
        known.reserveCapacity(tree.nodes.count)
        var repeats: [Int: Int] = [:]
        // By node the first one of its path.
        var firsts: [Int] = []
        firsts.reserveCapacity(tree.nodes.count)
        for (index, node) in tree.nodes.enumerated() {
            let place = Place(parent: node.parent.map { firsts[$0] } ?? -1, name: node.name)
            let before = known[place] ?? (index, 0)
            known[place] = (before.first, before.count + 1)
            firsts.append(before.first)
            if before.count > 0 { repeats[index] = before.count }
        }
        return repeats
    }

    /// Whether nodes may have one path: by marks of the names of each node's children, since keys made of
    /// strings cost six times as much and hardly any tree has such children. Bytes that are no text may look
    /// alike, a slash in a name like a parent and a child, and a child of the root without a name like the
    /// root.
    private static func mayRepeat(in tree: DeviceTree) -> Bool {
        let stepsMax = 64
        // Sorting them took 230 instructions a node, a table of twice as many places takes 20. 0 is no mark.
        let places = 2 << (UInt64.bitWidth - UInt64(tree.nodes.count).leadingZeroBitCount)
        var marks = [UInt64](repeating: 0, count: places)
        let flat = tree.nodes.flat
        for index in flat.nodes.indices {
            guard let own = flat.nameMark(of: flat.nodes[index]) else { return true }
            let mark = max(own, 1)
            var place = Int(truncatingIfNeeded: mark >> 20) & (places - 1)
            var steps = 0
            while marks[place] != 0 {
                // Who crowds the table on purpose gets the longer way.
                if marks[place] == mark || steps == stepsMax { return true }
                steps += 1
                place = (place + 1) & (places - 1)
            }
            marks[place] = mark
        }
        return false
    }

    /// Counts stream mappings against the limit of a tree.
    mutating func takeStreams(_ count: Int) throws(DeviceTreeError) {
        streamsTotal += count
        guard streamsTotal <= DeviceTreeLimits.streamsMax else {
            throw .tooManyStreams(limit: DeviceTreeLimits.streamsMax)
        }
    }

    /// Counts windows and regions against the limit of a platform.
    mutating func takeRegions(_ count: Int) throws(DeviceTreeError) {
        regionsTotal += count
        guard regionsTotal <= PlatformLimits.regionsMax else {
            throw .tooManyRegions(limit: PlatformLimits.regionsMax)
        }
    }

    private func readMemory() -> [PhysicalRange] {
        let tree = tree
        return tree.nodes.flat.nodes(having: .deviceType)
            .filter { tree.nodes[$0].isMemory && tree.isEnabled($0) }
            .flatMap { tree.registers(of: $0) }
            .compactMap { PhysicalRange(start: PhysicalAddress($0.start), size: $0.size) }
    }

    private mutating func readSMMUs() -> [(node: Int, smmu: SMMU)] {
        var found: [(Int, SMMU)] = []
        for index in named {
            let node = tree.nodes[index]
            guard let version = Self.version(of: node) else { continue }
            let enabled = tree.isEnabled(index)
            let cells = node.cell(.iommuCells)
            if cells == nil {
                note(
                    .warning, "iommu-cells-missing", node.path, "#iommu-cells",
                    "The SMMU has no #iommu-cells; iommu-map entries are read with 1, iommus entries not at all."
                )
            }
            if node.has(.mmuMasters) {
                note(
                    .warning, "legacy-mmu-masters", node.path, "mmu-masters",
                    "The legacy mmu-masters binding is not read; its masters are not listed.")
            }
            if !enabled {
                note(
                    .info, "smmu-disabled", node.path, "status",
                    "The SMMU or an ancestor is disabled; what is behind it is not translated as shipped.")
            }
            found.append(
                (
                    index,
                    SMMU(
                        id: id(of: index), version: version, compatible: node.strings(.compatible),
                        registers: tree.registers(of: index).compactMap {
                            PhysicalRange(start: PhysicalAddress($0.start), size: $0.size)
                        },
                        enabled: enabled, iommuCells: Int(cells ?? 1), coherentWalk: tree.isDMACoherent(index)
                    )
                ))
        }
        return found
    }

    /// The driver that binds, by any compatible string (arm-smmu.c: arm_smmu_of_match, arm-smmu-v3.c:
    /// arm_smmu_of_match, Linux 7.2). A virtio device reports its type only when it is asked; on PCI its node
    /// is named after the type, and elsewhere only an IOMMU has `#iommu-cells`.
    private static func version(of node: DeviceTree.Node) -> SMMU.Version? {
        node.match(in: .compatible, node.has(.iommuCells) ? driversOfMMIO : drivers)
    }

    private static let driversOfMMIO = DeviceTree.WordTable(drivers.words + [("virtio,mmio", .virtio)])

    private static let drivers = DeviceTree.WordTable<SMMU.Version>([
        ("virtio,pci-iommu", .virtio), ("arm,smmu-v3", .v3), ("arm,smmu-v1", .v1), ("arm,mmu-400", .v1),
        ("arm,mmu-401", .v1), ("arm,smmu-v2", .v2), ("arm,mmu-500", .v2), ("cavium,smmu-v2", .v2),
        ("nvidia,smmu-500", .v2), ("qcom,smmu-v2", .v2), ("qcom,smmu-500", .v2),
    ])

    func hex(_ value: some BinaryInteger) -> String { HexLiteral.text(value) }
}
