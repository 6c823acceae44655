// How placements are printed: as a table, as JSON, or as one of the renderings; and the lines that would
// describe what firmware left out, below the tables of place and decide.

import API
import ArgumentParser
import Fleet
import HTTP
import JSON

/// `--format` and `--json` of a command that has a placement.
struct PlacementOutputOption: ParsableArguments {
    enum Format: Hashable, ExpressibleByArgument {
        case answer(OutputOption.Format)
        case rendering(Rendering.Format)

        private static let all =
            OutputOption.Format.allCases.map(Format.answer) + Rendering.Format.allCases.map(Format.rendering)
        static let words = all.map(\.word)

        private var word: String {
            switch self {
            case .answer(let format): format.rawValue
            case .rendering(let format): format.rawValue
            }
        }

        init?(argument: String) {
            guard let format = Self.all.first(where: { $0.word == argument }) else { return nil }
            self = format
        }

        static var allValueStrings: [String] { words }
    }

    @Option(
        help: ArgumentHelp(
            """
            text, json (the service's answer), or a rendering: \
            \(Rendering.Format.allCases.map(\.rawValue).joined(separator: ", ")). Default: text.
            """, valueName: "format"), completion: CompletedValues.placementFormats)
    var format: Format?
    @Flag(help: "The same as --format json.")
    var json = false

    func check() throws {
        if json, let format, format != .answer(.json) {
            throw ValidationError("give --json or --format, not both")
        }
    }

    /// nil where the answer itself is printed.
    var rendering: Rendering.Format? {
        guard case .rendering(let format) = format else { return nil }
        return format
    }

    var printer: AnswerPrinter { AnswerPrinter(asJSON: json || format == .answer(.json)) }
}

extension AnswerPrinter {
    /// Prints a rendering, whichever format the flag named; a problem ends the command.
    ///
    /// - Parameter ending: of what is rendered; unless it holds, also where there is no text of it.
    func show(_ format: Rendering.Format, _ answer: Response, ending: Ending) throws {
        if (200..<300).contains(answer.status) {
            print(String(decoding: answer.body, as: UTF8.self), terminator: "")
            return try ending.end()
        }
        guard answer.status == 422,
            let because = try document(answer).children("errors").first?.text("detail")
        else { return try check(answer) }
        Console.say("Error: --format \(format.rawValue): \(because)")
        throw (ending == .holds ? .failed : ending).code
    }
}

/// `missing_descriptions` of a placement or of a decision's explanation, for people.
enum MissingDescriptionText {
    /// Each after an empty line, the first with the lines that would tell it; empty where nothing is
    /// missing. A machine has a device tree or ACPI tables: JSON has the lines of both, and of every
    /// device.
    static func of(_ answer: JSONNode) -> String {
        answer.children("missing_descriptions").enumerated().map { place, missing in
            let host = missing.member("host") == nil ? "" : " of \(missing.text("host"))"
            let head = "\nNot described, \(missing.text("device"))\(host): \(missing.text("because"))\n"
            guard place == 0 else { return head }
            let text = [Rendering.Format.deviceTree, .iortRMR].lazy
                .compactMap { lines(of: missing, $0.rawValue) }.first
            return head
                + (text ?? missing.children("not_available").map { $0.text("because") + "\n" }.joined())
        }.joined()
    }

    /// As they stand: they have tabs and line feeds of their own.
    private static func lines(of missing: JSONNode, _ name: String) -> String? {
        missing.member(name)?.string(bytesMax: .max, ProblemList(limit: 1))
    }
}
