// README.md and docs/ say what the program says: every example runs against this build and prints what stands
// there, reference pages are the program's own words, and Public/docs is made from its sources.

import Foundation
import TestSupport
import Testing

@Suite struct DocumentationTests {
    /// Debian's own: python3-markdown belongs to it.
    private static let python = "/usr/bin/python3"

    /// Whether this runs; says what is missing, and what brings it.
    private static func has(_ what: String, _ arguments: [String]) -> Bool {
        if let status = try? TestSupport.run(arguments).status, status == 0 { return true }
        print("SKIPPED where needed: no \(what) for the documentation; `make docs-tools` installs it")
        return false
    }

    static let hasTools =
        has("python3-yaml", [python, "-c", "import yaml"]) && has("jq", ["jq", "--version"])
        && has("curl", ["curl", "--version"])
    static let hasMarkdown = hasTools && has("python3-markdown", [python, "-c", "import markdown"])

    private static func check(_ arguments: [String]) throws -> (status: Int32, output: String) {
        let script = SharedShelf.packageRoot.appendingPathComponent("Scripts/docs").path
        return try TestSupport.run([python, "-B", script] + arguments + ["--check"])
    }

    /// `make docs` renews them: a person reviews the difference.
    @Test(.enabled(if: hasTools)) func examplesPrintWhatStandsThere() throws {
        let run = try Self.check(["examples", "--binary", Command.executable.path])
        #expect(run.status == 0, "\(run.output)")
        let count = try #require(run.output.split(separator: "\n").last { $0.hasSuffix(" examples ran") })
        #expect(try #require(Int(count.prefix { $0.isNumber })) > 40)
    }

    /// An example that says something else is found: the comparison can fail.
    @Test(.enabled(if: hasTools)) func wrongExamplesAreFound() throws {
        let folder = try Folder()
        let code = """
            import sys, pathlib
            sys.path.insert(0, sys.argv[1] + "/Scripts/docs")
            import examples
            box = examples.Folder(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
            faults = []
            text = "```console\\n$ iovad --version\\n\\n$ echo a; echo b\\n...\\nb\\n```\\n"
            print(examples.renewed(text, "page", box, faults))
            box.end()
            print(len(faults), faults[0].splitlines()[0])
            """
        let file = try folder.file("try.py", code)
        let root = SharedShelf.packageRoot.path
        let run = try TestSupport.run([Self.python, "-B", file, root, Command.executable.path])
        let version = try Command(["--version"]).output
        let lines = run.output.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.prefix(3) == ["```console", "$ iovad --version", version.dropLast()], "\(run.output)")
        #expect(run.output.contains("\n...\nb\n```\n\n1 page: $ iovad --version\n"), "\(run.output)")
    }

    /// With their links: those between pages and to headings lead somewhere, nothing is inline.
    @Test(.enabled(if: hasMarkdown)) func pagesAreTheirSources() throws {
        let run = try Self.check(["pages"])
        #expect(run.status == 0, "\(run.output)")
    }

    /// A first screen.
    @Test func readmeIsShort() throws {
        let file = SharedShelf.packageRoot.appendingPathComponent("README.md")
        let lines = try String(contentsOf: file, encoding: .utf8).split(
            separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count <= 121)
    }
}
