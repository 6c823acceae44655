// `iovad place`: where the window can go on some hosts for one VM, answered offline by the service that
// `iovad serve` runs. It reads a request as JSON, or makes one of flags; the table for people shows the
// same facts as the JSON.

import API
import ArgumentParser
import HTTP
import JSON
import MSIWindows

struct Place: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Find where the MSI window fits for a VM on some hosts.",
        discussion: """
            Give the question as a file with the JSON that POST /v1/placements takes ("-" is standard input),
            or as flags. Each --device-tree describes a host. Without one, the only host is "plain", whose only
            reserved region is Linux's own window.

              iovad place --vmm qemu-virt --ram 64G
              iovad place --vmm openvmm-uefi --ram 4G --device-tree a.dtb --device-tree b.dtb --not-movable
              iovad place --json request.json
            """)

    @Argument(help: "File with a request as JSON; \"-\" reads standard input.")
    var request: String?
    @Option(help: "The VMM; --vmm list prints all of them.")
    var vmm: String?
    @Option(help: "RAM, like 64G or 0x1000000000.")
    var ram: String?
    @Option(help: "RAM including what can be hot-plugged, like 128G.")
    var maxmem: String?
    @Option(help: "DIMM slots.")
    var slots: Int?
    @Option(help: "Guest-physical address bits of the host.")
    var ipaBits: Int?
    @Option(help: "The guest's virtual IOMMU: none, virtio_iommu or nested_smmuv3.")
    var viommu: String?
    @Flag(help: "BARs are not mapped for peer-to-peer DMA.")
    var noP2P = false
    @Flag(help: "The window cannot be moved from the kernel's default.")
    var notMovable = false
    @Option(help: "CPU page size, like 0x10000.")
    var pageSize: String?
    @Option(help: "Number of doorbells that the devices use.")
    var doorbells: Int?
    @Option(help: "A host's device tree; repeat for several hosts.")
    var deviceTree: [String] = []
    @Option(help: "A base to check first.")
    var requested: String?
    @Flag(help: "Print the answer as JSON instead of a table.")
    var json = false

    func validate() throws {
        if request == nil, vmm == nil { throw ValidationError("give a request file, or --vmm and --ram") }
        if request != nil, vmm != nil { throw ValidationError("give a request file or --vmm, not both") }
        if vmm != nil, vmm != "list", ram == nil { throw ValidationError("--vmm needs --ram") }
    }

    func run() throws {
        let service = OfflineService(version: Iovad.version)
        let printer = AnswerPrinter(asJSON: json)
        if vmm == "list" {
            try printer.show(service.get("/v1/vmms")) { PlaceTable.vmms($0) }
            return
        }
        for (index, path) in deviceTree.enumerated() {
            guard let bytes = Files.read(path) else { throw ValidationError("cannot read \(path)") }
            try printer.check(service.upload(bytes, id: id(index)))
        }
        let body = try request.map(OfflineService.requestBody) ?? flags()
        try printer.show(service.post("/v1/placements", body)) { PlaceTable.placement($0) }
    }

    private func id(_ index: Int) -> String { "file-\(index + 1)" }

    /// The flags as the request that they stand for.
    private func flags() throws -> [UInt8] {
        var writer = JSONWriter()
        let ram = try ram.map { try FlagValue.size("--ram", $0) }
        let maxmem = try maxmem.map { try FlagValue.size("--maxmem", $0) }
        let requested = try requested.map { try FlagValue.size("--requested", $0) }
        let page = try pageSize.map { try FlagValue.size("--page-size", $0) }
        writer.object { writer in
            writer.array("hosts") { writer in hosts(&writer) }
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
            if let page { writer.member("page_size", hex: page) }
            if let doorbells { writer.member("doorbell_count", doorbells) }
        }
        return writer.bytes
    }

    private func hosts(_ writer: inout JSONWriter) {
        for (index, path) in deviceTree.enumerated() {
            writer.object { writer in
                writer.member("name", path)
                writer.member("platform", id(index))
            }
        }
        guard deviceTree.isEmpty else { return }
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
        for blocker in answer.member("default").map({ $0.children("blockers") }) ?? [] {
            rows.append(("blocks the default", words(blocker)))
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
        if let options = answer.member("iommufd_options"), options.kind == .object {
            rows.append(("SW_MSI_START", options.text("sw_msi_start")))
            rows.append(("SW_MSI_SIZE", "\(integer(options, "sw_msi_size_mib")) MiB"))
        }
        for host in answer.children("per_host") {
            let start = host.text("start", absent: "none")
            rows.append(("host", "\(host.text("host")): \(host.text("verdict")), \(start)"))
        }
        for warning in answer.children("warnings") {
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
