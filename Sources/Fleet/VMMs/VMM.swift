// The virtual machine monitors whose memory maps are known. What each lays out where is in a file of its
// own; sources and versions are in VMMs.swift.

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

    /// What happens when a BAR cannot be mapped.
    public enum BARFailure: String, Sendable {
        /// BARs are not mapped.
        case none
        case warning
        case fatal
    }

    public var onBARFailure: BARFailure {
        switch self {
        case .qemuVirt, .qemuVirtLegacyHighmem, .qemuVirt31, .qemuSBSA: .warning
        case .openVMMLinux, .openVMMUEFI, .openVMMUEFISplit: .warning
        case .cloudHypervisor: .fatal
        case .crosvm, .kvmtool: .none
        case .firecracker, .xenGuest: .warning
        }
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

    public var nestedContract: NestedContract {
        switch self {
        case .qemuVirt: .fixedRMR
        case .openVMMLinux, .openVMMUEFI, .openVMMUEFISplit: .followsWindow
        case .qemuVirtLegacyHighmem, .qemuVirt31, .qemuSBSA, .cloudHypervisor, .crosvm, .firecracker,
            .kvmtool, .xenGuest:
            .unsupported
        }
    }

    /// Whether it is QEMU, which maps BARs whether asked to or not.
    public var isQEMU: Bool {
        switch self {
        case .qemuVirt, .qemuVirtLegacyHighmem, .qemuVirt31, .qemuSBSA: true
        default: false
        }
    }

    /// Lays out a guest. Throws what the VMM refuses.
    public func map(_ shape: VMShape) throws(VMRefusal) -> GuestMap {
        if let maxmem = shape.maxmem, maxmem < shape.ram {
            throw .maxmemBelowRAM(ram: shape.ram, maxmem: maxmem)
        }
        var map: GuestMap
        switch self {
        case .qemuVirt: map = try QEMUVirt.map(shape, isCompact: true)
        case .qemuVirtLegacyHighmem: map = try QEMUVirt.map(shape, isCompact: false)
        case .qemuVirt31: map = try QEMUVirt31.map(shape)
        case .qemuSBSA: map = try QEMUSBSA.map(shape)
        case .cloudHypervisor: map = try CloudHypervisor.map(shape)
        case .crosvm: map = try Crosvm.map(shape)
        case .firecracker: map = try Firecracker.map(shape)
        case .kvmtool: map = try Kvmtool.map(shape)
        case .xenGuest: map = try XenGuest.map(shape)
        case .openVMMLinux: map = OpenVMM.map(shape, boot: .linux)
        case .openVMMUEFI: map = OpenVMM.map(shape, boot: .uefi)
        case .openVMMUEFISplit: map = OpenVMM.map(shape, boot: .uefiSplit)
        }
        if shape.hotplugSize > 0, !hasHotplug {
            map.notes.append("\(name) plugs no memory in; maxmem has no effect.")
        }
        return map
    }

    /// Whether memory can be plugged in.
    public var hasHotplug: Bool {
        switch self {
        case .qemuVirt, .qemuVirtLegacyHighmem, .cloudHypervisor, .firecracker: true
        case .qemuVirt31, .qemuSBSA, .crosvm, .kvmtool, .xenGuest, .openVMMLinux, .openVMMUEFI,
            .openVMMUEFISplit:
            false
        }
    }
}

extension RAMBanks {
    /// RAM as regions named `name`, or `name0`, `name1`, ... where the VMM has several banks.
    func regions(size: UInt64) -> [GuestRegion] {
        ranges(size: size).enumerated().map { index, range in
            GuestRegion(banks.count == 1 ? "RAM" : "RAM\(index)", range, .ram, .always)
        }
    }
}
