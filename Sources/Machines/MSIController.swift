// Where a device's MSI writes end up.

public import AddressSpaces

/// A doorbell, or several, of an interrupt controller.
public struct MSIController: Hashable, Sendable {
    public enum Kind: String, CaseIterable, Sendable {
        case its, gicv2m, mbi
        /// The doorbell depends on the device: pre-ITS base + 4 * DeviceID.
        case preITS = "pre_its"
        case other
    }

    public var id: String
    public var kind: Kind
    public var compatible: [String]
    /// The register that MSIs are written to; nil when it depends on the device or is not known.
    public var doorbell: PhysicalAddress?
    public var enabled: Bool

    public init(id: String, kind: Kind, compatible: [String], doorbell: PhysicalAddress?, enabled: Bool) {
        self.id = id
        self.kind = kind
        self.compatible = compatible
        self.doorbell = doorbell
        self.enabled = enabled
    }
}
