// The folder that a shell is in, as far as its prompts and its `cd` commands say: what "3/reserved_regions"
// and "reserved_regions" in a command mean depends on it. Only the end of a path is kept, which names the
// group; where nothing is known a path stays as it was typed.

struct ShellFolder {
    /// The innermost names of the folder's path; empty when nothing is known.
    private var names: [String] = []

    private static let namesMax = 8
    private static let nameBytesMax = 64
    /// What a shell replaces by what nobody sees.
    static let patterns = Set("*?${[|`".utf8)

    /// What a prompt shows of it: `root@host:/sys/kernel`, `[root@host 3`, `user@host ~`, `/sys`.
    mutating func show(_ prompt: ArraySlice<UInt8>) {
        let signs = Set("#$%>] \t".utf8)
        let end = prompt.lastIndex { !signs.contains($0) }.map { $0 + 1 } ?? prompt.startIndex
        let words = prompt[..<end].split(whereSeparator: TextLines.isBlank)
        guard let last = words.last else { return }
        let after =
            last.firstIndex(of: UInt8(ascii: "@")).map { last[($0 + 1)...] }
            ?? (words.count > 1 ? last[last.endIndex...] : last)
        if let colon = after.firstIndex(of: UInt8(ascii: ":")) {
            enter(after[(colon + 1)...])
        } else if last.first == UInt8(ascii: "/") || last.first == UInt8(ascii: "~") {
            enter(last)
        } else if words.count > 1, !last.contains(UInt8(ascii: "@")), let name = Self.name(last) {
            // The last name alone, as Red Hat's prompts have it.
            if names.last != name { names = [name] }
        }
    }

    /// What `cd` does.
    mutating func enter(_ path: ArraySlice<UInt8>) {
        guard let first = path.first, first != UInt8(ascii: "~"), first != UInt8(ascii: "-"),
            !path.contains(where: Self.patterns.contains)
        else {
            names = []
            return
        }
        names = joined(path) ?? []
    }

    /// A path of a command from as far out as it is known; the path itself when it says all.
    func resolved(_ path: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard path.first != UInt8(ascii: "/"), let whole = joined(path), whole.count > 1 else { return path }
        return Array(whole.joined(separator: "/").utf8)[...]
    }

    private func joined(_ path: ArraySlice<UInt8>) -> [String]? {
        var all = path.first == UInt8(ascii: "/") ? [] : names
        for part in path.split(separator: UInt8(ascii: "/")) {
            guard let name = Self.name(part) else { return nil }
            if name == ".." {
                _ = all.popLast()
            } else if name != "." {
                all.append(name)
            }
        }
        return all.suffix(Self.namesMax)
    }

    private static func name(_ bytes: ArraySlice<UInt8>) -> String? {
        bytes.count <= nameBytesMax ? TextLines.string(bytes) : nil
    }
}
