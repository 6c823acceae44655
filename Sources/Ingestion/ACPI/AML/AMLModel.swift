// DSDT and SSDTs read as terms: first the declarations of every table in order, then the methods' bodies,
// whose calls can be understood only when all declarations are known.

/// The tables' terms and names.
struct AMLModel {
    /// Whose bodies are kept: objects of a device that a fact may be in.
    private static let keptNames = Set(
        ["_HID", "_CID", "_UID", "_SEG", "_BBN", "_STA", "_CCA", "_CRS", "_DMA", "_DSM"]
            .map(AMLNamespace.segment))

    private(set) var names = AMLNamespace()
    /// By table.
    private(set) var trees: [AMLTree] = []
    /// Of methods by object.
    private(set) var bodies: [Int: AMLTree] = [:]
    /// Bodies that cannot be read, by object.
    private(set) var unreadBodies: [Int: AMLRefusal] = [:]
    /// The first of them: what it stores to is not known.
    private(set) var firstUnread: AMLRefusal?
    private var uses = AMLUses()
    /// To questions that were asked.
    let answers = AMLAnswers()
    private(set) var termsLeft = AMLLimits.termsMax
    /// Integers have 32 bits where the DSDT is of the first revision, those of its SSDTs too.
    let integerMax: UInt64

    init(integerMax: UInt64 = .max) { self.integerMax = integerMax }

    /// Reads the declarations of the next table; nothing of one that is refused is used.
    mutating func add(_ bytes: [UInt8]) throws(AMLRefusal) {
        let before = names
        do {
            trees.append(
                try AMLParser.parse(
                    bytes, min(ACPITable.headerBytes, bytes.count)..<bytes.count, table: trees.count,
                    scope: AMLNamespace.root, &names, &termsLeft))
        } catch {
            names = before
            firstUnread = firstUnread ?? error
            throw error
        }
    }

    /// Reads the bodies of all methods, those that are declared in bodies too. All tables are there.
    mutating func readBodies() {
        for table in trees.indices {
            for reference in trees[table].references {
                guard let object = names.find(reference.name, from: reference.scope) else { continue }
                trees[table].terms[reference.term].object = object
            }
            trees[table].references = []
            uses.note(trees[table], method: nil, integerMax: integerMax)
        }
        var object = 0
        while object < names.objects.count {
            for (place, declaration) in names.declarations(of: object).enumerated() {
                readBody(of: object, declaration, isFirst: place == 0)
            }
            object += 1
        }
        uses.settle()
    }

    /// Reads a method's body. One that is declared under another condition than the first may run as well,
    /// so that what it stores to counts.
    private mutating func readBody(
        of object: Int, _ declaration: AMLNamespace.Declaration, isFirst: Bool
    ) {
        // What exists before any table keeps its kind: a declaration of it fails.
        guard case .method(_, let body) = declaration.kind, names.objects[object].offset > 0 else { return }
        do {
            let tree = try AMLParser.parse(
                trees[declaration.table].bytes, body, table: declaration.table, scope: object,
                bodyOf: .init(table: declaration.table, offset: declaration.offset), &names, &termsLeft)
            uses.note(tree, method: object, integerMax: integerMax)
            if isFirst, Self.keptNames.contains(names.objects[object].segment) { bodies[object] = tree }
        } catch {
            if isFirst { unreadBodies[object] = error }
            firstUnread = firstUnread ?? error
        }
    }

    /// Where an object may be stored to; for a number, passing it to a method does not count.
    func store(to object: Int, isNumber: Bool) -> AMLRefusal? { uses.store(to: object, isNumber: isNumber) }

    /// What terms store to an object: constants, and where something else may be stored.
    func storedValues(
        of object: Int, isNumber: Bool
    ) -> (constants: [AMLConstant], other: AMLRefusal?) {
        uses.values(storedTo: object, isNumber: isNumber)
    }

    func refusal(_ reason: AMLRefusal.Reason, _ object: Int) -> AMLRefusal {
        AMLRefusal(reason, at: names.objects[object].offset, in: names.objects[object].table)
    }

    /// Whether an object is declared within a method, so that it exists only while that runs.
    func isLocal(_ object: Int) -> Bool {
        var at = names.objects[object].parent
        while at != AMLNamespace.root {
            if case .method = names.objects[at].kind { return true }
            at = names.objects[at].parent
        }
        return false
    }
}
