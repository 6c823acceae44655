// Window sources on the wire, read and written: a word, or an object with "kind". Decisions, views, domains
// and policies spell them alike.

import AddressSpaces
import Fleet
import JSON
package import MSIWindows

extension WireWords {
    /// Window sources that a word alone names.
    package static let sources: [(word: String, value: WindowSource)] = [
        ("fixed", .fixed), ("candidates", .posted),
        ("dynamic", .dynamic(prefer: .nearestDefault, size: WindowSource.mainlineSize)), ("none", .none),
    ]
    /// Kinds of a source that is an object.
    static let sourceKinds = sources + [(word: "user", value: .user(UserWindow(start: nil)))]
}

extension WindowSource {
    /// Reads a source: of a query only a word.
    init?(_ value: WireValue, _ problems: ProblemList) {
        switch value {
        case .member(let node): self.init(node, problems)
        case .text:
            guard let source = value.choice(WireWords.sources, problems) else { return nil }
            self = source
        }
    }

    /// Reads a source; every fault goes to `problems`.
    init?(_ node: JSONNode, _ problems: ProblemList) {
        guard node.kind == .object else {
            guard let source = node.choice(WireWords.sources, problems) else { return nil }
            self = source
            return
        }
        guard var reader = ObjectReader(node, problems) else { return nil }
        let kind = reader.required("kind")?.choice(WireWords.sourceKinds, problems)
        switch kind {
        case .fixed?: self = .fixed
        case WindowSource.none?: self = .none
        case .candidates?:
            self = Self.candidates(&reader, problems)
        case .dynamic?: self = Self.dynamic(&reader, problems)
        case .user?: self = Self.user(&reader, problems)
        case nil: return nil
        }
        reader.finish()
    }

    private static func size(_ reader: inout ObjectReader, _ problems: ProblemList) -> UInt64 {
        reader.value("size").flatMap { WindowDemand.size($0, problems) } ?? mainlineSize
    }

    /// The default bases hold a window of every size that is accepted.
    private static func candidates(_ reader: inout ObjectReader, _ problems: ProblemList) -> WindowSource {
        var bases = [mainlineBase, postedSecondBase]
        let size = size(&reader, problems)
        let avoid = reader.optional("avoid").map { $0.choice(WireWords.avoids, problems) } ?? .advertised
        let ifNone =
            reader.optional("if_none").map { $0.choice(WireWords.ifNones, problems) } ?? .offersNothing
        if let node = reader.optional("bases"),
            let nodes = node.elements(countMax: Limits.candidateBasesMax, problems)
        {
            if nodes.isEmpty {
                problems.add(node.pointer, "empty", "Send at least one base, or leave out \"bases\".")
            }
            bases = nodes.compactMap { node in
                guard let base = node.u64(problems) else { return nil }
                return WindowDemand.window(at: base, size: size, .member(node), problems)?.start.value
            }
        }
        return .candidates(
            bases: bases, size: size, avoid: avoid ?? .advertised, ifNone: ifNone ?? .offersNothing)
    }

    private static func dynamic(_ reader: inout ObjectReader, _ problems: ProblemList) -> WindowSource {
        let size = size(&reader, problems)
        let prefer =
            reader.optional("prefer").map { $0.choice(WireWords.preferences, problems) } ?? .nearestDefault
        return .dynamic(prefer: prefer ?? .nearestDefault, size: size)
    }

    /// The options as user space sets them: what Linux would refuse is an answer, so nothing is checked here
    /// but that they are numbers.
    private static func user(_ reader: inout ObjectReader, _ problems: ProblemList) -> WindowSource {
        var option = UserWindow(start: nil)
        option.start = reader.optional("start").flatMap { $0.u64(problems) }
        option.size = reader.optional("size").flatMap { $0.size(problems) }
        if let node = reader.optional("reading"), let reading = node.choice(WireWords.readings, problems) {
            option.reading = reading
        }
        option.isAttached = reader.optional("attached").flatMap { $0.bool(problems) } ?? false
        if let node = reader.optional("driver"), let driver = WindowSource(node, problems) {
            if case .user = driver {
                problems.add(
                    node.pointer, "nested",
                    "The driver cannot be of kind \"user\" itself; send another source.")
            } else {
                option.driver = driver
            }
        }
        return .user(option)
    }
}

extension JSONWriter {
    /// A source as a request would spell it.
    mutating func source(_ source: WindowSource) {
        object { writer in
            switch source {
            case .fixed: writer.member("kind", "fixed")
            case .none: writer.member("kind", "none")
            case .candidates(let bases, let size, let avoid, let ifNone):
                writer.member("kind", "candidates")
                writer.array("bases") { writer in bases.forEach { writer.hex($0) } }
                writer.member("size", hex: size)
                writer.member("avoid", avoid.rawValue)
                writer.member("if_none", ifNone.rawValue)
            case .dynamic(let preference, let size):
                writer.member("kind", "dynamic")
                writer.member("prefer", preference.rawValue)
                writer.member("size", hex: size)
            case .user(let option):
                writer.member("kind", "user")
                if let start = option.start { writer.member("start", hex: start) }
                if let size = option.size { writer.member("size", hex: size) }
                writer.member("reading", option.reading.rawValue)
                if option.isAttached { writer.member("attached", true) }
                if option.driver != .fixed {
                    writer.key("driver")
                    writer.source(option.driver)
                }
            }
        }
    }
}
