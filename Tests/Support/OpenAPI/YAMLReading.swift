// YAML as the JSON value that it stands for. Yams composes the nodes; what a plain scalar means is decided
// here by YAML 1.2's core schema, and words that YAML 1.1 reads otherwise (yes, no, on, off) must be quoted,
// so that no reader of the document can disagree with another.

import Yams

/// Why a YAML text is not read.
public struct YAMLFault: Error, CustomStringConvertible {
    public let description: String
}

extension JSONValue {
    /// Reads the one document of a YAML text.
    public init(yaml text: String) throws {
        guard let node = try Yams.compose(yaml: text) else { throw YAMLFault(description: "no document") }
        try self.init(node)
    }

    private init(_ node: Node) throws {
        switch node {
        case .scalar(let scalar): self = try Self.scalar(scalar)
        case .sequence(let sequence): self = .array(try sequence.map { try JSONValue($0) })
        case .mapping(let mapping):
            var members: [String: JSONValue] = [:]
            for (key, value) in mapping {
                guard case .scalar(let name) = key else {
                    throw YAMLFault(description: "a key that is not a scalar")
                }
                guard members.updateValue(try JSONValue(value), forKey: name.string) == nil else {
                    throw YAMLFault(description: "the key \(name.string) stands twice")
                }
            }
            self = .object(members)
        case .alias(let alias): throw YAMLFault(description: "an alias: \(alias.anchor)")
        }
    }

    private static let words: [String: JSONValue] = [
        "": .null, "~": .null, "null": .null, "true": .bool(true), "false": .bool(false),
    ]
    private static let ambiguous: Set<String> = ["yes", "no", "on", "off", "y", "n"]

    private static func scalar(_ scalar: Node.Scalar) throws -> JSONValue {
        let text = scalar.string
        guard scalar.style == .plain || scalar.style == .any else { return .string(text) }
        if let value = words[text] { return value }
        if ambiguous.contains(text.lowercased()) {
            throw YAMLFault(description: "\(text) is a word for some readers and a flag for others: quote it")
        }
        guard let first = text.utf8.first, (0x30...0x39).contains(first) || first == UInt8(ascii: "-") else {
            return .string(text)
        }
        if let value = Int(text) { return .integer(value) }
        if text.hasPrefix("0x") || text.hasPrefix("0o") {
            throw YAMLFault(description: "\(text) is a number for YAML: quote it")
        }
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) || "+-.eE".utf8.contains($0) }),
            let value = Double(text)
        else { return .string(text) }
        return .number(value)
    }
}
