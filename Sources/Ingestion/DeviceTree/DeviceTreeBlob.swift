// Header and structure of a flattened device tree, checked and written into tables in one walk. Mirrors the
// layout of the Devicetree Specification v0.4, chapter 5. libfdt says that a tree is bad but not where, and
// walks it once more for every node and property: an upload of 103 KB took 35.8 million instructions with it,
// and still 2.4 of 9.5 million where it only checked after us. It is the second reader of the tests.

/// A blob whose blocks lie inside it and whose structure is well formed.
struct DeviceTreeBlob {
    static let headerBytes = 40
    private static let magic: UInt32 = 0xd00d_feed

    private enum Token {
        static let beginNode: UInt32 = 1, endNode: UInt32 = 2, property: UInt32 = 3
        static let nop: UInt32 = 4, end: UInt32 = 9
    }

    /// The tree's bytes, cut to `totalsize`.
    let bytes: [UInt8]
    private(set) var nodes: [FlatTree.NodeRecord] = []
    private(set) var properties: [FlatTree.PropertyRecord] = []
    /// The bits of all properties that some node has.
    private(set) var held: UInt64 = 0
    /// Of all nodes' paths together.
    private(set) var pathBytes = 0
    private var structure = 0..<0
    private var strings = 0..<0

    init(checking file: [UInt8]) throws(DeviceTreeError) {
        guard file.count <= DeviceTreeLimits.bytesMax else {
            throw .tooLarge(bytes: file.count, limitBytes: DeviceTreeLimits.bytesMax)
        }
        guard file.count >= Self.headerBytes else { throw .shorterThanHeader(bytes: file.count) }
        func word(_ offset: Int) -> UInt32 { Self.word(file, offset) }
        guard word(0) == Self.magic else { throw .badMagic(word(0)) }
        let totalSize = word(4)
        guard totalSize >= Self.headerBytes else { throw .totalSizeTooSmall(totalSize) }
        guard Int(totalSize) <= file.count else {
            throw .totalSizeExceedsFile(totalSize: totalSize, fileBytes: file.count)
        }
        let version = word(20)
        let lastCompatible = word(24)
        guard version >= 16, lastCompatible <= 17, lastCompatible <= version else {
            throw .unsupportedVersion(version, lastCompatible: lastCompatible)
        }
        bytes = file.count == Int(totalSize) ? file : Array(file.prefix(Int(totalSize)))
        // Version 16 does not store the structure's size: it ends where the tree ends.
        let structureSize = version >= 17 ? word(36) : totalSize - min(word(8), totalSize)
        structure = try block("structure", at: word(8), size: structureSize, alignment: 4)
        strings = try block("strings", at: word(12), size: word(32), alignment: 1)
        try checkReservations(at: word(16))
        try checkStructure()
        guard pathBytes <= DeviceTreeLimits.pathBytesTotalMax else {
            throw .pathsTooLong(limitBytes: DeviceTreeLimits.pathBytesTotalMax)
        }
    }

    private func block(
        _ name: String, at offset: UInt32, size: UInt32, alignment: UInt32
    ) throws(DeviceTreeError) -> Range<Int> {
        let end = UInt64(offset) + UInt64(size)
        guard Int(offset) >= Self.headerBytes, end <= UInt64(bytes.count) else {
            throw .blockOutside(name, offset: offset, size: size, totalSize: UInt32(bytes.count))
        }
        guard offset % alignment == 0 else { throw .misalignedBlock(name, offset: offset) }
        return Int(offset)..<Int(end)
    }

    /// Pairs of 64-bit numbers up to a pair of zeros.
    private func checkReservations(at offset: UInt32) throws(DeviceTreeError) {
        guard offset % 8 == 0 else { throw .misalignedBlock("memory reservation", offset: offset) }
        guard Int(offset) >= Self.headerBytes else { throw .reservationsUnterminated(offset: Int(offset)) }
        var at = Int(offset)
        while true {
            guard at + 16 <= bytes.count else { throw .reservationsUnterminated(offset: at) }
            if bytes[at..<at + 16].allSatisfy({ $0 == 0 }) { return }
            at += 16
        }
    }

    /// Of usual trees, roughly; of properties those that are read.
    private static let structureBytesPerNode = 96
    private static let structureBytesPerProperty = 40

    /// How far the walk has come.
    private struct Walk {
        /// Offset of the next token.
        var at: Int
        /// Nodes whose end has not come yet, the innermost one's place, and the bytes of its path without the
        /// root's slash.
        var depth = 0
        var innermost = -1
        var pathBytes = 0
        /// The node that was begun last; its record is written once, with the bits of its properties, when no
        /// more can follow.
        var begun = FlatTree.NodeRecord(parent: -1, nameStart: 0, nameBytes: 0, firstProperty: 0)
        var takesProperties = false
        var held: UInt64 = 0
        /// By offset in the strings block: which property is named there.
        var named: [NamedProperty]
    }

    private mutating func checkStructure() throws(DeviceTreeError) {
        var walk = Walk(
            at: structure.lowerBound, named: [NamedProperty](repeating: .unseen, count: strings.count))
        // As many as trees of this size have: growing would copy them a dozen times.
        nodes.reserveCapacity(structure.count / Self.structureBytesPerNode)
        properties.reserveCapacity(structure.count / Self.structureBytesPerProperty)
        while true {
            let at = walk.at
            guard at + 4 <= structure.upperBound else {
                throw .noEndToken(offset: at, found: at + 4 <= bytes.count ? Self.word(bytes, at) : nil)
            }
            let token = Self.word(bytes, at)
            switch token {
            case Token.beginNode:
                write(&walk)
                try beginNode(&walk)
            case Token.endNode:
                write(&walk)
                try endNode(&walk)
            case Token.property:
                guard walk.depth > 0 else { throw .propertyOutsideNode(offset: at) }
                guard walk.takesProperties else { throw .propertyAfterChild(offset: at) }
                try addProperty(&walk)
            case Token.nop: walk.at += 4
            case Token.end:
                guard walk.depth == 0 else { throw .endInsideNode(offset: at, depth: walk.depth) }
                guard !nodes.isEmpty else { throw .noRoot(offset: at) }
                return
            default: throw .badToken(token, offset: at)
            }
        }
    }

    /// The node that was begun last has all of its properties: at its first child or its end.
    private mutating func write(_ walk: inout Walk) {
        guard walk.takesProperties else { return }
        walk.begun.held = walk.held
        nodes.append(walk.begun)
        held |= walk.held
        walk.held = 0
        walk.takesProperties = false
    }

    private mutating func beginNode(_ walk: inout Walk) throws(DeviceTreeError) {
        let at = walk.at
        if walk.depth == 0, !nodes.isEmpty { throw .secondRoot(offset: at) }
        if walk.depth >= DeviceTreeLimits.depthMax {
            throw .tooDeep(offset: at, limit: DeviceTreeLimits.depthMax)
        }
        if nodes.count >= DeviceTreeLimits.nodesMax {
            throw .tooManyNodes(limit: DeviceTreeLimits.nodesMax)
        }
        let longest = at + 4 + DeviceTreeLimits.nameBytesMax + 1
        guard let terminator = zero(from: at + 4, before: min(longest, structure.upperBound)) else {
            if longest < structure.upperBound {
                throw .nameTooLong(offset: at, limitBytes: DeviceTreeLimits.nameBytesMax)
            }
            throw .nodeNameUnterminated(offset: at)
        }
        let name = at + 4..<terminator
        guard walk.depth > 0 || name.isEmpty else { throw .namedRoot(offset: at) }
        if walk.depth > 0 { walk.pathBytes += 1 + name.count }
        // The root's path is a slash, which is the first byte of every other.
        pathBytes += max(walk.pathBytes, 1)
        walk.begun = FlatTree.NodeRecord(
            parent: Int32(walk.innermost), nameStart: Int32(name.lowerBound), nameBytes: Int32(name.count),
            firstProperty: Int32(properties.count))
        walk.takesProperties = true
        walk.innermost = nodes.count
        walk.depth += 1
        walk.at = aligned(terminator + 1)
    }

    private func endNode(_ walk: inout Walk) throws(DeviceTreeError) {
        guard walk.depth > 0 else { throw .unbalancedEnd(offset: walk.at) }
        let ended = nodes[walk.innermost]
        walk.innermost = Int(ended.parent)
        walk.depth -= 1
        // The root has neither a name nor the slash before it.
        walk.pathBytes = walk.depth == 0 ? 0 : walk.pathBytes - 1 - Int(ended.nameBytes)
        walk.at += 4
    }

    /// What is at an offset of the strings block.
    private enum NamedProperty {
        /// Nothing that was asked for yet.
        case unseen
        /// One that is not read.
        case other
        case known(TreeProperty)
    }

    /// Adds a property to the node that was begun last. Of several of one name the first counts. Inlined: it
    /// is called from one place, three times for each node.
    @inline(__always)
    private mutating func addProperty(_ walk: inout Walk) throws(DeviceTreeError) {
        let at = walk.at
        guard at + 12 <= structure.upperBound else { throw .propertyOutside(offset: at) }
        let words = Self.twoWords(bytes, at + 4)
        let length = Int(words >> 32)
        let nameOffset = UInt32(truncatingIfNeeded: words)
        guard length <= structure.upperBound - at - 12 else { throw .propertyOutside(offset: at) }
        guard Int(nameOffset) < walk.named.count else {
            throw .propertyNameOutside(offset: at, nameOffset: nameOffset)
        }
        walk.at = aligned(at + 12 + length)
        var named = walk.named[Int(nameOffset)]
        if case .unseen = named {
            let name = try propertyName(at, nameOffset)
            named = TreeProperty.byName[name].map { .known($0) } ?? .other
            walk.named[Int(nameOffset)] = named
        }
        guard case .known(let property) = named, walk.held & property.bit == 0 else { return }
        walk.held |= property.bit
        properties.append(
            FlatTree.PropertyRecord(property: property, start: Int32(at + 12), bytes: Int32(length)))
    }

    private func propertyName(
        _ at: Int, _ nameOffset: UInt32
    ) throws(DeviceTreeError) -> ArraySlice<UInt8> {
        let name = strings.lowerBound + Int(nameOffset)
        let longest = name + DeviceTreeLimits.nameBytesMax + 1
        guard let end = zero(from: name, before: min(longest, strings.upperBound)) else {
            if longest < strings.upperBound {
                throw .nameTooLong(offset: name, limitBytes: DeviceTreeLimits.nameBytesMax)
            }
            throw .propertyNameOutside(offset: at, nameOffset: nameOffset)
        }
        return bytes[name..<end]
    }

    private func zero(from start: Int, before end: Int) -> Int? {
        bytes.withUnsafeBytes { $0.firstZero(from: start, before: end) }
    }

    private func aligned(_ offset: Int) -> Int { (offset + 3) & ~3 }

    private static func word(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
        // One check for the four bytes: a tree has a word for every eight.
        precondition(offset >= 0 && offset <= bytes.count - 4, "a word at \(offset) of \(bytes.count) bytes")
        return bytes.withUnsafeBytes {
            UInt32(bigEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        }
    }

    private static func twoWords(_ bytes: [UInt8], _ offset: Int) -> UInt64 {
        precondition(offset >= 0 && offset <= bytes.count - 8, "words at \(offset) of \(bytes.count) bytes")
        return bytes.withUnsafeBytes {
            UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Where the first zero of some bytes is, eight bytes at a time: a name has a dozen.
    ///
    /// - Precondition: all of them lie within the buffer.
    func firstZero(from start: Int, before end: Int) -> Int? {
        precondition(start >= 0 && end <= count, "bytes \(start) to \(end) of \(count)")
        let ones: UInt64 = 0x0101_0101_0101_0101
        var at = start
        while at + 8 <= end {
            let word = UInt64(littleEndian: loadUnaligned(fromByteOffset: at, as: UInt64.self))
            // The lowest bit that is set is that of the first zero; borrows go upward only.
            let zeros = (word &- ones) & ~word & ones << 7
            if zeros != 0 { return at + zeros.trailingZeroBitCount / 8 }
            at += 8
        }
        while at < end {
            if self[at] == 0 { return at }
            at += 1
        }
        return nil
    }

    /// The eight bytes from `at` on, with zeros from `end` on: the first byte is the lowest.
    ///
    /// - Precondition: what is before `end` lies within the buffer.
    func word(at: Int, before end: Int) -> UInt64 {
        guard at + 8 <= count else { return (at..<end).reversed().reduce(0) { $0 << 8 | UInt64(self[$1]) } }
        precondition(at >= 0 && end <= count, "bytes \(at) to \(end) of \(count)")
        let word = UInt64(littleEndian: loadUnaligned(fromByteOffset: at, as: UInt64.self))
        return end - at >= 8 ? word : word & (1 &<< UInt64(truncatingIfNeeded: 8 &* (end &- at)) &- 1)
    }
}
