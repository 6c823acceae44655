// What standard output can show: how wide it is, and whether it takes colours (NO_COLOR, CLICOLOR,
// CLICOLOR_FORCE). Tables are laid out for it here. Where it is no terminal, nothing is cut, wrapped or
// painted: what reads it is a program or a file.

import Glibc

struct Terminal: Sendable {
    /// Columns that lines are wrapped to; nil where they are not.
    let width: Int?
    let hasColour: Bool

    static let plain = Terminal(width: nil, hasColour: false)

    static let output = Terminal(
        isTerminal: isatty(STDOUT_FILENO) == 1, environment: { getenv($0).map { String(cString: $0) } },
        windowWidth: windowWidth)

    init(width: Int?, hasColour: Bool) {
        self.width = width
        self.hasColour = hasColour
    }

    /// As no-color.org and bixense.com/clicolors describe the variables: NO_COLOR counts over the others.
    init(isTerminal: Bool, environment: (String) -> String?, windowWidth: () -> Int?) {
        func isSet(_ name: String) -> Bool {
            environment(name).map { !$0.isEmpty } ?? false
        }
        let isForced = isSet("CLICOLOR_FORCE") && environment("CLICOLOR_FORCE") != "0"
        let isWanted = isTerminal && environment("CLICOLOR") != "0" && environment("TERM") != "dumb"
        hasColour = !isSet("NO_COLOR") && (isForced || isWanted)
        let stated = environment("COLUMNS").flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
        width = isTerminal ? max(stated ?? windowWidth() ?? Self.usualWidth, Self.leastWidth) : nil
    }

    private static let usualWidth = 80
    /// Narrower ones wrap lines by themselves.
    private static let leastWidth = 40

    private static func windowWidth() -> Int? {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }
}

// MARK: Colours

extension Terminal {
    enum Colour: String {
        case bold = "1"
        case red = "31"
        case green = "32"
        case yellow = "33"
    }

    func painted(_ text: String, _ colour: Colour?) -> String {
        guard hasColour, let colour, !text.isEmpty else { return text }
        return "\u{1b}[\(colour.rawValue)m\(text)\u{1b}[0m"
    }

    /// The colour of a cell that is a verdict; nil for all others.
    static func colour(ofVerdict cell: String) -> Colour? {
        if good.contains(cell) { return .green }
        if bad.contains(cell) { return .red }
        return doubtful.contains(cell) ? .yellow : nil
    }

    private static let good: Set = ["yes", "default_works", "movable"]
    private static let bad: Set = [
        "no", "none", "refused", "ram_unmappable", "bar_unmappable", "guest_contract_violation", "error",
    ]
    private static let doubtful: Set = ["conditional", "warning", "works_with_steal_time_off", "not certain"]
}

// MARK: Tables

extension Terminal {
    /// Blanks between columns.
    private static let gap = 2
    /// Columns are not made narrower than this, but where they are by themselves.
    private static let leastColumn = 12

    /// Rows as lines, each column as wide as its cells. On a terminal the widest columns give way until a row
    /// fits, and their cells have several lines.
    func lines(_ rows: [[String]], indent: Int, hasHeader: Bool) -> [String] {
        guard let first = rows.first else { return [] }
        let natural = first.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        let widths = fitted(natural, into: width.map { $0 - indent - Self.gap * (first.count - 1) })
        return rows.enumerated().flatMap { number, row in
            let isHeader = hasHeader && number == 0
            return lines(of: row, widths) { column in
                isHeader || (!hasHeader && column == 0) ? .bold : Self.colour(ofVerdict: row[column])
            }.map { (String(repeating: " ", count: indent) + $0).trimmedEnd }
        }
    }

    /// One row: as many lines as its longest cell needs.
    private func lines(of row: [String], _ widths: [Int], colour: (Int) -> Colour?) -> [String] {
        let cells = zip(row, widths).map { Self.wrapped($0, to: $1) }
        let gap = String(repeating: " ", count: Self.gap)
        let height = cells.map(\.count).max() ?? 0
        return (0..<height).map { line in
            let pieces = cells.enumerated().map { column, lines in
                let piece = line < lines.count ? lines[line] : ""
                let blanks = column == cells.count - 1 ? 0 : widths[column] - piece.count
                return painted(piece, colour(column)) + String(repeating: " ", count: blanks)
            }
            return pieces.joined(separator: gap)
        }
    }

    private func fitted(_ natural: [Int], into room: Int?) -> [Int] {
        guard let room else { return natural }
        var widths = natural
        var excess = widths.reduce(0, +) - room
        while excess > 0, let widest = widths.max(), widest > Self.leastColumn,
            let column = widths.lastIndex(of: widest)
        {
            // Down to the next one at once.
            let next = widths.filter { $0 < widest }.max() ?? 0
            let cut = min(excess, max(1, widest - max(next, Self.leastColumn)))
            widths[column] -= cut
            excess -= cut
        }
        return widths
    }

    /// A cell as lines that are no longer than `width`, broken at blanks where there are some.
    static func wrapped(_ cell: String, to width: Int) -> [String] {
        guard cell.count > width, width > 0 else { return [cell] }
        var lines: [String] = []
        var line = ""
        for word in cell.split(separator: " ") {
            if !line.isEmpty, line.count + 1 + word.count > width {
                lines.append(line)
                line = ""
            }
            line += (line.isEmpty ? "" : " ") + word
            while line.count > width {
                lines.append(String(line.prefix(width)))
                line = String(line.dropFirst(width))
            }
        }
        return line.isEmpty ? lines : lines + [line]
    }
}
