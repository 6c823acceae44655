// What is asked about a fault, and the answer: an MSI or not, through which window to which doorbell, why it
// faulted, and what to change. The log contains only an address; what is concluded from it says how sure it
// is.

public import AddressSpaces
public import Machines

/// One fault, explained.
public struct FaultExplanation: Hashable, Sendable {
    public enum Verdict: String, CaseIterable, Sendable {
        /// The address lies in a software-MSI window, where a doorbell is.
        case msiWindow = "msi_window"
        /// The address is that of a doorbell in its window with the window's base lost on the way.
        case msiBaseLost = "msi_base_lost"
        /// The doorbell's own address came untranslated.
        case msiPhysicalDoorbell = "msi_physical_doorbell"
        /// The address is where the kernel's DMA layer would map the doorbell.
        case msiDMAPage = "msi_dma_page"
        /// In the window, but not where a doorbell is.
        case windowOnly = "window_only"
        /// A write to a doorbell's offset in a place where a doorbell is likely; no window is known there.
        case likelyMSI = "likely_msi"
        /// A write that may have been an MSI: nothing speaks for it but the offset, and nothing rules it out.
        case unknown
        /// An ordinary access: the log rules an MSI out.
        case notMSI = "not_msi"
        /// The SMMU objects to the stream or its tables, not to an address.
        case noAddress = "no_address"
    }

    public enum Certainty: String, CaseIterable, Sendable {
        case yes, likely, no, unknown
    }

    /// Why an MSI faulted.
    public enum Reason: String, CaseIterable, Sendable {
        case notMapped = "not_mapped"
        case notPermitted = "not_permitted"
        case baseStripped = "base_stripped"
        case inDMARangesGap = "dma_ranges_gap"
        case inPCIWindow = "pci_window"
        case inReservedRegion = "reserved_region"
        case beyondAperture = "beyond_aperture"
        case aboveDMALimit = "above_dma_limit"
        /// The SMMU should let MSIs through to the ITS, and translates them.
        case hardwareMSITranslated = "hardware_msi_translated"
        /// The doorbell was not mapped for this domain: no cookie, or identity was expected.
        case untranslated
        /// A guest's firmware describes the window as a memory range, and the host has moved it elsewhere.
        case movedUnderGuestRMR = "moved_under_guest_rmr"
    }

    public var fault: SMMUFault
    public var verdict: Verdict
    public var isMSI: Certainty
    /// Id of the platform's SMMU that the log names; nil when it is not known.
    public var smmu: String?
    /// Ids of the devices that have the stream ID, in the platform's order.
    public var devices: [String] = []
    /// The default domain that the host gave all of them; nil where it did not say, or said different ones.
    public var groupType: GroupType?
    /// What is not known of them.
    public var warnings: [Warning] = []
    public var window: IOVARange?
    public var doorbell: PhysicalAddress?
    /// Known machines with a doorbell exactly at the address, where the fault's own is not known.
    public var machines: [String] = []
    public var reason: Reason?
    /// One sentence or two for a person.
    public var because: String
    /// What to do about it, most useful first.
    public var changes: [String] = []
    /// Bases at which a window of mainline's size would be reached, for the devices.
    public var alternatives: [IOVA] = []
    /// Whether it looks like a write to a doorbell, wherever that is.
    public var doorbellWrite = DoorbellWrite.unknown
    /// Whether the address lies in an MSI window; nil where no window is known, or no address.
    public var inWindow: Bool?
    /// What became of the access.
    public var happened = Happening.unknown
    /// Where a virtio-iommu decides what it reports: the explanation if it reports an MSI region and this is
    /// another one. At most one.
    public var ifReported: [IfReported] = []

    init(_ fault: SMMUFault, _ verdict: Verdict, _ isMSI: Certainty, because: String) {
        self.fault = fault
        self.verdict = verdict
        self.isMSI = isMSI
        self.because = because
    }
}

/// The surroundings of a fault.
public struct FaultQuestion: Sendable {
    /// nil for a bare line.
    public var platform: Platform?
    public var conditions: Conditions
    /// Doorbells that the caller knows of; the platform's are added.
    public var doorbells: [PhysicalAddress]
    /// Windows besides mainline's and the posted series' second one, where it was moved.
    public var windows: [IOVARange]
    /// Prepares a device of the platform with a share of its group, or finds it where it is kept.
    public var preparer: (@Sendable (Device, GroupShare) -> PreparedDevice)?

    public init(
        platform: Platform? = nil, conditions: Conditions = Conditions(), doorbells: [PhysicalAddress] = [],
        windows: [IOVARange] = []
    ) {
        self.platform = platform
        self.conditions = conditions
        self.doorbells = doorbells
        self.windows = windows
    }

    func prepare(_ device: Device, _ share: GroupShare) -> PreparedDevice {
        if let made = preparer?(device, share) { return made }
        let shared = device.with(share)
        return platform?.prepared(shared, under: conditions) ?? PreparedDevice(shared, under: conditions)
    }

    /// The group that the device's DMA domain is made for: behind one IOMMU, and so under the conditions of
    /// the device that is asked about.
    func group(of device: Device) -> PreparedGroup {
        guard let group = platform?.group(of: device) else { return PreparedGroup([prepare(device, .own)]) }
        let subject = prepare(group.device, .own)
        let devices = group.devices.enumerated().map { place, mate in
            place == group.subject ? subject : prepare(mate, .own).prepared(for: subject.conditions)
        }
        return PreparedGroup(devices, subject: group.subject)
    }
}
