// Where a function sits: the capture names functions by bus, device and function, firmware by the path from
// the root bus. Translates the one into the other from what the capture lists; it decides nothing.

/// `SSSS:BB:DD.F`, as Linux names a function.
struct PCIAddress {
    let bus: UInt32
    let device: UInt32
    let function: UInt32

    /// nil for a name of another bus.
    init?(_ name: String) {
        let parts = name.split(separator: ":")
        let slot = parts.last?.split(separator: ".") ?? []
        guard parts.count == 3, slot.count == 2, let bus = UInt32(parts[1], radix: 16),
            let device = UInt32(slot[0], radix: 16), let function = UInt32(slot[1], radix: 16)
        else { return nil }
        self.bus = bus
        self.device = device
        self.function = function
    }

    var requesterID: UInt32 { bus << 8 | device << 3 | function }

    /// `01.0`, as the product's paths have it.
    var slot: String {
        let number = String(device, radix: 16)
        return (number.count < 2 ? "0" : "") + number + ".\(function)"
    }
}

/// Buses behind bridges, numbered as Linux and UEFI number them: depth first, in the order of the bridges.
struct PCITopology {
    /// Path of the bridge that each bus hangs off, root bus first and empty.
    private var pathOfBus: [[String]] = [[]]

    init(devices: [String: Truth.Device]) {
        let bridges = devices.filter { $0.value.cls.hasPrefix("0604") }.keys.sorted().compactMap(
            PCIAddress.init)
        for bridge in bridges where bridge.bus < pathOfBus.count {
            pathOfBus.append(pathOfBus[Int(bridge.bus)] + [bridge.slot])
        }
    }

    /// "device.function" from the root bus down.
    func path(of address: PCIAddress) -> [String] {
        (address.bus < pathOfBus.count ? pathOfBus[Int(address.bus)] : []) + [address.slot]
    }
}
