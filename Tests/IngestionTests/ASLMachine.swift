// A machine's DSDT and SSDTs as ASL source, invented from a seed: host bridges in buses and scopes, and
// around them the terms that firmware consists of, so that a reader has to walk all of it. iasl makes
// tables of it.

import Foundation
import SecondAML
import TestSupport

struct ASLMachine {
    private(set) var dsdt = ""
    private(set) var ssdts: [String] = []
    /// By path.
    private(set) var bridges: [String: ASLBridge] = [:]
    /// What a bus around a bridge says of coherence, by path.
    private(set) var coherence: [String: Bool] = [:]
    /// What the buses say of themselves, by their names.
    private(set) var states: [String: ASLTruth<Bool>] = [:]

    private static let head = "External (\\_SB.EXTM, MethodObj) External (\\_SB.EXTV, IntObj)"

    init(_ random: inout SeededGenerator) {
        var system: [String] = [
            "Method (LOOK, 1) { Arg0 = 7 Return (Arg0) }",
            "Method (HELP, 1) { CreateByteField (Arg0, 0, HBYT) HBYT = 1 Return (0) }",
        ]
        system += Self.noise("S", &random)
        var (externals, scopes): ([String], [String]) = ([], [])
        var extended: [(path: String, lines: [String], externals: [String])] = []
        let buses = Int.random(in: 0...2, using: &random)
        var devices: [[String]] = Array(repeating: [], count: buses + 1)
        var busCoherence: Bool?
        for number in 0..<Int.random(in: 1...5, using: &random) {
            let bridge = ASLBridge(number, &random)
            let bus = Int.random(in: 0...buses, using: &random)
            let scope = (["\\_SB"] + (0..<bus).map { "BUS\($0)" }).joined(separator: ".")
            let path = "\(scope).\(bridge.name)"
            bridges[path] = bridge
            system += bridge.outside
            externals += bridge.externals.map { "External (\(path).\($0))" }
            var terms = bridge.own + Self.noise("B", &random).prefix(2)
            var rest: [String] = []
            if Int.random(in: 0..<4, using: &random) == 0 {
                // The device is opened again further on.
                rest = Array(terms.suffix(terms.count / 2))
                terms.removeLast(terms.count / 2)
                scopes.append("Scope (\(path)) { \(rest.joined(separator: "\n")) }")
            }
            let device = "Device (\(bridge.name)) {\n\(terms.joined(separator: "\n"))\n}"
            devices[bus].append(bridge.isConditional ? "If (\\_OSI (\"Linux\")) { \(device) }" : device)
            if !bridge.later.isEmpty { extended.append((path, bridge.later, bridge.laterExternals)) }
        }
        var inner = ""
        for bus in (0...buses).reversed() {
            let content = (devices[bus] + [inner]).joined(separator: "\n")
            guard bus > 0 else {
                inner = content
                continue
            }
            var own = "Name (_HID, \"ACPI0004\")"
            if Int.random(in: 0..<4, using: &random) == 0 {
                let (source, truth) = ASLStates.any(&random)
                own += " \(source)"
                states["BUS\(bus - 1)"] = truth
            }
            if bus == 1, Bool.random(using: &random) {
                busCoherence = Bool.random(using: &random)
                own += " Name (_CCA, \(busCoherence! ? 1 : 0))"
            }
            inner = "Device (BUS\(bus - 1)) { \(own)\n\(content) }"
        }
        for path in bridges.keys where path.contains("BUS0") { coherence[path] = busCoherence }
        let revision = Int.random(in: 0..<6, using: &random) == 0 ? 1 : 2
        dsdt =
            "DefinitionBlock (\"\", \"DSDT\", \(revision), \"IOVAD \", \"INVENTED\", 1) {\n\(Self.head)\n"
            + "\(externals.joined(separator: "\n"))\nScope (\\_SB) {\n"
            + "\(system.joined(separator: "\n"))\n\(inner)\n}\n\(scopes.joined(separator: "\n"))\n}\n"
        for (path, lines, more) in extended {
            let names = ["External (\(path), DeviceObj)"] + more.map { "External (\(path).\($0))" }
            ssdts.append(
                "DefinitionBlock (\"\", \"SSDT\", 2, \"IOVAD \", \"INVENTED\", 1) {\n\(Self.head)\n"
                    + "\(names.joined(separator: "\n"))\nScope (\(path)) {\n"
                    + "\(lines.joined(separator: "\n"))\n}\n}\n")
        }
    }

    /// Terms that say nothing of host bridges; names start with a letter of the place.
    private static func noise(_ mark: String, _ random: inout SeededGenerator) -> [String] {
        let all = [
            "Name (\(mark)PKG, Package (3) { 1, \"two\", Package () { 3, Buffer (1) { 4 } } })",
            """
            OperationRegion (\(mark)REG, SystemMemory, 0x1000, 0x100)
            Field (\(mark)REG, DWordAcc, NoLock, Preserve)
                { \(mark)FL1, 8, Offset (4), \(mark)FL2, 200, AccessAs (ByteAcc), \(mark)FL3, 1 }
            IndexField (\(mark)FL1, \(mark)FL2, ByteAcc, NoLock, Preserve) { \(mark)IX1, 8 }
            BankField (\(mark)REG, \(mark)FL1, 2, ByteAcc, NoLock, Preserve) { \(mark)BK1, 8 }
            """,
            "Mutex (\(mark)MTX, 0) Event (\(mark)EVT)",
            """
            Method (\(mark)MT1, 2, Serialized) { Local0 = 0 While (Local0 < 4) { Local0++ If (Local0 == 2)
                { Continue } ElseIf (Arg0) { Break } Else { Noop } } Switch (Arg1) { Case (1) { Return (1) }
                Case (Package () { 2, 3 }) { Sleep (1) } Default { Stall (1) } } Return (Local0) }
            """,
            """
            Method (\(mark)MT2, 1) { Local0 = Mid (Arg0, 1, 2) Divide (9, 2, Local1, Local2)
                Local3 = Match (Package () { 1, 2 }, MEQ, 1, MTR, 0, 0) Local4 = ToHexString (Local1)
                Local5 = FindSetLeftBit (Local2) Notify (\\_SB, 0x80) Fatal (1, 2, 3) Debug = Local4
                If (Timer > 5) { Return (ToBCD (Local1)) } Return (Revision) }
            """,
            """
            Name (\(mark)NUM, 3) Method (\(mark)GTR, 1) { Return (RefOf (\(mark)NUM)) }
            Method (\(mark)MT3) { Add (1, \(mark)NUM, \(mark)GTR (1)) \(mark)GTR (3) = 4
                Return (SizeOf (\(mark)GTR (2))) }
            """,
            "ThermalZone (\(mark)THZ) { Method (_TMP) { Return (3000) } }",
            "PowerResource (\(mark)PWR, 0, 0) { Method (_STA) { Return (1) } Method (_ON) {} Method (_OFF) {} }",
            "Processor (\(mark)CPU, 1, 0x120, 6) { Name (_UID, 1) }",
            "Device (\(mark)DEV) { Name (_HID, \"ARMH0011\") Name (_CRS, ResourceTemplate () "
                + "{ Memory32Fixed (ReadWrite, 0x9000000, 0x1000) }) Name (_SEG, 3) }",
            "If (\\_OSI (\"Windows\")) { Name (\(mark)CND, 1) } Else { Name (\(mark)CNE, 2) }",
            "Method (\(mark)LCK, 0, Serialized) { If (Acquire (\\_GL, 0xFFFF) == 0) { Release (\\_GL) } }",
        ]
        return all.shuffled(using: &random).prefix(Int.random(in: 0...5, using: &random)).map { $0 }
    }
}

extension ASLMachine {
    /// Where a reading is not what the source says.
    func contradictions(_ reading: SecondReading) -> [String] {
        var lines: [String] = reading.refused.map { "table \($0): \($1)" }
        let read = Dictionary(grouping: reading.bridges, by: \.path)
        for (path, truth) in bridges.sorted(by: { $0.key < $1.key }) {
            guard let bridge = read[path]?.first else {
                switch truth.identity {
                case .known(false), .absent: continue
                case .known(true), .refused: break
                }
                lines.append("\(path) is not read")
                continue
            }
            if case .known(let isBridge) = truth.identity, isBridge == (bridge.doubt != nil) {
                lines.append("\(path) is read as a bridge that it is \(isBridge ? "" : "not")")
            }
            func hold<Read, Told>(
                _ name: String, _ said: Said<Read>, _ told: ASLTruth<Told>, _ isSame: (Read, Told) -> Bool
            ) {
                switch (said, told) {
                case (.nothing, .absent), (.unknown, .refused): return
                case (.value(let value), .known(let known)): if isSame(value, known) { return }
                case (.nothing, _), (.unknown, _), (.value, _): break
                }
                lines.append("\(path) \(name): read \(said), the source says \(told)")
            }
            hold("_CRS", bridge.resources, truth.resources) { $1.isSame(as: $0) }
            hold("_DMA", bridge.inbound, truth.inbound) { $1.isSame(as: $0) }
            hold("_SEG", bridge.segment, truth.segment, ==)
            hold("_BBN", bridge.firstBus, truth.firstBus, ==)
            hold("_DSM", bridge.preserves, truth.preserves, ==)
            let coherent = (coherence[path] ?? truth.isCoherent).map(ASLTruth.known) ?? .absent
            hold("_CCA", bridge.isCoherent, coherent, ==)
            hold("_STA", bridge.presence, presence(of: path, truth.presence), ==)
            if (bridge.condition != nil) != truth.isConditional {
                lines.append("\(path) is under a condition: \(truth.isConditional)")
            }
        }
        for path in Set(read.keys).subtracting(bridges.keys).sorted() { lines.append("\(path) is a bridge") }
        return lines
    }

    /// Of a bridge and the buses around it: one that is absent is enough.
    private func presence(of path: String, _ own: ASLTruth<Bool>) -> ASLTruth<Bool> {
        var presence = ASLTruth.known(true)
        for state in [own] + states.filter({ path.contains($0.key) }).map(\.value) {
            switch state {
            case .known(false): return state
            case .refused: presence = state
            case .known(true), .absent: continue
            }
        }
        return presence
    }
}

/// Intel's compiler, where it is installed (package acpica-tools).
enum ASLCompiler {
    static let path = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        .map { "\($0)/iasl" }.first { FileManager.default.isExecutableFile(atPath: $0) }

    static let isPresent: Bool = {
        if path == nil { print("SKIPPED: no iasl (package acpica-tools) to compile ASL with") }
        return path != nil
    }()

    /// The tables, the DSDT first; nil, with what the compiler says, where it refuses the source.
    static func tables(of machine: ASLMachine, in folder: URL) throws -> (tables: [[UInt8]]?, words: String) {
        var tables: [[UInt8]] = []
        for (number, source) in ([machine.dsdt] + machine.ssdts).enumerated() {
            let base = folder.appendingPathComponent("t\(number)")
            let file = base.appendingPathExtension("asl")
            try source.write(to: file, atomically: false, encoding: .utf8)
            let compiled = base.appendingPathExtension("aml")
            try? FileManager.default.removeItem(at: compiled)
            let (_, words) = try run(path!, "-p", base.path, file.path)
            guard let bytes = try? Data(contentsOf: compiled) else { return (nil, words + source) }
            tables.append([UInt8](bytes))
        }
        return (tables, "")
    }
}
