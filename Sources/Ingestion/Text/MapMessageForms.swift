// The messages that report a failed map, unmap or attach, a row each: a new form is a row here and nothing
// else. They were written down from what QEMU 3 to 10, vfio-ioctls (Cloud Hypervisor, crosvm, Firecracker),
// kvmtool, DPDK, SPDK, OpenVMM and Linux 4.4 to 7.2 print.

import Machines

/// One form of a message.
struct MapMessageForm: Sendable {
    let template: MessageTemplate
    let program: MapFailure.Program
    let action: MapFailure.Action
    /// As the text names it.
    let call: String
    let space: MapFailure.Space?
    let reason: MapFailure.Reason?
    /// Its words are in texts that report no failure too: it counts with an errno or a word of failure only.
    let needsErrno: Bool
    /// A message that is cut off before its address is one nevertheless.
    let isPlainWhenCut: Bool

    private init(
        _ template: String, _ program: MapFailure.Program, _ action: MapFailure.Action, _ call: String,
        _ space: MapFailure.Space? = nil, _ reason: MapFailure.Reason? = nil, needsErrno: Bool = false,
        isPlainWhenCut: Bool = false
    ) {
        self.template = MessageTemplate(template)
        self.program = program
        self.action = action
        self.call = call
        self.space = space
        self.reason = reason
        self.needsErrno = needsErrno
        self.isPlainWhenCut = isPlainWhenCut
    }

    /// The most telling form of a line first: the first that fits counts.
    static let all = withAddresses + overlapping + attaching + bare

    private static let withAddresses = [
        MapMessageForm(
            "vfio_container_dma_map({}, {iova}, {size}, {user})", .qemu, .map, "vfio_container_dma_map",
            isPlainWhenCut: true),
        MapMessageForm(
            "vfio_dma_map({}, {iova}, {size}, {user})", .qemu, .map, "vfio_dma_map", isPlainWhenCut: true),
        MapMessageForm(
            "vfio_container_dma_unmap({}, {iova}, {size})", .qemu, .unmap, "vfio_container_dma_unmap",
            isPlainWhenCut: true),
        MapMessageForm(
            "vfio_dma_unmap({}, {iova}, {size})", .qemu, .unmap, "vfio_dma_unmap", isPlainWhenCut: true),
        MapMessageForm(
            "can't map guest IOVA region {iova}..{last}", .qemu, .map, "vfio_listener_region_add", nil,
            .outsideRanges),
        MapMessageForm(
            "received unaligned region {region} iova={iova}", .qemu, .map, "vfio_listener_region_add", nil,
            .unaligned),
        MapMessageForm(
            "failed to map memory for VFIO container, iova {iova}, gpa {}, size {size}:", .cloudHypervisor,
            .map, "VFIO_IOMMU_MAP_DMA", isPlainWhenCut: true),
        MapMessageForm(
            "failed to unmap memory for VFIO container, iova {iova}, size {size}:", .cloudHypervisor, .unmap,
            "VFIO_IOMMU_UNMAP_DMA", isPlainWhenCut: true),
        MapMessageForm(
            "failed to map {iova} -> {user} ({size}) for DMA", .kvmtool, .map, "VFIO_IOMMU_MAP_DMA", .vfio),
    ]

    /// kvmtool compares reserved_regions with the guest's memory and devices before it maps anything. The
    /// guest's range is not the reserved one, whichever of the two it prints first.
    private static let overlapping =
        ["RAM", "DEVICE"].map { kind in
            MapMessageForm(
                "\(kind) region [{hexIOVA}-{hexLast}] would overlap RESERVED region "
                    + "[{hexReserved}-{hexReservedLast}]", .kvmtool, .map, "reserved_regions", .vfio,
                .overlapsReserved)
        } + [
            MapMessageForm(
                "RESERVED region [{hexReserved}-{hexReservedLast}] would overlap {region} region "
                    + "[{hexIOVA}-{hexLast}]", .kvmtool, .map, "reserved_regions", .vfio, .overlapsReserved)
        ]

    private static let attaching = [
        MapMessageForm(
            "RLIMIT_MEMLOCK ({limit}) exceeded", .kernel, .map, "vfio_pin_pages_remote", nil, .lockedMemory),
        MapMessageForm(
            "No interrupt remapping", .kernel, .attach, "vfio_iommu_type1_attach_group", nil,
            .unsafeInterrupts),
        MapMessageForm(
            "allow_unsafe_interrupts", .kernel, .attach, "vfio_iommu_type1_attach_group", nil,
            .unsafeInterrupts, needsErrno: true),
        MapMessageForm(
            "interrupts are not secure", .kernel, .attach, "iommufd_device_bind", .iommufd,
            .unsafeInterrupts),
        MapMessageForm(
            BootLogPhrase.directMapping.rawValue, .kernel, .attach,
            "iommu_device_claim_dma_owner",
            nil, .directRegion),
        MapMessageForm(
            "Device is ineligible for IOMMU domain attach due to platform RMRR", .kernel, .attach,
            "iommu_attach_group", nil, .directRegion),
        MapMessageForm(
            "group {group} is not viable", .qemu, .attach, "VFIO_GROUP_GET_STATUS", .vfio, .notViable),
        MapMessageForm(
            "VFIO group is not viable", .dpdk, .attach, "VFIO_GROUP_GET_STATUS", .vfio, .notViable),
        MapMessageForm(
            "failed to set iommu for container", .qemu, .attach, "VFIO_SET_IOMMU", .vfio),
        MapMessageForm(
            "failed to set container", .qemu, .attach, "VFIO_GROUP_SET_CONTAINER", .vfio, needsErrno: true),
        MapMessageForm(
            "failed to set group container", .qemu, .attach, "VFIO_GROUP_SET_CONTAINER", .vfio,
            needsErrno: true),
        MapMessageForm(
            "failed to add vfio group into vfio container", .rustVMM, .attach, "VFIO_GROUP_SET_CONTAINER",
            .vfio),
        MapMessageForm(
            "failed to set container's IOMMU driver type", .rustVMM, .attach, "VFIO_SET_IOMMU", .vfio),
        MapMessageForm("ContainerSetIOMMU", .rustVMM, .attach, "VFIO_SET_IOMMU", .vfio, needsErrno: true),
        MapMessageForm(
            "GroupSetContainer", .rustVMM, .attach, "VFIO_GROUP_SET_CONTAINER", .vfio, needsErrno: true),
        MapMessageForm(
            "set IOMMU type {} failed", .dpdk, .attach, "VFIO_SET_IOMMU", .vfio),
        MapMessageForm(
            "cannot add VFIO group to container", .dpdk, .attach, "VFIO_GROUP_SET_CONTAINER", .vfio),
        MapMessageForm(
            "error attach {} to id=", .qemu, .attach, "VFIO_DEVICE_ATTACH_IOMMUFD_PT", .iommufd),
        MapMessageForm(
            "error bind device fd=", .qemu, .attach, "VFIO_DEVICE_BIND_IOMMUFD", .iommufd),
        MapMessageForm(
            "vfio_iommu_type1_attach_group", .kernel, .attach, "vfio_iommu_type1_attach_group", .vfio,
            needsErrno: true),
    ]

    /// Messages without a fixed place for the address: it is looked for by name.
    private static let bare = [
        MapMessageForm(
            "VFIO_IOMMU_UNMAP_DMA", .unknown, .unmap, "VFIO_IOMMU_UNMAP_DMA", .vfio, needsErrno: true),
        MapMessageForm("VFIO_IOMMU_MAP_DMA", .unknown, .map, "VFIO_IOMMU_MAP_DMA", .vfio, needsErrno: true),
        MapMessageForm("VFIO_UNMAP_DMA", .qemu, .unmap, "VFIO_UNMAP_DMA", .vfio, needsErrno: true),
        MapMessageForm("VFIO_MAP_DMA", .qemu, .map, "VFIO_MAP_DMA", .vfio, needsErrno: true),
        MapMessageForm("IOMMU_IOAS_UNMAP", .unknown, .unmap, "IOMMU_IOAS_UNMAP", .iommufd, needsErrno: true),
        MapMessageForm("IOMMU_IOAS_MAP", .unknown, .map, "IOMMU_IOAS_MAP", .iommufd, needsErrno: true),
        MapMessageForm("IommuDmaUnmap", .rustVMM, .unmap, "VFIO_IOMMU_UNMAP_DMA", needsErrno: true),
        MapMessageForm("IommuDmaMap", .rustVMM, .map, "VFIO_IOMMU_MAP_DMA", needsErrno: true),
        MapMessageForm(
            "failed to add guest memory map into iommu table", .rustVMM, .map, "VFIO_IOMMU_MAP_DMA"),
        MapMessageForm(
            "failed to remove guest memory map from iommu table", .rustVMM, .unmap, "VFIO_IOMMU_UNMAP_DMA"),
        MapMessageForm(
            "set up DMA remapping", .dpdk, .map, "VFIO_IOMMU_MAP_DMA", .vfio,
            needsErrno: true),
        MapMessageForm(
            "DMA remapping failed", .dpdk, .map, "VFIO_IOMMU_MAP_DMA", .vfio,
            needsErrno: true),
        MapMessageForm(
            "clear DMA remapping", .dpdk, .unmap, "VFIO_IOMMU_UNMAP_DMA", .vfio,
            needsErrno: true),
        MapMessageForm(
            "set up DMA mapping", .spdk, .map, "VFIO_IOMMU_MAP_DMA", .vfio,
            needsErrno: true),
        MapMessageForm(
            "clear DMA mapping", .spdk, .unmap, "VFIO_IOMMU_UNMAP_DMA", .vfio,
            needsErrno: true),
        MapMessageForm("couldn't map new region for DMA", .dpdk, .map, "VFIO_IOMMU_MAP_DMA", .vfio),
        MapMessageForm("DMA mapping failed, unable to continue", .qemu, .map, "vfio_dma_map"),
        MapMessageForm("memory listener initialization failed", .qemu, .map, "vfio_dma_map"),
        MapMessageForm("failed to map memory", .unknown, .map, "map", needsErrno: true),
        MapMessageForm("failed to unmap DMA", .unknown, .unmap, "unmap", needsErrno: true),
        MapMessageForm("failed to map DMA", .unknown, .map, "map", needsErrno: true),
        MapMessageForm("DMA map failed", .unknown, .map, "map"),
        MapMessageForm("failed to DMA map", .unknown, .map, "map", needsErrno: true),
    ]

    /// QEMU's remark below the failed map of a BAR, with which the machine goes on.
    static let remarkOnBAR = "PCI peer-to-peer transactions"

    /// Words anywhere in a line that say which program it is of, where the form leaves that open.
    static let programs: [(words: String, program: MapFailure.Program)] = [
        ("cloud-hypervisor", .cloudHypervisor), ("cloud_hypervisor", .cloudHypervisor),
        ("crosvm", .crosvm), ("firecracker", .firecracker), ("openvmm", .openVMM), ("lkvm", .kvmtool),
        ("DeviceManager(", .cloudHypervisor), ("EAL:", .dpdk), ("spdk", .spdk), ("qemu", .qemu),
    ]

    /// The same for the machine.
    static let architectures: [(words: String, architecture: Architecture)] = [
        ("qemu-system-aarch64", .arm), ("qemu-system-arm", .arm), ("mach-virt.ram", .arm),
        ("qemu-system-x86_64", .x86), ("qemu-system-i386", .x86), ("pc.ram", .x86),
    ]

    /// Forms by the first byte of their words.
    private static let byFirstByte: [[Int]] = {
        var table = [[Int]](repeating: [], count: 256)
        for (index, form) in all.enumerated() { table[Int(form.template.firstByte)].append(index) }
        return table
    }()

    /// The forms whose first words are somewhere in the line, in the order of the table. One look for all:
    /// nearly every line of a log is none of ours.
    static func candidates(for line: ArraySlice<UInt8>) -> [MapMessageForm] {
        var found: Set<Int> = []
        for at in line.indices {
            for index in byFirstByte[Int(MessageTemplate.lowered(line[at]))]
            where all[index].template.begins(line[at...]) {
                found.insert(index)
            }
        }
        return found.sorted().map { all[$0] }
    }
}

extension MapFailure.Reason {
    /// What the kernel returns after it has printed such a message; nil for messages of VMMs.
    var errorNumber: Int? {
        switch self {
        case .lockedMemory: 12
        case .unsafeInterrupts: 1
        case .directRegion, .overlapsReserved: 22
        case .notViable, .outsideRanges, .unaligned: nil
        }
    }
}
