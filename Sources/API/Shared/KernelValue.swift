// A kernel on the wire: a release's name, what uname -r prints, or an object that overrides single
// behaviours. Answers name in `model` the profile that was used, what selected it, and each override.

package import JSON
package import LinuxReleases

extension Condition {
    /// Longest release string; uname's field takes 64 bytes.
    package static let kernelBytesMax = 128
    /// Longest text of the object, as a query and the command line state it.
    package static let kernelTextBytesMax = 1_024

    package static func kernel(_ value: WireValue, _ problems: ProblemList) -> KernelProfile? {
        if case .member(let node) = value, node.kind == .object { return overridden(node, problems) }
        // Only an object may be as long as its text.
        let whole = value.string(bytesMax: .max, ProblemList(limit: 1))
        guard whole?.first(where: { !$0.isWhitespace }) == "{" else { return profile(value, problems) }
        guard let text = value.string(bytesMax: kernelTextBytesMax, problems) else { return nil }
        return overridden(text, value, problems)
    }

    /// The object as a text, from where there are only texts.
    private static func overridden(
        _ text: String, _ value: WireValue, _ problems: ProblemList
    ) -> KernelProfile? {
        let limits = JSONLimits(
            bytesMax: kernelTextBytesMax, depthMax: Limits.jsonDepthMax, valuesMax: kernelTextBytesMax)
        guard let document = try? JSONDocument(parsing: Array(text.utf8), limits: limits) else {
            value.add("unknown-value", "\"\(Excerpt.of(text))\" is not JSON.", problems)
            return nil
        }
        let own = ProblemList(limit: 1)
        if let kernel = overridden(document.root, own), own.isEmpty { return kernel }
        let fault = own.problems.first.map { "\($0.pointer): \($0.detail)" }
        value.add("unknown-value", fault ?? "The value cannot be read.", problems)
        return nil
    }

    private static func overridden(_ node: JSONNode, _ problems: ProblemList) -> KernelProfile? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        defer { reader.finish() }
        let release = reader.value("release") ?? reader.required("release").map(WireValue.member)
        let overrides = reader.optional("overrides")
        guard let release, var kernel = profile(release, problems) else { return nil }
        if let overrides, var members = ObjectReader(overrides, problems) {
            for behaviour in Behaviour.allCases {
                guard let node = members.optional(text: behaviour.rawValue) else { continue }
                guard let given = node.behaviourValue, kernel.override(behaviour, with: given) else {
                    let known = behaviour.values.map(\.text).joined(separator: " or ")
                    problems.add(node.pointer, "unknown-value", "Send \(known).")
                    continue
                }
            }
            members.finish()
        }
        return kernel
    }

    private static func profile(_ value: WireValue, _ problems: ProblemList) -> KernelProfile? {
        guard let text = value.line(bytesMax: kernelBytesMax, problems) else { return nil }
        if let profile = KernelProfile(releaseString: text) { return profile }
        let known = KernelRelease.allCases.map(\.rawValue).joined(separator: ", ")
        value.add(
            "unknown-value",
            "\"\(Excerpt.of(text))\" names no Linux release; send one of \(known), or what uname -r prints, "
                + "which begins with a version as 6.12.",
            problems)
        return nil
    }
}

extension JSONNode {
    /// A value of a behaviour, of whatever kind; nil for what no behaviour has.
    fileprivate var behaviourValue: Behaviour.Value? {
        let ignored = ProblemList(limit: 1)
        switch kind {
        case .bool: return bool(ignored).map(Behaviour.Value.flag)
        case .number: return int(in: 0...1_000, ignored).map(Behaviour.Value.number)
        case .string: return string(bytesMax: 16, ignored).map(Behaviour.Value.word)
        case .null, .array, .object: return nil
        }
    }
}

extension Behaviour.Value {
    /// For a sentence.
    fileprivate var text: String {
        switch self {
        case .flag(let flag): flag ? "true" : "false"
        case .word(let word): "\"\(word)\""
        case .number(let number): String(number)
        }
    }
}

extension JSONWriter {
    /// The kernel and version of an answer.
    ///
    /// - Parameter onX86: it is about x86 hosts and no others.
    package mutating func model(_ kernel: KernelProfile, onX86: Bool = false, engine: String) {
        object("model") { writer in
            writer.member("kernel", kernel.release.rawValue)
            if let stated = kernel.stated { writer.member("selected_by", stated) }
            writer.overrides(of: kernel)
            if let remark = kernel.remark(onX86: onX86) { writer.member("remark", remark) }
            writer.member("engine", engine)
        }
    }

    /// A kernel as a request can state it again.
    mutating func member(_ name: StaticString, kernel: KernelProfile) {
        let selector = kernel.isNumbered ? kernel.selector : kernel.release.rawValue
        guard !kernel.overrides.isEmpty else { return member(name, selector) }
        object(name) { writer in
            writer.member("release", selector)
            writer.overrides(of: kernel)
        }
    }

    private mutating func overrides(of kernel: KernelProfile) {
        let overrides = kernel.overrides
        guard !overrides.isEmpty else { return }
        object("overrides") { writer in
            for behaviour in overrides { writer.member(behaviour, kernel.value(of: behaviour)) }
        }
    }

    /// A behaviour with a value of its kind.
    mutating func member(_ behaviour: Behaviour, _ value: Behaviour.Value) {
        key(text: behaviour.rawValue)
        switch value {
        case .flag(let flag): bool(flag)
        case .word(let word): string(word)
        case .number(let number): int(number)
        }
    }
}
