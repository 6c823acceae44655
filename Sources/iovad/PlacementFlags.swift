// The question of a placement as flags, for every command that asks it: a VM, a window, and the hosts. What
// the flags say is written as the request that they stand for.

import API
import ArgumentParser
import JSON
import MSIWindows
import Machines

struct PlacementFlags: ParsableArguments {
    @Option(help: "The VMM; --vmm \(Self.listWord) prints all of them.", completion: CompletedValues.vmms)
    var vmm: String?
    @Option(help: ArgumentHelp("RAM, like 64G, 1.5G, 1536M or 0x1000000000.", valueName: "bytes"))
    var ram: String?
    @Option(help: ArgumentHelp("RAM including what can be hot-plugged, like 128G.", valueName: "bytes"))
    var maxmem: String?
    @Option(help: "DIMM slots.")
    var slots: Int?
    @Option(help: "Guest-physical address bits of the host.")
    var ipaBits: Int?
    @Option(
        help: "The guest's virtual IOMMU: none, virtio_iommu or nested_smmuv3.",
        completion: CompletedValues.viommus)
    var viommu: String?
    @Flag(
        name: .customLong("no-p2p"),
        help: "BARs are not mapped for peer-to-peer DMA.")
    var noP2P = false
    @Flag(help: "The window cannot be moved from the kernel's default.")
    var notMovable = false
    @OptionGroup var kernels: HostKernelFlags
    @Option(
        help: ArgumentHelp(
            "What the hosts' kernels can do that no release can: iommufd_sw_msi_options.", valueName: "word"))
    var capability: [String] = []
    @Option(help: "Number of doorbells that the devices use.")
    var doorbells: Int?
    @OptionGroup var machine: MachineOption
    @Option(
        name: [.customLong("host"), .customLong("device-tree")],
        help: ArgumentHelp("A host's file, or a folder of hosts; repeat for several.", valueName: "path"),
        completion: .file())
    var hosts: [String] = []
    @Option(
        help: ArgumentHelp("A built-in machine as a host; repeat for several.", valueName: "id"),
        completion: CompletedValues.platforms)
    var platform: [String] = []
    @Option(help: ArgumentHelp("A base to check first, like 0x9000000.", valueName: "address"))
    var requested: String?
    @OptionGroup var report: ReportOption
    @OptionGroup var reading: ReadingOptions

    /// In the place of a VMM: print all of them.
    static let listWord = "list"

    var asksForVMMs: Bool { vmm == Self.listWord }

    /// What a request states too.
    var stated: [RequestArgument.Flag] {
        [
            ("--vmm", vmm != nil), ("--ram", ram != nil), ("--maxmem", maxmem != nil),
            ("--slots", slots != nil), ("--ipa-bits", ipaBits != nil), ("--viommu", viommu != nil),
            ("--no-p2p", noP2P), ("--not-movable", notMovable), ("--capability", !capability.isEmpty),
        ] + kernels.stated + report.stated + [
            ("--doorbells", doorbells != nil), ("--platform", !platform.isEmpty),
            ("--requested", requested != nil),
        ]
    }

    func check() throws {
        try kernels.check()
        try report.check()
        try reading.check()
        if vmm != nil, !asksForVMMs, ram == nil { throw ValidationError("--vmm needs --ram") }
    }

    /// The hosts that flags name, in the order of --machine, --host, --platform.
    func subjects(_ service: OfflineService) throws -> [OfflineService.Subject] {
        var subjects: [OfflineService.Subject] = []
        if !machine.machine.isEmpty {
            let entry = try MachineFiles.one(machine.machine, named: "--machine")
            subjects.append(try service.offer(entry, reading.reader))
        }
        let entries = MachineFiles.list(hosts, named: "--host")
        if entries.isEmpty, !hosts.isEmpty { throw CommandFailure(MachineFiles.nothing(in: hosts)) }
        for (index, entry) in entries.enumerated() {
            subjects.append(
                try service.offer(entry, reading.reader, as: "\(OfflineService.offeredID)-\(index + 1)"))
        }
        return subjects + platform.map { OfflineService.Subject(id: $0, name: $0) }
    }

    /// What writes the members of the request that the flags stand for.
    ///
    /// - Parameter pool: in the place of hosts.
    func members(
        of subjects: [OfflineService.Subject], pool: String? = nil
    ) throws -> (inout JSONWriter) -> Void {
        let ram = try ram.map { try FlagValue.ram("--ram", $0) }
        let maxmem = try maxmem.map { try FlagValue.ram("--maxmem", $0) }
        let requested = try requested.map { try FlagValue.size("--requested", $0) }
        let conditions = try conditions(of: subjects, pool)
        let regions = try report.regions
        return { writer in
            if let pool {
                writer.member("pool", pool)
            } else {
                writer.array("hosts") { writer in hosts(subjects, regions, conditions, &writer) }
            }
            writer.object("vm") { writer in
                writer.member("vmm", vmm ?? "")
                if let ram { writer.member("ram", hex: ram) }
                if let maxmem { writer.member("maxmem", hex: maxmem) }
                if let slots { writer.member("slots", slots) }
                if let ipaBits { writer.member("ipa_bits", ipaBits) }
                if let viommu { writer.member("viommu", viommu) }
                if noP2P { writer.member("p2p", false) }
            }
            writer.object("window") { writer in
                if notMovable { writer.member("movable", false) }
                if let requested { writer.member("requested", hex: requested) }
            }
            for condition in conditions {
                if let all = condition.stated.ofAll { writer.member(condition.name, all) }
            }
            if !capability.isEmpty { writer.member("capabilities", strings: capability) }
            if let doorbells { writer.member("doorbell_count", doorbells) }
        }
    }

    /// The only host where none is named.
    private static let plain = "plain"

    private typealias HostCondition = (name: StaticString, stated: StatedByHost)

    private func conditions(
        of subjects: [OfflineService.Subject], _ pool: String?
    ) throws -> [HostCondition] {
        let all: [HostCondition] = [
            ("kernel", try kernels.kernels), ("page_size", try kernels.pageSizes),
        ]
        for condition in all {
            if pool == nil {
                try condition.stated.check(against: subjects.isEmpty ? [Self.plain] : subjects.map(\.name))
            } else if condition.stated.isOfSome {
                throw ValidationError("HOST=VALUE is of a host that is named, and does not go with --pool")
            }
        }
        return all
    }

    private func hosts(
        _ subjects: [OfflineService.Subject], _ regions: [ReservedRegion]?, _ conditions: [HostCondition],
        _ writer: inout JSONWriter
    ) {
        func own(_ name: String, _ writer: inout JSONWriter) {
            for condition in conditions {
                if let own = condition.stated.of(name) { writer.member(condition.name, own) }
            }
        }
        for subject in subjects {
            writer.object { writer in
                writer.member("name", subject.name)
                writer.member("platform", subject.id)
                if let regions { writer.iommuRegions(regions) }
                own(subject.name, &writer)
            }
        }
        guard subjects.isEmpty else { return }
        writer.object { writer in
            writer.member("name", Self.plain)
            own(Self.plain, &writer)
            writer.array("reserved_regions") { writer in
                writer.object { writer in
                    writer.rangeMembers(
                        start: WindowSource.mainlineBase, size: WindowSource.mainlineSize)
                    writer.member("type", "msi")
                }
            }
        }
    }
}

extension JSONWriter {
    /// `"start"` and `"size"`.
    fileprivate mutating func rangeMembers(start: UInt64, size: UInt64) {
        member("start", hex: start)
        member("size", hex: size)
    }
}
