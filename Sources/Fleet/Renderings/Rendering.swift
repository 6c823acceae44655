// A placement as what a person or a tool pastes: arguments of VMMs, a domain of libvirt, the posted options
// of iommufd, nodes of firmware tables, a check for the host. One entry for servers, agreements and the
// command line; what cannot be expressed is one sentence. Each format has a file of its own.

import AddressSpaces
import MSIWindows

/// Renderings of a placement that is decided.
public enum Rendering {
    /// The forms, by their names on the wire.
    public enum Format: String, CaseIterable, Sendable {
        // Configurations of VMMs.
        case qemu, libvirt
        case cloudHypervisor = "cloud-hypervisor"
        case openvmm, crosvm, firecracker, kvmtool
        /// The posted options of iommufd.
        case iommuOption = "iommu_option"
        // What tells a guest of the window.
        case iortRMR = "iort_rmr"
        case deviceTree = "device_tree"
        // What watches over the window.
        case shell, kubernetes

        /// What the text is written in.
        public enum Language: CaseIterable, Sendable {
            case text, json, xml
        }

        /// Whether its text has a place for remarks: readers of Firecracker's refuse members that they do not
        /// know.
        public var takesRemarks: Bool {
            switch self {
            case .firecracker: false
            case .qemu, .libvirt, .cloudHypervisor, .openvmm, .crosvm, .kvmtool, .iommuOption, .iortRMR,
                .deviceTree, .shell, .kubernetes:
                true
            }
        }

        public var language: Language {
            switch self {
            case .firecracker, .kubernetes: .json
            case .libvirt: .xml
            case .qemu, .cloudHypervisor, .openvmm, .crosvm, .kvmtool, .iommuOption, .iortRMR, .deviceTree,
                .shell:
                .text
            }
        }
    }

    /// Whose VMs a format configures; nil for a format of any guest.
    static func vmms(_ format: Format) -> [VMM]? {
        switch format {
        case .qemu, .libvirt: [.qemuVirt, .qemuVirtLegacyHighmem, .qemuVirt31, .qemuSBSA]
        case .cloudHypervisor: [.cloudHypervisor]
        case .openvmm: [.openVMMLinux, .openVMMUEFI, .openVMMUEFISplit]
        case .crosvm: [.crosvm]
        case .firecracker: [.firecracker]
        case .kvmtool: [.kvmtool]
        case .iommuOption, .iortRMR, .deviceTree, .shell, .kubernetes: nil
        }
    }

    /// Why a placement has no text in a format.
    public struct Refusal: Error, Hashable, Sendable {
        /// A sentence.
        public var because: String

        init(_ because: String) { self.because = because }
    }

    /// The text, with a line feed at its end.
    ///
    /// - Parameters:
    ///   - placement: the answer for this guest and window. Where its mechanism is `vmm_layout`, the VM is
    ///     rendered as it is after the first remedy that lays it out otherwise, and the text says so.
    ///   - hosts: names, and what the contents of their descriptions are told apart by where somebody keeps
    ///     that; part of the digest that `kubernetes` has.
    ///   - mark: why nobody is to paste it, in words that no text has to escape; the first remark.
    public static func text(
        _ format: Format, of placement: Placement, guest: GuestDemand, window: WindowDemand, hosts: [String],
        mark: String? = nil
    ) throws(Refusal) -> String {
        if let mark, !format.takesRemarks {
            throw .init("\(mark) A text of this format has no place to say so.")
        }
        let vm = try RenderedVM(placement, guest, window, mark)
        return switch format {
        case .qemu: try QEMUArguments(vm).text
        case .libvirt: try LibvirtDomain(vm).text
        case .cloudHypervisor: try CloudHypervisorArguments(vm).text
        case .openvmm: try OpenVMMWindow(vm).text
        case .crosvm: try CrosvmArguments(vm).text
        case .firecracker: try FirecrackerConfiguration(vm).text
        case .kvmtool: try KvmtoolArguments(vm).text
        case .iommuOption: try IOMMUOptionCalls(vm).text
        case .iortRMR: try MemoryRangeNode(vm).text
        case .deviceTree: try ReservedMemoryNode(vm).text
        case .shell: HostCheck(vm).text
        case .kubernetes: ConfigMap(vm, hosts).text
        }
    }

    /// The formats in which a placement has a text: those for which `text` does not throw.
    public static func formats(
        of placement: Placement, guest: GuestDemand, window: WindowDemand
    ) -> [Format] {
        guard let vm = try? RenderedVM(placement, guest, window) else { return [] }
        return Format.allCases.filter { isOfKind($0, vm) && refusal(of: $0, vm) == nil }
    }

    /// Without it there is no text. Every placement asks, and a refusal has a sentence to put together.
    private static func isOfKind(_ format: Format, _ vm: RenderedVM) -> Bool {
        switch format {
        case .qemu, .libvirt, .cloudHypervisor, .openvmm, .crosvm, .firecracker, .kvmtool:
            vm.guest.vmm.map { vmms(format)?.contains($0) == true } ?? false
        case .iommuOption: vm.isMoved
        case .iortRMR, .deviceTree: vm.isNested
        case .shell, .kubernetes: true
        }
    }

    /// What `text` throws, without the text.
    private static func refusal(of format: Format, _ vm: RenderedVM) -> Refusal? {
        do throws(Refusal) {
            switch format {
            case .qemu: _ = try QEMUArguments(vm)
            case .libvirt: _ = try LibvirtDomain(vm)
            case .cloudHypervisor: _ = try CloudHypervisorArguments(vm)
            case .openvmm: _ = try OpenVMMWindow(vm)
            case .crosvm: _ = try CrosvmArguments(vm)
            case .firecracker: _ = try FirecrackerConfiguration(vm)
            case .kvmtool: _ = try KvmtoolArguments(vm)
            case .iommuOption: _ = try IOMMUOptionCalls(vm)
            case .iortRMR: _ = try MemoryRangeNode(vm)
            case .deviceTree: _ = try ReservedMemoryNode(vm)
            case .shell, .kubernetes: break
            }
            return nil
        } catch {
            return error
        }
    }
}
