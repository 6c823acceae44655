// How sure it is that a device's write arrives: the one notion that decisions, comparisons, placements,
// surveys and faults share. A gap between inbound windows, a limit, an aperture or a reserved region is
// certain. An outbound PCI window is not: Linux keeps its allocator out of it (iova_reserve_pci_windows in
// drivers/iommu/dma-iommu.c, Linux 7.2), but whether a bridge claims an upstream write is up to its routing.

public import AddressSpaces

/// Whether a device's writes to a range arrive, from the worst to the best.
public enum Reachability: Hashable, Comparable, CaseIterable, Sendable {
    case no
    /// Only PCI windows are in the way.
    case conditional
    case yes

    /// What a conditional answer depends on, to go on with in a sentence.
    public static let condition =
        "whether a bridge claims a write there depends on peer-to-peer routing and ACS"

    /// For the end of a sentence about a range of this kind: empty unless it is conditional.
    public var clause: String {
        switch self {
        case .yes, .no: ""
        case .conditional: "; \(Self.condition)"
        }
    }
}

extension WithheldItem.Kind {
    /// What of a window there can be said.
    public var reachability: Reachability {
        switch self {
        case .pciWindow: .conditional
        case .pageZero, .dmaRangesGap, .iommuAddresses, .rmr, .hardwareMSI, .reservedRegion,
            .outsideIOVARanges:
            .no
        }
    }
}

extension Withheld {
    /// Of a window that user space has, for which nothing keeps relaxable regions.
    public func reachability(ofUserWindow window: IOVARange, in aperture: IOVARange) -> Reachability {
        freeForWindow.contains(window)
            ? .yes
            : reachability(of: window, in: aperture, hardItems(overlapping: window))
    }

    /// The same, for a caller that has looked up what is in the way.
    func reachability(
        ofUserWindow window: IOVARange, in aperture: IOVARange, _ blockers: [WithheldItem]
    ) -> Reachability {
        freeForWindow.contains(window) ? .yes : reachability(of: window, in: aperture, blockers)
    }

    /// Of a page in the DMA layer's domain.
    func reachability(ofPage page: IOVARange, in aperture: IOVARange) -> Reachability {
        free.contains(page) ? .yes : reachability(of: page, in: aperture, items(overlapping: page))
    }

    /// Whether the bus's limit and the SMMU's tables allow for a range at all.
    func isCarried(_ range: IOVARange, in aperture: IOVARange) -> Bool {
        range.last.value <= dmaLimit && aperture.contains(range)
    }

    private func reachability(
        of window: IOVARange, in aperture: IOVARange, _ blockers: [WithheldItem]
    ) -> Reachability {
        guard isCarried(window, in: aperture) else { return .no }
        return blockers.map(\.kind.reachability).min() ?? .no
    }
}
