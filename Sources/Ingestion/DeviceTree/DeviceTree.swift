// A device tree as owned values: nodes with their properties, parents and phandles. It knows the format's
// conventions (cells, phandles, status) and nothing about SMMUs.

/// A tree that has been read. Node 0 is the root; children follow their parents.
struct DeviceTree {
    let nodes: Nodes
    /// First node of each phandle.
    let byPhandle: PhandleTable
    /// Nodes whose phandle an earlier node has.
    let duplicatePhandles: [Int]
    /// By node: how its children write addresses. Every step of every translation asks.
    private let buses: [BusShape]
    /// Shared by the copies of one reading, which is one thread's.
    let work = TranslationWork()

    /// Reads a blob.
    init(reading file: [UInt8]) throws(DeviceTreeError) {
        nodes = Nodes(flat: FlatTree(try DeviceTreeBlob(checking: file)))
        var byPhandle = PhandleTable(nodes: nodes.count)
        var duplicates: [Int] = []
        for index in nodes.flat.nodes(having: .phandle, .linuxPhandle) {
            guard let phandle = nodes[index].phandle, phandle != 0, phandle != .max else { continue }
            if !byPhandle.add(phandle, index) { duplicates.append(index) }
        }
        buses = BusShape.all(of: nodes)
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

/// Nodes by phandle. Compilers count phandles from 1, so that nearly all are places in a list: hashing each
/// of a thousand took a fiftieth of an upload.
struct PhandleTable {
    /// By phandle; -1 for none.
    private var low: [Int32]
    private var high: [UInt32: Int] = [:]

    /// For a tree of so many nodes.
    init(nodes: Int) { low = [Int32](repeating: -1, count: 4 * nodes) }

    subscript(phandle: UInt32) -> Int? {
        guard Int(phandle) < low.count else { return high[phandle] }
        let node = low[Int(phandle)]
        return node < 0 ? nil : Int(node)
    }

    /// False where an earlier node has the phandle.
    mutating func add(_ phandle: UInt32, _ node: Int) -> Bool {
        guard self[phandle] == nil else { return false }
        if Int(phandle) < low.count { low[Int(phandle)] = Int32(node) } else { high[phandle] = node }
        return true
    }
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
