// Header and structure of a flattened device tree, checked before libfdt reads it, because libfdt says
// that a tree is bad but not where. Mirrors the layout of the Devicetree Specification v0.4, chapter 5.

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
        bytes = Array(file.prefix(Int(totalSize)))
        // Version 16 does not store the structure's size: it ends where the tree ends.
        let structureSize = version >= 17 ? word(36) : totalSize - min(word(8), totalSize)
        structure = try block("structure", at: word(8), size: structureSize, alignment: 4)
        strings = try block("strings", at: word(12), size: word(32), alignment: 1)
        try checkReservations(at: word(16))
        try checkStructure()
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

    private func checkStructure() throws(DeviceTreeError) {
        var at = structure.lowerBound
        var depth = 0
        var nodes = 0
        /// By depth: whether a child has begun, after which no property may come.
        var hasChild: [Bool] = []
        while true {
            guard at + 4 <= structure.upperBound else {
                throw .noEndToken(offset: at, found: at + 4 <= bytes.count ? Self.word(bytes, at) : nil)
            }
            let token = Self.word(bytes, at)
            switch token {
            case Token.beginNode:
                if depth == 0, nodes > 0 { throw .secondRoot(offset: at) }
                if depth >= DeviceTreeLimits.depthMax {
                    throw .tooDeep(offset: at, limit: DeviceTreeLimits.depthMax)
                }
                if nodes >= DeviceTreeLimits.nodesMax {
                    throw .tooManyNodes(limit: DeviceTreeLimits.nodesMax)
                }
                if depth > 0 { hasChild[depth - 1] = true }
                hasChild.append(false)
                depth += 1
                nodes += 1
                at = try endOfName(at)
            case Token.endNode:
                guard depth > 0 else { throw .unbalancedEnd(offset: at) }
                hasChild.removeLast()
                depth -= 1
                at += 4
            case Token.property:
                guard depth > 0 else { throw .propertyOutsideNode(offset: at) }
                guard !hasChild[depth - 1] else { throw .propertyAfterChild(offset: at) }
                at = try endOfProperty(at)
            case Token.nop: at += 4
            case Token.end:
                guard depth == 0 else { throw .endInsideNode(offset: at, depth: depth) }
                guard nodes > 0 else { throw .noRoot(offset: at) }
                return
            default: throw .badToken(token, offset: at)
            }
        }
    }

    private func endOfName(_ at: Int) throws(DeviceTreeError) -> Int {
        let longest = at + 4 + DeviceTreeLimits.nameBytesMax + 1
        guard let terminator = bytes[(at + 4)..<min(longest, structure.upperBound)].firstIndex(of: 0) else {
            if longest < structure.upperBound {
                throw .nameTooLong(offset: at, limitBytes: DeviceTreeLimits.nameBytesMax)
            }
            throw .nodeNameUnterminated(offset: at)
        }
        return aligned(terminator + 1)
    }

    private func endOfProperty(_ at: Int) throws(DeviceTreeError) -> Int {
        guard at + 12 <= structure.upperBound else { throw .propertyOutside(offset: at) }
        let length = Int(Self.word(bytes, at + 4))
        let nameOffset = Self.word(bytes, at + 8)
        guard length <= structure.upperBound - at - 12 else { throw .propertyOutside(offset: at) }
        let name = strings.lowerBound + Int(nameOffset)
        let longest = name + DeviceTreeLimits.nameBytesMax + 1
        guard name < strings.upperBound, bytes[name..<min(longest, strings.upperBound)].contains(0) else {
            if longest < strings.upperBound {
                throw .nameTooLong(offset: name, limitBytes: DeviceTreeLimits.nameBytesMax)
            }
            throw .propertyNameOutside(offset: at, nameOffset: nameOffset)
        }
        return aligned(at + 12 + length)
    }

    private func aligned(_ offset: Int) -> Int { (offset + 3) & ~3 }

    private static func word(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
        bytes[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }
}
