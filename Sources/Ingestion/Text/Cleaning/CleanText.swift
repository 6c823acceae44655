// The one step in front of every reader of text: what mail programs, terminals, editors and forums put
// around the lines of a program's output is taken away, and said. A text that has nothing of it stays as it
// is, byte for byte. A line that goes leaves an empty one, so that numbers stay those of what was sent.
// Every step takes time linear in the text and keeps at most a few copies of it.

import Machines

/// A text as a reader takes it.
struct CleanText {
    /// What happens to the stamps that logs have in front of a line.
    enum Stamps {
        /// The reader knows them.
        case kept
        case removed
    }

    let bytes: [UInt8]
    private let notes: CleaningNotes

    var lines: TextLines { TextLines(bytes) }
    /// Lines with content that are empty now: prompts, banners, fences.
    var linesSkipped: Int { notes.linesSkipped }
    /// One for each kind of what was taken away.
    var findings: [Finding] { notes.findings }

    /// Numbers of lines inside quotes inside numbers: more is no copy of a text.
    private static let roundsMax = 4

    init(_ text: [UInt8], stamps: Stamps) {
        var notes = CleaningNotes()
        var text = TextEncoding.decoded(text, &notes)
        text = QuotedPrintable.decoded(text, &notes)
        for _ in 0..<Self.roundsMax {
            var cleaner = LineCleaner(stamps, notes)
            text = cleaner.cleaned(text)
            notes = cleaner.notes
            guard let bare = LineNumbers.removed(from: text, &notes) else { break }
            text = bare
        }
        bytes = text
        self.notes = notes
    }

    func tell(_ list: inout FindingList) {
        for finding in findings {
            list.note(finding.severity, finding.code, finding.location, finding.detail)
        }
    }

    /// Every line with content, and whether it is the first after a command that prints no file of a group:
    /// it may be anything.
    func forEachLine(
        _ take: (_ line: TextLines.Line, _ beginsOutput: Bool) throws(TextError) -> Void
    ) throws(TextError) {
        var commands = notes.commands.sorted()[...]
        for line in lines where !line.isBlank {
            let before = commands.prefix { $0 < line.number }
            commands = commands[before.endIndex...]
            try take(line, !before.isEmpty)
        }
    }
}

/// What was taken away, how often, and where first.
struct CleaningNotes {
    enum Kind: CaseIterable {
        case utf16, byteOrderMark, lineEnds, quotedPrintable, escapes, hardBlanks, quotes, pager, fences
        case script, attribution, prompts, output, stamps, lineNumbers, tables, wrapped
    }

    private(set) var linesSkipped = 0
    private(set) var commands: [Int] = []
    private var counts: [Kind: (count: Int, line: Int)] = [:]

    mutating func note(_ kind: Kind, line: Int, count: Int = 1) {
        guard count > 0 else { return }
        let before = counts[kind]
        counts[kind] = ((before?.count ?? 0) + count, before?.line ?? line)
    }

    mutating func noteSkippedLine() { linesSkipped += 1 }

    mutating func noteCommand(line: Int) { commands.append(line) }

    func tell(_ list: inout FindingList) {
        for finding in findings {
            list.note(finding.severity, finding.code, finding.location, finding.detail)
        }
    }

    var findings: [Finding] {
        Kind.allCases.compactMap { kind in
            counts[kind].map { found in
                Finding(
                    severity: .info, code: "text-cleaned", location: "line \(found.line)",
                    detail: kind.sentence(found.count))
            }
        }
    }
}

extension CleaningNotes.Kind {
    fileprivate func sentence(_ count: Int) -> String {
        let lines = count == 1 ? "1 line" : "\(count) lines"
        return switch self {
        case .utf16: "The text was UTF-16 and was read as if it were UTF-8."
        case .byteOrderMark: "Skipped the byte order mark at the start."
        case .lineEnds: "Skipped the carriage returns at the ends of \(lines)."
        case .quotedPrintable:
            "The text was quoted-printable: joined or decoded \(lines) with \"=\" at the end or \"=3D\"."
        case .escapes: "Skipped colours and other control characters of a terminal in \(lines)."
        case .hardBlanks: "Read the non-breaking blanks in \(lines) as blanks."
        case .quotes: "Skipped the quotation marks (\"> \" or \"| \") in front of \(lines)."
        case .pager: "Skipped banners of more or less in \(lines)."
        case .fences: "Skipped marks of Markdown or a forum around code in \(lines)."
        case .script: "Skipped \(lines) of script(1)."
        case .attribution: "Skipped \(lines) that say who wrote a quoted mail."
        case .prompts: "Skipped the shell's prompt, and its command, in \(lines)."
        case .output: "Skipped \(lines) that other commands printed, or that name files."
        case .stamps: "Skipped the time stamp or the log's name in front of \(lines)."
        case .lineNumbers: "Skipped the line numbers in front of \(lines)."
        case .tables: "Read \(lines) of a table by their cells."
        case .wrapped: "Joined \(lines) that a mail program or terminal had broken."
        }
    }
}
