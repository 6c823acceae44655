// Where a function sits: the capture names functions by bus, device and function, firmware by the path from
// the root bus. Translates the one into the other from what the capture lists; it decides nothing.

/// Buses behind bridges, numbered as Linux and UEFI number them: depth first, in the order of the bridges.
struct PCITopology {
    /// Path of the bridge that each bus hangs off, root bus first and empty.
    private var pathOfBus: [[String]] = [[]]

    init(devices: [String: Truth.Device]) {
        let bridges = devices.filter { $0.value.cls.hasPrefix("0604") }.keys.sorted()
        for bridge in bridges where Self.bus(of: bridge) < pathOfBus.count {
            pathOfBus.append(pathOfBus[Self.bus(of: bridge)] + [Self.slot(of: bridge)])
        }
    }

    /// "device.function" from the root bus down.
    func path(of function: String) -> [String] {
        let bus = Self.bus(of: function)
        return (bus < pathOfBus.count ? pathOfBus[bus] : []) + [Self.slot(of: function)]
    }

    /// Bus << 8 | device << 3 | function.
    static func requesterID(of function: String) -> UInt32 {
        let parts = slot(of: function).split(separator: ".").map { UInt32($0, radix: 16)! }
        return UInt32(bus(of: function)) << 8 | parts[0] << 3 | parts[1]
    }

    private static func bus(of function: String) -> Int {
        Int(function.split(separator: ":")[1], radix: 16)!
    }

    private static func slot(of function: String) -> String { String(function.split(separator: ":")[2]) }
}
