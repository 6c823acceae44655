// What a JSON file is, by its members, so that one which is given in the place of another can be called by
// its name: a machine where a request is expected, a request where a machine is, an answer in the place of
// either. Readers decide what is wrong with a file of the right kind; this is asked when a file is not.

import Ingestion
import JSON

enum JSONFileKind: Equatable {
    case machine
    case decisionRequest
    case placementRequest
    case trace
    /// An answer of iovad, by its `kind`.
    case answer(String)
    /// The body of POST /v1/fault-explanations or /v1/map-failures.
    case logRequest

    /// nil for bytes that are not JSON, and for JSON that is none of these.
    init?(_ bytes: [UInt8]) {
        guard InputKind.sniff(bytes) == .json,
            let root = try? JSONDocument(parsing: bytes, limits: MachineFiles.jsonLimits).root,
            root.kind == .object
        else { return nil }
        func has(_ names: String...) -> Bool { names.contains { root.member($0) != nil } }
        if has("ops") || root.member("kind")?.text == "digest" {
            self = .trace
        } else if has("collected") {
            self = .machine
        } else if let kind = root.member("kind")?.text, has("model") || has("findings") {
            self = .answer(kind)
        } else if has("vm") {
            self = .placementRequest
        } else if has("device", "reserved_regions", "consumer"), has("platform", "reserved_regions") {
            self = .decisionRequest
        } else if has("smmus", "devices"), !has("policies", "kernels", "domains") {
            self = .machine
        } else if has("text", "lines") {
            self = .logRequest
        } else {
            return nil
        }
    }

    /// For "... is ...".
    private var words: String {
        switch self {
        case .machine: "describes a machine"
        case .decisionRequest: "is a request of iovad decide"
        case .placementRequest: "is a request of iovad place"
        case .trace: "is a trace of the allocator"
        case .answer(let kind): "is an answer of iovad (\(kind))"
        case .logRequest: "is a log in the body of a request"
        }
    }

    /// Which command takes a file of this kind; nil where none does.
    private func command(_ file: String) -> String? {
        switch self {
        case .machine: "iovad decide --machine \(file)"
        case .decisionRequest: "iovad decide \(file)"
        case .placementRequest: "iovad place \(file)"
        case .trace: "iovad replay \(file)"
        case .answer, .logRequest: nil
        }
    }

    /// "x.json is a request of iovad place, no machine: iovad place x.json"
    func complaint(about file: String, insteadOf wanted: String) -> String {
        let command = command(file == Files.standardInput ? "-" : file).map { ": \($0)" } ?? ""
        return "\(file) \(words), no \(wanted)\(command)"
    }

    /// Refuses a file that is something else than what a command wants.
    static func check(
        _ bytes: [UInt8], of file: String, is wanted: JSONFileKind, _ words: String
    ) throws {
        guard let kind = JSONFileKind(bytes), kind != wanted else { return }
        let name = file == "-" ? Files.standardInput : Report.printable(file)
        throw CommandFailure(kind.complaint(about: name, insteadOf: words))
    }
}
