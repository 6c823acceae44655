// A device that is attached to a session's domain.

public import Machines

/// An attached device and where its description came from.
public struct SessionDevice: Hashable, Sendable {
    /// Under which the domain knows it: the platform's id of it, or the caller's.
    public var id: String
    /// nil for a device that was described with the request.
    public var platform: String?
    public var device: Device

    public init(id: String, platform: String?, device: Device) {
        self.id = id
        self.platform = platform
        self.device = device
    }
}

extension Device {
    /// Reservations that its set-up makes at most.
    var reservationCount: Int { pciWindows.count + inboundWindows.count + 1 + firmwareRegions.count }
}
