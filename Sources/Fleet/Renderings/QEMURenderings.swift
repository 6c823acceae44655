// QEMU's machines as arguments, and the same VM as a domain of libvirt. The low map of `virt` cannot be
// moved: its memory size is all that an argument changes. Options as in hw/arm/virt.c and hw/core/machine.c
// of QEMU 7.2 ... 10.2, and in libvirt's domain schema of 9.0 ... 11.3.

import AddressSpaces

/// The machine types, and what QEMU itself refuses to be told.
private struct QEMUMachine {
    /// QEMU rounds RAM up to this.
    private static let ramUnit: UInt64 = 8 << 10

    let vmm: VMM
    let shape: VMShape
    let type: String
    /// Memory that may be plugged in counts, where the machine has it.
    let maxmem: UInt64?
    let slots: Int

    init(_ vm: RenderedVM, _ program: String, _ format: Rendering.Format) throws(Rendering.Refusal) {
        (vmm, shape) = try vm.fixedShape(of: program, format)
        if vm.remedy?.includes(.peerToPeerOff) == true {
            throw .init("QEMU has no option that keeps BARs from being mapped.")
        }
        let isVirt = vmm == .qemuVirt || vmm == .qemuVirtLegacyHighmem
        if !isVirt { try vm.refuseVirtioIOMMU(vmm.name) }
        type =
            switch vmm {
            case .qemuVirtLegacyHighmem: "virt-7.1"
            case .qemuVirt31: "virt-3.1"
            case .qemuSBSA: "sbsa-ref"
            case .qemuVirt, .cloudHypervisor, .crosvm, .firecracker, .kvmtool, .xenGuest, .openVMMLinux,
                .openVMMUEFI, .openVMMUEFISplit:
                "virt"
            }
        let (maxmem, ram) = (shape.maxmem, shape.ram)
        let hasMore = vmm.hasHotplug && maxmem.map { $0 > ram } == true
        self.maxmem = hasMore ? maxmem : nil
        slots = vmm.hasHotplug ? shape.slots : 0
        try RenderedSize.check(
            "QEMU", wholly: Self.ramUnit, "8 KiB",
            [("RAM", ram), ("maximum", self.maxmem ?? 0)])
        if slots > 0, !hasMore {
            throw .init("QEMU takes memory slots only beside a maximum that is above the RAM.")
        }
    }

    /// Properties that are not as by default, in QEMU's spelling; and from which release on each is known.
    var properties: [(text: String, since: String?)] {
        guard vmm == .qemuVirt || vmm == .qemuVirtLegacyHighmem else { return [] }
        var found: [(String, String?)] = []
        if !shape.highmem { found.append(("highmem=off", nil)) }
        if !shape.highmemRedists { found.append(("highmem-redists=off", "10.0")) }
        if !shape.highmemECAM { found.append(("highmem-ecam=off", "10.0")) }
        if !shape.highmemMMIO { found.append(("highmem-mmio=off", "10.0")) }
        if shape.highmemMMIOSize != VMShape.highmemMMIOSizeDefault {
            found.append(("highmem-mmio-size=\(RenderedSize.text(shape.highmemMMIOSize))", "10.0"))
        }
        if shape.cxl { found.append(("cxl=on", "10.2")) }
        return found
    }
}

/// Arguments of qemu-system-aarch64.
struct QEMUArguments {
    private let vm: RenderedVM
    private let machine: QEMUMachine

    init(_ vm: RenderedVM) throws(Rendering.Refusal) {
        machine = try QEMUMachine(vm, "QEMU", .qemu)
        self.vm = vm
    }

    var text: String {
        var remarks = vm.remarks(
            machine.vmm,
            map: machine.vmm == .qemuSBSA
                ? "This machine cannot move it." : "The machine cannot move it: only its size is an option.")
        for property in machine.properties {
            if let since = property.since { remarks.append("\(property.text): QEMU \(since) or later.") }
        }
        if vm.isNested {
            remarks.append("arm-smmuv3,accel=on: after QEMU 10.2. Give each vfio-pci iommufd=iommufd0.")
        }
        if !vm.guest.peerToPeer { remarks.append("BARs are mapped all the same: no option keeps them out.") }
        return remarks.map { "# \($0)\n" }.joined() + arguments.joined(separator: " ") + "\n"
    }

    private var arguments: [String] {
        // sbsa-ref has no choice of an interrupt controller.
        let controller = machine.vmm == .qemuSBSA ? [] : ["gic-version=3"]
        let options = ([machine.type] + controller + machine.properties.map(\.text)).joined(separator: ",")
        var memory = "size=\(RenderedSize.text(machine.shape.ram))"
        if machine.slots > 0 { memory += ",slots=\(machine.slots)" }
        if let maxmem = machine.maxmem { memory += ",maxmem=\(RenderedSize.text(maxmem))" }
        var arguments = ["-machine", options, "-m", memory]
        if vm.remedy?.includes(.stealTimeOff) == true { arguments += ["-cpu", "host,kvm-steal-time=off"] }
        switch vm.guest.viommu {
        case .none: break
        case .virtioIOMMU: arguments += ["-device", "virtio-iommu-pci"]
        case .nestedSMMUv3:
            arguments += [
                "-object", "iommufd,id=iommufd0", "-device", "arm-smmuv3,primary-bus=pcie.0,accel=on",
            ]
        }
        return arguments
    }
}

/// A whole minimal domain.
struct LibvirtDomain {
    private let vm: RenderedVM
    private let machine: QEMUMachine

    init(_ vm: RenderedVM) throws(Rendering.Refusal) {
        machine = try QEMUMachine(vm, "libvirt", .libvirt)
        self.vm = vm
        if let property = machine.properties.first {
            throw .init("libvirt 11.3 has no element for \(property.text); qemu has the argument.")
        }
        if vm.isNested { throw .init("libvirt 11.3 has no element for an accelerated SMMUv3.") }
        if vm.remedy?.includes(.stealTimeOff) == true {
            throw .init("libvirt 11.3 has no element for KVM's steal time; qemu has the argument.")
        }
        try RenderedSize.check(
            "libvirt", wholly: RenderedSize.mib, "MiB",
            [("RAM", machine.shape.ram), ("maximum", machine.maxmem ?? 0)])
        if machine.maxmem != nil, machine.slots == 0 {
            throw .init("libvirt takes a maximum of memory only beside memory slots.")
        }
    }

    var text: String {
        let remarks = vm.remarks(
            machine.vmm, "libvirt 9.0 to 11.3", map: "No element moves it: only its size can be said.")
        return """
            <!--
            \(remarks.map { "  \($0)" }.joined(separator: "\n"))
            -->
            <domain type='\(machine.vmm == .qemuSBSA ? "qemu" : "kvm")'>
              <name>vm</name>
            \(memory)
              <vcpu>\(machine.shape.vcpus)</vcpu>
            \(cells)  <os>
                <type arch='aarch64' machine='\(machine.type)'>hvm</type>
              </os>
            \(features)\(devices)</domain>

            """
    }

    private var memory: String {
        let kib = "unit='KiB'>\(machine.shape.ram / RenderedSize.kib)"
        let most = machine.maxmem.map {
            "  <maxMemory slots='\(machine.slots)' unit='KiB'>\($0 / RenderedSize.kib)</maxMemory>\n"
        }
        return "\(most ?? "")  <memory \(kib)</memory>\n  <currentMemory \(kib)</currentMemory>"
    }

    /// libvirt plugs memory into NUMA cells only.
    private var cells: String {
        guard machine.maxmem != nil else { return "" }
        let cell = "id='0' cpus='0-\(machine.shape.vcpus - 1)'"
        let memory = machine.shape.ram / RenderedSize.kib
        return """
              <cpu mode='host-passthrough'>
                <numa>
                  <cell \(cell) memory='\(memory)' unit='KiB'/>
                </numa>
              </cpu>

            """
    }

    private var features: String {
        machine.vmm == .qemuSBSA ? "" : "  <features>\n    <gic version='3'/>\n  </features>\n"
    }

    private var devices: String {
        guard vm.guest.viommu == .virtioIOMMU else { return "" }
        return "  <devices>\n    <iommu model='virtio'/>\n  </devices>\n"
    }
}
