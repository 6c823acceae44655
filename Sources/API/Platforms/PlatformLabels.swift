// Labels of uploaded platforms: names with values, by which a fleet is sorted and listed. The platforms whose
// label `pool` has one value are a pool, which placements, surveys and agreements take in place of a list of
// hosts: each of its platforms is a host with all its active devices.

import HTTP
import JSON

/// Labels by name.
struct PlatformLabels: Hashable, Sendable {
    /// The label whose value names a pool.
    static let poolName = "pool"

    private var values: [String: String] = [:]

    init() {}

    /// The label of a pool.
    init(pool: String) { values[Self.poolName] = pool }

    /// As they were kept.
    init(kept: [(name: String, value: String)]) {
        values = Dictionary(kept.map { ($0.name, $0.value) }) { first, _ in first }
    }

    /// Reads the body of PUT .../labels: an object of texts.
    init(_ root: JSONNode, _ problems: ProblemList) {
        guard ObjectReader(root, problems) != nil else { return }
        if root.count > Limits.labelsPerPlatformMax {
            problems.add("", "too-many", "A platform has at most \(Limits.labelsPerPlatformMax) labels.")
        }
        for member in root.children {
            let value = member.line(bytesMax: Limits.labelValueBytesMax, problems)
            if WireID(member.key) == nil {
                problems.add(member.pointer, "bad-id", "A label's name is an id. \(WireID.sentence)")
            }
            if let value { values[member.key] = value }
        }
    }

    var isEmpty: Bool { values.isEmpty }
    /// Estimate of the memory that they take.
    var costBytes: Int { values.reduce(0) { $0 + 64 + $1.key.utf8.count + $1.value.utf8.count } }
    var pool: String? { values[Self.poolName] }

    /// Names and values by turns, in the order of the names.
    var words: [String?] { sorted.flatMap { [$0.key, $0.value] } }

    fileprivate var sorted: [(key: String, value: String)] { values.sorted { $0.key < $1.key } }

    /// What a list is asked for: a label of this name, with this value or with any.
    struct Query: Sendable {
        let name: String
        let value: String?

        func fits(_ labels: PlatformLabels) -> Bool {
            guard let own = labels.values[name] else { return false }
            return value == nil || own == value
        }
    }
}

extension PlatformLabels.Query {
    /// `name=value`, or `name` for any value.
    init(_ text: String) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        self.init(name: String(parts[0]), value: parts.count > 1 ? String(parts[1]) : nil)
    }
}

extension JSONWriter {
    /// Nothing where there are none.
    mutating func labels(_ labels: PlatformLabels) {
        guard !labels.isEmpty else { return }
        object("labels") { writer in
            for (name, value) in labels.sorted { writer.member(text: name, value) }
        }
    }
}

extension Service {
    func putLabels(_ context: RequestContext) throws(Problem) -> Response {
        let document = try document(context)
        let problems = ProblemList(limit: Limits.problemErrorsMax)
        let labels = PlatformLabels(document.root, problems)
        guard problems.isEmpty else { throw .semantic(problems) }
        let id = context.variable("platform")
        let (made, _) = try change(context, id, .keeps) { keeping throws(Problem) in
            do throws(PlatformStore.Refusal) {
                let entry = try platforms.label(
                    id, labels, if: context.condition, by: context.caller, keeping)
                return (entry, false)
            } catch {
                throw problem(error, id)
            }
        }
        guard let entry = made else { preconditionFailure("labels made platform \(id) nothing") }
        return json(200, headers: [.init("ETag", entry.etag)]) { $0.platformMembers(entry) }
    }

    /// The label that a list is asked for; nil where it is asked for all.
    func labelQuery(_ context: RequestContext) throws(Problem) -> PlatformLabels.Query? {
        guard let text = context.parameter("label") else { return nil }
        let query = PlatformLabels.Query(text)
        guard WireID(query.name) != nil else {
            throw .parameter("label", "Send name=value, or a name for any value. \(WireID.sentence)")
        }
        return query
    }
}

/// What happened to a platform, for whoever depends on it. In order, and after the fact: what there is now is
/// in the store.
enum PlatformChange: Sendable {
    /// Made, replaced, labelled, removed, or at its end.
    case changed(PlatformEntry?, PlatformEntry?)
    case renamed(PlatformEntry, PlatformEntry)
}
