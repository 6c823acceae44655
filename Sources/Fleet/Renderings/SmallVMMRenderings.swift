// The VMMs of the rust-vmm family and kvmtool: arguments, and Firecracker's configuration. Only kvmtool can
// be told where its RAM lies. Options as in the sources that each VMM's file names.

import AddressSpaces

/// Arguments of cloud-hypervisor.
struct CloudHypervisorArguments {
    private let vm: RenderedVM
    private let shape: VMShape

    init(_ vm: RenderedVM) throws(Rendering.Refusal) {
        shape = try vm.fixedShape(of: "Cloud Hypervisor", .cloudHypervisor).shape
        self.vm = vm
        try RenderedSize.check(
            "Cloud Hypervisor", wholly: Granule.kib4.bytes, "pages",
            [("RAM", shape.ram), ("memory to plug in", shape.hotplugSize)])
    }

    var text: String {
        var remarks = vm.remarks(.cloudHypervisor, map: "No option moves it.")
        if shape.peerToPeer {
            remarks.append(
                "A BAR that does not map is fatal; max_phys_bits keeps BARs where every host maps them.")
        }
        if vm.guest.viommu == .virtioIOMMU { remarks.append("Give each --device iommu=on.") }
        var memory = "size=\(RenderedSize.text(shape.ram))"
        if shape.hotplugSize > 0 { memory += ",hotplug_size=\(RenderedSize.text(shape.hotplugSize))" }
        let bits = VMMProfile.cloudHypervisorBits(shape)
        let arguments =
            ["--cpus", "boot=\(shape.vcpus),max_phys_bits=\(bits)", "--memory", memory]
            + (shape.peerToPeer ? [] : ["--platform", "vfio_p2p_dma=off"])
        return remarks.map { "# \($0)\n" }.joined() + arguments.joined(separator: " ") + "\n"
    }
}

/// Arguments of crosvm run.
struct CrosvmArguments {
    private let vm: RenderedVM
    private let shape: VMShape

    init(_ vm: RenderedVM) throws(Rendering.Refusal) {
        shape = try vm.fixedShape(of: "crosvm", .crosvm).shape
        self.vm = vm
        try RenderedSize.check("crosvm", wholly: RenderedSize.mib, "MiB", [("RAM", shape.ram)])
    }

    var text: String {
        var remarks = vm.remarks(.crosvm, map: "No option moves it; BARs are never mapped.")
        if vm.guest.viommu == .virtioIOMMU { remarks.append("Give each --vfio iommu=viommu.") }
        let arguments =
            ["--mem", "size=\(shape.ram / RenderedSize.mib)"] + (shape.isProtected ? ["--protected-vm"] : [])
        return remarks.map { "# \($0)\n" }.joined() + arguments.joined(separator: " ") + "\n"
    }
}

/// Arguments of lkvm run.
struct KvmtoolArguments {
    private let vm: RenderedVM
    private let shape: VMShape

    init(_ vm: RenderedVM) throws(Rendering.Refusal) {
        shape = try vm.fixedShape(of: "kvmtool", .kvmtool).shape
        self.vm = vm
        try vm.refuseVirtioIOMMU("kvmtool")
        try RenderedSize.check(
            "kvmtool", wholly: RenderedSize.kib, "KiB",
            [("RAM", shape.ram), ("base of the RAM", shape.ramBase ?? 0)])
    }

    var text: String {
        let remarks = vm.remarks(
            .kvmtool, map: "-m SIZE@ADDRESS moves it; kvmtool ends where it meets a line of reserved_regions."
        )
        let base = shape.ramBase.map { "@\(RenderedSize.text($0))" } ?? ""
        return remarks.map { "# \($0)\n" }.joined() + "-m \(RenderedSize.text(shape.ram))\(base)\n"
    }
}

/// What Firecracker takes by --config-file. Its readers refuse members that they do not know, so that the
/// text has no remarks.
struct FirecrackerConfiguration {
    private let shape: VMShape

    /// `MAX_SUPPORTED_VCPUS`.
    private static let vcpusMax = 32
    /// Memory is plugged in by slots of so many bytes.
    private static let slotBytes: UInt64 = 128 << 20

    init(_ vm: RenderedVM) throws(Rendering.Refusal) {
        shape = try vm.fixedShape(of: "Firecracker", .firecracker).shape
        try vm.refuseVirtioIOMMU("Firecracker")
        guard shape.vcpus <= Self.vcpusMax else {
            throw .init("Firecracker has at most \(Self.vcpusMax) vCPUs, and the VM has \(shape.vcpus).")
        }
        guard shape.ram == vm.guest.ram.compactMap(\.size).reduce(0, +) else {
            throw .init("Firecracker truncates the RAM: ask for what it gives.")
        }
        try RenderedSize.check("Firecracker", wholly: RenderedSize.mib, "MiB", [("RAM", shape.ram)])
        try RenderedSize.check(
            "Firecracker", wholly: Self.slotBytes, "128 MiB", [("memory to plug in", shape.hotplugSize)])
    }

    var text: String {
        let hotplug =
            shape.hotplugSize > 0
            ? """
            ,
              "memory-hotplug": {
                "total_size_mib": \(shape.hotplugSize / RenderedSize.mib)
              }
            """ : ""
        return """
            {
              "machine-config": {
                "vcpu_count": \(shape.vcpus),
                "mem_size_mib": \(shape.ram / RenderedSize.mib)
              }\(hotplug)
            }

            """
    }
}
