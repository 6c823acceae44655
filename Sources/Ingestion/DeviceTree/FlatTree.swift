// What one walk over a flattened tree finds: where each node's name lies, who its parent is, and where the
// values of its properties lie. Nothing is copied: making a string or an array of each name and value took
// 60 % of the time of reading a tree.

import AddressSpaces

/// The tables of one tree, and the bytes that they point into.
final class FlatTree: Sendable {
    /// A node; the root is the first, children follow their parents.
    struct NodeRecord {
        /// -1 for the root.
        let parent: Int32
        let nameStart: Int32
        let nameBytes: Int32
        /// Its properties stand side by side, in the order of the tree.
        let firstProperty: Int32
        /// The bits of the properties that it has.
        var held: UInt64 = 0
    }

    struct PropertyRecord {
        let property: TreeProperty
        let start: Int32
        let bytes: Int32
    }

    let bytes: [UInt8]
    let nodes: [NodeRecord]
    let properties: [PropertyRecord]
    /// The bits of all properties that some node has.
    private let held: UInt64

    init(_ blob: DeviceTreeBlob) {
        bytes = blob.bytes
        nodes = blob.nodes
        properties = blob.properties
        held = blob.held
    }

    /// The nodes that have any of these properties, in the order of the tree. By their records: a `Node`
    /// counts a reference to the tree, and a dozen steps look for nodes among all.
    func nodes(having wanted: TreeProperty...) -> [Int] {
        let bits = wanted.reduce(0) { $0 | $1.bit }
        guard held & bits != 0 else { return [] }
        return nodes.indices.filter { nodes[$0].held & bits != 0 }
    }

    /// The nodes whose list in a property has one of the words, in the order of the tree.
    func nodes(naming table: DeviceTree.WordTable<some Sendable>, in property: TreeProperty) -> [Int] {
        bytes.withUnsafeBytes { bytes in
            nodes.indices.filter { node in
                place(of: property, in: nodes[node]).map { Self.match(bytes, $0, table) != nil } ?? false
            }
        }
    }

    fileprivate func place(of property: TreeProperty, in node: NodeRecord) -> Range<Int>? {
        guard node.held & property.bit != 0 else { return nil }
        var at = Int(node.firstProperty)
        while properties[at].property != property { at += 1 }
        return Int(properties[at].start)..<Int(properties[at].start + properties[at].bytes)
    }

    /// What the table has for the first of the strings at `place` that is in it. Asked of every node, so that
    /// no slice is made of a string: each would hold on to the tree, and let go of it.
    fileprivate static func match<Value: Sendable>(
        _ bytes: UnsafeRawBufferPointer, _ place: Range<Int>, _ table: DeviceTree.WordTable<Value>
    ) -> Value? {
        var start = place.lowerBound
        while start < place.upperBound {
            let end = bytes.firstZero(from: start, before: place.upperBound) ?? place.upperBound
            let places = table.places(ofBytes: end - start)
            if !places.isEmpty {
                let head = bytes.word(at: start, before: end)
                for place in places where table.heads[place] == head {
                    let (word, value) = table.words[place]
                    if word.utf8CodeUnitCount == end - start, Self.holds(bytes, at: start, word) {
                        return value
                    }
                }
            }
            start = end + 1
        }
        return nil
    }

    /// Whether the word's bytes stand there; they lie within `bytes`.
    private static func holds(
        _ bytes: UnsafeRawBufferPointer, at start: Int, _ word: StaticString
    ) -> Bool {
        word.withUTF8Buffer { word in word.indices.allSatisfy { word[$0] == bytes[start + $0] } }
    }

    /// Whether a node's name begins so.
    func name(of node: NodeRecord, beginsWith word: StaticString) -> Bool {
        Int(node.nameBytes) >= word.utf8CodeUnitCount
            && bytes.withUnsafeBytes { Self.holds($0, at: Int(node.nameStart), word) }
    }

    /// A digest of a node's name and its parent, eight bytes a step; nil where the name has a byte that is no
    /// ASCII, or a slash, or, below the root, no byte.
    func nameMark(of node: NodeRecord) -> UInt64? {
        guard node.nameBytes > 0 || node.parent < 0 else { return nil }
        let ones: UInt64 = 0x0101_0101_0101_0101
        let end = Int(node.nameStart + node.nameBytes)
        var mark = UInt64(truncatingIfNeeded: node.parent)
        var odd: UInt64 = 0
        bytes.withUnsafeBytes { bytes in
            var at = Int(node.nameStart)
            while at < end {
                // A name has no zeros.
                let word = bytes.word(at: at, before: end)
                let slashes = word ^ ones &* UInt64(UInt8(ascii: "/"))
                odd |= word | (slashes &- ones) & ~slashes
                mark = WordDigest.mixed(mark, word)
                at += 8
            }
        }
        return odd & ones << 7 == 0 ? mark : nil
    }

    /// Where a string of a list ends: at its zero, or with the list.
    fileprivate func end(ofStringAt start: Int, before end: Int) -> Int {
        bytes.withUnsafeBytes { $0.firstZero(from: start, before: end) } ?? end
    }

    /// The cell whose four bytes begin at `offset`.
    func cell(at offset: Int) -> UInt32 {
        precondition(offset >= 0 && offset <= bytes.count - 4, "a cell at \(offset) of \(bytes.count) bytes")
        return bytes.withUnsafeBytes {
            UInt32(bigEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        }
    }
}

extension DeviceTree {
    /// One node of a tree.
    struct Node {
        let flat: FlatTree
        fileprivate let record: FlatTree.NodeRecord

        /// The name's bytes, with the unit address.
        var nameBytes: ArraySlice<UInt8> {
            flat.bytes[Int(record.nameStart)..<Int(record.nameStart + record.nameBytes)]
        }

        func nameBegins(with word: StaticString) -> Bool { flat.name(of: record, beginsWith: word) }

        var name: String { String(decoding: nameBytes, as: UTF8.self) }

        /// From the root. O(depth), so only what an answer names asks for it.
        var path: String {
            guard record.parent >= 0 else { return "/" }
            var length = 0
            var node = record
            while node.parent >= 0 {
                length += Int(node.nameBytes) + 1
                node = flat.nodes[Int(node.parent)]
            }
            // From its end on: no list of names, and no other copy of their bytes.
            return String(unsafeUninitializedCapacity: length) { path in
                var at = length
                var node = record
                while node.parent >= 0 {
                    at -= Int(node.nameBytes)
                    for place in 0..<Int(node.nameBytes) {
                        path[at + place] = flat.bytes[Int(node.nameStart) + place]
                    }
                    at -= 1
                    path[at] = UInt8(ascii: "/")
                    node = flat.nodes[Int(node.parent)]
                }
                return length
            }
        }

        /// Index of the parent; nil for the root.
        var parent: Int? { record.parent < 0 ? nil : Int(record.parent) }

        func has(_ property: TreeProperty) -> Bool { record.held & property.bit != 0 }

        /// The bytes of a property, nil when the node has none of that name.
        func property(_ property: TreeProperty) -> ArraySlice<UInt8>? {
            place(of: property).map { flat.bytes[$0] }
        }

        /// Where the bytes of a property lie, nil when the node has none of that name.
        func place(of property: TreeProperty) -> Range<Int>? { flat.place(of: property, in: record) }

        /// What the table has for the first string of the list that is in it.
        func match<Value: Sendable>(in property: TreeProperty, _ table: WordTable<Value>) -> Value? {
            guard let place = place(of: property) else { return nil }
            return flat.bytes.withUnsafeBytes { FlatTree.match($0, place, table) }
        }

        /// The property's whole 32-bit cells; odd bytes at the end are left out.
        func cells(_ property: TreeProperty) -> [UInt32]? { self.property(property).map(DeviceTree.cells) }

        /// The first cell of a property; nil unless there are at least four bytes.
        func cell(_ property: TreeProperty) -> UInt32? {
            guard let place = place(of: property), place.count >= 4 else { return nil }
            return flat.cell(at: place.lowerBound)
        }

        /// The strings of a string list as bytes.
        func words(_ property: TreeProperty) -> Words { Words(rest: self.property(property) ?? []) }

        /// The strings of a string list, without empty ones.
        func strings(_ property: TreeProperty) -> [String] {
            guard let place = place(of: property) else { return [] }
            var strings: [String] = []
            // Of most lists: growing from one takes longer than reading.
            strings.reserveCapacity(2)
            var start = place.lowerBound
            while start < place.upperBound {
                let end = flat.end(ofStringAt: start, before: place.upperBound)
                if end > start { strings.append(String(decoding: flat.bytes[start..<end], as: UTF8.self)) }
                start = end + 1
            }
            return strings
        }

        /// The first string; nil where it is empty.
        func string(_ property: TreeProperty) -> String? {
            word(property).flatMap { $0.bytes.isEmpty ? nil : $0.text }
        }

        /// The first string of a list, as bytes.
        func word(_ property: TreeProperty) -> Word? {
            var words = words(property)
            return words.next()
        }

        /// `status` absent, "okay" or "ok" (drivers/of/base.c: __of_device_is_available, Linux 7.2).
        var isAvailable: Bool {
            guard has(.status) else { return true }
            return word(.status).map { $0.is("okay") || $0.is("ok") } ?? false
        }

        var isMemory: Bool { word(.deviceType)?.is("memory") ?? false }

        var phandle: UInt32? { cell(.phandle) ?? cell(.linuxPhandle) }
    }

    /// A few words, and what each stands for.
    struct WordTable<Value: Sendable>: Sendable {
        /// By length.
        let words: [(word: StaticString, value: Value)]
        /// The first eight bytes of each, which tell nearly all others from it.
        fileprivate let heads: [UInt64]
        /// By length the places of the words: most strings of a tree have a length of their own. All long
        /// ones share one.
        private let places: [Range<Int>]

        init(_ words: [(word: StaticString, value: Value)]) {
            let sorted = words.sorted { $0.word.utf8CodeUnitCount < $1.word.utf8CodeUnitCount }
            self.words = sorted
            heads = sorted.map { entry in
                entry.word.withUTF8Buffer { UnsafeRawBufferPointer($0).word(at: 0, before: $0.count) }
            }
            places = (0...Self.longCount).map { count in
                let first = sorted.partitioningIndex { Self.counted($0.word.utf8CodeUnitCount) >= count }
                return first..<sorted.partitioningIndex { Self.counted($0.word.utf8CodeUnitCount) > count }
            }
        }

        func places(ofBytes count: Int) -> Range<Int> { places[Self.counted(count)] }

        private static var longCount: Int { 63 }
        private static func counted(_ count: Int) -> Int { min(count, longCount) }
    }

    /// One string of a list, as the tree's bytes.
    struct Word {
        let bytes: ArraySlice<UInt8>

        var text: String { String(decoding: bytes, as: UTF8.self) }

        // Every node's strings are compared with a dozen words, so these are no `String`s.
        func `is`(_ word: StaticString) -> Bool {
            bytes.count == word.utf8CodeUnitCount && word.withUTF8Buffer { bytes.elementsEqual($0) }
        }
    }

    /// The strings of a list in order. Empty ones count, as in the kernel's readers, which go from the end of
    /// a string to the next (drivers/of/property.c: of_property_match_string, Linux 7.2).
    struct Words: Sequence, IteratorProtocol {
        fileprivate var rest: ArraySlice<UInt8>

        mutating func next() -> Word? {
            guard !rest.isEmpty else { return nil }
            let end = rest.firstIndex(of: 0) ?? rest.endIndex
            let word = Word(bytes: rest[..<end])
            rest = rest.dropFirst(word.bytes.count + 1)
            return word
        }
    }

    /// The nodes in the order of the tree.
    struct Nodes: RandomAccessCollection {
        let flat: FlatTree

        var startIndex: Int { 0 }
        var endIndex: Int { flat.nodes.count }

        subscript(index: Int) -> Node { Node(flat: flat, record: flat.nodes[index]) }
    }
}
