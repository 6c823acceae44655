// The ids that questions name devices by. A node may be a bus and a device of its own: the plain id is then
// the first's, and the kind tells the other apart. Whoever looks at many devices of a machine makes the index
// once.

/// The devices of one machine by the ids that questions name.
public struct DeviceIndex: Sendable {
    private var places: [String: Int] = [:]
    /// By place.
    private let kinds: [Device.Kind]

    /// O(n) for n devices.
    public init(_ platform: Platform) {
        kinds = platform.devices.map(\.kind)
        places.reserveCapacity(2 * kinds.count)
        for (place, device) in platform.devices.enumerated() {
            if places[device.id] == nil { places[device.id] = place }
            places[device.idWithKind] = place
        }
    }

    /// The place of the device of this id, or of `id#kind`, among the machine's.
    public func place(of id: String) -> Int? { places[id] }

    /// The id that a question about the device names: its own, with the kind where an earlier one has it too.
    public func askedID(of device: Device) -> String {
        device.askedID(besides: places[device.id].map { kinds[$0] })
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
