// A log in a JSON body, as every route that reads logs takes it: lines, or one text.

import JSON

enum LogMembers {
    /// `"lines": [...]` or `"text": "..."` as bytes, a line each; empty, with the problem noted, when it is wrong.
    static func read(_ reader: inout ObjectReader, _ problems: ProblemList) -> [UInt8] {
        let lines = reader.optional("lines")
        let text = reader.optional("text")
        switch (lines, text) {
        case (nil, nil):
            problems.add(
                reader.pointer("lines"), "required", "Send the log as \"lines\" (strings) or \"text\".")
            return []
        case (.some, .some(let node)):
            problems.add(node.pointer, "conflict", "Send \"lines\" or \"text\", not both.")
            return []
        case (.some(let node), nil):
            return (node.elements(countMax: Limits.textLinesMax, problems) ?? []).flatMap { element in
                element.string(bytesMax: Limits.bodyBytesMax, problems).map { Array($0.utf8) + [0x0a] } ?? []
            }
        case (nil, .some(let node)):
            return Array((node.string(bytesMax: Limits.bodyBytesMax, problems) ?? "").utf8)
        }
    }
}
