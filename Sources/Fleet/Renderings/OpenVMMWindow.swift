// OpenVMM's own notion of a window for assigned devices: what its hypervisor's back end reports as
// `DeviceAssignmentMsiIova`, from which it makes its memory layout and a nested guest's RMR. As in
// vmm_core/virt/src/generic.rs at 1488a37b7cfe.

import AddressSpaces

/// The value, and how the guest boots.
struct OpenVMMWindow {
    private let vm: RenderedVM
    private let vmm: VMM
    private let shape: VMShape

    init(_ vm: RenderedVM) throws(Rendering.Refusal) {
        (vmm, shape) = try vm.shape(of: "OpenVMM", .openvmm)
        self.vm = vm
        try vm.refuseVirtioIOMMU("OpenVMM")
    }

    var text: String {
        var remarks = vm.remarks(vmm, map: "The boot mode decides where it begins.")
        remarks.append(
            vm.isMoved
                ? "On KVM OpenVMM reports Fixed: its back end has to set the options (iommu_option) and report this."
                : "On KVM this is what OpenVMM reports by itself.")
        if vm.isNested {
            remarks.append("The RMR of the guest's IORT follows the value (iort_rmr).")
        }
        let kind = vm.isMoved ? "Configurable" : "Fixed"
        return remarks.map { "# \($0)\n" }.joined()
            + "DeviceAssignmentMsiIova: \(kind) \(vm.window.start.hex)..\(vm.window.last.hex)\n"
    }
}
