// A device tree as owned values: nodes with their properties, parents and phandles. It knows the format's
// conventions (cells, phandles, status) and nothing about SMMUs.

/// A tree that has been read. Node 0 is the root; children follow their parents.
struct DeviceTree {
    let nodes: Nodes
    /// First node of each phandle.
    let byPhandle: [UInt32: Int]
    /// Nodes whose phandle an earlier node has.
    let duplicatePhandles: [Int]
    /// By node: how its children write addresses. Every step of every translation asks.
    private let buses: [BusShape]
    /// Shared by the copies of one reading, which is one thread's.
    let work = TranslationWork()

    /// Reads a blob.
    init(reading file: [UInt8]) throws(DeviceTreeError) {
        nodes = Nodes(flat: FlatTree(try DeviceTreeBlob(checking: file)))
        var byPhandle: [UInt32: Int] = [:]
        byPhandle.reserveCapacity(nodes.count)
        var duplicates: [Int] = []
        for (index, node) in nodes.enumerated() {
            guard let phandle = node.phandle, phandle != 0, phandle != .max else { continue }
            // One look-up; hardly any is there already.
            if let first = byPhandle.updateValue(index, forKey: phandle) {
                byPhandle[phandle] = first
                duplicates.append(index)
            }
        }
        var buses: [BusShape] = []
        buses.reserveCapacity(nodes.count)
        for node in nodes { buses.append(BusShape(of: node, below: node.parent.map { buses[$0] })) }
        self.buses = buses
        self.byPhandle = byPhandle
        duplicatePhandles = duplicates
    }

    static func cells(_ bytes: ArraySlice<UInt8>) -> [UInt32] {
        var cells: [UInt32] = []
        cells.reserveCapacity(bytes.count / 4)
        var at = bytes.startIndex
        while bytes.endIndex - at >= 4 {
            cells.append(cell(bytes, at: at))
            at += 4
        }
        return cells
    }

    /// The cell whose four bytes begin at `at`.
    static func cell(_ bytes: ArraySlice<UInt8>, at: Int) -> UInt32 {
        UInt32(bytes[at]) << 24 | UInt32(bytes[at + 1]) << 16 | UInt32(bytes[at + 2]) << 8
            | UInt32(bytes[at + 3])
    }

    /// Cells from an offset of the blob on, whatever they belong to; nil where they pass its end.
    func cells(at offset: Int, count: Int) -> [UInt32]? {
        let blob = nodes.flat.bytes
        guard offset >= 0, count >= 0, offset <= blob.count, count <= (blob.count - offset) / 4 else {
            return nil
        }
        return Self.cells(blob[offset..<offset + 4 * count])
    }

    /// The node and all its ancestors are available.
    func isEnabled(_ index: Int) -> Bool {
        var at: Int? = index
        while let current = at {
            guard nodes[current].isAvailable else { return false }
            at = nodes[current].parent
        }
        return true
    }

    /// How the children of a node write addresses.
    func bus(_ index: Int) -> BusShape { buses[index] }

    /// How the node writes its own: as its parent's children do.
    func ownBus(of index: Int) -> BusShape { buses[nodes[index].parent ?? index] }

    func isPCI(_ index: Int) -> Bool { buses[index].kind == .pci }
}

/// What translation has cost so far: a tree may be drawn so that every address visits every range.
final class TranslationWork {
    private(set) var steps = 0

    /// Whether `count` more steps may be taken.
    func take(_ count: Int) -> Bool {
        steps += count
        return steps <= DeviceTreeLimits.translationStepsMax
    }

    var isExhausted: Bool { steps > DeviceTreeLimits.translationStepsMax }
}
