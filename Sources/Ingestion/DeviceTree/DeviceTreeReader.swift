// The entrance for device trees: how large one may be, and why bytes are refused as a whole. What Linux reads
// from a tree, and what it makes of contradictions, is in TreeAnalysis.

import AddressSpaces
public import Machines

/// Reads flattened device trees.
public enum DeviceTreeReader {
    /// The first bytes of every blob.
    public static let magic: [UInt8] = [0xd0, 0x0d, 0xfe, 0xed]

    /// The platform that a blob describes. Throws only when the blob is no device tree or is too large;
    /// contradictions inside a sound tree become findings of the platform.
    public static func read(_ bytes: [UInt8]) throws(DeviceTreeError) -> Platform {
        var analysis = TreeAnalysis(try DeviceTree(reading: bytes))
        return try analysis.platform()
    }

    /// Whether the tree only carries what EFI tells the kernel: then Linux boots with ACPI
    /// (arch/arm64/kernel/acpi.c: dt_is_stub, Linux 7.2). The root has `chosen`, and under Xen `hypervisor`.
    static func isOfEFI(_ bytes: [UInt8]) -> Bool {
        guard let tree = try? DeviceTree(reading: bytes) else { return false }
        return tree.nodes.allSatisfy { node in
            node.parent != 0 || node.name == "chosen"
                || node.name == "hypervisor" && node.words(.compatible).contains { $0.is("xen,xen") }
        }
    }
}

/// A blob that is refused as a whole. Everything less than this becomes a finding.
public enum DeviceTreeError: Error, Hashable, Sendable {
    case tooLarge(bytes: Int, limitBytes: Int)
    case shorterThanHeader(bytes: Int)
    case badMagic(UInt32)
    case totalSizeExceedsFile(totalSize: UInt32, fileBytes: Int)
    case totalSizeTooSmall(UInt32)
    case unsupportedVersion(UInt32, lastCompatible: UInt32)
    case misalignedBlock(String, offset: UInt32)
    case blockOutside(String, offset: UInt32, size: UInt32, totalSize: UInt32)
    case reservationsUnterminated(offset: Int)
    case badToken(UInt32, offset: Int)
    case propertyOutside(offset: Int)
    case propertyNameOutside(offset: Int, nameOffset: UInt32)
    case propertyOutsideNode(offset: Int)
    case propertyAfterChild(offset: Int)
    case nodeNameUnterminated(offset: Int)
    case noRoot(offset: Int)
    case secondRoot(offset: Int)
    case namedRoot(offset: Int)
    case unbalancedEnd(offset: Int)
    case endInsideNode(offset: Int, depth: Int)
    /// The structure block ends without its end token; `found` is what comes after it.
    case noEndToken(offset: Int, found: UInt32?)
    case tooDeep(offset: Int, limit: Int)
    case tooManyNodes(limit: Int)
    case nameTooLong(offset: Int, limitBytes: Int)
    case pathsTooLong(limitBytes: Int)
    case tooManyDevices(limit: Int)
    case tooManyRegions(limit: Int)
    case tooManyStreams(limit: Int)

    /// One sentence that names place and cause.
    public var reason: String {
        switch self {
        case .tooLarge(let bytes, let limit): "\(bytes) bytes; the limit for device trees is \(limit)"
        case .shorterThanHeader(let bytes): "file shorter than an FDT header: \(bytes) bytes, a header has 40"
        case .badMagic(let magic): "bad magic \(hex8(magic)) at offset 0x0, expected 0xd00dfeed"
        case .totalSizeExceedsFile(let total, let file): "totalsize \(total) exceeds file size \(file)"
        case .totalSizeTooSmall(let total): "totalsize \(total) is smaller than an FDT header"
        case .unsupportedVersion(let version, let last):
            "unsupported FDT version \(version) (last compatible \(last)); versions 16 and 17 are read"
        case .misalignedBlock(let name, let offset): "\(name) block at \(hex(offset)) is not aligned"
        case .blockOutside(let name, let offset, let size, let total):
            "\(name) block runs off the end: \(hex(offset)) + \(hex(size)) bytes in a tree of \(hex(total))"
        case .reservationsUnterminated(let offset):
            "memory reservation block runs off the end at \(hex(offset))"
        case .badToken(let token, let offset): "bad token \(hex8(token)) at \(hex(offset))"
        case .propertyOutside(let offset): "property runs off the end at \(hex(offset))"
        case .propertyNameOutside(let offset, let name):
            "property runs off the end at \(hex(offset)): its name at \(hex(name)) lies outside the strings block"
        case .propertyOutsideNode(let offset): "property outside any node at \(hex(offset))"
        case .propertyAfterChild(let offset): "property after a child node at \(hex(offset))"
        case .nodeNameUnterminated(let offset): "node name runs off the end at \(hex(offset))"
        case .noRoot(let offset): "no root node at \(hex(offset))"
        case .secondRoot(let offset): "a second root node at \(hex(offset))"
        case .namedRoot(let offset): "the root node at \(hex(offset)) has a name"
        case .unbalancedEnd(let offset): "end of a node that was never begun at \(hex(offset))"
        case .endInsideNode(let offset, let depth):
            "end of the tree inside \(depth) open nodes at \(hex(offset))"
        case .noEndToken(let offset, nil):
            "structure block runs off the end without an end token at \(hex(offset))"
        case .noEndToken(let offset, let found?):
            "bad token \(hex8(found)) at \(hex(offset)): the structure block ends there without an end token"
        case .tooDeep(let offset, let limit): "nodes nested deeper than \(limit) at \(hex(offset))"
        case .tooManyNodes(let limit): "more than \(limit) nodes"
        case .nameTooLong(let offset, let limit): "a name of more than \(limit) bytes at \(hex(offset))"
        case .pathsTooLong(let limit): "node paths of more than \(limit) bytes in all"
        case .tooManyDevices(let limit): PlatformLimits.tooManyDevices(limit)
        case .tooManyRegions(let limit): PlatformLimits.tooManyRegions(limit)
        case .tooManyStreams(let limit):
            "more than \(limit) entries of iommus and iommu-map, over all devices"
        }
    }

    private func hex(_ value: some BinaryInteger) -> String { HexLiteral.text(value) }

    private func hex8(_ value: UInt32) -> String { "0x" + HexLiteral.digits(value, atLeast: 8) }
}

/// Bounds of one tree; the service lists them under its own limits.
public enum DeviceTreeLimits {
    public static let bytesMax = 2 << 20
    public static let nodesMax = 65_536
    public static let depthMax = 64
    /// Reserved regions of one device: the kernel's merge of a group's list is quadratic, and so is ours.
    public static let regionsPerDeviceMax = 4_096
    /// Entries of `iommus` and `iommu-map` of all devices together; a function has its bridge's, so that a
    /// long map with many functions would be gigabytes of answers. Real trees have some hundreds.
    public static let streamsMax = 65_536
    /// Of one node or property name. The specification allows 31 characters.
    public static let nameBytesMax = 256
    /// Of all paths together; real trees need a few hundred kilobytes.
    public static let pathBytesTotalMax = 32 << 20
    /// Range entries and cells visited while addresses are translated; real trees need thousands. Beyond,
    /// addresses count as untranslatable and a finding says so.
    public static let translationStepsMax = 20_000_000
}
