// All tables of one machine, walked in their order, as they are loaded; then the bodies of methods, which
// may call what is declared after them. A table that cannot be walked declares nothing, and leaves every
// shared name in doubt.

final class Loaded {
    var space = Namespace()
    let tables: [[UInt8]]
    private(set) var refused: [Int: Trouble] = [:]
    /// The terms of every table that was walked.
    private(set) var terms: [Term] = []
    /// Methods, also those inside methods, with their bodies.
    private(set) var methods: [Term] = []
    /// How wide a number is: the DSDT's revision says it.
    let numberMask: UInt64
    private(set) var uses = Uses()

    static let headerBytes = 36

    init(_ tables: [[UInt8]]) {
        self.tables = tables
        let main = tables.first { $0.count >= Self.headerBytes && $0.starts(with: Array("DSDT".utf8)) }
        numberMask = main.map { $0[8] < 2 } == true ? 0xffff_ffff : .max
        walk()
        readBodies()
        uses.collect(self)
    }

    private func walk() {
        space = Namespace()
        terms = []
        methods = []
        // Less than a header holds no terms.
        for (number, table) in tables.enumerated()
        where refused[number] == nil && table.count > Self.headerBytes {
            var parser = Parser(table, table: number, at: Self.headerBytes, space, scope: space.root)
            do {
                terms += try parser.terms(table.count)
                methods += parser.methods
            } catch {
                refused[number] = error
                // Again, without what it declared.
                return walk()
            }
        }
    }

    private func readBodies() {
        var next = 0
        while next < methods.count {
            let method = methods[next]
            next += 1
            guard !method.node!.isPredefined else { continue }
            var parser = Parser(
                tables[method.table], table: method.table, at: method.bytes.startIndex, space,
                scope: method.node!)
            parser.isBody = true
            parser.condition = method.at
            do {
                method.body = try parser.terms(method.bytes.endIndex)
            } catch {
                method.bodyTrouble = error
            }
            methods += parser.methods
        }
    }

    /// What was not read could do anything.
    var unread: [Trouble] { refused.values + methods.compactMap(\.bodyTrouble) }

    /// Whether there is a name, here or in a table that is not here.
    func isMentioned(_ term: Term) -> Bool {
        object(term) != nil || space.arity(term.name!, term.scope) != nil
    }

    /// What a name refers to.
    func object(_ term: Term) -> Node? { term.node ?? space.object(term.name!, term.scope) }
}
