// What stands in a window's way, as sentences and as warnings.

import AddressSpaces

enum Obstacle {
    /// One sentence for the first obstacle of a window that is not free.
    static func sentence(
        _ window: IOVARange, _ blocker: WithheldItem?, _ withheld: Withheld, _ conditions: Conditions
    ) -> String {
        if let blocker {
            return
                "\(window.text) lies in the \(blocker.kind.phrase) \(blocker.range.text) (\(blocker.provenance))."
        }
        if window.last.value > withheld.dmaLimit { return aboveLimit(window, withheld) }
        return "\(window.text) lies beyond the aperture \(conditions.aperture.text)."
    }

    /// A warning for each kind of thing that the window touches.
    static func warnings(
        _ window: IOVARange, _ blockers: [WithheldItem], _ withheld: Withheld, _ conditions: Conditions
    ) -> [Warning] {
        var warnings = blockers.map { blocker in
            Warning(
                code: code(of: blocker.kind), detail: sentence(window, blocker, withheld, conditions),
                range: blocker.range)
        }
        if window.last.value > withheld.dmaLimit {
            warnings.append(
                .init(
                    code: .windowAboveDMALimit, detail: aboveLimit(window, withheld), range: window))
        }
        if !conditions.aperture.contains(window) {
            warnings.append(
                .init(
                    code: .windowBeyondAperture,
                    detail: "\(window.text) is not within the aperture \(conditions.aperture.text).",
                    range: window))
        }
        return warnings
    }

    private static func aboveLimit(_ window: IOVARange, _ withheld: Withheld) -> String {
        "\(window.text) lies above the bus's DMA limit \(HexLiteral.text(withheld.dmaLimit))."
    }

    private static func code(of kind: WithheldItem.Kind) -> Warning.Code {
        switch kind {
        case .pageZero: .windowInPageZero
        case .pciWindow: .windowInPCIWindow
        case .dmaRangesGap: .windowInDMARangesGap
        case .iommuAddresses, .rmr, .hardwareMSI, .reservedRegion: .windowInReservedRegion
        case .outsideIOVARanges: .windowOutsideIOVARanges
        }
    }
}
