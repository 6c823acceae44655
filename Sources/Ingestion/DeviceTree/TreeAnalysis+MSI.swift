// Doorbells: which nodes take MSIs, at which address, and which of them a master uses. Mirrors the
// drivers under drivers/irqchip and drivers/of/irq.c: of_msi_map_id, Linux 7.2.

import AddressSpaces
import Machines

extension TreeAnalysis {
    func readMSIControllers() -> [MSIController] {
        tree.nodes.indices.compactMap { index in
            let node = tree.nodes[index]
            let compatible = node.strings("compatible")
            let made: (kind: MSIController.Kind, doorbell: UInt64?)
            if compatible.contains("arm,gic-v3-its") {
                made =
                    node.has("socionext,synquacer-pre-its")
                    ? (.preITS, nil) : (.its, register(of: index, plus: Doorbell.translaterOffset))
            } else if compatible.contains("arm,gic-v2m-frame") {
                made = (.gicv2m, register(of: index, plus: Doorbell.setSPIOffset))
            } else if compatible.contains("arm,gic-v3"), node.has("mbi-ranges") {
                made = (.mbi, mbiDoorbell(of: index))
            } else if node.has("msi-controller") {
                made = (.other, nil)
            } else {
                return nil
            }
            return MSIController(
                id: node.path, kind: made.kind, compatible: compatible,
                doorbell: made.doorbell.map(PhysicalAddress.init), enabled: tree.isEnabled(index))
        }
    }

    private func register(of index: Int, plus offset: UInt64) -> UInt64? {
        guard let base = tree.firstRegister(of: index)?.start else { return nil }
        let (address, wraps) = base.addingReportingOverflow(offset)
        return wraps ? nil : address
    }

    /// The alias frame when there is one, otherwise the distributor itself.
    private func mbiDoorbell(of index: Int) -> UInt64? {
        guard let alias = tree.nodes[index].cells("mbi-alias"), let bus = tree.nodes[index].parent else {
            return register(of: index, plus: Doorbell.setSPIOffset)
        }
        let count = tree.bus(bus).addressCells
        guard 1...BusShape.cellsMax ~= count, alias.count >= count,
            let frame = tree.cpuAddress(of: tree.bus(bus).address(alias.prefix(count)), on: bus, .outbound)
        else { return nil }
        let (address, wraps) = frame.addingReportingOverflow(Doorbell.setSPIOffset)
        return wraps ? nil : address
    }

    /// Paths of the controllers that `msi-map`, or else `msi-parent`, name; each once, in order.
    mutating func msiControllers(of index: Int) -> [String] {
        let node = tree.nodes[index]
        let targets = node.has("msi-map") ? mapTargets(node) : parentTargets(node)
        return targets.map { tree.nodes[$0].path }
    }

    private mutating func mapTargets(_ node: DeviceTree.Node) -> [Int] {
        let cells = node.cells("msi-map") ?? []
        let mask = node.cell("msi-map-mask") ?? .max
        var targets: Set<Int> = []
        var order: [Int] = []
        if cells.isEmpty || cells.count % 4 != 0 {
            note(
                .error, "msi-map-odd-length", node.path, "msi-map",
                "\(cells.count) cells are not a multiple of 4; Linux reads no entry.")
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
        guard let cells = node.cells("msi-parent") else { return [] }
        var targets: Set<Int> = []
        var order: [Int] = []
        var at = 0
        while at < cells.count {
            guard let target = tree.byPhandle[cells[at]] else {
                noteMissing(cells[at], node.path, "msi-parent")
                return order
            }
            if targets.insert(target).inserted { order.append(target) }
            at += 1 + Int(min(tree.nodes[target].cell("#msi-cells") ?? 0, 1_024))
        }
        return order
    }
}
