// The devices of a description by the names and places that sysfs has for them: nodes by the name that Linux
// gives their devices, functions by the host bridge of their segment and the places on the way from its root
// bus, and what a driver makes on a bus by the bus above it.

import AddressSpaces
import Machines

/// The devices of a platform by the names that the kernel gives them.
struct SysfsNames {
    /// As firmware describes them, whatever groups make of them later.
    let devices: [Device]
    /// Places of devices by name; nil for names that several have. Buses are apart: one node may be both.
    private var masters: [String: Int?] = [:]
    private var buses: [String: Int?] = [:]
    /// Host bridges by the segment that firmware states, and the only one without; nil where several may be
    /// it.
    private var bridges: [UInt32: Int?] = [:]
    private var otherBridge: Int?
    /// Functions that have a node, by the host bridge and the places on the way from its root bus.
    private var functions: [[String]: Int] = [:]
    /// Host bridges and last places of those that are not on the root bus.
    private var deepFunctions: Set<[String]> = []

    init(_ devices: [Device]) {
        self.devices = devices
        for (place, device) in devices.enumerated() {
            if let bridge = device.hostBridge, let last = device.pciPath.last {
                functions[[bridge] + device.pciPath] = place
                if device.pciPath.count > 1 { deepFunctions.insert([bridge, last]) }
            }
            for name in Set([device.id, Self.name(of: device)].compactMap { $0 }) {
                switch device.kind {
                case .pciHost, .idMapBus: buses[name] = buses[name] == nil ? .some(place) : .some(nil)
                case .platform, .pciFunction, .namedComponent, .rootComplex, .group:
                    masters[name] = masters[name] == nil ? .some(place) : .some(nil)
                }
            }
        }
        let places = devices.indices.filter { devices[$0].kind == .pciHost }
        for (segment, places) in Dictionary(grouping: places, by: { devices[$0].statedSegment }) {
            // A function of a group is behind a bridge with an IOMMU, even if firmware says that none has.
            let active = places.filter { devices[$0].active }
            let likely = active.isEmpty ? places : active
            let only = likely.count == 1 ? likely[0] : nil
            if let segment { bridges[segment] = .some(only) } else { otherBridge = only }
        }
    }

    /// The place of the device of this name: of a node that is a bus as well, the device.
    func place(of name: String) -> Int? { (masters[name] ?? buses[name]) ?? nil }

    func device(_ name: String) -> Device? { place(of: name).map { devices[$0] } }

    /// The host bridge that a function's place in sysfs goes through, `.../40000000.pcie/pci0000:00/...`;
    /// when the place is not known, the only one that may be of the function's segment.
    func bridge(of name: String, _ path: String?) -> Device? {
        let steps = path.map { $0.split(separator: "/") } ?? []
        if let root = steps.firstIndex(where: Self.isRootBus), root > 0,
            let place = buses[String(steps[root - 1])] ?? nil, devices[place].kind == .pciHost
        {
            return devices[place]
        }
        guard let segment = Platform.segment(name) else { return nil }
        return (bridges[segment] ?? otherBridge).map { devices[$0] }
    }

    /// The nearest bus with IDs of its own that a device's place in sysfs goes through.
    func bus(above path: String?) -> Device? {
        for step in (path?.split(separator: "/") ?? []).dropLast().reversed() {
            if let place = buses[String(step)] ?? nil, devices[place].kind == .idMapBus {
                return devices[place]
            }
        }
        return nil
    }

    /// The place of the node of a PCI function, by the functions that its place in sysfs goes through;
    /// without a place, of one on the root bus.
    func function(_ name: String, _ path: String?) -> Int? {
        guard !functions.isEmpty, let bridge = bridge(of: name, path),
            let requester = Platform.requester(name)
        else { return nil }
        let steps = path.map { path in
            path.split(separator: "/").drop { !Self.isRootBus($0) }.dropFirst()
                .map { Platform.requester(String($0)).map(Platform.place) ?? "" }
        }
        guard
            let places = steps ?? (requester >> 8 == bridge.rootBus ? [Platform.place(requester)] : nil)
        else { return nil }
        return functions[[bridge.id] + places]
    }

    /// Whether a function without a place in sysfs may be that of a node below another bridge, whose bus
    /// Linux numbers.
    func mayBeNode(_ name: String, _ path: String?) -> Bool {
        guard path == nil, !deepFunctions.isEmpty, let requester = Platform.requester(name),
            let bridge = bridge(of: name, path), requester >> 8 != bridge.rootBus
        else { return false }
        return deepFunctions.contains([bridge.id, Platform.place(requester)])
    }

    /// `pci0000:00`
    static func isRootBus(_ step: Substring) -> Bool { step.hasPrefix("pci") && step.contains(":") }

    /// What the reader of the tree found out, or as far as the id of a node tells: `/soc/pcie@40000000` is
    /// `40000000.pcie`.
    private static func name(of device: Device) -> String? {
        if let name = device.nodeName { return name }
        guard device.id.hasPrefix("/"), let node = device.id.split(separator: "/").last,
            let at = node.firstIndex(of: "@"), at > node.startIndex
        else { return nil }
        let unit = node[node.index(after: at)...]
        return unit.isEmpty ? nil : "\(unit).\(node[..<at])"
    }
}
