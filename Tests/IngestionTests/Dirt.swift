// What happens to a text between a machine and a request: mail, terminals, editors, forums. Each function
// does to a clean text what one of them does.

import TestSupport

enum Dirt {
    static func lines(_ text: String) -> [String] {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
        return lines
    }

    private static func each(_ text: String, _ change: (Int, String) -> String) -> String {
        lines(text).enumerated().map { change($0.offset, $0.element) + "\n" }.joined()
    }

    static func quoted(_ text: String, depth: Int, mark: String = "> ") -> String {
        each(text) { _, line in String(repeating: mark, count: depth) + line }
    }

    static func painted(_ text: String) -> String {
        each(text) { _, line in
            let indent = line.prefix { $0 == " " || $0 == "\t" }
            return indent + "\u{1b}[33;1m" + line.dropFirst(indent.count).prefix(7) + "\u{1b}[0m"
                + line.dropFirst(indent.count).dropFirst(7)
        }
    }

    static func paged(_ text: String, _ banner: String) -> String {
        each(text) { index, line in index > 0 && index % 3 == 0 ? banner + line : line }
    }

    static func numbered(_ text: String, _ separator: String) -> String {
        each(text) { index, line in "\(index + 1)\(separator)\(line)" }
    }

    static func stamped(_ text: String, _ stamp: String) -> String { each(text) { _, line in stamp + line } }

    static func quotedPrintable(_ text: String) -> String {
        each(text) { _, line in
            var rest = Array(line.replacing("=", with: "=3D"))
            var out = ""
            while rest.count > 76 {
                var cut = 75
                // An escape is not broken.
                while rest[(cut - 2)..<cut].contains("=") { cut -= 1 }
                out += String(rest[..<cut]) + "=\n"
                rest.removeFirst(cut)
            }
            return out + String(rest)
        }
    }

    /// Every way to break one line of the text at a blank after `columns`.
    static func broken(_ text: String, columns: Int = 60) -> [String] {
        let all = lines(text)
        var found: [String] = []
        for (index, line) in all.enumerated() {
            let characters = Array(line)
            for place in characters.indices
            where place >= columns && characters[place] == " " && characters[place - 1] != " " {
                let tail = String(characters[place...]).drop { $0 == " " }
                guard !tail.isEmpty else { continue }
                var copy = all
                copy[index] = String(characters[..<place]) + "\n" + tail
                found.append(copy.joined(separator: "\n") + "\n")
            }
        }
        return found
    }

    /// Every long line broken at its last blank before `columns`, as mail programs do.
    static func folded(_ text: String, columns: Int = 72) -> String {
        each(text) { _, line in
            var (out, column) = ("", 0)
            var words = line.split(separator: " ", omittingEmptySubsequences: false)
            let first = words.removeFirst()
            out += first
            column = first.count
            for word in words {
                if column + 1 + word.count > columns, column > 40, !word.isEmpty {
                    out += "\n" + word
                    column = word.count
                } else {
                    out += " " + word
                    column += 1 + word.count
                }
            }
            return out
        }
    }

    static func utf16(_ text: String, isBig: Bool = false, hasMark: Bool = true) -> [UInt8] {
        ((hasMark ? [0xfeff] : []) + Array(text.utf16)).flatMap { unit -> [UInt8] in
            let (high, low) = (UInt8(unit >> 8), UInt8(unit & 0xff))
            return isBig ? [high, low] : [low, high]
        }
    }

    /// Every single kind of dirt by name, from text to bytes.
    static func all(command: String, knowsStamps: Bool) -> [(name: String, make: (String) -> [UInt8])] {
        func bytes(_ change: @escaping (String) -> String) -> (String) -> [UInt8] {
            { Array(change($0).utf8) }
        }
        var all: [(String, (String) -> [UInt8])] = [
            ("crlf", bytes { $0.replacing("\n", with: "\r\n") }),
            ("cr", bytes { $0.replacing("\n", with: "\r") }),
            ("utf16le", { utf16($0) }), ("utf16be", { utf16($0, isBig: true) }),
            ("utf16le bare", { utf16($0, hasMark: false) }),
            ("utf16be bare", { utf16($0, isBig: true, hasMark: false) }),
            ("mark", { TextMarks.utf8 + Array($0.utf8) }), ("qp", bytes(quotedPrintable)),
            ("colours", bytes(painted)), ("more", bytes { paged($0, "--More--(12%)") }),
            ("more, erased", bytes { paged($0, "\u{1b}[7m--More--(3%)\u{1b}[27m\r\u{1b}[K") }),
            ("more, blanked", bytes { paged($0, "--More--(12%)\r             \r") }),
            ("less", bytes { paged($0, "lines 1-23/80 28%\n") + "(END)\n" }),
            ("fence", bytes { "```text\n" + $0 + "```\n" }), ("code", bytes { "[code]" + $0 + "[/code]\n" }),
            (
                "script",
                bytes {
                    "Script started on 2026-01-12 10:11:12+00:00 [TERM=\"xterm\"]\n" + $0
                        + "\nScript done on 2026-01-12\n"
                }
            ),
            (
                "attribution",
                bytes { "On Tue, 4 Feb 2025 at 10:11, Somebody wrote:\n" + quoted($0, depth: 1) }
            ),
            ("numbers", bytes { numbered($0, ": ") }), ("cat -n", bytes { numbered($0, "\t") }),
            ("backspaces", bytes { stamped($0, "xy\u{8}\u{8}") }),
        ]
        for prompt in [
            "root@host:~# ", "[root@host ~]# ", "estuary:/$ ", "$ ", "# ", "bash-5.1# ", "~ # ", "host:~ # ",
        ] {
            all.append(
                (prompt, bytes { prompt + command + "\n" + $0 + (prompt.count > 2 ? prompt + "\n" : "") }))
        }
        for depth in 1...6 {
            all.append(("quotes \(depth)", bytes { quoted($0, depth: depth) }))
            all.append(
                ("marks \(depth)", bytes { quoted(quoted($0, depth: 1), depth: depth - 1, mark: ">") }))
        }
        all.append(("bar", bytes { quoted($0, depth: 1, mark: "| ") }))
        if !knowsStamps {
            for stamp in [
                "[   12.345678] ", "<6>[    1.0] ", "Jan 12 10:11:12 host kernel: ",
                "2026-01-12T10:11:12.3+00:00 host kernel: ",
            ] {
                all.append((stamp, bytes { stamped($0, stamp) }))
            }
        }
        return all
    }

    /// Dirt upon dirt, as it happens to a text on its way.
    static func layered(_ text: String, command: String, _ random: inout SeededGenerator) -> [UInt8] {
        var text = text
        func chance() -> Bool { Bool.random(using: &random) }
        if chance() { text = painted(text) }
        if chance() { text = "root@host:~# " + command + "\n" + text }
        if chance() { text = paged(text, "--More--(40%)") }
        if chance() { text = "```\n" + text + "```\n" }
        if chance() { text = quoted(text, depth: Int.random(in: 1...6, using: &random)) }
        if chance() { text = quotedPrintable(text) }
        if chance() { text = text.replacing("\n", with: "\r\n") }
        return chance() ? utf16(text, isBig: chance(), hasMark: chance()) : Array(text.utf8)
    }
}

enum TextMarks {
    static let utf8: [UInt8] = [0xef, 0xbb, 0xbf]
}
