// DSDT and SSDTs read as terms: first the declarations of every table in order, then the methods' bodies,
// whose calls can be understood only when all declarations are known. It also knows which named objects
// something may store to.

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
    /// Where an object may be stored to, by object.
    private(set) var stores: [Int: AMLRefusal] = [:]
    private(set) var termsLeft = AMLLimits.termsMax

    /// Reads the declarations of the next table; nothing of one that is refused is used.
    mutating func add(_ bytes: [UInt8]) throws(AMLRefusal) {
        let before = names
        do {
            let tree = try AMLParser.parse(
                bytes, min(ACPITable.headerBytes, bytes.count)..<bytes.count, table: trees.count,
                scope: AMLNamespace.root, &names, &termsLeft)
            note(tree)
            trees.append(tree)
        } catch {
            names = before
            firstUnread = firstUnread ?? error
            throw error
        }
    }

    /// Reads the bodies of all methods, those that are declared in bodies too.
    mutating func readBodies() {
        var object = 0
        while object < names.objects.count {
            defer { object += 1 }
            let declared = names.objects[object]
            guard case .method(_, let body) = declared.kind else { continue }
            do {
                let tree = try AMLParser.parse(
                    trees[declared.table].bytes, body, table: declared.table, scope: object, &names,
                    &termsLeft)
                note(tree)
                if Self.keptNames.contains(declared.segment) { bodies[object] = tree }
            } catch {
                unreadBodies[object] = error
                firstUnread = firstUnread ?? error
            }
        }
    }

    private mutating func note(_ tree: AMLTree) {
        for (index, term) in tree.terms.enumerated() where term.opcode == .name {
            guard let object = term.object, stores[object] == nil, mayStore(index, tree) else { continue }
            stores[object] = tree.refusal(.storedTo, index)
        }
    }

    /// Whether a term's place lets its object be written to, there or later.
    private func mayStore(_ index: Int, _ tree: AMLTree) -> Bool {
        let term = tree.terms[index]
        switch term.role {
        case .written, .exposed, .argument, .element: return true
        case .statement: return false
        case .read:
            // Index makes a reference to its source, unless DerefOf takes the value at once.
            guard term.parent >= 0, tree.terms[term.parent].opcode == .index, index == term.parent + 1 else {
                return false
            }
            let around = tree.terms[term.parent].parent
            return around < 0 || tree.terms[around].opcode != .dereference
        }
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
