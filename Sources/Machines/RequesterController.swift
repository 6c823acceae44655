// Which MSI controller the functions behind an ACPI root complex reach, by their requester IDs: one root
// complex may lead to several SMMUs and ITSs. Mirrors drivers/acpi/arm64/iort.c: iort_get_device_domain,
// Linux 7.2, which takes the first ITS of the group that the ID reaches.

/// Requesters that share an MSI controller.
public struct RequesterController: Hashable, Sendable {
    /// Bus << 8 | device << 3 | function, both ends included.
    public var requesters: ClosedRange<UInt32>
    /// The controller's id.
    public var controller: String

    public init(requesters: ClosedRange<UInt32>, controller: String) {
        self.requesters = requesters
        self.controller = controller
    }
}
