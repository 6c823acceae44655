// Terms of AML in the order of their bytes, each with where it ends, so that what is inside a term is a run
// of the list: no term points at another, and walking needs no recursion.

/// How a term is used by the one around it.
enum AMLRole {
    case statement
    /// Its value is read.
    case read
    /// It is passed to a method.
    case argument
    /// An element of a package, which keeps a reference.
    case element
    case written
    /// Something is made that refers to it.
    case exposed
}

struct AMLTerm {
    let opcode: AMLOpcode
    let role: AMLRole
    /// Of its first byte.
    let offset: Int
    /// Index of the term around it; -1 outside.
    let parent: Int
    /// Index of the next term that is not inside it.
    var next: Int
    /// The immediate number, or several one after the other.
    var value: UInt64 = 0
    /// Of a byte list, a string or a method's body.
    var content: Range<Int> = 0..<0
    /// The object that the term declares or names; nil when the name is declared nowhere.
    var object: Int?
}

struct AMLTree {
    /// The bytes of the whole table, and which one it is.
    let bytes: [UInt8]
    let table: Int
    /// Of a method.
    var isBody = false
    var terms: [AMLTerm] = []
    /// Terms that are names, with where they stand: the object can be declared after them.
    var references: [Reference] = []

    struct Reference {
        let term: Int
        let name: AMLName
        let scope: Int
    }

    func refusal(_ reason: AMLRefusal.Reason, _ term: Int) -> AMLRefusal {
        AMLRefusal(reason, at: terms[term].offset, in: table)
    }

    /// The terms directly inside one, or those that are inside no other.
    func children(of term: Int?) -> [Int] {
        var children: [Int] = []
        var at = term.map { $0 + 1 } ?? 0
        let end = term.map { terms[$0].next } ?? terms.count
        while at < end {
            children.append(at)
            at = terms[at].next
        }
        return children
    }
}
