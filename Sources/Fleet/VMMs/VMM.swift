// The virtual machine monitors whose memory maps are known, by their ids on the wire. What each lays out and
// where that was read is in a file of its own: a VMM is added there, with a case and a row here.

/// A VMM, or a mode or generation of one with a map of its own.
public enum VMM: String, CaseIterable, Sendable {
    case qemuVirt = "qemu-virt"
    case qemuVirtLegacyHighmem = "qemu-virt-legacy-highmem"
    case qemuVirt31 = "qemu-virt-3.1"
    case qemuSBSA = "qemu-sbsa-ref"
    case cloudHypervisor = "cloud-hypervisor"
    case crosvm
    case firecracker
    case kvmtool
    case xenGuest = "xen-arm-guest"
    case openVMMLinux = "openvmm-linux"
    case openVMMUEFI = "openvmm-uefi"
    case openVMMUEFISplit = "openvmm-uefi-split"

    var profile: VMMProfile {
        switch self {
        case .qemuVirt: .qemuVirt
        case .qemuVirtLegacyHighmem: .qemuVirtLegacyHighmem
        case .qemuVirt31: .qemuVirt31
        case .qemuSBSA: .qemuSBSA
        case .cloudHypervisor: .cloudHypervisor
        case .crosvm: .crosvm
        case .firecracker: .firecracker
        case .kvmtool: .kvmtool
        case .xenGuest: .xenGuest
        case .openVMMLinux: .openVMMLinux
        case .openVMMUEFI: .openVMMUEFI
        case .openVMMUEFISplit: .openVMMUEFISplit
        }
    }

    /// What happens when a BAR cannot be mapped.
    public enum BARFailure: String, Sendable {
        /// BARs are not mapped.
        case none
        case warning
        case fatal
    }

    /// How the guest of an accelerated (nested) SMMUv3 learns of the window.
    public enum NestedContract: String, Sendable {
        /// The IORT RMR is a literal 0x8000000...0x80fffff.
        case fixedRMR = "fixed_rmr"
        /// The IORT RMR follows the window that the host has.
        case followsWindow = "follows_window"
        /// There is no accelerated SMMUv3.
        case unsupported
    }

    /// Name and variant, for people.
    public var name: String { profile.name }
    /// The releases or commits that the map was read from.
    public var versions: [String] { profile.versions }
    /// Files that say where things lie and what is mapped.
    public var sources: [String] { profile.sources }
    /// What it does about the host's reserved regions, and when a mapping fails.
    public var behaviour: [String] { profile.behaviour }
    public var onBARFailure: BARFailure { profile.onBARFailure }
    public var nestedContract: NestedContract { profile.nestedContract }
    /// Whether memory can be plugged in.
    public var hasHotplug: Bool { profile.hasHotplug }

    var lowestRAMBase: UInt64? { profile.lowestRAMBase }
    var otherModes: [VMM] { profile.otherModes }

    func has(_ quirk: VMMProfile.Quirk) -> Bool { profile.quirks.contains(quirk) }

    /// Lays out a guest. Throws what the VMM refuses.
    public func map(_ shape: VMShape) throws(VMRefusal) -> GuestMap {
        if let maxmem = shape.maxmem, maxmem < shape.ram {
            throw .maxmemBelowRAM(ram: shape.ram, maxmem: maxmem)
        }
        var map = try profile.layOut(shape)
        if shape.hotplugSize > 0, !hasHotplug {
            map.notes.append("\(name) plugs no memory in; maxmem has no effect.")
        }
        return map
    }
}
