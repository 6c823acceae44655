// What one walk over a flattened tree finds: where each node's name lies, who its parent is, and where the
// values of its properties lie. Nothing is copied: making a string or an array of each name and value took
// 60 % of the time of reading a tree.

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

    init(_ blob: DeviceTreeBlob) {
        bytes = blob.bytes
        nodes = blob.nodes
        properties = blob.properties
    }
}

extension DeviceTree {
    /// One node of a tree.
    struct Node {
        fileprivate let flat: FlatTree
        fileprivate let record: FlatTree.NodeRecord

        /// The name's bytes, with the unit address.
        var nameBytes: ArraySlice<UInt8> {
            flat.bytes[Int(record.nameStart)..<Int(record.nameStart + record.nameBytes)]
        }

        /// Nearly no node is called as those that are looked for, so that its name is not cut out for that.
        func nameBegins(with byte: UInt8) -> Bool {
            record.nameBytes > 0 && flat.bytes[Int(record.nameStart)] == byte
        }

        var name: String { String(decoding: nameBytes, as: UTF8.self) }

        /// From the root. O(depth), so only what an answer names asks for it.
        var path: String {
            guard record.parent >= 0 else { return "/" }
            var names: [ArraySlice<UInt8>] = []
            var node = self
            while node.record.parent >= 0 {
                names.append(node.nameBytes)
                node = Node(flat: flat, record: flat.nodes[Int(node.record.parent)])
            }
            var path: [UInt8] = []
            path.reserveCapacity(names.reduce(0) { $0 + $1.count + 1 })
            for name in names.reversed() {
                path.append(UInt8(ascii: "/"))
                path += name
            }
            return String(decoding: path, as: UTF8.self)
        }

        /// Index of the parent; nil for the root.
        var parent: Int? { record.parent < 0 ? nil : Int(record.parent) }

        func has(_ property: TreeProperty) -> Bool { record.held & property.bit != 0 }

        /// The bytes of a property, nil when the node has none of that name.
        func property(_ property: TreeProperty) -> ArraySlice<UInt8>? {
            place(of: property).map { flat.bytes[$0] }
        }

        private func place(of property: TreeProperty) -> Range<Int>? {
            guard has(property) else { return nil }
            var at = Int(record.firstProperty)
            while flat.properties[at].property != property { at += 1 }
            let found = flat.properties[at]
            return Int(found.start)..<Int(found.start + found.bytes)
        }

        /// What the table has for the first string of the list that is in it. Asked of every node, so that no
        /// slice is made of a string: each would hold on to the tree, and let go of it.
        func match<Value: Sendable>(in property: TreeProperty, _ table: WordTable<Value>) -> Value? {
            guard let place = place(of: property) else { return nil }
            return flat.bytes.withUnsafeBufferPointer { bytes in
                var start = place.lowerBound
                while start < place.upperBound {
                    var end = start
                    while end < place.upperBound, bytes[end] != 0 { end += 1 }
                    let count = end - start
                    guard table.hasWord(ofBytes: count) else {
                        start = end + 1
                        continue
                    }
                    for (word, value) in table.words where word.utf8CodeUnitCount == count {
                        let isSame = word.withUTF8Buffer { word in
                            word.indices.allSatisfy { word[$0] == bytes[start + $0] }
                        }
                        if isSame { return value }
                    }
                    start = end + 1
                }
                return nil
            }
        }

        /// The property's whole 32-bit cells; odd bytes at the end are left out.
        func cells(_ property: TreeProperty) -> [UInt32]? { self.property(property).map(DeviceTree.cells) }

        /// The first cell of a property; nil unless there are at least four bytes.
        func cell(_ property: TreeProperty) -> UInt32? {
            guard let value = self.property(property), value.count >= 4 else { return nil }
            return DeviceTree.cell(value, at: value.startIndex)
        }

        /// The strings of a string list as bytes.
        func words(_ property: TreeProperty) -> Words { Words(rest: self.property(property) ?? []) }

        /// The strings of a string list, without empty ones.
        func strings(_ property: TreeProperty) -> [String] {
            words(property).lazy.filter { !$0.bytes.isEmpty }.map(\.text)
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
        let words: [(word: StaticString, value: Value)]
        /// A bit for each length that some word has: most strings of a tree have another. All long ones share
        /// one.
        private let lengths: UInt64

        init(_ words: [(word: StaticString, value: Value)]) {
            self.words = words
            lengths = words.reduce(0) { $0 | Self.bit($1.word.utf8CodeUnitCount) }
        }

        func hasWord(ofBytes count: Int) -> Bool { lengths & Self.bit(count) != 0 }

        private static func bit(_ count: Int) -> UInt64 { 1 << UInt64(min(count, 63)) }
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
