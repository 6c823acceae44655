// One device of a survey under all policies.

import AddressSpaces
public import Machines
import MSIWindows

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
        platform: String, _ prepared: PreparedDevice, policies: [SurveyPolicy], demand: WindowDemand
    ) {
        let withheld = prepared.withheld
        let device = prepared.device
        let places = Candidates(in: withheld.freeForUserSpace, demand)
        self.platform = platform
        self.device = device.id
        kind = device.kind
        isActive = device.active
        self.places = places
        cells = policies.map { policy in
            let base = Self.base(policy, prepared, places)
            guard let base, let window = IOVARange(start: IOVA(base), size: demand.size) else {
                return Cell(base: nil, fits: false, reasons: ["no_window"])
            }
            if withheld.freeForUserSpace.contains(window) { return Cell(base: base, fits: true, reasons: []) }
            return Cell(base: base, fits: false, reasons: Self.reasons(window, prepared))
        }
    }

    private static func base(
        _ policy: SurveyPolicy, _ device: PreparedDevice, _ places: Candidates
    ) -> UInt64? {
        switch policy {
        case .constant(let base): base
        case .source(_, let source):
            device.advertised(source).first { $0.kind == .softwareMSI }?.start
        case .nearestDefault: places.nearestDefault
        case .lowestBelow4G: places.lowest
        case .highestBelow4G: places.highestBelow4G
        }
    }

    /// Kinds of what is in the way, each once.
    private static func reasons(_ window: IOVARange, _ device: PreparedDevice) -> [String] {
        let withheld = device.withheld
        var found: [String] = []
        for item in withheld.items(overlapping: window)
        where !item.isRelaxable && !found.contains(item.kind.rawValue) {
            found.append(item.kind.rawValue)
        }
        if window.last.value > withheld.dmaLimit { found.append(HostObstacle.Kind.aboveDMALimit.rawValue) }
        if !device.conditions.aperture.contains(window) {
            found.append(HostObstacle.Kind.outsideAperture.rawValue)
        }
        return found
    }
}
