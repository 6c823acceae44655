// The answer: what Linux does, whether it works, and why.

public import AddressSpaces

/// One decision.
public struct Decision: Hashable, Sendable {
    public enum Outcome: String, CaseIterable, Sendable {
        case window, none, refused, hardware, identity
    }

    /// Where a doorbell is reached.
    public struct Doorbell: Hashable, Sendable {
        public var physical: PhysicalAddress
        /// The address that the device writes to.
        public var iova: IOVA
        /// First address of the page that is mapped for it.
        public var page: IOVA
    }

    /// Something silent or late in Linux that the asker should know.
    public struct Warning: Hashable, Sendable {
        public var code: Code
        public var detail: String
        public var range: IOVARange?

        public enum Code: String, CaseIterable, Sendable {
            case windowInReservedRegion = "window_in_reserved_region"
            case windowInPCIWindow = "window_in_pci_window"
            case windowInDMARangesGap = "window_in_dma_ranges_gap"
            case windowInPageZero = "window_in_page_zero"
            case windowOutsideIOVARanges = "window_outside_iova_ranges"
            case windowAboveDMALimit = "window_above_dma_limit"
            case windowBeyondAperture = "window_beyond_aperture"
            case doorbellsPastWindow = "doorbells_past_window"
            case dmaDomainSetupFails = "dma_domain_setup_fails"
            case baseZero = "base_zero"
            case physicalDoorbell = "physical_doorbell"
        }
    }

    public var outcome: Outcome
    public var window: IOVARange?
    public var doorbells: [Doorbell] = []
    /// Whether the window lies outside everything that the platform withholds, also where Linux does not
    /// look. Without a window: whether the doorbells are reached all the same.
    public var isReachable: Bool
    /// What stands in the window's way.
    public var blockers: [WithheldItem] = []
    /// One sentence for a person.
    public var because: String
    public var warnings: [Warning] = []
    public var errno: Errno?
}
