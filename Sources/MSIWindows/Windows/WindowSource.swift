// Who says which software-MSI window the IOMMU side offers: one of the two axes of every policy. The
// other, who turns doorbells into IOVAs, is the consumer.

public import AddressSpaces
import Machines

/// A rule that yields a window, or none.
public indirect enum WindowSource: Hashable, Sendable {
    /// Mainline's constant, whatever else the platform says.
    case fixed
    /// The first base of a list that fits, as the posted v4 series does with two.
    case candidates(bases: [UInt64], size: UInt64, avoid: Avoid, ifNone: IfNone = .offersNothing)
    /// A search by this model: no algorithm was ever specified for Linux.
    case dynamic(prefer: Preference, size: UInt64)
    /// Chosen by user space for one device, as the posted iommufd options do.
    case user(UserWindow)
    /// The driver offers nothing.
    case none

    /// What a candidate must not touch.
    public enum Avoid: String, CaseIterable, Sendable {
        /// Reserved regions that the IOMMU driver reports, as posted.
        case advertised
        /// The same, and it must lie inside the aperture and the inbound windows.
        case unreachable
        /// All that the platform withholds: also PCI windows, gaps, page zero, and beyond the limits.
        case everything
    }

    /// What follows when no candidate fits.
    public enum IfNone: String, CaseIterable, Sendable {
        /// As posted: no window, without a message.
        case offersNothing = "offers_nothing"
        /// Discussed, never coded: the caller must allocate, and one that cannot is refused.
        case callerMustAllocate = "caller_must_allocate"
    }

    /// Which of the windows that fit is taken.
    public enum Preference: String, CaseIterable, Sendable {
        case nearestDefault = "nearest_default"
        case lowest
        case highestBelow4G = "highest_below_4g"
    }

    /// Mainline's driver reports its window before everything else, the posted series after it.
    var isListedFirst: Bool {
        switch self {
        case .fixed: true
        case .user(let option): option.driver.isListedFirst
        case .candidates, .dynamic, .none: false
        }
    }

    /// The window of mainline's drivers.
    public static let mainlineWindow = DriverWindow.mainline
    public static let mainlineBase = mainlineWindow.start.value
    public static let mainlineSize = mainlineWindow.sizeMinusOne + 1
    /// The second base of the posted v4 series.
    public static let postedSecondBase = DriverWindow.postedSecond.start.value

    /// The posted v4 series.
    public static let posted = WindowSource.candidates(
        bases: [mainlineBase, postedSecondBase], size: mainlineSize, avoid: .advertised)
}

/// The posted options IOMMU_OPTION_SW_MSI_START and IOMMU_OPTION_SW_MSI_SIZE of one device.
public struct UserWindow: Hashable, Sendable {
    /// The series has defects that reviewers asked to be mended.
    public enum Reading: String, CaseIterable, Sendable {
        case asPosted = "as_posted"
        /// The default path unchanged, the aperture and other devices' regions checked, the window
        /// reserved with its own size.
        case asIntended = "as_intended"
    }

    /// nil when the option is not set for the device.
    public var start: UInt64?
    /// Bytes; nil or 0 when SIZE is not set, which counts as 1 MiB in the checks.
    public var size: UInt64?
    public var reading: Reading
    /// The device is attached when the option is set.
    public var isAttached: Bool
    /// What the driver offers underneath.
    public var driver: WindowSource

    public init(
        start: UInt64?, size: UInt64? = nil, reading: Reading = .asPosted, isAttached: Bool = false,
        driver: WindowSource = .fixed
    ) {
        self.start = start
        self.size = size
        self.reading = reading
        self.isAttached = isAttached
        self.driver = driver
    }
}
