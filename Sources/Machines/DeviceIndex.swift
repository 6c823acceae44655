// The ids that questions name devices by. A node may be a bus and a device of its own: the plain id is then
// the first's, and the kind tells the other apart. Whoever looks at many devices of a machine makes the index
// once.

/// The devices of one machine by the ids that questions name.
public struct DeviceIndex: Sendable {
    /// By id the first device that has it.
    private var firsts: [String: Int] = [:]
    /// By id with the kind the others.
    private var others: [String: Int] = [:]
    /// By place.
    private var kinds: [Device.Kind] = []

    /// O(n) for n devices.
    public init(_ platform: Platform) {
        let devices = platform.devices
        firsts.reserveCapacity(devices.count)
        kinds.reserveCapacity(devices.count)
        // By place: a walk over the devices themselves copies each.
        for place in devices.indices {
            kinds.append(devices[place].kind)
            let id = devices[place].id
            // One look-up: hardly any id is there already.
            guard let first = firsts.updateValue(place, forKey: id) else { continue }
            firsts[id] = first
            others[devices[place].idWithKind] = place
        }
    }

    /// The place of the device of this id, or of `id#kind`, among the machine's.
    public func place(of id: String) -> Int? {
        if let place = firsts[id] ?? others[id] { return place }
        guard let mark = id.utf8.lastIndex(of: UInt8(ascii: "#")), let place = firsts[String(id[..<mark])],
            kinds[place].rawValue == id[id.utf8.index(after: mark)...]
        else { return nil }
        return place
    }

    /// The id that a question about the device names: its own, with the kind where an earlier one has it too.
    public func askedID(of device: Device) -> String {
        device.askedID(besides: firsts[device.id].map { kinds[$0] })
    }
}

extension Device {
    fileprivate var idWithKind: String { "\(id)#\(kind.rawValue)" }

    /// - Parameter first: the kind of the first device of its id.
    fileprivate func askedID(besides first: Kind?) -> String {
        first == nil || first == kind ? id : idWithKind
    }
}

extension Platform {
    /// The same of one device. O(n) for n devices.
    public func askedID(of device: Device) -> String {
        device.askedID(besides: devices.first { $0.id == device.id }?.kind)
    }
}
