// The matrix of a survey: the policies that it holds against every device (constants, what the posted series
// picks, and three searches), and one device under all of them.

import AddressSpaces
public import MSIWindows
public import Machines

/// One column of the matrix.
public enum SurveyPolicy: Hashable, Sendable {
    /// The same base for every device.
    case constant(UInt64)
    /// The base that a window source yields for the device.
    case source(name: String, WindowSource)
    case nearestDefault
    case lowestBelow4G
    case highestBelow4G

    /// lower_snake, as in the answer.
    public var name: String {
        switch self {
        case .constant(WindowSource.mainlineBase): "fixed"
        case .constant(WindowSource.postedSecondBase): "second"
        case .constant(let base): "constant_" + HexLiteral.text(base)
        case .source(let name, _): name
        case .nearestDefault: "nearest_default"
        case .lowestBelow4G: "lowest_below_4g"
        case .highestBelow4G: "highest_below_4g"
        }
    }

    /// Those that every survey holds: mainline's constant, the second one of the posted series, what the
    /// series picks as posted and with all reservations in its sight, and the searches.
    /// The usual policies, then further ones that are not among them.
    package static func standard(and further: [SurveyPolicy]) -> [SurveyPolicy] {
        standard + further.filter { !standard.contains($0) }
    }

    public static let standard: [SurveyPolicy] = [
        .constant(WindowSource.mainlineBase), .constant(WindowSource.postedSecondBase),
        .source(name: "posted", .posted),
        .source(
            name: "posted_seeing_everything",
            .candidates(
                bases: [WindowSource.mainlineBase, WindowSource.postedSecondBase],
                size: WindowSource.mainlineSize, avoid: .everything)),
        .nearestDefault, .lowestBelow4G, .highestBelow4G,
    ]
}

/// A row of the matrix.
public struct SurveyRow: Sendable {
    /// The result of one policy.
    public struct Cell: Hashable, Sendable {
        /// nil when the policy yields no window: none fits, or the device needs none and `fits` is true.
        public var base: UInt64?
        /// Whether the device reaches it: sure only where it touches nothing that the platform withholds.
        public var reachability: Reachability
        public var fits: Bool { reachability == .yes }
        /// Reasons against it, empty when it fits.
        public var reasons: [String]
    }

    /// What its host is called; empty until it is reported.
    public var platform = ""
    public var device: String
    public var kind: Device.Kind
    public var isActive: Bool
    /// In the order of the policies.
    public var cells: [Cell]
    /// Bases at which an aligned window below 4 GiB fits.
    public var places: Candidates
    /// The cells under regions that a virtio-iommu may report, where they are others; at most one.
    public var ifReported: [IfReported] = []

    /// One device under regions that its virtio-iommu may report.
    public struct IfReported: Sendable {
        public var regions: [ReservedRegion]
        public var cells: [Cell]
    }

    /// Whether two rows of one device say the same.
    func isSameAnswer(as other: SurveyRow) -> Bool { cells == other.cells && places == other.places }
}

extension SurveyRow {
    /// Judges one device.
    ///
    /// - Parameter id: that a question names the device by.
    init(
        _ id: String, _ prepared: PreparedDevice, policies: [SurveyPolicy], demand: WindowDemand
    ) {
        let withheld = prepared.withheld
        let device = prepared.device
        let places = Candidates(in: withheld.freeForWindow, demand)
        self.device = id
        kind = device.kind
        isActive = device.active
        self.places = places
        cells = policies.map { policy in
            let base: UInt64?
            switch policy {
            case .constant(let constant): base = constant
            case .source(_, let source):
                let offer = prepared.offer(source)
                // Doorbells keep their addresses, so nothing has to fit.
                if offer == .hardware { return Cell(base: nil, reachability: .yes, reasons: []) }
                base = offer.window?.start.value
            case .nearestDefault: base = places.nearestDefault
            case .lowestBelow4G: base = places.lowest
            case .highestBelow4G: base = places.highestBelow4G
            }
            guard let base, let window = IOVARange(start: IOVA(base), size: demand.size) else {
                return Cell(base: nil, reachability: .no, reasons: ["no_window"])
            }
            let aperture = prepared.conditions.aperture
            let reachability = withheld.reachability(ofUserWindow: window, in: aperture)
            return Cell(
                base: base, reachability: reachability,
                reasons: reachability == .yes ? [] : Self.reasons(window, prepared))
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
