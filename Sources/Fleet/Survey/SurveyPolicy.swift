// The policies that a survey holds against every device: constants, what the posted series picks, and the
// three searches.

import AddressSpaces
public import MSIWindows

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
