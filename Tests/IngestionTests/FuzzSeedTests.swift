// The fuzzers start from files of ours; one that its reader turns away at the door teaches them nothing.

import Foundation
import JSON
import Machines
import TestSupport
import Testing

@testable import Ingestion

@Suite struct FuzzSeedTests {
    private static let kinds: [(reader: String, kinds: Set<InputKind>)] = [
        ("device_tree", [.deviceTree]), ("acpi", [.acpiTables, .acpiDump]),
        ("aml", [.acpiTables]), ("viot", [.acpiTables]), ("mcfg", [.acpiTables]), ("sysfs", [.sysfs]),
        ("json", [.json]), ("fault_log", [.faultLog]), ("trace", [.trace]),
        ("boot_log", [.bootLog]), ("lspci", [.pciListing]),
        ("map_failures", [.mapFailures]), ("command_line", [.commandLine]),
    ]

    @Test(arguments: kinds) func seedsAreRead(reader: String, kinds: Set<InputKind>) throws {
        let folder = SharedShelf.packageRoot.appendingPathComponent("Fuzz/corpus/\(reader)")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(!names.isEmpty)
        for name in names {
            let bytes = Array(try Data(contentsOf: folder.appendingPathComponent(name)))
            #expect(bytes.count < 16 << 10, "\(name) is no small seed")
            let kind = try #require(InputKind.sniff(bytes), "\(name)")
            #expect(kinds.contains(kind), "\(name) is \(kind.rawValue)")
            switch kind {
            case .faultLog: #expect(try !FaultLog.read(bytes).faults.isEmpty, "\(name)")
            case .mapFailures: #expect(try !MapFailureLog.read(bytes).failures.isEmpty, "\(name)")
            case .trace: #expect(try !TraceText.read(bytes).events.isEmpty, "\(name)")
            case .commandLine: #expect(!HostOptions.commandLine(bytes, place: name).isEmpty, "\(name)")
            case .pciListing: #expect(try !PCIListing.read(bytes).functions.isEmpty, "\(name)")
            default:
                let problems = ProblemList(limit: 8)
                let limits = JSONLimits(bytesMax: 1 << 20, depthMax: 32, valuesMax: 100_000)
                let part = InputPart(name: name, bytes: bytes, labelled: nil)
                let platform = try PlatformReader.read([part], .init(json: limits), problems)
                #expect(problems.isEmpty && !platform.devices.isEmpty, "\(name): \(problems.problems)")
            }
        }
    }
}
