// Words that keys and strings are compared with in place: a request with a million members is read
// without a string for each.

/// A few short words, told apart by their place in the list.
public struct WordList: Sendable {
    private let words: [[UInt8]]

    public init(_ words: [String]) { self.words = words.map { Array($0.utf8) } }

    public var count: Int { words.count }

    func index(ofKeyAt node: Int, in document: JSONDocument) -> Int? {
        let node = document.nodes[node]
        return index(of: document.text, Int(node.keyOffset), Int(node.keyLength))
    }

    func index(ofTextAt node: Int, in document: JSONDocument) -> Int? {
        let node = document.nodes[node]
        return index(of: document.text, Int(node.textOffset), Int(node.textLength))
    }

    private func index(of text: [UInt8], _ offset: Int, _ length: Int) -> Int? {
        next: for place in words.indices where words[place].count == length {
            for index in 0..<length where words[place][index] != text[offset + index] { continue next }
            return place
        }
        return nil
    }
}

extension JSONNode {
    /// Place of a string in `words`; nil when it is none of them, or no string.
    public func textIndex(in words: WordList) -> Int? {
        kind == .string ? words.index(ofTextAt: index, in: document) : nil
    }
}
