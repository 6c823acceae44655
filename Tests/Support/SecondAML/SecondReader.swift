// A second reader of AML, written from the description of what is read without running it and from the ACPI
// specification, by somebody who had not seen the first: host bridges with what their objects say. It
// shares nothing with the sources of this project, so that a mistake would have to be made twice. What the
// description leaves open, such as the place that a refusal names, the two agreed on afterwards. Who
// changes the one does not look at the other.

public struct SecondBridge {
    /// As in `\_SB.PCI0`: underscores that fill up a name are left out.
    public let path: String
    /// `_CRS` and `_DMA`: lists of resources. `_DMA` is the next one outwards, as `acpi_dma_get_range` looks.
    public let resources: Said<[UInt8]>
    public let inbound: Said<[UInt8]>
    public let segment: Said<UInt64>
    public let firstBus: Said<UInt64>
    /// A number or a text.
    public let uid: Said<Datum>
    /// Of the outermost device that has `_CCA` (acpi_init_coherency).
    public let isCoherent: Said<Bool>
    /// Whether `_STA`, of it and of every device around it, lets it be enumerated.
    public let presence: Said<Bool>
    /// Why it may be another device.
    public let doubt: Trouble?
    /// Whether it exists is decided at run time: the table and offset of the If or method around it.
    public let condition: Trouble?
    /// What `_DSM` function 5 says.
    public let preserves: Said<Bool>
}

public struct SecondReading {
    public let bridges: [SecondBridge]
    /// Tables that cannot be walked.
    public let refused: [Int: Trouble]

    /// Whole tables, the DSDT first, as the firmware orders them.
    public init(_ tables: [[UInt8]]) {
        let loaded = Loaded(tables)
        refused = loaded.refused
        bridges = Bridges(facts: Facts(loaded: loaded)).all()
    }
}

struct Bridges {
    let facts: Facts

    func all() -> [SecondBridge] {
        var found: [SecondBridge] = []
        visit(facts.loaded.space.root) { device in
            if isHostBridge(device) {
                found.append(bridge(device, nil))
            } else if !facts.isLocal(device), let doubt = doubt(device) {
                found.append(bridge(device, doubt))
            }
        }
        return found
    }

    private func visit(_ node: Node, _ body: (Node) -> Void) {
        if node.declarations.contains(where: { $0.term.code == Code.device }) { body(node) }
        for child in node.order { visit(child, body) }
    }

    private func isHostBridge(_ device: Node) -> Bool {
        for said in [
            facts.said(device, "_HID", asWritten: true), facts.said(device, "_CID", asWritten: true),
        ] {
            if let datum = said.value, Question.bridge.answer(datum) == true { return true }
        }
        return false
    }

    /// Why a device that says nothing of the kind may be a host bridge.
    private func doubt(_ device: Node) -> Trouble? {
        let names = ["_HID", "_CID"] as [StaticString]
        let isNamed = names.contains {
            facts.possibility(device, $0, .bridge)?.answers.contains(true) == true
        }
        if !isNamed {
            // It has no windows to lose.
            guard let list = facts.possibility(device, "_CRS", .produces),
                list.answers.contains(true) || !list.doubts.isEmpty
            else { return nil }
        }
        for name in names {
            guard let all = facts.possibility(device, name, .bridge) else { continue }
            if let doubt = all.doubts.first { return doubt }
            if all.answers.contains(true) {
                return device.children[SecondAML.segment(name)]!.declarations[0].term.trouble(
                    "one of several")
            }
        }
        return nil
    }

    private func presence(_ device: Node) -> Said<Bool> {
        var doubts: [Trouble] = []
        var at: Node? = device
        while let here = at {
            at = here.parent
            guard let all = facts.possibility(here, "_STA", .present) else { continue }
            // Without one, a device is there.
            let answers = all.answers.union(all.mayBeMissing ? [true] : [])
            if all.doubts.isEmpty, answers == [false] { return .value(false) }
            if all.doubts.isEmpty, answers == [true] { continue }
            doubts += all.doubts + facts.said(here, "_STA").troubles
        }
        return doubts.isEmpty ? .value(true) : .unknown(doubts)
    }

    private func bridge(_ device: Node, _ doubt: Trouble?) -> SecondBridge {
        return SecondBridge(
            path: device.path, resources: list(device, "_CRS"), inbound: inbound(device),
            segment: number(device, "_SEG"), firstBus: number(device, "_BBN"),
            uid: facts.said(device, "_UID"), isCoherent: coherence(device),
            presence: presence(device), doubt: doubt,
            condition: condition(device), preserves: preserves(device))
    }

    private func number(_ device: Node, _ name: StaticString) -> Said<UInt64> {
        facts.said(device, name).map { datum in
            if case .number(let number) = datum { .value(number) } else { .unknown(declared(device, name)) }
        }
    }

    private func list(_ device: Node, _ name: StaticString) -> Said<[UInt8]> {
        facts.said(device, name).map { datum in
            if case .bytes(let bytes) = datum { .value(bytes) } else { .unknown(declared(device, name)) }
        }
    }

    /// The places of a value of the wrong kind.
    private func declared(_ device: Node, _ name: StaticString) -> [Trouble] {
        let terms = device.children[SecondAML.segment(name)]?.declarations.map(\.term) ?? []
        var values = terms.flatMap { $0.operands + $0.body.flatMap { [$0] + $0.operands } }
        for value in values where value.code == Code.reference {
            values += facts.loaded.object(value)?.declarations.flatMap(\.term.operands) ?? []
        }
        return (terms + values).map { $0.trouble("a value of the wrong kind") }
    }

    private func has(_ device: Node, _ name: StaticString) -> Bool {
        let node = device.children[SecondAML.segment(name)]
        return node.map { !$0.declarations.isEmpty || $0.external != nil } ?? false
    }

    /// Of the device or of one around it.
    private func condition(_ device: Node) -> Trouble? {
        var at: Node? = device
        while let here = at {
            if let first = here.declarations.first, let offset = first.condition {
                return Trouble(table: first.term.table, offset: offset, words: "under a condition")
            }
            at = here.parent
        }
        return nil
    }

    /// Linux ignores a `_DMA` without `_CRS` beside it.
    private func inbound(_ device: Node) -> Said<[UInt8]> {
        var at: Node? = device
        while let here = at, !has(here, "_DMA") { at = here.parent }
        guard let owner = at, has(owner, "_CRS") else { return .nothing }
        return list(owner, "_DMA")
    }

    private func coherence(_ device: Node) -> Said<Bool> {
        var owner: Node?
        var at: Node? = device
        while let here = at {
            if has(here, "_CCA") { owner = here }
            at = here.parent
        }
        guard let owner else { return .nothing }
        return number(owner, "_CCA").map { .value($0 != 0) }
    }

    private func preserves(_ device: Node) -> Said<Bool> {
        guard let node = device.children[SecondAML.segment("_DSM")], has(device, "_DSM") else {
            return .nothing
        }
        guard let first = node.declarations.first else {
            return .unknown([node.external!.trouble("declared elsewhere")])
        }
        if node.declarations.count > 1 || !facts.isCarriedOut(first, with: device) {
            return .unknown(node.declarations.map { $0.term.trouble("declared twice, or under a condition") })
        }
        guard first.term.code == Code.method else { return .unknown([first.term.trouble("no method")]) }
        return Choice.preserves(first.term, facts)
    }
}
