// A survey while hosts come in one by one: each is read, decided and dropped. Hosts that are the same byte
// for byte are decided once, as long as what was found on them is among what is kept.

import API
import AddressSpaces
import Fleet
import Ingestion
import Machines

/// A survey and what it knows of the last hosts.
struct HostSurvey {
    private(set) var part: SurveyPart
    private let options: PlatformReader.Options
    private var known: [UInt64: Known] = [:]
    private var knownRows = 0
    private var knownBytes = 0

    /// Rows, and bytes of inputs, of hosts that are kept for others that are the same.
    private static let knownRowsMax = 16_384
    private static let knownBytesMax = 32 << 20

    private struct Known {
        let content: [UInt8]
        let findings: HostFindings
        let statement: HostStatement
    }

    init(_ question: SurveyQuestion, _ options: PlatformReader.Options) {
        part = SurveyPart(question, question.survey)
        self.options = options
    }

    var survey: Survey { part.survey }

    /// Adds the hosts of an entry of files; `row` gets their rows.
    mutating func add(_ entry: MachineFiles.Entry, row: (SurveyRow) -> Void) {
        switch MachineFiles.parts(of: entry) {
        case .success(let parts):
            add(HostInput(name: entry.name, label: entry.label, parts: parts), entry, row: row)
        // One that is named twice is one.
        case .failure(let error) where survey.facts.unread.lines.contains(error.line): return
        case .failure(let error): part.note(unread: error.line)
        }
    }

    /// Adds the host of a line, or those of the path that it is.
    mutating func add(line: [UInt8], at place: String, row: (SurveyRow) -> Void) {
        guard line.first == UInt8(ascii: "{") else {
            let path = String(decoding: line, as: UTF8.self)
            let entries = MachineFiles.list([path])
            if entries.isEmpty { part.note(unread: "\(place): \(MachineFiles.nothing(in: [path]))") }
            for entry in entries { add(entry, row: row) }
            return
        }
        switch HostInput.line(line, label: place) {
        case .success(let host): add(host, nil, row: row)
        case .failure(let error): part.note(unread: error.line)
        }
    }

    private mutating func add(_ host: HostInput, _ entry: MachineFiles.Entry?, row: (SurveyRow) -> Void) {
        let content = host.content
        let digest = content.withUnsafeBytes { WordDigest.of($0) }
        if let known = known[digest], known.content == content {
            return part.add(host.name, known.findings, known.statement, row: row)
        }
        let entry = entry ?? MachineFiles.Entry(name: host.name, source: .file(host.label))
        switch MachineFiles.platform(host.parts, entry, options) {
        case .success(let platform):
            let statement = part.statement(of: platform.host)
            let findings = part.survey.findings(on: platform, under: statement.conditions)
            part.add(host.name, findings, statement, row: row)
            keep(Known(content: content, findings: findings, statement: statement), digest)
        case .failure(let error): part.note(unread: error.line)
        }
    }

    private mutating func keep(_ host: Known, _ digest: UInt64) {
        let (rows, bytes) = (host.findings.rowCount, host.content.count)
        if knownRows + rows > Self.knownRowsMax || knownBytes + bytes > Self.knownBytesMax {
            (known, knownRows, knownBytes) = ([:], 0, 0)
        }
        guard rows <= Self.knownRowsMax, bytes <= Self.knownBytesMax else { return }
        if known.updateValue(host, forKey: digest) == nil {
            knownRows += rows
            knownBytes += bytes
        }
    }
}
