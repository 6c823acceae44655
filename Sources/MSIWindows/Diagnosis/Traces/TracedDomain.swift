// One domain as a trace lets it be seen, and what is odd in it.

public import AddressSpaces

/// A domain put together from mappings that do not contradict each other.
public struct TracedDomain: Hashable, Sendable {
    /// Who chose the addresses.
    public enum Kind: String, CaseIterable, Sendable {
        /// The kernel's DMA layer: the first address was what its allocator gives first, or lies just below
        /// the end of a DMA mask, or the trace names the device that asked.
        case dmaLayer = "dma_layer"
        /// User space, through VFIO or iommufd: addresses are its own.
        case userSpace = "user_space"
        /// Mapped one to one.
        case direct
    }

    /// A page that holds a doorbell.
    public struct Doorbell: Hashable, Sendable {
        public var line: Int
        public var physical: PhysicalAddress
        /// Where the doorbell is written to.
        public var iova: IOVA
        /// First address of the mapping.
        public var page: IOVA
        /// What was mapped just before in the domain.
        public var precededBy: Mapping?
        /// What the allocator's model gives at this point; nil in domains of user space.
        public var expected: IOVA?
    }

    /// One mapping.
    public struct Mapping: Hashable, Sendable {
        public var line: Int
        public var iova: IOVA
        public var physical: PhysicalAddress
        /// At least 1; the last address is within 64 bits.
        public var size: UInt64

        var range: IOVARange { IOVARange(proven: iova.value, iova.value + (size - 1)) }
    }

    /// An address that the model would not have given.
    public struct Oddity: Hashable, Sendable {
        public enum Reason: String, CaseIterable, Sendable {
            case withheld
            case aboveDMALimit = "above_dma_limit"
            case beyondAperture = "beyond_aperture"
            case notAligned = "not_aligned"
            /// The allocator's model gives another address here. Reported only while nothing was unmapped, as
            /// what is parked on other CPUs cannot be seen.
            case notPredicted = "not_predicted"
            case unmappedWithoutMap = "unmapped_without_map"
        }

        public var line: Int
        public var iova: IOVA
        public var size: UInt64
        public var reason: Reason
        /// What it touches, or what was expected.
        public var detail: String
    }

    public var kind = Kind.dmaLayer
    /// The device that asked for the first mapping, where the trace names it; empty elsewhere.
    public var device: String { devices.first ?? "" }
    /// All that asked: the devices of one group have one domain.
    public private(set) var devices: [String] = []
    public var maps = 0
    public var unmaps = 0
    /// Mappings at the trace's end.
    public var live = 0
    /// From the lowest to the highest address ever mapped.
    public var span: IOVARange?
    public var doorbells: [Doorbell] = []
    public var oddities: [Oddity] = []
    /// Oddities beyond the limit.
    public var odditiesDropped = 0

    public static let odditiesMax = 256
    /// Devices that are named of one domain; others are left out.
    public static let devicesMax = 64

    /// Whether mappings for a device, or for none that is named, were made in this domain.
    func isOf(_ device: String) -> Bool { device.isEmpty ? devices.isEmpty : devices.contains(device) }

    mutating func add(device: String) {
        guard !device.isEmpty, !devices.contains(device), devices.count < Self.devicesMax else { return }
        devices.append(device)
    }

    mutating func add(_ oddity: Oddity) {
        guard oddities.count < Self.odditiesMax else {
            odditiesDropped += 1
            return
        }
        oddities.append(oddity)
    }
}
