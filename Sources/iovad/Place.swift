// `iovad place`: where the window can go on some hosts for one VM, answered offline by the service that
// `iovad serve` runs. It reads a request as JSON, or makes one of flags; the table for people shows the
// same facts as the JSON.

import API
import ArgumentParser
import HTTP
import JSON
import MSIWindows
import Machines

struct Place: CheckedCommand {
    static let configuration = CommandConfiguration(
        abstract: "Find where the MSI window fits for a VM on some hosts.",
        discussion: """
            Give the question as a file with the JSON that POST /v1/placements takes ("-" is standard input), \
            or as flags. Each --host is a host, a folder as many as it describes; --machine is one host of \
            several files. Without any, the only host is "plain", whose only reserved region is Linux's own \
            window. A request file may name them as platforms "file", "file-1", "file-2", in this order.

              iovad place --vmm qemu-virt --ram 64G
              iovad place --vmm openvmm-uefi --ram 4G --host a.dtb --not-movable
              iovad place --vmm qemu-virt --ram 64G --machine IORT APIC DSDT iomem.txt
              iovad place --json request.json
            """)

    @OptionGroup var question: RequestArgument
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
    @OptionGroup var page: PageSizeOption
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
    @OptionGroup var output: OutputOption

    /// In the place of a VMM: print all of them.
    static let listWord = "list"

    func checkArguments() throws {
        if question.request == nil, vmm == nil {
            throw ValidationError("give a request file, or --vmm and --ram")
        }
        try question.check(
            against: [
                ("--vmm", vmm != nil), ("--ram", ram != nil), ("--maxmem", maxmem != nil),
                ("--slots", slots != nil), ("--ipa-bits", ipaBits != nil), ("--viommu", viommu != nil),
                ("--no-p2p", noP2P), ("--not-movable", notMovable), ("--capability", !capability.isEmpty),
            ] + page.stated + report.stated + [
                ("--doorbells", doorbells != nil), ("--platform", !platform.isEmpty),
                ("--requested", requested != nil),
            ])
        try page.check()
        try report.check()
        try reading.check()
        try output.check()
        if vmm != nil, vmm != Self.listWord, ram == nil { throw ValidationError("--vmm needs --ram") }
        try StandardInput.check([question.request].compactMap { $0 } + machine.machine + hosts)
    }

    func answer() throws {
        let service = OfflineService(version: Iovad.version)
        if vmm == Self.listWord {
            try output.printer.show(service.get("/v1/vmms")) { PlaceTable.vmms($0) }
            return
        }
        let subjects = try subjects(service)
        let body = try question.request.map(OfflineService.contents) ?? flags(subjects)
        if let request = question.request {
            try JSONFileKind.check(body, of: request, is: .placementRequest, "request of iovad place")
        }
        var printer = output.printer
        printer.source = question.request
        let answer = try printer.show(service.post("/v1/placements", body)) { PlaceTable.placement($0) }
        try Ending.ofPlacement(answer).end()
    }

    /// The hosts that flags name, in the order of --machine, --host, --platform.
    private func subjects(_ service: OfflineService) throws -> [OfflineService.Subject] {
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

    /// The flags as the request that they stand for.
    private func flags(_ subjects: [OfflineService.Subject]) throws -> [UInt8] {
        var writer = JSONWriter()
        let ram = try ram.map { try FlagValue.ram("--ram", $0) }
        let maxmem = try maxmem.map { try FlagValue.ram("--maxmem", $0) }
        let requested = try requested.map { try FlagValue.size("--requested", $0) }
        let page = try page.hex
        let regions = try report.regions
        writer.object { writer in
            writer.array("hosts") { writer in hosts(subjects, regions, &writer) }
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
            if let page { writer.member("page_size", page) }
            if !capability.isEmpty { writer.member("capabilities", strings: capability) }
            if let doorbells { writer.member("doorbell_count", doorbells) }
        }
        return writer.bytes
    }

    private func hosts(
        _ subjects: [OfflineService.Subject], _ regions: [ReservedRegion]?, _ writer: inout JSONWriter
    ) {
        for subject in subjects {
            writer.object { writer in
                writer.member("name", subject.name)
                writer.member("platform", subject.id)
                if let regions { writer.iommuRegions(regions) }
            }
        }
        guard subjects.isEmpty else { return }
        writer.object { writer in
            writer.member("name", "plain")
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

enum PlaceTable {
    static func vmms(_ answer: JSONNode) -> String {
        Console.table(answer.children("items").map { ($0.text("id"), $0.text("name")) })
    }

    static func placement(_ answer: JSONNode) -> String {
        var rows = [("verdict", answer.text("verdict")), ("because", answer.text("because"))]
        if let mechanism = answer.member("mechanism") {
            rows.append(("mechanism", "\(mechanism.text("kind")): \(mechanism.text("because"))"))
            for missing in mechanism.children("not_available") {
                rows.append(("not available", "\(missing.text("kind")): \(missing.text("because"))"))
            }
        }
        for remedy in answer.children("remedies") { rows.append(("remedy", remedy.text("detail"))) }
        for blocker in answer.member("default").map({ $0.children("blockers") }) ?? [] {
            rows.append(("blocks the default", words(blocker)))
        }
        if let requested = answer.member("requested") {
            let reasons = requested.children("blockers").map(words).joined(separator: "; ")
            let works = requested.flag("works") ? "works" : "does not work"
            rows.append(
                ("requested", "\(requested.text("start")) \(works)\(reasons.isEmpty ? "" : ": \(reasons)")"))
        }
        if let picks = answer.member("picks") {
            for name in ["nearest_default", "lowest", "highest_below_4g"] {
                rows.append((name, picks.text(name, absent: "none")))
            }
        }
        for range in answer.children("candidates") { rows.append(("free", range.rangeText)) }
        for range in answer.children("unmappable") { rows.append(("unmappable", range.rangeText)) }
        if answer.member("max_ram") != nil {
            rows.append(("largest RAM", answer.text("max_ram", absent: "none")))
        }
        if answer.member("mechanism")?.text("kind") == "iommufd_options",
            let options = answer.member("iommufd_options"), options.kind == .object
        {
            rows.append(("SW_MSI_START", options.text("sw_msi_start")))
            rows.append(("SW_MSI_SIZE", "\(integer(options, "sw_msi_size_mib")) MiB"))
        }
        for host in answer.children("per_host") {
            let start = host.text("start", absent: "none")
            rows.append(("host", "\(host.text("host")): \(host.text("verdict")), \(start)"))
        }
        if let other = answer.member("if_iommu_reports_msi") {
            let words = "\(other.text("verdict")); \(other.text("because"))"
            rows.append(("or else", DecideTable.ifReported(other, words)))
        }
        // What is not available has been said.
        for warning in answer.children("warnings") where warning.text("code") != "mechanism_not_available" {
            let host = warning.member("host") == nil ? "" : "\(warning.text("host")): "
            rows.append((warning.text("severity"), host + warning.text("detail")))
        }
        return Console.table(rows)
    }

    private static func words(_ blocker: JSONNode) -> String {
        let owner =
            blocker.member("host") == nil ? blocker.text("vm") : "host \(blocker.text("host"))"
        let place = blocker.member("range").map { " \($0.rangeText)" } ?? ""
        return "\(owner): \(blocker.text("kind"))\(place), \(blocker.text("provenance"))"
    }

    private static func integer(_ node: JSONNode, _ name: String) -> Int {
        node.member(name)?.int(in: 0...Int.max, ProblemList(limit: 1)) ?? 0
    }
}
