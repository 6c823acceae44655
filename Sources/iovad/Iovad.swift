// Values of flags, read as the members of a request are: the same bounds, the same words.

import ArgumentParser
import JSON

enum FlagValue {
    /// The value of a flag; what is wrong with it ends the command.
    static func read<T>(
        _ name: String, _ text: String, _ reader: (WireValue, ProblemList) -> T?
    ) throws -> T {
        let problems = ProblemList(limit: 1)
        if let value = reader(.text(text, pointer: name), problems), problems.isEmpty { return value }
        let detail = problems.problems.first?.detail ?? "This cannot be read."
        throw ValidationError("\(name) \(text): \(detail)")
    }
}
