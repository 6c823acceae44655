// Two readers of fault logs against each other. The second one is a program of Tests/Support/second_reader,
// written from the specification alone by somebody who has not seen ours; it also invents the logs and knows
// what is true of them. Where the two differ, one of them is wrong. Skipped, with a line that says so, where
// there is no python3.

import API
import Foundation
import HTTP
import TestSupport
import Testing

@Suite(.enabled(if: SecondReader.isPresent)) struct SecondReaderTests {
    /// Prints at most so many differences, each with its log.
    static let shownMax = 8

    /// `IOVAD_SECOND_READER_LOGS` asks for more, 5,000 for a whole comparison.
    static let logCount =
        ProcessInfo.processInfo.environment["IOVAD_SECOND_READER_LOGS"].flatMap { Int($0) } ?? 400

    /// Of how many damaged logs in a thousand one reader may say less than the other.
    static let cautiousPerThousand = 1

    /// On each invented log both readers say the same; of a whole one it is the truth, and a damaged one
    /// contradicts it nowhere. Of a damaged record one reader may believe less than the other, seldom, where
    /// nothing that either says is untrue.
    @Test func readersAgreeOnGeneratedLogs() throws {
        let client = ServiceClient()
        let seed = SeededGenerator.forTest("SecondReaderTests", fallback: 0x2026_1129).seed
        let logs = try SecondReader.logs(count: Self.logCount, seed: seed)
        try expectAgreement(in: logs, on: \.reading)
        try expectAgreement(in: logs) {
            client.faults(in: $0.bytes, heldAgainstContract: $0.number % 25 == 0)
        }
        print("second reader: compared \(logs.count) logs")
    }

    private func expectAgreement(
        in logs: [SecondReader.Log], on items: (SecondReader.Log) -> [FaultFacts]
    ) throws {
        #expect(!logs.isEmpty)
        var differences: [String] = []
        var cautious = 0
        for log in logs {
            guard let difference = log.difference(from: items(log)) else { continue }
            if log.isExplained(items(log)) {
                cautious += 1
                print("second reader: one reader says less, nothing untrue, of \(difference)")
            } else {
                differences.append(difference)
            }
        }
        #expect(cautious <= max(1, logs.count * Self.cautiousPerThousand / 1_000))
        #expect(differences.isEmpty, "\(differences.count) of \(logs.count) logs are read differently")
        for difference in differences.prefix(Self.shownMax) { Issue.record("\(difference)") }
    }

    /// The raw reports that people pasted: the second reader was written with them at hand.
    @Test(.enabled(if: SharedShelf.isPresent)) func readersAgreeOnReportedLogs() throws {
        let names = SharedShelf.names(in: "data/field").filter { $0.hasPrefix("f") && $0.hasSuffix(".txt") }
        let client = ServiceClient()
        for name in names {
            let path = SharedShelf.root!.appendingPathComponent("data/field/\(name)").path
            let log = try SecondReader.reading(of: path)
            let items = client.faults(in: SharedShelf.bytes("data/field/\(name)"), heldAgainstContract: true)
            #expect(items == log, "\(name): ours, then the second reader's")
        }
    }
}

extension ServiceClient {
    /// The items of a log, in the order of their lines; empty where the service finds no fault.
    fileprivate func faults(in log: [UInt8], heldAgainstContract: Bool) -> [FaultFacts] {
        let target = "/v1/fault-explanations"
        let body: [UInt8]
        if heldAgainstContract {
            body = ask(.post, target, log, type: "text/plain").response.body
        } else {
            let head = RequestHead(
                method: .post, rawTarget: Array(target.utf8),
                headers: HeaderFields([.init("Content-Type", "text/plain")]), peer: "test")
            body = service.responder.respond(to: Request(head: head, body: log)).body
        }
        let answer = (try? JSONSerialization.jsonObject(with: Data(body))) as? [String: Any] ?? [:]
        let items = answer["items"] as? [[String: Any]] ?? []
        return FaultFacts.list(items)
    }
}

/// What is compared of a fault. Numbers are the wire's hexadecimal.
private struct FaultFacts: Equatable, CustomStringConvertible {
    var line: Int
    /// By the member's name; what is not known is absent.
    var told: [String: String]

    static let members = [
        "event", "cause", "iova", "stream_id", "substream_id", "access", "stage", "client",
    ]

    init(json: [String: Any]) {
        line = json["line"] as? Int ?? 0
        told = [:]
        for member in Self.members {
            if let text = json[member] as? String {
                told[member] = text
            } else if let number = json[member] as? UInt64 {
                told[member] = member == "stage" ? "\(number)" : "0x" + String(number, radix: 16)
            }
        }
    }

    /// In the order of their lines.
    static func list(_ json: [[String: Any]]) -> [FaultFacts] {
        json.map(FaultFacts.init(json:)).sorted { ($0.line, $0.description) < ($1.line, $1.description) }
    }

    /// Whether the other list has each item, and says of it at least as much.
    static func isPart(_ items: [FaultFacts], of others: [FaultFacts]) -> Bool {
        items.allSatisfy { item in
            others.contains { other in
                other.line == item.line && item.told.allSatisfy { other.told[$0.key] == $0.value }
            }
        }
    }

    /// Whether nothing that is told here is different there.
    func agrees(with truth: FaultFacts) -> Bool {
        told.allSatisfy { member, value in
            switch member {
            // Where the first line is lost, the second one does not say that the stream was unknown; the
            // kernel has no name for some events; and the reason of a queue's error may be cut off.
            case "event":
                value == truth.told[member] || value == "UNKNOWN"
                    || value == "global fault" && truth.told[member] == "unknown stream"
                    || truth.told[member]?.hasPrefix(value + ": ") == true
            case "cause": value == truth.told[member] || value == "other"
            default: value == truth.told[member]
            }
        }
    }

    var description: String {
        "line \(line) "
            + Self.members.compactMap { name in told[name].map { "\(name)=\($0)" } }.joined(separator: " ")
    }
}

/// The program, and what it prints.
private enum SecondReader {
    static let python = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        .map { "\($0)/python3" }.first { FileManager.default.isExecutableFile(atPath: $0) }

    static let isPresent: Bool = {
        if python == nil { print("SKIPPED: no python3 for the second reader of fault logs") }
        return python != nil
    }()

    static let folder = SharedShelf.packageRoot.appendingPathComponent("Tests/Support/second_reader")

    struct Log {
        var number: Int
        var how: String
        var bytes: [UInt8]
        /// Nothing was cut from it.
        var isWhole: Bool
        var truth: [FaultFacts]
        var reading: [FaultFacts]
        /// Of each line of the paste the faults that it may be a part of.
        var owners: [Int: [FaultFacts]]

        /// Whether a difference is one of caution alone: the log is damaged, all that either reader says is
        /// true, and what one says is a part of what the other does.
        func isExplained(_ items: [FaultFacts]) -> Bool {
            !isWhole && items.allSatisfy(isTrue) && reading.allSatisfy(isTrue)
                && (FaultFacts.isPart(items, of: reading) || FaultFacts.isPart(reading, of: items))
        }

        private func isTrue(_ item: FaultFacts) -> Bool {
            owners[item.line]?.contains(where: item.agrees(with:)) == true
        }

        /// What is wrong with our items, or with the second reader's; nil when both are right.
        func difference(from items: [FaultFacts]) -> String? {
            var complaints: [String] = []
            if items != reading { complaints.append("the readers differ") }
            if isWhole, items != truth { complaints.append("not the truth") }
            for item in items where !isWhole && !isTrue(item) {
                complaints.append("against the truth: \(item)")
            }
            guard !complaints.isEmpty else { return nil }
            let sides = [("read", items), ("second reader", reading), ("truth", truth)]
            let lists = sides.map { "\($0):\n" + $1.map { "    \($0)\n" }.joined() }
            return "log \(number), \(how): " + complaints.joined(separator: "; ") + "\n"
                + String(decoding: bytes, as: UTF8.self) + "\n" + lists.joined()
        }
    }

    static func logs(count: Int, seed: UInt64) throws -> [Log] {
        let output = try run("generate_logs.py", "--count", "\(count)", "--seed", "\(seed)", "--read")
        return try output.split(separator: UInt8(ascii: "\n")).map { line in
            let json = try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any] ?? [:]
            let truths = (json["truths"] as? [[String: Any]] ?? []).map(FaultFacts.init(json:))
            let owners = json["owners"] as? [String: [Int]] ?? [:]
            return Log(
                number: json["number"] as? Int ?? 0, how: json["how"] as? String ?? "",
                bytes: [UInt8](Data(base64Encoded: json["log"] as? String ?? "") ?? Data()),
                isWhole: json["whole"] as? Bool ?? false, truth: facts(json["truth"]),
                reading: facts(json["read"]),
                owners: Dictionary(
                    uniqueKeysWithValues: owners.map { (Int($0) ?? 0, $1.map { truths[$0] }) }))
        }
    }

    static func reading(of path: String) throws -> [FaultFacts] {
        let output = try run("fault_reader.py", path)
        let json = try JSONSerialization.jsonObject(with: Data(output)) as? [String: Any] ?? [:]
        return facts(json["items"])
    }

    private static func facts(_ json: Any?) -> [FaultFacts] {
        FaultFacts.list(json as? [[String: Any]] ?? [])
    }

    /// Standard output of one of the programs; their errors go where the test's go.
    private static func run(_ program: String, _ arguments: String...) throws -> [UInt8] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: python!)
        // Writes no compiled files into the source tree.
        process.arguments = ["-B", folder.appendingPathComponent(program).path] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(program) failed")
        return [UInt8](output)
    }
}
