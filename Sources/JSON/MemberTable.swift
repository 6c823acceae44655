// The members of many objects alike, each object walked once, for lists that are so long that a search for
// each member would take noticeable time. Keys and strings are compared in place: a request with a million
// members is read without a string for each.

/// Members of the object read last, by their place in a list of words.
public struct MemberTable: Sendable {
    private let words: WordList
    private var document: JSONDocument?
    /// Index of the member's node by its word; 0, the top level, for none.
    private var nodes: [Int]
    /// Members that are in no word list.
    public private(set) var strays: [JSONNode] = []

    public init(_ words: WordList) {
        self.words = words
        nodes = Array(repeating: 0, count: words.count)
    }

    /// Takes the members of `object` in place of those before.
    public mutating func read(_ object: JSONNode) {
        let source = object.document
        for index in nodes.indices { nodes[index] = 0 }
        if !strays.isEmpty { strays = [] }
        document = source
        let end = Int(source.nodes[object.index].end)
        var at = object.index + 1
        while at < end {
            if let place = words.index(ofKeyAt: at, in: source) {
                nodes[place] = at
            } else {
                strays.append(JSONNode(document: source, index: at))
            }
            at = Int(source.nodes[at].end)
        }
    }

    /// The member under the word at `place`.
    public subscript(place: Int) -> JSONNode? {
        guard let document, nodes[place] != 0 else { return nil }
        return JSONNode(document: document, index: nodes[place])
    }
}

/// A few short words, each known by its place in the list.
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
    /// Place of a string in `words`; nil when it is not one of them, or not a string.
    public func textIndex(in words: WordList) -> Int? {
        kind == .string ? words.index(ofTextAt: index, in: document) : nil
    }
}
