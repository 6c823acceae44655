// One device of a survey under all policies.

import AddressSpaces
import MSIWindows
public import Platforms
import SMMUModel

/// A row of the matrix.
public struct SurveyRow: Sendable {
    /// What one policy comes to.
    public struct Cell: Hashable, Sendable {
        /// nil when the policy yields no window.
        public var base: UInt64?
        /// Whether the window touches nothing that the platform withholds.
        public var fits: Bool
        /// Reasons against it, empty when it fits.
        public var reasons: [String]
    }

    public var platform: String
    public var device: String
    public var kind: Device.Kind
    public var isActive: Bool
    /// In the order of the policies.
    public var cells: [Cell]
    /// Bases at which an aligned window below 4 GiB fits.
    public var places: Candidates
}

extension SurveyRow {
    /// Judges one device.
    init(
        platform: String, _ device: Device, usable: [IOVARange]?, under conditions: Conditions,
        policies: [SurveyPolicy], demand: WindowDemand
    ) {
        let withheld = Withheld(for: device, under: conditions, usable: usable)
        let places = Candidates(in: withheld.freeForUserSpace, demand)
        self.platform = platform
        self.device = device.id
        kind = device.kind
        isActive = device.active
        self.places = places
        cells = policies.map { policy in
            let base = Self.base(policy, device, places, conditions, usable)
            guard let base, let window = IOVARange(start: IOVA(base), size: demand.size) else {
                return Cell(base: nil, fits: false, reasons: ["no_window"])
            }
            if withheld.freeForUserSpace.contains(window) { return Cell(base: base, fits: true, reasons: []) }
            return Cell(base: base, fits: false, reasons: Self.reasons(window, withheld, conditions))
        }
    }

    private static func base(
        _ policy: SurveyPolicy, _ device: Device, _ places: Candidates, _ conditions: Conditions,
        _ usable: [IOVARange]?
    ) -> UInt64? {
        switch policy {
        case .constant(let base): base
        case .source(_, let source):
            AdvertisedRegions.list(for: device, source: source, conditions: conditions, usable: usable)
                .first { $0.kind == .softwareMSI }?.start
        case .nearestDefault: places.nearestDefault
        case .lowestBelow4G: places.lowest
        case .highestBelow4G: places.highestBelow4G
        }
    }

    /// Kinds of what is in the way, each once.
    private static func reasons(
        _ window: IOVARange, _ withheld: Withheld, _ conditions: Conditions
    ) -> [String] {
        var found: [String] = []
        for item in withheld.items(overlapping: window)
        where !item.isRelaxable && !found.contains(item.kind.rawValue) {
            found.append(item.kind.rawValue)
        }
        if window.last.value > withheld.dmaLimit { found.append("above_dma_limit") }
        if !conditions.aperture.contains(window) { found.append("outside_aperture") }
        return found
    }
}
