// The devices that an IOMMU cannot tell apart, in the order in which the kernel found them. The order
// matters: only the first device's reservations reach the DMA allocator. Mirrors `struct iommu_group` of
// drivers/iommu/iommu.c, Linux 7.2.

/// One IOMMU group, seen from one of its devices.
public struct IOMMUGroup: Hashable, Sendable {
    /// In group order, never empty.
    public let devices: [Device]
    /// Index of the device that is asked about.
    public let subject: Int

    /// - Precondition: `subject` is an index of `devices`.
    public init(_ devices: [Device], subject: Int = 0) {
        precondition(devices.indices.contains(subject), "subject \(subject) of \(devices.count) devices")
        self.devices = devices
        self.subject = subject
    }

    /// A group of its own, as most devices have.
    public init(_ device: Device) { self.init([device]) }

    public var device: Device { devices[subject] }
    /// Whose reservations the DMA domain is set up with.
    public var first: Device { devices[0] }
    /// Everyone but the subject, in group order.
    public var mates: [Device] { devices.indices.filter { $0 != subject }.map { devices[$0] } }
}
