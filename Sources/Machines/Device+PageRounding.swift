// A device as a kernel with certain pages sees it.

public import AddressSpaces

extension Device {
    /// The device with its regions as a kernel with these pages keeps them; see `ReservedRegion`.
    public func rounded(to page: Granule) -> Device {
        var device = self
        device.firmwareRegions = firmwareRegions.map { $0.rounded(to: page) }
        return device
    }
}
