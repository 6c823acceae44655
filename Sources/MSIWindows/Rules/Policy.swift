// The policies that the field talks about by name: points on the grid of window source and consumer. They
// are data; nothing decides by a policy's name.

import AddressSpaces

/// One named policy.
public struct Policy: Hashable, Sendable {
    public enum Status: String, CaseIterable, Sendable {
        /// In Linux.
        case merged
        /// Posted to the lists, not merged.
        case posted
        /// Talked about, never coded.
        case discussed
        /// This model's own reading of a wish.
        case own
    }

    /// Stable, lower_snake.
    public var id: String
    /// Its number in the discussion, "i" to "vii"; nil for this model's own.
    public var numeral: String?
    public var title: String
    public var source: WindowSource
    /// Who maps doorbells; nil when the policy leaves that open.
    public var consumer: Consumer?
    public var status: Status
    /// What it does, in one sentence.
    public var sentence: String
    public var citation: String

    /// Every policy, in the order of the discussion.
    public static let all: [Policy] = sources + consumers + own

    /// The policy of an id or a numeral.
    public static func named(_ name: String) -> Policy? {
        all.first { $0.id == name } ?? all.first { $0.numeral == name }
    }

    private static func mustAllocate(_ bases: [UInt64], _ avoid: WindowSource.Avoid) -> WindowSource {
        .candidates(
            bases: bases, size: WindowSource.mainlineSize, avoid: avoid, ifNone: .callerMustAllocate)
    }

    private static let first = HexLiteral.text(WindowSource.mainlineBase)
    private static let second = HexLiteral.text(WindowSource.postedSecondBase)
    private static let series = Rule.candidateTaken.citation

    private static let sources: [Policy] = [
        Policy(
            id: "mainline_fixed", numeral: "i", title: "Mainline: the fixed constant", source: .fixed,
            consumer: nil, status: .merged,
            sentence: "The SMMU driver offers 1 MiB at \(first), whatever lies there.",
            citation: Rule.windowFixed.citation),
        Policy(
            id: "posted_two_constants", numeral: "ii", title: "Two constants", source: .posted, consumer: nil,
            status: .posted,
            sentence:
                "The driver offers the first of \(first) and \(second) that touches no region of the device, else no window.",
            citation: series),
        Policy(
            id: "must_allocate_r1", numeral: "iii", title: "Caller must allocate, one constant",
            source: mustAllocate([WindowSource.mainlineBase], .advertised), consumer: nil, status: .discussed,
            sentence:
                "The driver offers \(first) if that touches no region; else the caller must allocate a window or is refused.",
            citation: Rule.mustAllocate.citation),
        Policy(
            id: "must_allocate_r2", numeral: "iii-r2", title: "Caller must allocate, two constants",
            source: mustAllocate([WindowSource.mainlineBase, WindowSource.postedSecondBase], .advertised),
            consumer: nil, status: .discussed,
            sentence:
                "The driver offers the first of two constants that touches no region; else the caller must allocate a window.",
            citation: Rule.mustAllocate.citation),
        Policy(
            id: "must_allocate_r3", numeral: "iii-r3", title: "Caller must allocate, reachable constants",
            source: mustAllocate([WindowSource.mainlineBase, WindowSource.postedSecondBase], .unreachable),
            consumer: nil, status: .discussed,
            sentence:
                "As with two constants, and the window must lie inside the aperture and the inbound windows.",
            citation: Rule.mustAllocate.citation),
    ]

    private static let consumers: [Policy] = [
        Policy(
            id: "dma_iommu", numeral: "iv", title: "The DMA layer's allocator", source: .fixed,
            consumer: .dmaAPI, status: .merged,
            sentence:
                "For kernel drivers each doorbell page takes the highest free page that the mask allows.",
            citation: Rule.domainPageMapped.citation),
        Policy(
            id: "vfio_type1", numeral: "v", title: "VFIO type1 on the driver's window", source: .fixed,
            consumer: .vfioType1, status: .merged,
            sentence: "Doorbell pages follow each other from the start of the group's highest window.",
            citation: Rule.cookieBase.citation),
        Policy(
            id: "iommufd", numeral: "vi", title: "iommufd on the driver's window", source: .fixed,
            consumer: .iommufd, status: .merged,
            sentence:
                "A context maps up to \(DoorbellContext.pagesMax) doorbell pages, numbered from the window's start.",
            citation: Rule.iommufdPhysical.citation),
        Policy(
            id: "iommufd_user_window", numeral: "vii", title: "iommufd with a window from user space",
            source: .user(UserWindow(start: nil)), consumer: .iommufd, status: .posted,
            sentence: "User space sets start and size for a device before it is attached.",
            citation: Rule.optionStored.citation),
    ]

    private static let own: [Policy] = WindowSource.Preference.allCases.map { preference in
        Policy(
            id: "dynamic_\(preference.rawValue)", numeral: nil,
            title: "A search: \(preference.rawValue.split(separator: "_").joined(separator: " "))",
            source: .dynamic(prefer: preference, size: WindowSource.mainlineSize), consumer: nil,
            status: .own,
            sentence:
                "The preferred free window of 1 MiB among those that touch nothing withheld from user space.",
            citation: Rule.dynamicTaken.citation)
    }
}
