// The devices of a description by the names and places that sysfs has for them. Mirrors
// drivers/of/platform.c: of_device_make_bus_id, Linux 7.2, as far as a node's own name tells: the kernel
// takes the translated address, which is the unit's wherever buses translate one to one.

import AddressSpaces
import Machines

/// The devices of a platform by the names that the kernel gives them.
struct SysfsNames {
    /// nil for names that several have.
    private var byName: [String: Device?] = [:]
    private let onlyBridge: Device?
    /// Functions that have a node, by the host bridge and the places on the way from its root bus.
    private var functions: [[String]: Device] = [:]

    init(_ devices: [Device]) {
        let bridges = devices.filter { $0.kind == .pciHost }
        let active = bridges.filter(\.active)
        // A function of a group is behind a bridge with an IOMMU, even if firmware says that none has one.
        let likely = active.isEmpty ? bridges : active
        onlyBridge = likely.count == 1 ? likely[0] : nil
        for device in devices {
            if let bridge = device.hostBridge, !device.pciPath.isEmpty {
                functions[[bridge] + device.pciPath] = device
            }
            for name in [device.id, Self.name(ofNode: device.id)].compactMap({ $0 }) {
                byName[name] = byName[name] == nil ? .some(device) : .some(nil)
            }
        }
    }

    func device(_ name: String) -> Device? { byName[name] ?? nil }

    /// The host bridge that a function's place in sysfs goes through, `.../40000000.pcie/pci0000:00/...`; the
    /// only one there is when the place is not known.
    func bridge(of path: String?) -> Device? {
        guard let path else { return onlyBridge }
        let steps = path.split(separator: "/")
        guard let root = steps.firstIndex(where: { $0.hasPrefix("pci") && $0.contains(":") }), root > 0,
            let bridge = device(String(steps[root - 1])), bridge.kind == .pciHost
        else { return onlyBridge }
        return bridge
    }

    /// The node of a PCI function, by the functions that its place in sysfs goes through; without a place, of
    /// one on the root bus, which Linux numbers 0.
    func function(_ name: String, _ path: String?) -> Device? {
        guard !functions.isEmpty, let bridge = bridge(of: path), let requester = Platform.requester(name)
        else { return nil }
        let steps = path.map { path in
            path.split(separator: "/").drop { !($0.hasPrefix("pci") && $0.contains(":")) }.dropFirst()
                .map { Platform.requester(String($0)).map(Platform.place) ?? "" }
        }
        guard let places = steps ?? (requester < 1 << 8 ? [Platform.place(requester)] : nil) else {
            return nil
        }
        return functions[[bridge.id] + places]
    }

    /// `/soc/pcie@40000000` is `40000000.pcie`; nil for nodes without a unit address.
    private static func name(ofNode path: String) -> String? {
        guard path.hasPrefix("/"), let node = path.split(separator: "/").last,
            let at = node.firstIndex(of: "@"), at > node.startIndex
        else { return nil }
        let unit = node[node.index(after: at)...]
        guard !unit.isEmpty else { return nil }
        return "\(unit).\(node[..<at])"
    }
}
