// The report as one HTML page that needs nothing else.

import AddressSpaces

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

    static func escaped(_ text: String) -> String {
        text.reduce(into: "") { escaped, character in
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            default: escaped.append(character)
            }
        }
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
            let start = HexLiteral.text(UInt64(index) << 26)
            return
                "<rect x=\"\(index * 14)\" y=\"0\" width=\"13\" height=\"30\" fill=\"hsl(\(hue) 65% 50%)\">"
                + "<title>\(start): \(devices - count) of \(devices) devices have a place here</title></rect>"
        }
        let labels = marks.filter { $0.base >> 26 < UInt64(unfit.count) }.enumerated().map { index, mark in
            let x = Int(mark.base >> 20) * 14 / 64
            let y = 46 + index * 16
            return "<path d=\"M\(x) 30V\(y)\" stroke=\"#000\"/>"
                + "<text x=\"\(x + 4)\" y=\"\(y)\" font-size=\"12\">\(escaped(mark.name))</text>"
        }
        let height = 50 + labels.count * 16
        return "<svg viewBox=\"0 0 \(unfit.count * 14 + 120) \(height)\" role=\"img\" "
            + "aria-label=\"Address space below 4 GiB\">\((cells + labels).joined())</svg>"
    }
}
