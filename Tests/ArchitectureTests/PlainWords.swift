// The words that this project does not use, each with what to write instead: phrases that read as translated.
// The rule is plain English as in the kernel's documentation: subject, verb, object. A table and a search;
// this file is the only one that the search does not read.

import Foundation

/// One phrase, wherever a comment or a sentence breaks its line.
struct UnplainPhrase: Sendable {
    /// A regular expression over words; a blank stands for any break between them.
    let pattern: String
    let instead: String

    init(_ pattern: String, _ instead: String) {
        self.pattern = pattern
        self.instead = instead
    }

    static let all = [
        UnplainPhrase(
            "behind the (key|keys|point|failure|time|word|colon|line|headers?|magic|signature|comma|number|name)",
            "after ...; \"behind\" is for devices and SMMUs"),
        UnplainPhrase("(tells?|telling|told) of", "contains, reports, shows, describes"),
        UnplainPhrase("told from", "distinguished from, different from"),
        UnplainPhrase("(comes?|came) to nothing", "has no effect, fails"),
        UnplainPhrase("(comes?|came) to", "is, results in, reaches"),
        UnplainPhrase("means? nothing", "has no meaning here, is ignored, is invalid"),
        UnplainPhrase("(is|are|was|were|can be|not) to be had", "is available, exists"),
        UnplainPhrase("to be had", "available"),
        UnplainPhrase("can be had", "is available, can be repeated"),
        UnplainPhrase("by and by", "in time, later"),
        UnplainPhrase("(goes|go|went) astray", "is lost, goes to the wrong address"),
        UnplainPhrase("has it that", "says that"),
        UnplainPhrase("who cannot", "a caller that cannot"),
        UnplainPhrase("as [\\w./_'’`]+( [\\w./_'’`]+)? ha(s|ve) (it|them)", "as ... gives it, as in ..."),
        // "there is none" and "is none of" are plain; Python's `is None` is no word.
        UnplainPhrase("(?<!there\\s)(is|are) (?-i:none)(?! of)", "there is no ..., no ... fits"),
        UnplainPhrase("no such(?! file or directory| device)", "unknown ..., there is no ... with this name"),
        UnplainPhrase("in vain", "without effect, for nothing"),
        UnplainPhrase("anew", "again"),
        UnplainPhrase("afresh", "again, from the start"),
        UnplainPhrase("(pass|passes|passed) over", "skips, ignores"),
        UnplainPhrase("is of no", "has no, is not of a"),
        UnplainPhrase("what lives", "what is in use, what is allocated"),
        UnplainPhrase("(range|ranges) that lives?", "a range that is in use"),
    ]
}

/// A place where a phrase stands.
struct UnplainPlace: CustomStringConvertible {
    let path: String
    let line: Int
    let phrase: String
    let instead: String

    var description: String { "\(path):\(line): \"\(phrase)\"; write instead: \(instead)" }
}

extension UnplainPhrase {
    /// Blanks, and what stands at a line's end and start in a comment or in a sentence that is put together.
    private static let gap = #"(?:\s|/{2,3}|"\s*\+\s*"|#)+"#

    private static let compiled: [(NSRegularExpression, UnplainPhrase)] = all.map { phrase in
        let pattern = #"\b(?:"# + phrase.pattern.replacingOccurrences(of: " ", with: gap) + #")\b"#
        return (try! NSRegularExpression(pattern: pattern, options: [.caseInsensitive]), phrase)
    }

    /// Every phrase in the text; where two start at one place, the first of the table.
    static func places(in text: String, path: String) -> [UnplainPlace] {
        let whole = text as NSString
        var starts: Set<Int> = []
        var found: [UnplainPlace] = []
        for (expression, phrase) in compiled {
            for match in expression.matches(in: text, range: NSRange(location: 0, length: whole.length))
            where starts.insert(match.range.location).inserted {
                let before = whole.substring(to: match.range.location)
                let words = whole.substring(with: match.range).split(whereSeparator: \.isWhitespace)
                found.append(
                    UnplainPlace(
                        path: path, line: before.count { $0 == "\n" } + 1,
                        phrase: words.joined(separator: " "), instead: phrase.instead))
            }
        }
        return found.sorted { $0.line < $1.line }
    }
}
