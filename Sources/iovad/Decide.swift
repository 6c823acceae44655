// `iovad decide`: one question, answered offline by the service that `iovad serve` runs, so that both give
// the same bytes. It reads a request as JSON, or makes one of flags. Without a device, all devices of the
// machine are asked about.

import API
import AddressSpaces
import ArgumentParser
import JSON

struct Decide: CheckedCommand {
    static let configuration = CommandConfiguration(
        commandName: "decide",
        abstract: "Answer where a device's MSI doorbells are mapped, whether it reaches them, and why.",
        discussion: """
            Without a machine it answers for this host: a verdict for each device of its IOMMU groups. With \
            --root or what iovad collect wrote, for that host. With another machine and no --device it \
            answers for every device behind an active SMMU. A file with the JSON that POST /v1/decisions \
            takes may name the machine of --machine as platform "file"; files after --machine are all its \
            own, up to the next option.

              iovad decide
              iovad decide --platform example-arm-juno --device /pcie@40000000
              iovad decide --machine IORT APIC DSDT iomem.txt --device 01:00.0
              iovad decide --json request.json
            """)

    @OptionGroup var question: RequestArgument
    @OptionGroup var machine: MachineOptions
    @Option(help: ArgumentHelp("The device's id. Default: all of the machine's.", valueName: "id"))
    var device: String?
    @Option(
        help: "dma_api, vfio_type1 or iommufd. Default: vfio_type1.", completion: CompletedValues.consumers)
    var consumer: String?
    @Option(
        help: ArgumentHelp("fixed, candidates, dynamic, none, or a JSON object.", valueName: "source"),
        completion: CompletedValues.sources)
    var windowSource: String?
    @OptionGroup var conditions: ConditionOptions
    @OptionGroup var report: ReportOption
    @Option(help: ArgumentHelp("dma_api: the device's DMA mask, like 0xffffffff.", valueName: "mask"))
    var dmaMask: String?
    @Flag(help: "dma_api: the kernel runs with iommu.forcedac=1.")
    var forcedac = false
    @Option(
        help: ArgumentHelp(
            "Address of a doorbell register; repeat for several. Default: the platform's.",
            valueName: "address"))
    var doorbell: [String] = []
    @Option(
        help: ArgumentHelp("How much to explain: none, summary or full.", valueName: "level"),
        completion: CompletedValues.explainLevels)
    var explain = "summary"
    @OptionGroup var output: OutputOption

    func checkArguments() throws {
        try question.check(
            against: [
                ("--platform", machine.platform != nil), ("--device", device != nil),
                ("--consumer", consumer != nil), ("--window-source", windowSource != nil),
            ] + conditions.stated + report.stated + [
                ("--dma-mask", dmaMask != nil), ("--forcedac", forcedac), ("--doorbell", !doorbell.isEmpty),
            ])
        try machine.check()
        try conditions.check()
        try report.check()
        try output.check()
        try StandardInput.check(
            [question.request].compactMap { $0 } + (machine.readsStandardInput ? ["-"] : []))
        _ = try FlagValue.read("--explain", explain) { $0.choice(WireWords.explainLevels, $1) }
    }

    func answer() throws {
        let service = OfflineService(version: Iovad.version)
        let named = try machine.subject(of: service)
        if let request = question.request {
            let body = try OfflineService.contents(request)
            try JSONFileKind.check(body, of: request, is: .decisionRequest, "request of iovad decide")
            return try show(service, body, from: request)
        }
        let subject = try named ?? thisHost(service)
        if subject.hasNoIOMMU { throw Self.lacksIOMMU(subject) }
        if let device { return try show(service, try requestText(subject.id, device)) }
        let verdicts = DeviceVerdicts(
            of: subject, try AskedDevices(of: subject, service, output.printer), service, output.printer,
            explain: explain)
        try verdicts.show { try requestText(subject.id, $0) }.end()
    }

    private func thisHost(_ service: OfflineService) throws -> OfflineService.Subject {
        let host = MachineFiles.Entry(name: "this host", source: .host(root: ""))
        return try service.offer(host, as: Service.hostID)
    }

    private static func lacksIOMMU(_ subject: OfflineService.Subject) -> CommandFailure {
        CommandFailure(
            "\(Report.printable(subject.name)) has no IOMMU group: its kernel drives no IOMMU, so that MSIs go to physical "
                + "addresses. Ask about another machine: --machine FILE..., --root DIR (a host's copied sys/ and proc/), or "
                + "--platform ID (iovad machines lists them).")
    }

    private func show(_ service: OfflineService, _ body: [UInt8], from file: String? = nil) throws {
        var printer = output.printer
        printer.source = file
        let answer = try printer.show(service.post("/v1/decisions?explain=\(explain)", body)) {
            DecideTable.decision($0)
        }
        try Ending.ofDecisions([answer]).end()
    }

    /// The flags as the request that they stand for.
    private func requestText(_ platform: String, _ device: String) throws -> [UInt8] {
        var members = [
            ("platform", quoted(platform)), ("device", quoted(device)),
            ("consumer", quoted(consumer ?? "vfio_type1")),
        ]
        if let windowSource {
            members.append(
                ("window_source", windowSource.hasPrefix("{") ? windowSource : quoted(windowSource)))
        }
        if let kernel = conditions.kernel { members.append(("kernel", quoted(kernel))) }
        if let page = try conditions.page.hex { members.append(("page_size", quoted(page))) }
        if let bits = conditions.aperture.apertureBits { members.append(("aperture_bits", String(bits))) }
        if let dmaMask {
            let mask = try FlagValue.size("--dma-mask", dmaMask)
            members.append(("dma_mask", quoted(HexLiteral.text(mask))))
        }
        if let regions = report.iommuRegions { members.append(("iommu_regions", regions)) }
        if forcedac { members.append(("forcedac", "true")) }
        if !doorbell.isEmpty {
            let addresses = try doorbell.map { HexLiteral.text(try FlagValue.size("--doorbell", $0)) }
            members.append(("doorbells", "[\(addresses.map(quoted).joined(separator: ","))]"))
        }
        return Array("{\(members.map { "\(quoted($0.0)):\($0.1)" }.joined(separator: ","))}".utf8)
    }

    private func quoted(_ text: String) -> String {
        var writer = JSONWriter(reservingBytes: text.utf8.count + 2)
        writer.string(text)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}
