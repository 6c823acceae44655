// Doorbells: which nodes take MSIs, at which address, and which of them a master uses. Mirrors the
// drivers under drivers/irqchip and drivers/of/irq.c: of_msi_map_id, Linux 7.2.

import AddressSpaces
import Machines

extension TreeAnalysis {
    mutating func readMSIControllers() -> [MSIController] {
        var controllers: [MSIController] = []
        for (index, kind) in controllerKinds {
            let node = tree.nodes[index]
            let doorbell: UInt64? =
                switch kind {
                case .its: register(of: index, plus: Doorbell.translaterOffset)
                case .gicv2m: register(of: index, plus: Doorbell.setSPIOffset)
                case .mbi: mbiDoorbell(of: index)
                case .preITS, .other: nil
                }
            controllers.append(
                MSIController(
                    id: id(of: index), kind: kind, compatible: node.strings(.compatible),
                    doorbell: doorbell.map(PhysicalAddress.init), enabled: tree.isEnabled(index)))
        }
        return controllers
    }

    /// nil for a node that takes no MSIs.
    static func msiControllerKind(_ node: DeviceTree.Node) -> MSIController.Kind? {
        // A list that names several counts as the first of these, in this order.
        if let translator = node.match(in: .compatible, translators) {
            return node.has(.synquacerPreITS) ? .preITS : translator
        }
        if let frame = node.match(in: .compatible, frames) { return frame }
        if node.has(.mbiRanges), let distributor = node.match(in: .compatible, distributors) {
            return distributor
        }
        return node.has(.msiController) ? .other : nil
    }

    private typealias Kinds = DeviceTree.WordTable<MSIController.Kind>
    /// Every name in `compatible` that one is known by.
    static let controllerNames = (translators.words + frames.words + distributors.words).map(\.word)
    private static let translators = Kinds([("arm,gic-v3-its", .its)])
    private static let frames = Kinds([("arm,gic-v2m-frame", .gicv2m)])
    private static let distributors = Kinds([("arm,gic-v3", .mbi)])

    private func register(of index: Int, plus offset: UInt64) -> UInt64? {
        guard let base = tree.firstRegister(of: index)?.start else { return nil }
        let (address, wraps) = base.addingReportingOverflow(offset)
        return wraps ? nil : address
    }

    /// The alias frame when there is one, otherwise the distributor itself.
    private func mbiDoorbell(of index: Int) -> UInt64? {
        guard let alias = tree.nodes[index].cells(.mbiAlias), let bus = tree.nodes[index].parent else {
            return register(of: index, plus: Doorbell.setSPIOffset)
        }
        let count = tree.bus(bus).addressCells
        guard 1...BusShape.cellsMax ~= count, alias.count >= count,
            let frame = tree.cpuAddress(of: tree.bus(bus).address(alias.prefix(count)), on: bus, .outbound)
        else { return nil }
        let (address, wraps) = frame.addingReportingOverflow(Doorbell.setSPIOffset)
        return wraps ? nil : address
    }

    /// Ids of the controllers that `msi-map`, or else `msi-parent`, name; each once, in order.
    mutating func msiControllers(of index: Int) -> [String] {
        let node = tree.nodes[index]
        let targets = node.has(.msiMap) ? mapTargets(node) : parentTargets(node)
        return targets.map { id(of: $0) }
    }

    private mutating func mapTargets(_ node: DeviceTree.Node) -> [Int] {
        let cells = node.cells(.msiMap) ?? []
        let bytes = node.property(.msiMap)?.count ?? 0
        let mask = node.cell(.msiMapMask) ?? .max
        var targets: Set<Int> = []
        var order: [Int] = []
        if bytes == 0 || bytes % 16 != 0 {
            note(
                .error, "msi-map-odd-length", node.path, "msi-map",
                "\(bytes) bytes are not a multiple of 16, the bytes of an entry; Linux reads no entry.")
            return []
        }
        for at in stride(from: 0, to: cells.count, by: 4) {
            guard let target = tree.byPhandle[cells[at + 1]] else {
                noteMissing(cells[at + 1], node.path, "msi-map")
                return order
            }
            if cells[at] & ~mask != 0 {
                note(
                    .error, "msi-map-mask", node.path, "msi-map",
                    "rid-base \(hex(cells[at])) has bits outside msi-map-mask \(hex(mask)).")
                return order
            }
            if targets.insert(target).inserted { order.append(target) }
        }
        return order
    }

    private mutating func parentTargets(_ node: DeviceTree.Node) -> [Int] {
        guard let cells = node.cells(.msiParent) else { return [] }
        var targets: Set<Int> = []
        var order: [Int] = []
        var at = 0
        while at < cells.count {
            guard let target = tree.byPhandle[cells[at]] else {
                noteMissing(cells[at], node.path, "msi-parent")
                return order
            }
            if targets.insert(target).inserted { order.append(target) }
            at += 1 + Int(min(tree.nodes[target].cell(.msiCells) ?? 0, 1_024))
            if at > cells.count {
                note(
                    .error, "msi-parent-truncated", node.path, "msi-parent",
                    "The last entry lacks \(at - cells.count) of its cells, which are device IDs.")
            }
        }
        return order
    }
}
