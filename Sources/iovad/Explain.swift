// `iovad explain`: what a failed map or an SMMU fault in a text means, answered offline by the service that
// `iovad serve` runs. Which of the two a text holds is found out by asking; a text with both gets both
// answers. A trace of the IOMMU's mappings is told by its lines.

import API
import AddressSpaces
import ArgumentParser
import Glibc
import HTTP
import Ingestion
import JSON
import Machines

struct Explain: CheckedCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Explain failed VFIO or iommufd maps, SMMU faults and traces of the IOMMU in a log.",
        discussion: """
            Give files with what a VMM or the kernel printed, or none or "-" for standard input. Without a \
            machine the answer names candidates; with one it names the region that is in the way and the \
            places that are free. A file that cannot be explained does not keep the others from it. A log \
            among the files of --machine is explained, and is not the machine's.

              iovad explain qemu.log
              dmesg | iovad explain --platform example-arm-juno
              trace-cmd report | iovad explain
              iovad explain --reserved-regions regions.txt --device group:15 qemu.log
              iovad explain qemu.log --machine IORT APIC DSDT iomem.txt
            """)

    @Argument(
        help: ArgumentHelp("Files with the text; \"-\" reads standard input.", valueName: "file"),
        completion: .file())
    var files: [String] = []
    @OptionGroup var machine: MachineOptions
    @Option(help: ArgumentHelp("The device's id. Default: one that the text names.", valueName: "id"))
    var device: String?
    @Option(
        help: "vfio_type1 or iommufd. Default: what the text says.",
        completion: CompletedValues.userConsumers)
    var consumer: String?
    @Option(help: "fixed, candidates, dynamic or none.", completion: CompletedValues.sources)
    var windowSource: String?
    @OptionGroup var conditions: ConditionOptions
    @OptionGroup var report: ReportOption
    @OptionGroup var output: OutputOption

    func checkArguments() throws {
        try machine.check()
        try conditions.check()
        try report.check()
        try output.check()
        for (flag, isGiven) in [("--device", device != nil)] + report.stated where isGiven && !machine.isGiven
        {
            throw ValidationError("\(flag) needs a machine: --machine FILE..., --root DIR or --platform ID")
        }
        let isInputRead = files.isEmpty && logsOfMachine.isEmpty
        try StandardInput.check((isInputRead ? ["-"] : files) + (machine.readsStandardInput ? ["-"] : []))
    }

    /// Files after --machine that describe no machine: `--machine host.json fault.log` takes every word up to
    /// the next option.
    private var logsOfMachine: [String] {
        machine.files.machine.filter { path in
            guard path != "-", Files.isFile(path), let bytes = Files.read(path) else { return false }
            return switch InputKind.sniff(bytes)?.use {
            case .traceReplay, .faultExplanation, .mapExplanation: true
            case .platform, .any, nil: false
            }
        }
    }

    func answer() throws {
        let service = OfflineService(version: Iovad.version)
        let logs = logsOfMachine
        let host = try machine.subject(of: service, without: logs)?.id
        if host == nil, machine.isGiven {
            throw ValidationError("--machine: \(logs.joined(separator: ", ")): a log describes no machine")
        }
        let files = files + logs
        try explainAll(files.isEmpty ? ["-"] : files, on: host, service)
    }

    private func explainAll(_ files: [String], on host: String?, _ service: OfflineService) throws {
        var unexplained = 0
        for file in files {
            if file == "-", isatty(STDIN_FILENO) == 1 {
                Console.say("iovad explain: reading standard input up to its end (Ctrl-D)")
            }
            do {
                let text = try OfflineService.contents(file)
                if files.count > 1, !output.isJSON { print("\(Report.printable(file)):") }
                try explain(text, of: file, on: host, service)
            } catch let error as FileFault {
                Console.say("Error: \(error)")
                unexplained += 1
            } catch let code as ExitCode where code == Ending.failed.code {
                unexplained += 1
            }
        }
        if unexplained > 0 { throw Ending.failed.code }
    }

    /// Asks both routes; the refusal of the one that is not meant is dropped if the other answers.
    private func explain(
        _ text: [UInt8], of file: String, on host: String?, _ service: OfflineService
    ) throws {
        let shared = [
            ("platform", host), ("kernel", conditions.kernel), ("page_size", try conditions.page.hex),
            ("aperture_bits", conditions.aperture.apertureBits.map { String($0) }),
        ]
        let ofMaps = [("--consumer", consumer != nil), ("--window-source", windowSource != nil)]
        if InputKind.sniff(text) == .trace {
            try refuse(ofMaps + report.stated, "a trace", file)
            let answer = service.post(text: text, "/v1/replays" + Self.query(shared + [("device", device)]))
            let isKnown = try host.map { try knowsDoorbells(of: $0, service) } ?? false
            try output.printer.show(answer) { ExplainTable.trace($0, knowsDoorbells: isKnown) }
            return
        }
        let own = [("device", device), ("consumer", consumer), ("window_source", windowSource)]
        let maps: Response
        let faults: Response
        if let regions = try report.regions {
            guard let text = String(validating: text, as: UTF8.self) else {
                throw ValidationError("--iommu-regions needs a text in UTF-8")
            }
            let ofFaults = shared.filter { $0.0 == "platform" }
            let ofHost = shared.filter { $0.0 != "platform" }
            maps = service.post("/v1/map-failures", Self.body(text, shared + own, regions))
            faults = service.post(
                "/v1/fault-explanations" + Self.query(ofHost), Self.body(text, ofFaults, regions))
        } else {
            maps = service.post(text: text, "/v1/map-failures" + Self.query(shared + own))
            faults = service.post(text: text, "/v1/fault-explanations" + Self.query(shared))
        }
        let printer = output.printer
        let isOnlyFaults = try isWithout(maps) && faults.status == 200
        if isOnlyFaults { try refuse([("--device", device != nil)] + ofMaps, "a log of faults only", file) }
        if !output.isJSON, let neither = try neither(maps, faults, text, file) {
            Console.say("Error: \(neither)")
            throw Ending.failed.code
        }
        // A wrong flag is said of the one that reads the text, not that the other does not.
        for answer in [maps, faults] where try !isWithout(answer) { try printer.check(answer) }
        if !isOnlyFaults { try printer.show(maps) { ExplainTable.maps($0) } }
        if faults.status == 200 { try printer.show(faults) { ExplainTable.faults($0) } }
    }

    /// What a text is that has neither, or else what was looked for in it; nil for any other refusal.
    private func neither(
        _ maps: Response, _ faults: Response, _ text: [UInt8], _ file: String
    ) throws -> String? {
        guard try isWithout(maps), try isWithout(faults) else { return nil }
        let place = Self.place(of: file)
        if let kind = JSONFileKind(text) {
            return kind.complaint(about: place, insteadOf: "log that a VMM or the kernel printed")
        }
        if let kind = InputKind.sniff(text), Self.isMachine(kind) {
            return
                "\(place) is \(kind.rawValue), which describes a machine: give it after --machine, and a log"
        }
        let problems = try [maps, faults].map { try output.printer.document($0) }
        return "\(place): "
            + problems.map { Report.withoutRoutes($0.text("detail")) }.joined(separator: "\n  ")
    }

    /// Whether an answer says that the text has nothing of the kind.
    private func isWithout(_ answer: Response) throws -> Bool {
        guard answer.status == 422 else { return false }
        return try output.printer.document(answer).text("code") == ProblemKind.unreadableInput.rawValue
    }

    /// A boot's log describes a machine too, but might have held faults.
    private static func isMachine(_ kind: InputKind) -> Bool {
        switch kind {
        case .deviceTree, .acpiTables, .acpiDump, .sysfs, .iomem, .pciListing: true
        case .json, .trace, .faultLog, .bootLog, .mapFailures, .commandLine: false
        }
    }

    private static func place(of file: String) -> String {
        file == "-" ? Files.standardInput : Report.printable(file)
    }

    /// Refuses flags that say nothing about such a text: they would have no effect.
    private func refuse(_ flags: [RequestArgument.Flag], _ what: String, _ file: String) throws {
        let given = flags.filter(\.isGiven).map(\.name)
        guard !given.isEmpty else { return }
        throw ValidationError(
            "\(Self.place(of: file)) is \(what), which these flags do not concern: leave out \(given.joined(separator: ", "))"
        )
    }

    private func knowsDoorbells(of host: String, _ service: OfflineService) throws -> Bool {
        let platform = try output.printer.document(
            service.get("/v1/platforms/\(RequestTarget.encoded(host))"))
        return platform.children("msi_controllers").contains { $0.member("doorbell")?.text != nil }
    }

    /// The same as a body, which says what a virtio-iommu reports besides.
    private static func body(
        _ text: String, _ values: [(name: String, value: String?)], _ regions: [ReservedRegion]
    ) -> [UInt8] {
        var writer = JSONWriter(reservingBytes: text.utf8.count + 512)
        writer.object { writer in
            writer.member("text", text)
            for (name, value) in values {
                guard let value else { continue }
                writer.key(text: name)
                if name == "aperture_bits", let bits = Int(value) {
                    writer.int(bits)
                } else {
                    writer.string(value)
                }
            }
            writer.iommuRegions(regions)
        }
        return writer.bytes
    }

    private static func query(_ values: [(name: String, value: String?)]) -> String {
        let items = values.compactMap { name, value in value.map { "\(name)=\(RequestTarget.encoded($0))" } }
        return items.isEmpty ? "" : "?" + items.joined(separator: "&")
    }
}

/// Answers as blocks of names and values.
enum ExplainTable {
    static func maps(_ answer: JSONNode) -> String {
        answer.children("items").map { item in
            var rows = [("line", lines(item)), ("failed", what(item))]
            if item.member("errno") != nil, item.text("errno") != "-" {
                rows.append(("errno", item.text("errno")))
            }
            if item.member("region") != nil { rows.append(("region", item.text("region"))) }
            rows.append(("verdict", "\(item.text("verdict")) (\(certainty(item.text("certainty"))))"))
            rows.append(("because", item.text("because")))
            for blocker in item.children("blockers") {
                guard let range = blocker.member("range") else { continue }
                rows.append(("in the way", "\(range.rangeText), \(blocker.text("provenance"))"))
            }
            for candidate in item.children("candidates")
            where !item.text("because").contains(candidate.text("because")) {
                rows.append(("perhaps", "\(candidate.text("verdict")): \(candidate.text("because"))"))
            }
            rows += orElse(item)
            rows += changes(item)
            for start in item.children("alternatives") { rows.append(("fits at", start.text ?? "-")) }
            return Console.table(rows)
        }.joined(separator: "\n") + warnings(answer) + model(answer)
    }

    static func faults(_ answer: JSONNode) -> String {
        answer.children("items").map { item in
            var rows = [("line", number(item, "line")), ("event", item.text("event"))]
            rows.append(("iova", item.text("iova")))
            rows.append(("stream", item.text("stream_id")))
            rows.append(("verdict", item.text("verdict")))
            rows.append(("an MSI?", item.text("is_msi")))
            rows.append(("because", item.text("because")))
            rows += orElse(item)
            rows += changes(item)
            for base in item.children("alternatives") { rows.append(("window at", base.text ?? "-")) }
            rows += warningRows(item)
            return Console.table(rows)
        }.joined(separator: "\n") + model(answer)
    }

    private static func orElse(_ item: JSONNode) -> [(String, String)] {
        guard let other = item.member("if_iommu_reports_msi") else { return [] }
        let words = "\(other.text("verdict")); \(other.text("because"))"
        return [("or else", DecideTable.ifReported(other, words))]
    }

    private static func what(_ item: JSONNode) -> String {
        let place =
            item.text("last") == "-"
            ? (item.text("iova") == "-" ? "" : " at \(item.text("iova"))")
            : " of \(item.text("iova"))...\(item.text("last"))"
        return "\(item.text("action"))\(place), \(item.text("call")) (\(item.text("program")))"
    }

    private static func lines(_ item: JSONNode) -> String {
        let (first, last, count) = (number(item, "line"), number(item, "last_line"), number(item, "count"))
        return (first == last ? first : "\(first) to \(last)")
            + (count == "1" ? "" : ", logged \(count) times")
    }

    private static func certainty(_ word: String) -> String {
        switch word {
        case "yes": "certain"
        case "likely": "likely"
        default: "not certain"
        }
    }

    private static func changes(_ item: JSONNode) -> [(String, String)] {
        item.children("changes").map { ("to do", Report.withoutRoutes($0.text ?? "-")) }
    }

    private static func number(_ item: JSONNode, _ name: String) -> String {
        item.member(name)?.int(in: 0...Int.max, ProblemList(limit: 1)).map { String($0) } ?? "-"
    }

    private static func kind(_ word: String) -> String {
        switch word {
        case "dma_layer": "the kernel's DMA domain"
        case "user_space": "of user space (VFIO or iommufd)"
        default: word
        }
    }

    /// A domain of a trace: whose it is, what was mapped, and which doorbells.
    static func trace(_ answer: JSONNode, knowsDoorbells: Bool) -> String {
        let none =
            knowsDoorbells
            ? "none was mapped"
            : "none was recognized, because the machine's doorbells are not known: run iovad collect > machine.json "
                + "there, and add --machine machine.json"
        let domains = answer.children("domains").map { domain in
            var rows = [
                ("domain", kind(domain.text("kind"))),
                ("device", domain.text("device")),
                ("maps", "\(number(domain, "maps")) made, \(number(domain, "live")) left at the end"),
            ]
            if let span = domain.member("span") { rows.append(("addresses", span.rangeText)) }
            for doorbell in domain.children("doorbells") {
                rows.append(
                    (
                        "doorbell",
                        "\(doorbell.text("physical")) -> \(doorbell.text("iova")), mapped in line \(number(doorbell, "line"))"
                    ))
            }
            if domain.children("doorbells").isEmpty { rows.append(("doorbell", none)) }
            for oddity in domain.children("oddities") {
                rows.append(("odd", "line \(number(oddity, "line")): \(oddity.text("detail"))"))
            }
            return Console.table(rows)
        }
        // What the trace cannot show.
        let notes = answer.children("findings").filter { $0.text("severity") == "warning" }
            .map { Console.table([("note", Report.withoutRoutes($0.text("detail")))]) }
        return notes.map { $0 + "\n" }.joined()
            + (domains.isEmpty
                ? "No line of the trace maps or unmaps anything.\n" : domains.joined(separator: "\n"))
            + model(answer)
    }

    /// Of the whole answer.
    private static func warnings(_ answer: JSONNode) -> String {
        let rows = warningRows(answer)
        return rows.isEmpty ? "" : "\n" + Console.table(rows)
    }

    private static func warningRows(_ node: JSONNode) -> [(String, String)] {
        node.children("warnings").map { ("warning", "\($0.text("code")): \($0.text("detail"))") }
    }

    private static func model(_ answer: JSONNode) -> String {
        answer.modelWords.map { "\nmodel  \($0)\n" } ?? ""
    }
}
