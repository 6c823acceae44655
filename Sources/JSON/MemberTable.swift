// The members of many objects alike, each object walked once: for lists of so many that a reader with a
// search a member would be felt.

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
