// Policies, window sources and rules as members of answers.

import AddressSpaces
public import JSON
public import MSIWindows

extension JSONWriter {
    public mutating func policy(_ policy: Policy) {
        object { writer in
            writer.member("id", policy.id)
            writer.member("numeral", orNull: policy.numeral)
            writer.member("title", policy.title)
            writer.key("window_source")
            writer.source(policy.source)
            writer.member("consumer", orNull: policy.consumer?.rawValue)
            writer.member("status", policy.status.rawValue)
            writer.member("sentence", policy.sentence)
            writer.member("citation", policy.citation)
        }
    }

    /// A source as a request would spell it.
    public mutating func source(_ source: WindowSource) {
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

    public mutating func rule(_ rule: Rule) {
        object { writer in
            writer.member("id", rule.rawValue)
            writer.member("sentence", rule.sentence)
            writer.member("citation", rule.citation)
        }
    }
}
