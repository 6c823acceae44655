// The style that a machine can judge: lengths, headers, blanks, leftovers. A unit test, so that no
// linter has to be installed and nothing can drift.

import Testing

@Suite struct TidyTests {
    /// Of a file that the server is built from; a concept with its helpers takes about 120.
    static let sourceLinesMax = 400
    /// Of tests and measurements.
    static let fileLinesMax = 500
    /// Files that are one table: rows are looked up, not read from start to end.
    static let tables = ["Sources/MSIWindows/Rules/Rule.swift": 600]
    static let functionLinesMax = 60
    static let lineColumnsMax = 110
    /// A sentence or a JSON text in a literal reads worse in pieces than a little too long.
    static let literalColumnsMax = 140

    @Test func everyFileIsFound() {
        #expect(SourceTree.swiftFiles.count > 50, "the walk over the source folders found too little")
    }

    @Test(arguments: SourceTree.swiftFiles.map(\.path))
    func fileIsTidy(path: String) throws {
        let file = try #require(SourceTree.swiftFiles.first { $0.path == path })
        let linesMax = Self.tables[path] ?? (file.isProduct ? Self.sourceLinesMax : Self.fileLinesMax)
        #expect(file.lines.count <= linesMax + 1, "\(path): \(file.lines.count) lines, of \(linesMax)")
        #expect(file.lines.first?.hasPrefix("//") == true, "\(path): no header that says what the file is")
        #expect(file.lines.last == "", "\(path): no newline at its end")
        for (index, line) in file.lines.enumerated() {
            let place = "\(path):\(index + 1)"
            let columnsMax = line.contains("\"") ? Self.literalColumnsMax : Self.lineColumnsMax
            #expect(line.count <= columnsMax, "\(place): \(line.count) columns")
            #expect(line.last != " " && line.last != "\t", "\(place): blanks at the end")
            #expect(!line.contains("\t"), "\(place): a tab")
            for leftover in ["TO" + "DO", "FIX" + "ME", "XX" + "X"] {
                #expect(!line.contains(leftover), "\(place): \(leftover)")
            }
        }
    }

    @Test(arguments: SourceTree.swiftFiles.filter { !$0.path.hasPrefix("Tests/") }.map(\.path))
    func functionsAreShort(path: String) throws {
        let file = try #require(SourceTree.swiftFiles.first { $0.path == path })
        for function in functions(in: file) where !function.isOneSwitch {
            #expect(
                function.lineCount <= Self.functionLinesMax,
                "\(path):\(function.line): a function of \(function.lineCount) lines")
        }
    }

    @Test func uncheckedSendableSaysWhy() {
        for file in SourceTree.swiftFiles {
            for (index, line) in file.lines.enumerated() where declaresUncheckedSendable(line) {
                let above = file.lines[max(0, index - 12)..<index].joined(separator: "\n")
                #expect(
                    above.contains("`@unchecked Sendable`"),
                    "\(file.path):\(index + 1): no sentence that names what makes it true")
            }
        }
    }

    private func declaresUncheckedSendable(_ line: Substring) -> Bool {
        line.contains("@unchecked " + "Sendable") && !line.contains("//") && !line.contains("\"")
    }

    @Test func tablesExist() {
        for path in Self.tables.keys {
            #expect(SourceTree.swiftFiles.contains { $0.path == path }, "\(path)")
        }
    }

    @Test func oneSwitchIsRecognised() throws {
        func only(_ body: String) throws -> Function {
            let text = "func f() {\n\(body)\n}\n"
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            return try #require(functions(in: SourceFile(path: "x", lines: lines)).first)
        }
        #expect(try only("    switch self {\n    case .a: 1\n    }").isOneSwitch)
        #expect(try only("    // Why.\n    return switch self {\n    case .a: 1\n    }").isOneSwitch)
        #expect(try !only("    switch self {\n    case .a: 1\n    }\n    more()").isOneSwitch)
        #expect(try !only("    let a = 1\n    switch self {\n    case .a: 1\n    }").isOneSwitch)
    }

    private struct Function {
        let line: Int
        let lineCount: Int
        /// Its body is one switch: a table of cases, which may have as many as the set that it covers.
        let isOneSwitch: Bool
    }

    /// Functions by their indentation: from `func` or `init` to the closing brace in the same column.
    private func functions(in file: SourceFile) -> [Function] {
        var found: [Function] = []
        for (index, line) in file.lines.enumerated() {
            let indent = line.prefix { $0 == " " }
            let words = line.dropFirst(indent.count).split(separator: " ")
            guard words.contains(where: { $0 == "func" || $0.hasPrefix("init(") || $0.hasPrefix("init?(") }),
                !line.contains("//")
            else { continue }
            let closing = indent + "}"
            guard let end = file.lines[index...].firstIndex(where: { $0 == closing }) else { continue }
            found.append(
                Function(
                    line: index + 1, lineCount: end - index + 1,
                    isOneSwitch: isOneSwitch(file.lines[index..<end], indent: indent)))
        }
        return found
    }

    /// Whether the body's first statement is a switch and the body ends with its brace.
    private func isOneSwitch(_ lines: ArraySlice<Substring>, indent: Substring) -> Bool {
        let inner = indent + "    "
        guard let opening = lines.firstIndex(where: { $0.hasSuffix("{") }),
            let first = lines[(opening + 1)...].firstIndex(where: {
                !$0.drop { $0 == " " }.hasPrefix("//") && !$0.isEmpty
            }),
            let end = lines[first...].firstIndex(where: { $0 == inner + "}" })
        else { return false }
        let words = lines[first].drop { $0 == " " }
        return (words.hasPrefix("switch ") || words.hasPrefix("return switch ")) && end == lines.endIndex - 1
    }
}
