// A readable report as blocks, written as text, Markdown or one HTML page that needs nothing else. What it
// says is decided where it is made; here is only how each format says it. Names from files are made
// printable, and escaped in HTML.

import AddressSpaces
import Fleet

struct Report {
    enum Block {
        case heading(String)
        case paragraph(String)
        case table(header: [String], rows: [[String]])
        /// The space below 4 GiB in 64 MiB cells: devices without any window in the cell, and marked bases.
        case picture(unfit: [Int], devices: Int, marks: [(base: UInt64, name: String)])
    }

    enum Format {
        case text, markdown, html
    }

    let title: String
    var blocks: [Block] = []

    init(title: String) { self.title = Self.printable(title) }

    mutating func heading(_ text: String) { blocks.append(.heading(Self.printable(text))) }
    mutating func paragraph(_ text: String) { blocks.append(.paragraph(Self.printable(text))) }
    mutating func table(_ header: [String], _ rows: [[String]]) {
        guard !rows.isEmpty else { return }
        blocks.append(.table(header: header, rows: rows.map { $0.map(Self.printable) }))
    }

    /// Control characters, which terminals would act upon, become question marks.
    static func printable(_ text: some StringProtocol) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7f ? "?" : $0 }))
    }

    /// Advice without what it says to users of HTTP: "(over HTTP: POST ...)", where to POST, and the routes of
    /// lists, in the place of which the commands are named.
    static func withoutRoutes(_ advice: String) -> String {
        var advice = advice.replacing("GET /v1/platforms lists them", with: "iovad machines lists them")
            .replacing("GET /v1/vmms lists them", with: "iovad place --vmm list prints them")
            .replacing(": send Content-Type: application/json.", with: ".")
        if let start = advice.firstRange(of: "GET /v1/platforms/"),
            let end = advice[start.upperBound...].firstRange(of: "/devices lists them")
        {
            advice.replaceSubrange(
                start.lowerBound..<end.upperBound, with: "iovad decide without --device lists them")
        }
        for (opening, closing) in [(" (over HTTP", ")"), (": POST them to /", " ")] {
            guard let start = advice.firstRange(of: opening) else { continue }
            let rest = advice[start.upperBound...]
            let end = rest.firstRange(of: closing)?.upperBound ?? rest.endIndex
            advice.replaceSubrange(start.lowerBound..<end, with: closing == ")" ? "" : ". ")
        }
        return advice.trimmedEnd
    }

    /// A member of a JSON document in words, from the pointer to it: "hosts[0].platform"; a parameter of a query
    /// by its name. Empty for the whole document.
    static func member(_ pointer: String) -> String {
        guard !pointer.hasPrefix("?") else { return printable(pointer.dropFirst()) }
        let parts = pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        return parts.reduce(into: "") { words, part in
            let name = part.replacing("~1", with: "/").replacing("~0", with: "~")
            let isPlace = !part.isEmpty && part.utf8.allSatisfy { (0x30...0x39).contains($0) }
            words += isPlace ? "[\(name)]" : words.isEmpty ? printable(name) : ".\(printable(name))"
        }
    }

    func written(as format: Format, on terminal: Terminal = .output) -> String {
        switch format {
        case .text: text(on: terminal)
        case .markdown: markdown
        case .html: html
        }
    }

    private func text(on terminal: Terminal) -> String {
        func paragraph(_ text: String) -> [String] {
            terminal.width.map { Terminal.wrapped(text, to: $0) } ?? [text]
        }
        var lines = [terminal.painted(title, .bold), String(repeating: "=", count: title.count), ""]
        for block in blocks {
            switch block {
            case .heading(let text):
                lines += [terminal.painted(text, .bold), String(repeating: "-", count: text.count)]
            case .paragraph(let text): lines += paragraph(text) + [""]
            case .table(let header, let rows):
                lines += terminal.lines([header] + rows, indent: 2, hasHeader: true) + [""]
            case .picture(let unfit, let devices, let marks):
                lines += Self.picture(unfit, devices, marks) + [""]
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// One character a cell, from full (every device has room there) to blank.
    private static func picture(
        _ unfit: [Int], _ devices: Int, _ marks: [(base: UInt64, name: String)]
    ) -> [String] {
        let cells = unfit.map { shade($0, of: devices) }.joined()
        var lines = ["  0 \(String(repeating: "-", count: max(0, unfit.count - 5))) 4 GiB", "  |\(cells)|"]
        for mark in marks {
            let place = Survey.cell(of: mark.base)
            guard place < unfit.count else { continue }
            lines.append("   " + String(repeating: " ", count: place) + "^ " + mark.name)
        }
        return lines + ["  \u{2588} every device  \u{2593} 99 %  \u{2592} 90 %  \u{2591} half  blank: fewer"]
    }

    private static func shade(_ unfit: Int, of devices: Int) -> String {
        if unfit == 0 { return "\u{2588}" }
        if unfit * 100 <= devices { return "\u{2593}" }
        if unfit * 10 <= devices { return "\u{2592}" }
        return unfit * 2 <= devices ? "\u{2591}" : " "
    }

    private var markdown: String {
        var lines = ["# \(Self.markdown(title))", ""]
        for block in blocks {
            switch block {
            case .heading(let text): lines += ["## \(Self.markdown(text))", ""]
            case .paragraph(let text): lines += [Self.markdown(text), ""]
            case .table(let header, let rows):
                lines.append(Self.row(header))
                lines.append("|\(header.map { _ in " --- |" }.joined())")
                lines += rows.map(Self.row)
                lines.append("")
            case .picture(let unfit, let devices, let marks):
                lines += ["```"] + Self.picture(unfit, devices, marks) + ["```", ""]
            }
        }
        return lines.joined(separator: "\n")
    }

    private static func row(_ cells: [String]) -> String {
        "| \(cells.map(markdown).joined(separator: " | ")) |"
    }

    /// Text that Markdown shows as it is: names of devices and files come from elsewhere, and must not become
    /// markup, HTML or a new line. Underscores within words are no marks.
    static func markdown(_ text: String) -> String {
        let scalars = Array(text.unicodeScalars)
        var escaped = String.UnicodeScalarView()
        for (place, scalar) in scalars.enumerated() {
            switch scalar {
            case "\\", "`", "*", "[", "]", "|", "~", "$":
                escaped.append("\\")
                escaped.append(scalar)
            case "_":
                let neighbours = [place - 1, place + 1].filter(scalars.indices.contains)
                let isWithin = neighbours.count == 2 && neighbours.allSatisfy { isWord(scalars[$0]) }
                if !isWithin { escaped.append("\\") }
                escaped.append(scalar)
            case "&", "<", ">": escaped.append(contentsOf: Self.escaped(String(scalar)).unicodeScalars)
            case "\n", "\r", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}": escaped.append(" ")
            default: escaped.append(scalar)
            }
        }
        // Only at the beginning of a line are these a heading, a list or a rule.
        if let first = escaped.first, "#+-=".unicodeScalars.contains(first) { return "\\" + String(escaped) }
        let digits = escaped.prefix { ("0"..."9").contains($0) }
        if !digits.isEmpty, let mark = escaped[digits.endIndex...].first, mark == "." || mark == ")" {
            return "\(String(digits))\\\(String(escaped[digits.endIndex...]))"
        }
        return String(escaped)
    }

    private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
    }
}

extension String {
    var trimmedEnd: String {
        var text = self[...]
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}

extension Report {
    var html: String {
        let body = blocks.map { block in
            switch block {
            case .heading(let text): "<h2>\(Self.escaped(text))</h2>"
            case .paragraph(let text): "<p>\(Self.escaped(text))</p>"
            case .table(let header, let rows): Self.table(header, rows)
            case .picture(let unfit, let devices, let marks): Self.drawing(unfit, devices, marks)
            }
        }
        return """
            <!doctype html><html lang="en"><meta charset="utf-8"><title>\(Self.escaped(title))</title>
            <style>body{font:15px/1.5 sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}
            table{border-collapse:collapse}svg{width:100%;height:auto}
            td,th{padding:.2rem .8rem;border-bottom:1px solid #ccc;text-align:left;vertical-align:top;
            overflow-wrap:anywhere}</style>
            <h1>\(Self.escaped(title))</h1>
            \(body.joined(separator: "\n"))
            </html>

            """
    }

    /// Scalar by scalar: a mark that is followed by a combining character is a mark all the same.
    static func escaped(_ text: String) -> String {
        var escaped = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped.append(contentsOf: "&amp;".unicodeScalars)
            case "<": escaped.append(contentsOf: "&lt;".unicodeScalars)
            case ">": escaped.append(contentsOf: "&gt;".unicodeScalars)
            case "\"": escaped.append(contentsOf: "&quot;".unicodeScalars)
            default: escaped.append(scalar)
            }
        }
        return String(escaped)
    }

    private static func table(_ header: [String], _ rows: [[String]]) -> String {
        func row(_ cells: [String], _ tag: String) -> String {
            "<tr>\(cells.map { "<\(tag)>\(escaped($0))</\(tag)>" }.joined())</tr>"
        }
        return "<table>\(row(header, "th"))\n\(rows.map { row($0, "td") }.joined(separator: "\n"))</table>"
    }

    /// Cells from green (every device) to red (none), with the marked bases below.
    private static func drawing(
        _ unfit: [Int], _ devices: Int, _ marks: [(base: UInt64, name: String)]
    ) -> String {
        let cells = unfit.enumerated().map { index, count in
            let share = devices == 0 ? 100 : 100 - count * 100 / devices
            let hue = count == 0 ? 140 : share * 60 / 100
            let start = HexLiteral.text(UInt64(index) * Survey.cellBytes)
            return
                "<rect x=\"\(index * 14)\" y=\"0\" width=\"13\" height=\"30\" fill=\"hsl(\(hue) 65% 50%)\">"
                + "<title>\(start): \(devices - count) of \(devices) devices have room here</title></rect>"
        }
        let labels = marks.filter { Survey.cell(of: $0.base) < unfit.count }.enumerated().map {
            index, mark in
            let x = Int(mark.base >> 20) * 14 / Int(Survey.cellBytes >> 20)
            let y = 46 + index * 16
            return "<path d=\"M\(x) 30V\(y)\" stroke=\"#000\"/>"
                + "<text x=\"\(x + 4)\" y=\"\(y)\" font-size=\"12\">\(escaped(mark.name))</text>"
        }
        let height = 50 + labels.count * 16
        return "<svg viewBox=\"0 0 \(unfit.count * 14 + 120) \(height)\" role=\"img\" "
            + "aria-label=\"Address space below 4 GiB\">\((cells + labels).joined())</svg>"
    }
}
