// An errno in a message: by its name, by the words of strerror, or by its number with a sign or a word that
// says what the number is. What the end of a text may have cut is not taken for another errno.

import AddressSpaces
import Machines

enum ErrorText {
    /// Positive; nil where there is none, or the end of an unended text makes it doubtful.
    static func find(in text: ArraySlice<UInt8>, isUnended: Bool) -> Int? {
        named(text, isUnended) ?? worded(text, isUnended) ?? numbered(text, isUnended)
    }

    /// The first `EINVAL` between other bytes than letters.
    private static func named(_ text: ArraySlice<UInt8>, _ isUnended: Bool) -> Int? {
        let words = text.split { !isOfWord($0) }
        return words.lazy.compactMap { word -> Int? in
            guard word.first == UInt8(ascii: "E"), word.count >= 3 else { return nil }
            let name = TextLines.string(word)
            // ENOTTY and ENODEV are no longer when cut; EADDRNOTAVAIL cut is no name.
            return LinuxError.rows.first { $0.name == name }?.number
        }.first
    }

    /// The first words of strerror; of two that start alike, the longer.
    private static func worded(_ text: ArraySlice<UInt8>, _ isUnended: Bool) -> Int? {
        var best: (place: Int, row: LinuxError.Row)?
        for row in LinuxError.rows {
            guard let place = place(of: row.words, in: text) else { continue }
            if let found = best,
                (found.place, -found.row.words.utf8.count) <= (place, -row.words.utf8.count)
            {
                continue
            }
            best = (place, row)
        }
        guard let (place, row) = best else { return nil }
        // What is left may be the start of other words: "No such device" and "No such device or address".
        let rest = text[place...].map(MessageTemplate.lowered)
        let hasLonger = LinuxError.rows.contains {
            $0.words != row.words && $0.words.utf8.map(MessageTemplate.lowered).starts(with: rest)
        }
        return isUnended && hasLonger ? nil : row.number
    }

    /// `-22`, `error 22`, `errno: 22`, `Error(22)`, `os error 22`.
    private static func numbered(_ text: ArraySlice<UInt8>, _ isUnended: Bool) -> Int? {
        var at = text.startIndex
        while at < text.endIndex {
            guard DecimalLiteral.isDigit(text[at]) else {
                at += 1
                continue
            }
            let token = text[at...].prefix { isOfWord($0) }
            let before = text[..<at]
            defer { at = token.endIndex }
            guard token.count <= 3, let number = DecimalLiteral.parse(token).map({ Int($0) }),
                LinuxError.name(of: number) != nil, announces(before)
            else { continue }
            // -1 is what every failed ioctl returns, as strace prints it: the errno comes after it.
            if number == 1, before.last == UInt8(ascii: "-"),
                holds("}) = -", in: before.suffix(8)) || text[token.endIndex...].contains(where: isOfWord)
            {
                return nil
            }
            let isAtEnd = token.endIndex == text.endIndex
            let digits = String(number)
            let hasLonger = LinuxError.rows.contains {
                $0.number != number && String($0.number).hasPrefix(digits)
            }
            return isUnended && isAtEnd && hasLonger ? nil : number
        }
        return nil
    }

    /// Whether a number after `before` is an errno: a minus that is no hyphen, or the word error or errno.
    private static func announces(_ before: ArraySlice<UInt8>) -> Bool {
        guard let last = before.last else { return false }
        if last == UInt8(ascii: "-") {
            guard let ahead = before.dropLast().last else { return true }
            return !isOfWord(ahead)
        }
        let bare = before.suffix(16).reversed().drop { !isOfWord($0) }
        let word = TextLines.string(bare.prefix { isOfWord($0) }.reversed().map(MessageTemplate.lowered))
        return ["error", "errno", "err", "code", "ret"].contains(word)
    }

    static func isOfWord(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "_"): true
        default: false
        }
    }

    /// Whether the text's last words are these, in either case.
    static func ends(_ text: ArraySlice<UInt8>, with words: String) -> Bool {
        text.suffix(words.utf8.count).map(MessageTemplate.lowered).elementsEqual(
            words.utf8.map(MessageTemplate.lowered))
    }

    static func holds(_ words: String, in text: ArraySlice<UInt8>) -> Bool {
        place(of: words, in: text) != nil
    }

    /// The first place of `words`, in either case.
    static func place(of words: String, in text: ArraySlice<UInt8>) -> Int? {
        let wanted = words.utf8.map(MessageTemplate.lowered)
        guard let first = wanted.first, text.count >= wanted.count else { return nil }
        for at in text.startIndex...(text.endIndex - wanted.count)
        where MessageTemplate.lowered(text[at]) == first {
            if zip(text[at...], wanted).allSatisfy({ MessageTemplate.lowered($0) == $1 }) { return at }
        }
        return nil
    }
}
