// Nodes of the IO Remapping Table as values. Mirrors Arm DEN 0049 (IORT), issue E.e, chapter 3; numbers
// are the table's own.

import AddressSpaces

/// One node.
struct IORTNode {
    /// What is read of a node, by its type.
    enum Content {
        /// Identifiers of ITSs, as the MADT uses them.
        case itsGroup([UInt32])
        case namedComponent(NamedComponent)
        case rootComplex(RootComplex)
        case smmuV1V2(SMMUV1V2)
        case smmuV3(SMMUV3)
        case performanceCounters(base: UInt64, reference: UInt32)
        case memoryRanges(MemoryRanges)
        /// Of a type that is not known.
        case other
        /// Too short for the fields of its type.
        case unreadable
    }

    struct NamedComponent {
        var name: String
        var flags: UInt32
        var isCoherent: Bool
        /// Address bits; 0 is firmware's mistake.
        var memoryAddressLimit: UInt8
    }

    struct RootComplex {
        var segment: UInt32
        var cacheCoherent: UInt32
        var memoryFlags: UInt8
        var supportsATS: Bool
        /// Address bits; nil before revision 1 of the node.
        var memoryAddressLimit: UInt8?
    }

    struct SMMUV1V2 {
        var base: UInt64
        var span: UInt64
        var model: UInt32
        var flags: UInt32

        var isCoherentWalk: Bool { flags & 2 != 0 }
    }

    struct SMMUV3 {
        var base: UInt64
        var flags: UInt32
        var model: UInt32
        /// Interrupt lines for events, page requests, errors and syncs; 0 where MSIs are used.
        var lines: [UInt32]
        /// Which mapping is for the SMMU's own MSIs; nil before revision 1.
        var ownMappingIndex: UInt32?

        var isCoherentWalk: Bool { flags & 1 != 0 }
    }

    struct MemoryRanges {
        var flags: UInt32
        var ranges: [(base: UInt64, length: UInt64)]

        /// The kernel may map the range elsewhere, or not at all.
        var isRemapPermitted: Bool { flags & 1 != 0 }
        var isPrivileged: Bool { flags & 2 != 0 }
        var attributes: UInt32 { flags >> 2 & 0xff }
    }

    /// From the start of the table.
    let offset: Int
    let type: UInt8
    let length: Int
    let revision: UInt8
    let identifier: UInt32
    var mappings: [IORTMapping] = []
    var content = Content.other

    /// The type's name for messages.
    var typeName: String {
        switch type {
        case 0: "ITS group"
        case 1: "named component"
        case 2: "root complex"
        case 3: "SMMUv1/v2"
        case 4: "SMMUv3"
        case 5: "PMCG"
        case 6: "RMR"
        default: "type \(type)"
        }
    }

    var isSMMU: Bool {
        switch content {
        case .smmuV1V2, .smmuV3: true
        case .itsGroup, .namedComponent, .rootComplex, .performanceCounters, .memoryRanges, .other,
            .unreadable:
            false
        }
    }

    var isITSGroup: Bool { if case .itsGroup = content { true } else { false } }

    /// Where findings about the node point to.
    var location: String { "IORT:" + HexLiteral.text(offset) }
}

/// One entry of a node's ID mapping array.
struct IORTMapping {
    static let entryBytes = 20

    var inputBase: UInt32
    /// IDs less one.
    var lastIndex: UInt32
    var outputBase: UInt32
    /// Offset of the node to which the IDs go.
    var reference: UInt32
    var flags: UInt32

    /// The input does not count: whatever comes leaves as `outputBase`.
    var isSingle: Bool { flags & 1 != 0 }
    var count: UInt64 { UInt64(lastIndex) + 1 }

    /// The last input ID; nil when it would pass 2^32. The kernel adds in 32 bits and compares, so that
    /// such a range holds no ID at all.
    var lastInput: UInt32? {
        let (sum, wraps) = inputBase.addingReportingOverflow(lastIndex)
        return wraps ? nil : sum
    }

    /// The mapping's IDs as they come in and go out, when a device's own list is walked; nil when it
    /// holds none.
    var piece: IDPiece? {
        if isSingle { return IDPiece(first: 0, last: .max, output: outputBase, isConstant: true) }
        return lastInput.map { IDPiece(first: inputBase, last: $0, output: outputBase) }
    }
}
