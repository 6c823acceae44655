// `iovad decide`: one question, answered offline by the service that `iovad serve` runs, so that both give
// the same bytes. It reads a request as JSON, or makes one of flags; the table for people shows the same
// facts as the JSON.

import API
import AddressSpaces
import ArgumentParser
import HTTP
import JSON
import LinuxReleases

struct Decide: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Answer one question: where a device's MSI doorbells are mapped, and why.",
        discussion: """
            Give the question as a file with the JSON that POST /v1/decisions takes ("-" is standard input),
            or as flags. --device-tree reads the machine from a file; a request names it platform "file".

              iovad decide --platform example-arm-juno --device /pcie@40000000
              iovad decide --device-tree board.dtb --device /pcie@40000000 --consumer dma_api --forcedac
              iovad decide --json request.json
            """)

    @Argument(help: "File with a request as JSON; \"-\" reads standard input.")
    var request: String?
    @Option(help: "A built-in platform.")
    var platform: String?
    @Option(help: "A flattened device tree to read the platform from.")
    var deviceTree: String?
    @Option(help: "The device's id. Without it, the devices are listed.")
    var device: String?
    @Option(help: "dma_api, vfio_type1 or iommufd.")
    var consumer = "vfio_type1"
    @Option(help: "fixed, candidates, dynamic, none, or a JSON object.")
    var windowSource: String?
    @Option(help: "Linux release: \(FlagValue.kernels).")
    var kernel: String?
    @Option(help: "CPU page size, like 0x1000.")
    var pageSize: String?
    @Option(help: "Address bits that the SMMU translates.")
    var apertureBits: Int?
    @Option(help: "dma_api: the device's DMA mask, like 0xffffffff.")
    var dmaMask: String?
    @Flag(help: "dma_api: the kernel runs with iommu.forcedac=1.")
    var forcedac = false
    @Option(help: "Address of a doorbell register; repeat for several. Default: the platform's.")
    var doorbell: [String] = []
    @Option(help: "How much to explain: none, summary or full.")
    var explain = "summary"
    @Flag(help: "Print the answer as JSON instead of a table.")
    var json = false

    func validate() throws {
        if request != nil, platform != nil || device != nil {
            throw ValidationError("give a request file, or --platform and --device, not both")
        }
        if platform != nil, deviceTree != nil {
            throw ValidationError("give --platform or --device-tree, not both")
        }
        _ = try FlagValue.read("--explain", explain) { $0.choice(WireWords.explainLevels, $1) }
        if request == nil, platform == nil, deviceTree == nil {
            throw ValidationError("give a request file, --platform or --device-tree")
        }
    }

    func run() throws {
        let service = OfflineService(version: Iovad.version)
        let printer = AnswerPrinter(asJSON: json)
        if let deviceTree {
            guard let bytes = Files.read(deviceTree) else {
                throw ValidationError("cannot read \(deviceTree)")
            }
            try printer.check(service.upload(bytes))
        }
        if request == nil, device == nil {
            let target =
                "/v1/platforms/\(RequestTarget.encoded(platformID))/devices?limit=\(Limits.pageItemsMax)"
            try printer.show(service.get(target)) { DecideTable.devices($0) }
            return
        }
        let body = try request.map(OfflineService.requestBody) ?? Array(requestText().utf8)
        try printer.show(service.post("/v1/decisions?explain=\(explain)", body)) { DecideTable.decision($0) }
    }

    private var platformID: String { deviceTree == nil ? platform ?? "" : OfflineService.uploadedID }

    /// The flags as the request that they stand for.
    private func requestText() throws -> String {
        var members = [
            ("platform", quoted(platformID)), ("device", quoted(device ?? "")),
            ("consumer", quoted(consumer)),
        ]
        if let windowSource {
            members.append(
                ("window_source", windowSource.hasPrefix("{") ? windowSource : quoted(windowSource)))
        }
        if let kernel { members.append(("kernel", quoted(kernel))) }
        if let pageSize {
            members.append(("page_size", try quotedSize("--page-size", pageSize)))
        }
        if let apertureBits { members.append(("aperture_bits", String(apertureBits))) }
        if let dmaMask { members.append(("dma_mask", try quotedSize("--dma-mask", dmaMask))) }
        if forcedac { members.append(("forcedac", "true")) }
        if !doorbell.isEmpty {
            members.append(("doorbells", "[\(doorbell.map(quoted).joined(separator: ","))]"))
        }
        return "{\(members.map { "\(quoted($0.0)):\($0.1)" }.joined(separator: ","))}"
    }

    private func quotedSize(_ flag: String, _ text: String) throws -> String {
        quoted(HexLiteral.text(try FlagValue.size(flag, text)))
    }

    private func quoted(_ text: String) -> String {
        var writer = JSONWriter(reservingBytes: text.utf8.count + 2)
        writer.string(text)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

enum DecideTable {
    static func decision(_ answer: JSONNode) -> String {
        var rows: [(String, String)] = [("outcome", answer.text("outcome"))]
        if answer.member("errno") != nil { rows.append(("errno", answer.text("errno"))) }
        if let window = answer.member("window") { rows.append(("window", window.rangeText)) }
        rows.append(("reachable", reachability(answer)))
        rows.append(("because", answer.text("because")))
        for doorbell in answer.children("doorbells") {
            rows.append(("doorbell", "\(doorbell.text("physical")) -> \(doorbell.text("iova"))"))
        }
        for (index, address) in answer.children("earlier_mappings").enumerated() {
            rows.append(("earlier mapping", "\(index): \(address.text ?? "not mapped")"))
        }
        for check in answer.children("map_checks") {
            let result = check.flag("allowed") ? "allowed" : check.text("errno")
            rows.append(("map", "\(check.text("iova")) + \(check.text("size")): \(result)"))
        }
        for ranges in answer.children("iova_ranges") { rows.append(("offered", ranges.rangeText)) }
        for warning in answer.children("warnings") {
            rows.append(("warning", "\(warning.text("code")): \(warning.text("detail"))"))
        }
        if let explanation = answer.member("explanation") {
            for step in explanation.children("steps") {
                rows.append(("step", "\(step.text("verdict")) \(step.text("rule")): \(step.text("text"))"))
            }
        }
        if let facts = answer.hostFactWords { rows.append(("host", facts)) }
        if let model = answer.modelWords { rows.append(("model", model)) }
        return Console.table(rows)
    }

    private static func reachability(_ answer: JSONNode) -> String {
        if answer.member("reachability")?.text != nil { return "conditional" }
        return answer.flag("reachable") ? "yes" : "no"
    }

    static func devices(_ answer: JSONNode) -> String {
        let rows = answer.children("items").map { device in
            (device.text("id"), "\(device.text("kind"))\(device.flag("active") ? "" : ", not active")")
        }
        return "Choose one with --device:\n" + Console.table(rows)
    }
}
