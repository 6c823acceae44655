// One libFuzzer harness for every reader of untrusted bytes: IOVAD_FUZZ names the reader. It is no SwiftPM
// target, because SwiftPM cannot link libFuzzer's main; Fuzz/run.sh compiles the package's modules with
// coverage and links this file against them.

import AddressSpaces
import Glibc
import HTTP
import Ingestion
import JSON
import MSIWindows
import Machines

enum Reader: String, CaseIterable {
    case deviceTree = "device_tree"
    case acpi, aml, viot, mcfg, sysfs, json, multipart
    case faultLog = "fault_log"
    case trace
    case bootLog = "boot_log"
    case pciListing = "lspci"
    case mapFailures = "map_failures"
    case commandLine = "command_line"
    case head

    static let chosen: Reader = {
        guard let name = getenv("IOVAD_FUZZ"), let reader = Reader(rawValue: String(cString: name)) else {
            fatalError("IOVAD_FUZZ is one of \(allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return reader
    }()

    func read(_ bytes: [UInt8]) {
        switch self {
        case .deviceTree: if let platform = try? DeviceTreeReader.read(bytes) { use(platform) }
        case .acpi, .aml, .viot, .mcfg:
            var facts = ACPIReader.Facts()
            // An IORT stands before AML, VIOT and MCFG, so that they have root complexes to join.
            if self == .acpi { facts.preservesPCIConfiguration = true }
            if let platform = try? ACPIReader.read([bytes], facts) { use(platform) }
        case .sysfs, .bootLog: readPlatform(bytes, nil)
        case .pciListing: readPlatform(bytes, nil, beside: Array("PCI host bridge to bus 0002:00\n".utf8))
        case .commandLine:
            readPlatform(bytes, nil, named: "cmdline", beside: Array("PCI host bridge to bus 0002:00\n".utf8))
        case .json: readPlatform(bytes, [.json])
        case .head: HeadTarget.send(bytes)
        case .multipart: _ = try? MultipartForm(bytes, contentType: "multipart/form-data; boundary=B")
        case .faultLog:
            guard let log = try? FaultLog.read(bytes) else { return }
            let question = FaultQuestion(platform: BuiltInCatalogue.platform("example-qemu-virt"))
            _ = FaultExplanation.explain(log.faults, question)
        case .mapFailures:
            guard let log = try? MapFailureLog.read(bytes) else { return }
            let device = BuiltInCatalogue.platform("example-qemu-virt").devices[0]
            for question in [MapQuestion(), MapQuestion(Question(device: device))] {
                _ = MapExplanation.explain(log.failures, question)
            }
        case .trace:
            guard let trace = try? TraceText.read(bytes) else { return }
            _ = TraceReconstruction(trace.events, TraceQuestion(doorbells: [PhysicalAddress(0x809_0040)]))
        }
    }

    private func readPlatform(
        _ bytes: [UInt8], _ labelled: Set<InputKind>?, named name: String = "body",
        beside other: [UInt8]? = nil
    ) {
        let problems = ProblemList(limit: 32)
        let options = PlatformReader.Options(
            json: JSONLimits(bytesMax: 8 << 20, depthMax: 32, valuesMax: 1_000_000))
        var parts = [InputPart(name: name, bytes: bytes, labelled: labelled)]
        if let other { parts.append(InputPart(name: "other", bytes: other, labelled: nil)) }
        if let platform = try? PlatformReader.read(parts, options, problems), problems.isEmpty {
            use(platform)
        }
    }

    /// What a service would ask of a platform next.
    private func use(_ platform: Platform) {
        _ = platform.pciFunction("0000:00:10.0")
        for device in platform.devices.prefix(8) {
            for page in [Granule.kib4, .kib64] {
                let conditions = Conditions(pageSize: page)
                let group = PreparedGroup(
                    IOMMUGroup([device]), usable: device.usableRanges, under: conditions)
                _ = group.device.withheld.freeForWindow
                _ = group.advertised(.fixed).sysfsText
                for consumer in Consumer.allCases {
                    _ = Decision.decide(
                        Question(
                            device: device, consumer: consumer, conditions: conditions,
                            doorbells: [PhysicalAddress(0x809_0040)]))
                }
            }
        }
    }
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    Reader.chosen.read(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
