// The service without a server: requests of the command line take the same path as those of a socket. Also
// what the commands that use it share: reading a request file, and printing an answer or a problem.

import API
import ArgumentParser
import HTTP
import HTTPClient
import Ingestion
import JSON
import MSIWindows
import Machines

struct OfflineService {
    /// The id under which a machine that was read from files is asked about.
    static let offeredID = "file"

    /// A machine that the service knows.
    struct Subject {
        var id: String
        /// For people.
        var name: String
        /// Of a running host: what there is to ask about.
        var groups: [HostGroup] = []
        /// Whether it was read from a running host's files and has no IOMMU: neither groups nor devices that
        /// firmware puts behind one.
        var hasNoIOMMU = false
    }

    private let service: Service

    init(version: String) {
        service = Service(Service.Configuration(version: version, build: BuildFacts.all))
    }

    func get(_ target: String) -> Response { ask(.get, target, [], type: nil) }

    func post(_ target: String, _ body: [UInt8]) -> Response {
        ask(.post, target, body, type: MediaType.json)
    }

    func post(text: [UInt8], _ target: String) -> Response {
        ask(.post, target, text, type: MediaType.plain)
    }

    /// Reads a machine and has the service know it; what is wrong with its description goes to standard
    /// error. One that cannot be read ends the command.
    func offer(
        _ entry: MachineFiles.Entry, _ options: PlatformReader.Options = MachineFiles.options,
        as id: String = offeredID
    ) throws -> Subject {
        switch MachineFiles.read(entry, options) {
        case .success(let machine):
            _ = service.offer(machine.platform, as: id, readFrom: machine.bytes)
            tell(machine, entry.label)
            return Subject(
                id: id, name: entry.label, groups: machine.groups,
                hasNoIOMMU: entry.isHost && machine.groups.isEmpty && machine.platform.devices.isEmpty)
        case .failure(let error):
            throw CommandFailure(Report.printable(error.line))
        }
    }

    /// Findings of one machine that are printed; the service lists all.
    private static let findingsTold = 8
    /// What a collection's own notes say in other words.
    private static let noted: Set = ["nothing-described", "no-iommu-groups"]

    private func tell(_ machine: MachineFiles.Machine, _ label: String) {
        for note in machine.notes { Console.say("\(Report.printable(label)): \(note)") }
        let grave = machine.platform.findings.filter {
            $0.severity < .info && (machine.notes.isEmpty || !Self.noted.contains($0.code))
        }
        for finding in grave.prefix(Self.findingsTold) {
            Console.say(
                Report.printable(
                    "\(label): \(finding.severity.rawValue) \(finding.code), \(finding.location): \(finding.detail)"
                ))
        }
        if grave.count > Self.findingsTold {
            Console.say("\(Report.printable(label)): \(grave.count - Self.findingsTold) more findings")
        }
    }

    /// The bytes of a file; "-" is standard input.
    static func contents(_ path: String) throws -> [UInt8] { try Files.contents(path, takesInput: true) }

    private func ask(_ method: Method, _ target: String, _ body: [UInt8], type: String?) -> Response {
        let fields = type.map { [HeaderFields.Field("Content-Type", $0)] } ?? []
        let head = RequestHead(
            method: method, rawTarget: Array(target.utf8), headers: HeaderFields(fields), peer: "offline")
        return service.responder.respond(to: Request(head: head, body: body))
    }
}

/// How the commands that ask the service print its answers.
struct AnswerPrinter {
    /// As JSON, not as a table.
    let asJSON: Bool
    /// The file that the request is from; nil where it was made of flags, so that what is wrong with it is a
    /// flag's.
    var source: String?
    /// Whom the answer is from; nil where it is our own service.
    var asked: String?

    /// Prints an answer and returns it; see `check` for problems.
    @discardableResult
    func show(_ answer: Response, table: (JSONNode) -> String) throws -> JSONNode {
        try check(answer)
        let document = try document(answer)
        print(
            asJSON ? String(decoding: answer.body, as: UTF8.self) + "\n" : table(document), terminator: "")
        return document
    }

    /// A problem goes to standard error and ends the command.
    func check(_ answer: Response) throws {
        guard !(200..<300).contains(answer.status) else { return }
        let problem = try document(answer)
        let isUsage = source == nil && problem.member("errors") != nil
        Console.say(asJSON ? String(decoding: answer.body, as: UTF8.self) : words(of: problem))
        throw (isUsage ? Ending.usage : .failed).code
    }

    /// The answer as a document. Our own service does not write what it cannot read; what a server's address
    /// answers need not be iovad's.
    func document(_ answer: Response) throws -> JSONNode {
        let limits = JSONLimits(bytesMax: 1 << 30, depthMax: Limits.jsonDepthMax, valuesMax: 100_000_000)
        guard let asked else { return try JSONDocument(parsing: answer.body, limits: limits).root }
        guard let root = try? JSONDocument(parsing: answer.body, limits: limits).root, root.kind == .object
        else { throw Server.stranger(asked, answer.status) }
        return root
    }

    /// A line for each thing that is wrong: the flag, or the file and the member in it.
    private func words(of problem: JSONNode) -> String {
        let file = source.map { ($0 == "-" ? Files.standardInput : Report.printable($0)) + ": " } ?? ""
        let errors = problem.children("errors").map { error in
            let pointer = error.text("pointer")
            let place = source == nil ? RequestFlags.name(of: pointer) : Report.member(pointer)
            let detail = Report.withoutRoutes(error.text("detail"))
            return "Error: \(file)\(place.isEmpty ? "" : place + ": ")\(detail)"
        }
        guard errors.isEmpty else { return errors.joined(separator: "\n") }
        return "Error: \(file)\(problem.text("title")): \(Report.withoutRoutes(problem.text("detail")))"
    }
}

/// Which flag stands for a member or a parameter of a request.
enum RequestFlags {
    /// Where the flag is not called as the member is.
    private static let names = [
        "p2p": "--no-p2p", "movable": "--not-movable", "doorbell_count": "--doorbells",
        "doorbells": "--doorbell", "name": "--host", "capabilities": "--capability", "devices": "--device",
    ]
    /// Members whose own members have flags.
    private static let groups: Set = ["vm", "window", "hosts", "host"]

    /// The flag of "/vm/maxmem", "?kernel" or "/hosts/0/platform".
    static func name(of pointer: String) -> String {
        let parts = pointer.split { $0 == "/" || $0 == "?" }
        let member = parts.first { !groups.contains(String($0)) && Int($0) == nil } ?? parts.last
        guard let member else { return "the flags" }
        // The one host of a check is a platform of the server, under its id.
        if parts.first == "host", member == "name" { return "--platform" }
        return names[String(member)] ?? "--" + member.replacing("_", with: "-")
    }
}

/// Members of an answer, as the tables show them.
extension JSONNode {
    func children(_ name: String) -> [JSONNode] { member(name).map { Array($0.children) } ?? [] }

    /// A string, made printable; `absent` when there is none.
    func text(_ name: String, absent: String = "-") -> String { member(name)?.text ?? absent }

    var text: String? {
        guard kind == .string else { return nil }
        return string(bytesMax: .max, ProblemList(limit: 1)).map(Report.printable)
    }

    /// The kernel that an answer follows, what selected it, and our version; nil without a model.
    var modelWords: String? {
        guard let model = member("model") else { return nil }
        let selected = model.member("selected_by")?.text.map { " for \($0)" } ?? ""
        let overridden = model.member("overrides") == nil ? "" : " with overrides"
        return "Linux \(model.text("kernel"))\(selected)\(overridden), iovad \(model.text("engine"))"
    }

    /// Facts of a collected host that the answer rests on; nil when there are none.
    var hostFactWords: String? {
        guard let facts = member("host_facts") else { return nil }
        let words = HostFact.Name.allCases.map(\.rawValue).compactMap { name in
            facts.member(name)?.text.map { "\(name) \($0)" }
        }
        return words.joined(separator: ", ")
    }

    func flag(_ name: String) -> Bool { member(name)?.bool(ProblemList(limit: 1)) ?? false }

    /// `start...last`
    var rangeText: String { "\(text("start"))...\(text("last"))" }
}
