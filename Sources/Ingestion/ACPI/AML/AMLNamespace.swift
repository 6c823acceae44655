// What the tables declare, by its place in ACPI's tree of names, and the search for a name from a scope: a
// single segment is looked for in the scopes around, everything else where it says (ACPI 6.5, section 5.3).

/// The tree of names of all tables together.
struct AMLNamespace {
    enum Kind: Hashable {
        /// Only a step of a path, or declared in a table that is not here.
        case unknown
        /// Declared elsewhere; of a method, with its arguments.
        case external(arguments: Int?)
        case device
        /// A Name, with its term in its table's tree.
        case data(term: Int)
        /// The body's bytes.
        case method(arguments: Int, body: Range<Int>)
        /// Another name; of a method, with its arguments.
        case alias(arguments: Int?)
        /// Scopes, fields, regions and everything else.
        case other
    }

    struct Object {
        let segment: UInt32
        let parent: Int
        let depth: Int
        var kind: Kind
        /// Which table declares it, and where.
        var table = 0
        var offset = 0
        /// The If, Else or While that it is declared in, or the method that declares it elsewhere.
        var condition: Condition?
        /// Declared in a method's body, whose tree has the term.
        var isInBody = false
        var isDeclaredTwice = false
    }

    /// Where the innermost term stands that decides whether a declaration is carried out.
    struct Condition: Hashable {
        let table: Int
        let offset: Int
    }

    /// What an object is, by one of several declarations.
    struct Declaration {
        let kind: Kind
        let table: Int
        let offset: Int
        let condition: Condition?
        let isInBody: Bool
    }

    static let root = 0

    private(set) var objects: [Object] = [Object(segment: 0, parent: 0, depth: 0, kind: .other)]
    private var children: [UInt64: Int] = [:]
    /// Second and later declarations, by object.
    private var repeated: [Int: [Declaration]] = [:]

    /// What exists before any table is loaded.
    init() {
        for name in ["_SB_", "_GPE", "_PR_", "_SI_", "_TZ_", "_OS_", "_REV", "_GL_"] {
            add(Self.segment(name), to: Self.root, .other)
        }
        add(Self.segment("_OSI"), to: Self.root, .external(arguments: 1))
    }

    static func segment(_ name: String) -> UInt32 { name.utf8.reduce(0) { $0 << 8 | UInt32($1) } }

    private static func key(_ parent: Int, _ segment: UInt32) -> UInt64 {
        UInt64(parent) << 32 | UInt64(segment)
    }

    func child(of parent: Int, _ segment: UInt32) -> Int? { children[Self.key(parent, segment)] }

    func child(of parent: Int, _ name: String) -> Int? { child(of: parent, Self.segment(name)) }

    @discardableResult
    private mutating func add(_ segment: UInt32, to parent: Int, _ kind: Kind) -> Int {
        objects.append(
            Object(segment: segment, parent: parent, depth: objects[parent].depth + 1, kind: kind))
        children[Self.key(parent, segment)] = objects.count - 1
        return objects.count - 1
    }

    private func start(_ name: AMLName, _ scope: Int) -> Int? {
        var start = name.isAbsolute ? Self.root : scope
        guard name.parents <= objects[start].depth else { return nil }
        for _ in 0..<name.parents { start = objects[start].parent }
        return start
    }

    /// The object that a name means in a scope.
    func find(_ name: AMLName, from scope: Int) -> Int? {
        if name.isSearched {
            var around = scope
            while true {
                if let found = child(of: around, name.segments[0]) { return found }
                guard around != Self.root else { return nil }
                around = objects[around].parent
            }
        }
        guard var found = start(name, scope) else { return nil }
        for segment in name.segments {
            guard let next = child(of: found, segment) else { return nil }
            found = next
        }
        return found
    }

    /// The place that a declaration names, made where it is missing.
    mutating func place(_ name: AMLName, from scope: Int, at offset: Int) throws(AMLRefusal) -> Int {
        guard var place = start(name, scope) else { throw AMLRefusal(.aboveRoot, at: offset) }
        for segment in name.segments {
            if let next = child(of: place, segment) {
                place = next
                continue
            }
            guard objects.count < AMLLimits.namesMax else { throw AMLRefusal(.tooManyNames, at: offset) }
            guard objects[place].depth < AMLLimits.pathDepthMax else {
                throw AMLRefusal(.pathTooLong, at: offset)
            }
            place = add(segment, to: place, .unknown)
        }
        return place
    }

    /// Says what an object is. A second declaration is noted, and the first one stays.
    mutating func declare(_ object: Int, _ declaration: Declaration) {
        switch objects[object].kind {
        case .unknown, .external:
            objects[object].kind = declaration.kind
            objects[object].table = declaration.table
            objects[object].offset = declaration.offset
            objects[object].condition = declaration.condition
            objects[object].isInBody = declaration.isInBody
        case .device, .data, .method, .alias, .other:
            objects[object].isDeclaredTwice = true
            repeated[object, default: []].append(declaration)
        }
    }

    /// All declarations of an object, the first one first; none of what no table here declares.
    func declarations(of object: Int) -> [Declaration] {
        let first = objects[object]
        switch first.kind {
        case .unknown, .external: return []
        case .device, .data, .method, .alias, .other:
            return [
                Declaration(
                    kind: first.kind, table: first.table, offset: first.offset, condition: first.condition,
                    isInBody: first.isInBody)
            ] + (repeated[object] ?? [])
        }
    }

    /// An External says what another table declares; a declaration of it stays.
    mutating func declareExternal(_ object: Int, arguments: Int?, table: Int, at offset: Int) {
        guard objects[object].kind == .unknown else { return }
        objects[object].kind = .external(arguments: arguments)
        objects[object].table = table
        objects[object].offset = offset
    }

    /// How many arguments a call of the object takes; nil when it is no method.
    func arguments(of object: Int) -> Int? {
        switch objects[object].kind {
        case .method(let arguments, _): arguments
        case .external(let arguments), .alias(let arguments): arguments
        case .unknown, .device, .data, .other: nil
        }
    }

    /// Whether an object is in the scope of another.
    func contains(_ scope: Int, _ object: Int) -> Bool {
        var at = object
        while at != scope {
            guard at != Self.root else { return false }
            at = objects[at].parent
        }
        return true
    }

    /// `\_SB.PCI0`
    func path(_ object: Int) -> String {
        var segments: [String] = []
        var at = object
        while at != Self.root {
            let segment = objects[at].segment
            var bytes = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: segment >> $0) }
            while bytes.count > 1, bytes.last == 0x5f { bytes.removeLast() }
            segments.append(String(decoding: bytes, as: UTF8.self))
            at = objects[at].parent
        }
        return "\\" + segments.reversed().joined(separator: ".")
    }
}
