// The options that several commands have, each declared once with its help, its check and what it conflicts
// with: which machine, under which conditions, from which request, printed how.

import API
import AddressSpaces
import ArgumentParser
import HTTP
import Ingestion
import JSON
import Machines

/// A command whose arguments are checked together once all of them are known: a check while they are parsed
/// would take the value of a flag that does not exist for a file, and say something else about it.
protocol CheckedCommand: ParsableCommand {
    /// Refuses arguments that do not go together.
    func checkArguments() throws
    func answer() throws
}

extension CheckedCommand {
    func run() throws {
        do {
            try checkArguments()
            try answer()
        } catch let error as ValidationError {
            // As the parser says it, which knows the command; here it would name only the first.
            let usage = Iovad.usageString(for: Self.self)
            let command = usage.split(separator: " ").prefix { $0.first?.isLetter ?? false }
            Console.say(
                "Error: \(error.message)\nUsage: \(usage)\n"
                    + "  See '\(command.joined(separator: " ")) --help' for more information.")
            throw Ending.usage.code
        }
    }
}

/// The files of one machine.
struct MachineOption: ParsableArguments {
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            """
            Files of one machine: a device tree, ACPI tables with iomem, dmesg or lspci text, \
            reserved_regions, JSON, what iovad collect wrote; or one folder: of tables, or a host's \
            tree with sys/ and proc/. "-" is standard input.
            """, valueName: "file"), completion: .file())
    var machine: [String] = []
}

/// What may be said about how machines are read, as the parameters of POST /v1/platforms.
struct ReadingOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "What an msi line of reserved_regions is, where its place does not tell: software or hardware.",
            valueName: "word"), completion: CompletedValues.assumptions)
    var assume: String?
    @Flag(
        inversion: .prefixedNo,
        help: "ACPI: the kernel keeps the PCI configuration of the boot, whatever _DSM function 5 says.")
    var preserveConfig: Bool?

    func check() throws { _ = try reader }

    var reader: PlatformReader.Options {
        get throws {
            var options = MachineFiles.options
            options.preservesPCIConfiguration = preserveConfig
            options.assumption = try assume.map { word in
                try FlagValue.read("--assume", word) { $0.choice(WireWords.assumptions, $1) }
            }
            return options
        }
    }
}

/// A copied host.
struct RootOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A host's copied tree (with sys/, proc/ and var/log/dmesg below it) instead of this host.",
            valueName: "folder"), completion: .directory)
    var root: String?

    func check() throws {
        if let root { try Files.checkTree(root, named: "--root") }
    }
}

/// One machine, however it is named.
struct MachineOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("A built-in machine; `iovad machines` lists them.", valueName: "id"),
        completion: CompletedValues.platforms)
    var platform: String?
    @OptionGroup var files: MachineOption
    @Option(
        name: [.customLong("device-tree"), .customLong("reserved-regions")],
        help: ArgumentHelp("One file, as --machine takes it; repeat for several.", valueName: "file"),
        completion: .file())
    var file: [String] = []
    @OptionGroup var host: RootOption
    @OptionGroup var reading: ReadingOptions

    private var paths: [String] { files.machine + file }

    func check() throws {
        let given = [
            ("--platform", platform != nil), ("--machine (--device-tree)", !paths.isEmpty),
            ("--root", host.root != nil),
        ].filter(\.1).map(\.0)
        guard given.count < 2 else {
            throw ValidationError("give only one of \(given.joined(separator: " and "))")
        }
        try StandardInput.check(paths)
        try host.check()
        try reading.check()
    }

    var isGiven: Bool { platform != nil || !paths.isEmpty || host.root != nil }
    /// Whether standard input is one of its files.
    var readsStandardInput: Bool { paths.contains("-") }

    /// The machine, which the service knows from now on under the id; nil when none is named. Files of
    /// --machine may be something else than the machine's: those are `others`.
    func subject(
        of service: OfflineService, without others: [String] = []
    ) throws -> OfflineService.Subject? {
        if let platform {
            let answer = service.get("/v1/platforms/\(RequestTarget.encoded(platform))")
            guard answer.status != 404 else {
                throw ValidationError(
                    "--platform \(Report.printable(platform)): no built-in machine has this id; iovad machines lists them"
                )
            }
            return OfflineService.Subject(id: platform, name: platform)
        }
        if let root = host.root {
            let entry = MachineFiles.Entry(name: root, source: .host(root: root), flag: "--root")
            return try service.offer(entry, reading.reader)
        }
        let paths = paths.filter { !others.contains($0) }
        guard !paths.isEmpty else { return nil }
        let flag = files.machine.isEmpty ? "--device-tree" : "--machine"
        return try service.offer(MachineFiles.one(paths, named: flag), reading.reader)
    }
}

enum StandardInput {
    /// It can be read only once.
    static func check(_ paths: [String]) throws {
        guard paths.filter({ $0 == "-" }).count < 2 else {
            throw ValidationError("standard input is asked for twice, and can be read only once")
        }
    }
}

struct PageSizeOption: ParsableArguments {
    @Option(
        help: ArgumentHelp("CPU page size, like 4096, 0x1000 or 64K.", valueName: "bytes"),
        completion: CompletedValues.pageSizes)
    var pageSize: String?

    /// What a request states too, with its flag.
    var stated: [RequestArgument.Flag] { [("--page-size", pageSize != nil)] }

    func check() throws { _ = try hex }

    /// As requests take it.
    var hex: String? {
        get throws { try pageSize.map { HexLiteral.text(try FlagValue.size("--page-size", $0)) } }
    }
}

struct ApertureOption: ParsableArguments {
    @Option(help: ArgumentHelp("Address bits that the IOMMU translates.", valueName: "bits"))
    var apertureBits: Int?

    func check() throws {
        guard let apertureBits else { return }
        _ = try FlagValue.read("--aperture-bits", String(apertureBits), Condition.apertureBits)
    }
}

/// What is known of a virtio-iommu besides its description.
struct ReportOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            What a virtio-iommu reports of its endpoints, as "iommu_regions" of a request: [] for nothing, or like \
            '[{"start": "0x8090000", "size": "0x10000", "type": "msi"}]'. Default: both answers are given.
            """, valueName: "json"))
    var iommuRegions: String?

    /// What a request states too, with its flag.
    var stated: [RequestArgument.Flag] { [("--iommu-regions", iommuRegions != nil)] }

    func check() throws { _ = try regions }

    /// nil where it is left to the device.
    var regions: [ReservedRegion]? {
        get throws {
            try iommuRegions.map { try FlagValue.json("--iommu-regions", $0, Condition.iommuRegions) }
        }
    }
}

/// Under which conditions Linux is asked about.
struct ConditionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Linux release: \(FlagValue.kernels).", valueName: "release"),
        completion: CompletedValues.kernels)
    var kernel: String?
    @OptionGroup var page: PageSizeOption
    @OptionGroup var aperture: ApertureOption

    /// What a request states too, with its flags.
    var stated: [RequestArgument.Flag] {
        [("--kernel", kernel != nil)] + page.stated + [("--aperture-bits", aperture.apertureBits != nil)]
    }

    func check() throws {
        if let kernel { _ = try FlagValue.read("--kernel", kernel, Condition.kernel) }
        try page.check()
        try aperture.check()
    }
}

/// A whole request instead of flags.
struct RequestArgument: ParsableArguments {
    @Argument(help: "File with a request as JSON; \"-\" reads standard input.", completion: .file())
    var request: String?

    typealias Flag = (name: String, isGiven: Bool)

    /// Refuses the flags that a request would state itself: beside one they would have no effect.
    func check(against flags: [Flag]) throws {
        let given = flags.filter(\.isGiven).map(\.name)
        guard request != nil, !given.isEmpty else { return }
        throw ValidationError(
            "the request file takes the place of some flags: leave out \(given.joined(separator: ", "))")
    }
}

struct OutputOption: ParsableArguments {
    enum Format: String, CaseIterable, ExpressibleByArgument {
        case text, json
    }

    @Option(
        help: "text or json: the service's answer, one a line where there are several. Default: text.")
    var format: Format?
    @Flag(help: "The same as --format json.")
    var json = false

    func check() throws {
        if json, format == .text { throw ValidationError("give --json or --format text, not both") }
    }

    var isJSON: Bool { json || format == .json }
    var printer: AnswerPrinter { AnswerPrinter(asJSON: isJSON) }
}
