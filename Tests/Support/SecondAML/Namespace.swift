// The namespace as a tree of nodes. A node stands for a name; it may be declared once, more than once, or
// only mentioned by `External`.

final class Node {
    let segment: UInt32
    unowned let parent: Node?
    private(set) var children: [UInt32: Node] = [:]
    private(set) var order: [Node] = []
    /// Each term that declares it; a scope declares nothing.
    var declarations: [Declaration] = []
    /// As `External` says.
    var external: Term?
    /// There before any table.
    let isPredefined: Bool
    /// A Scope opened it, so that the table's author counts on it.
    var isOpened = false

    struct Declaration {
        let term: Term
        /// Exists only when something else happens: the offset of the If or of the method.
        let condition: Int?
        /// By a method while it runs.
        let isInBody: Bool
    }

    init(_ segment: UInt32, in parent: Node?, isPredefined: Bool = false) {
        self.segment = segment
        self.parent = parent
        self.isPredefined = isPredefined
    }

    func child(_ segment: UInt32) -> Node {
        if let known = children[segment] { return known }
        let made = Node(segment, in: self)
        children[segment] = made
        order.append(made)
        return made
    }

    func predefine(_ segment: UInt32) {
        let made = Node(segment, in: self, isPredefined: true)
        children[segment] = made
        order.append(made)
    }

    var isThere: Bool { !declarations.isEmpty || isOpened || isPredefined }

    var path: String {
        var names: [String] = []
        var at: Node? = self
        while let here = at, here.parent != nil {
            names.append(here.label)
            at = here.parent
        }
        return "\\" + names.reversed().joined(separator: ".")
    }

    /// Without the underscores that fill it up.
    private var label: String {
        var letters = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: segment >> UInt32($0)) }
        while letters.count > 1, letters.last == UInt8(ascii: "_") { letters.removeLast() }
        return String(decoding: letters, as: UTF8.self)
    }
}

func segment(_ name: StaticString) -> UInt32 {
    name.withUTF8Buffer { $0.reduce(0) { $0 << 8 | UInt32($1) } }
}

struct Namespace {
    let root = Node(0, in: nil, isPredefined: true)
    static let osi = segment("_OSI")

    init() {
        for name in ["_SB_", "_GPE", "_PR_", "_SI_", "_TZ_", "_OSI", "_OS_", "_REV", "_GL_"] {
            root.predefine(name.utf8.reduce(0) { $0 << 8 | UInt32($1) })
        }
    }

    private func start(_ name: WrittenName, _ scope: Node) -> Node? {
        if name.isAbsolute { return root }
        var node = scope
        for _ in 0..<name.carets {
            guard let parent = node.parent else { return nil }
            node = parent
        }
        return node
    }

    /// The node that a declaration or a scope names; made where it is new. Nil: more carets than scopes.
    func place(_ name: WrittenName, _ scope: Node) -> Node? {
        guard let start = start(name, scope) else { return nil }
        return name.segments.reduce(start) { $0.child($1) }
    }

    /// What a name means in a scope, of the nodes for which `isWanted`; one segment is looked for further
    /// out too (ACPI 5.3).
    func find(_ name: WrittenName, _ scope: Node, where isWanted: (Node) -> Bool) -> Node? {
        if name.isSimple {
            var at: Node? = scope
            while let here = at {
                if let found = here.children[name.segments[0]], isWanted(found) { return found }
                at = here.parent
            }
            return nil
        }
        var node = start(name, scope)
        for segment in name.segments { node = node?.children[segment] }
        return node.flatMap { isWanted($0) ? $0 : nil }
    }

    /// The same, through aliases.
    func object(_ name: WrittenName, _ scope: Node) -> Node? {
        var node = find(name, scope, where: \.isThere)
        for _ in 0..<8 {
            guard let term = node?.declarations.first?.term, term.code == Code.alias else { return node }
            node = find(term.operands[0].name!, term.scope, where: \.isThere)
        }
        return nil
    }

    /// How many arguments follow when the name stands in a term; nil when nothing of this name is known.
    func arity(_ name: WrittenName, _ scope: Node) -> Int? {
        guard let node = find(name, scope, where: { $0.isThere || $0.external != nil }) else { return nil }
        if let term = node.declarations.first?.term {
            switch term.code {
            case Code.method: return Int(term.number & 7)
            case Code.alias:
                guard let object = object(name, scope), object !== node else { return 0 }
                let term = object.declarations.first?.term
                return term?.code == Code.method ? Int(term!.number & 7) : 0
            default: return 0
            }
        }
        if let external = node.external { return Int(external.number) }
        return node.isPredefined && node.segment == Self.osi ? 1 : 0
    }
}
