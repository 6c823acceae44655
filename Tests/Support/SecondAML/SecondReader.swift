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
    /// `_STA` is a constant 0.
    public let isAbsent: Bool
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
    private static let identifiers: [Datum] = [
        .number(0x030a_d041), .number(0x080a_d041), .text("PNP0A03"),
        .text("PNP0A08"),
    ]

    func all() -> [SecondBridge] {
        var found: [SecondBridge] = []
        visit(facts.loaded.space.root) { if isHostBridge($0) { found.append(bridge($0)) } }
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
            switch said.value {
            case .list(let list)?: if list.contains(where: Self.identifiers.contains) { return true }
            case let datum?: if Self.identifiers.contains(datum) { return true }
            case nil: break
            }
        }
        return false
    }

    private func bridge(_ device: Node) -> SecondBridge {
        return SecondBridge(
            path: device.path, resources: list(device, "_CRS"), inbound: inbound(device),
            segment: number(device, "_SEG"), firstBus: number(device, "_BBN"),
            uid: facts.said(device, "_UID"), isCoherent: coherence(device),
            isAbsent: number(device, "_STA").value == 0,
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
        if node.declarations.count > 1 || first.condition != nil {
            return .unknown(node.declarations.map { $0.term.trouble("declared twice, or under a condition") })
        }
        guard first.term.code == Code.method else { return .unknown([first.term.trouble("no method")]) }
        return Choice.preserves(first.term, facts)
    }
}
