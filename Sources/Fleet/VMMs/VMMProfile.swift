// What is known of one VMM whatever the guest: name, versions and sources (a map without its source is a
// rumour), what it does when a mapping fails, what its guests learn of the window, and how it lays a guest
// out. Each VMM declares its own in the file of its name; this file knows none of them.

struct VMMProfile: Sendable {
    /// What only some VMMs do, and a placement has to know.
    enum Quirk: Sendable {
        /// BARs are mapped whether peer-to-peer DMA is wanted or not.
        case mapsBARsUnasked
        /// Every line of reserved_regions is forbidden, relaxable ones too, and a direct-relaxable line ends
        /// the reading.
        case readsReservedRegions
        /// Its virtio-iommu reports the window of x86.
        case reportsX86Window
        /// It owns the SMMU, so that Linux maps no window for its guests.
        case ownsSMMU
        /// Its virtio-iommu does not forward the host's ranges.
        case hidesReservations
        /// It maps through VFIO type1 only.
        case lacksIOMMUFD
    }

    /// Name and variant, for people.
    var name: String
    /// The releases or commits that the map was read from.
    var versions: [String]
    /// Files that say where things lie and what is mapped.
    var sources: [String]
    /// What it does about the host's reserved regions, and when a mapping fails.
    var behaviour: [String]
    var onBARFailure: VMM.BARFailure
    var nestedContract = VMM.NestedContract.unsupported
    /// Whether memory can be plugged in.
    var hasHotplug = false
    var quirks: Set<Quirk> = []
    /// The lowest address at which RAM can be told to start; nil where it cannot be told.
    var lowestRAMBase: UInt64?
    /// Modes in which the same VMM lays the same guest out otherwise, as released.
    var otherModes: [VMM] = []
    /// Whether a constant that suits VMMs has to suit this one. Old generations and variants do not count.
    var isUsual = true
    var layOut: @Sendable (VMShape) throws(VMRefusal) -> GuestMap
}
