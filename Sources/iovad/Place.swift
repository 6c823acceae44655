// `iovad place`: where the window can go on some hosts for one VM, answered offline by the service that
// `iovad serve` runs. It reads a request as JSON, or makes one of flags; the table for people shows the
// same facts as the JSON.

import ArgumentParser
import Fleet
import JSON

struct Place: CheckedCommand {
    static let configuration = CommandConfiguration(
        commandName: "place", abstract: "Find where the MSI window fits for a VM on some hosts.",
        discussion: """
            Give the question as a file with the JSON that POST /v1/placements takes ("-" is standard input), \
            or as flags. Each --host is a host, a folder as many as it describes; --machine is one host of \
            several files. Without any, the only host is "plain", whose only reserved region is Linux's own \
            window. A request file may name them as platforms "file", "file-1", "file-2", in this order.

              iovad place --vmm qemu-virt --ram 64G
              iovad place --vmm openvmm-uefi --ram 4G --host a.dtb --not-movable
              iovad place --vmm qemu-virt --ram 64G --machine IORT APIC DSDT iomem.txt
              iovad place --json request.json
              iovad place --vmm qemu-virt --ram 64G --format qemu
              iovad place --vmm qemu-virt --ram 4G --host a.dtb --kernel a.dtb=6.6.31-64k

            --format with the name of a VMM or of a kind of text prints what is pasted there. Where the \
            placement has no text of this kind, standard error has the reason.
            """)

    @OptionGroup var question: RequestArgument
    @OptionGroup var flags: PlacementFlags
    @OptionGroup var output: PlacementOutputOption

    func checkArguments() throws {
        if question.request == nil, flags.vmm == nil {
            throw ValidationError("give a request file, or --vmm and --ram")
        }
        try question.check(against: flags.stated)
        try flags.check()
        try output.check()
        if flags.asksForVMMs, let format = output.rendering {
            throw ValidationError(
                "--format \(format.rawValue) is for placements; --vmm \(PlacementFlags.listWord) asks for none"
            )
        }
        try StandardInput.check([question.request].compactMap { $0 } + flags.machine.machine + flags.hosts)
    }

    func answer() throws {
        let service = OfflineService(version: Iovad.version)
        guard !flags.asksForVMMs else {
            try output.printer.show(service.get(PlaceTable.vmmsTarget)) { PlaceTable.vmms($0) }
            return
        }
        let subjects = try flags.subjects(service)
        let body = try question.request.map(OfflineService.contents) ?? request(subjects)
        if let request = question.request {
            try JSONFileKind.check(body, of: request, is: .placementRequest, "request of iovad place")
        }
        var printer = output.printer
        printer.source = question.request
        let answer = service.post(Self.target, body)
        guard let format = output.rendering else {
            return try Ending.ofPlacement(printer.show(answer) { PlaceTable.placement($0) }).end()
        }
        try printer.check(answer)
        try printer.show(
            format, service.post("\(Self.target)?format=\(format.rawValue)", body),
            ending: .ofPlacement(printer.document(answer)))
    }

    private static let target = "/v1/placements"

    private func request(_ subjects: [OfflineService.Subject]) throws -> [UInt8] {
        var writer = JSONWriter()
        writer.object(try flags.members(of: subjects))
        return writer.bytes
    }
}

enum PlaceTable {
    static let vmmsTarget = "/v1/vmms"

    static func vmms(_ answer: JSONNode) -> String {
        Console.table(answer.children("items").map { ($0.text("id"), $0.text("name")) })
    }

    static func placement(_ answer: JSONNode) -> String {
        var rows = [("verdict", answer.text("verdict")), ("because", answer.text("because"))]
        rows += mechanism(answer)
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
            let own = HostTable.own(host).map { ", \($0)" }.joined()
            rows.append(("host", "\(host.text("host")): \(host.text("verdict")), \(start)\(own)"))
        }
        if let other = answer.member("if_iommu_reports_msi") {
            let words = "\(other.text("verdict")); \(other.text("because"))"
            rows.append(("or else", DecideTable.ifReported(other, words)))
        }
        let renderings = answer.children("renderings").compactMap(\.text)
        if !renderings.isEmpty { rows.append(("--format", renderings.joined(separator: ", "))) }
        // What is not available has been said.
        for warning in answer.children("warnings") where warning.text("code") != "mechanism_not_available" {
            let host = warning.member("host") == nil ? "" : "\(warning.text("host")): "
            rows.append((warning.text("severity"), host + warning.text("detail")))
        }
        return Console.table(rows) + MissingDescriptionText.of(answer)
    }

    /// By what means the window is there, and which are missing.
    static func mechanism(_ answer: JSONNode) -> [(String, String)] {
        guard let mechanism = answer.member("mechanism") else { return [] }
        func words(_ means: JSONNode) -> String { "\(means.text("kind")): \(means.text("because"))" }
        return [("mechanism", words(mechanism))]
            + mechanism.children("not_available").map { ("not available", words($0)) }
    }

    static func words(_ blocker: JSONNode) -> String {
        let owner =
            blocker.member("host") == nil ? blocker.text("vm") : "host \(blocker.text("host"))"
        let place = blocker.member("range").map { " \($0.rangeText)" } ?? ""
        return "\(owner): \(blocker.text("kind"))\(place), \(blocker.text("provenance"))"
    }

    private static func integer(_ node: JSONNode, _ name: String) -> Int {
        node.member(name)?.int(in: 0...Int.max, ProblemList(limit: 1)) ?? 0
    }
}

/// What the tables say of a host's own kernel.
enum HostTable {
    /// Nothing of a host that has those of the answer.
    static func own(_ host: JSONNode) -> [String] {
        var words: [String] = []
        if let kernel = host.member("kernel") {
            // An object where single behaviours are stated.
            let release = kernel.kind == .object ? kernel.text("release") : host.text("kernel")
            words.append("Linux \(release)")
        }
        if host.member("page_size") != nil { words.append("pages of \(host.text("page_size"))") }
        return words
    }
}
