// The PCI host bridges of DSDT and SSDTs: which devices are some, or may be, and what each says of its
// segment, its buses and its windows. A fact that would have to be evaluated is unknown, with its place; it
// is not absent.

import Machines

/// One PCI host bridge.
struct AMLHostBridge: Sendable {
    /// `\_SB.PCI0`
    let path: String
    /// Which of the tables declares it, and where.
    let table: Int
    let offset: Int
    /// Why it may be another device: its `_HID` or `_CID` has to be evaluated.
    let doubt: AMLRefusal?
    /// Why it may not be declared at all.
    let condition: AMLRefusal?
    /// Whether `_STA` of it and of all devices around it lets Linux look at it.
    let presence: AMLFact<Bool>
    /// 0 without `_SEG`.
    let segment: AMLFact<UInt64>
    let firstBus: AMLFact<UInt64>
    let uid: AMLFact<AMLConstant>
    let isCoherent: AMLFact<Bool>
    let resources: AMLFact<[UInt8]>
    /// `_DMA` of the bridge, or of the next device around it that has one.
    let inbound: AMLFact<[UInt8]>
    let preservesConfiguration: AMLFact<Bool>
    /// There is a `_CBA`.
    let hasConfigurationBase: Bool
}

extension AMLModel {
    private enum Identity {
        case isBridge, isOther
        case mayBeBridge(AMLRefusal)
    }

    /// In the order of their declarations, those that may be something else at the end; at most `max`.
    func hostBridges(max: Int) -> [AMLHostBridge] {
        var sure: [Int] = []
        var doubtful: [(device: Int, doubt: AMLRefusal)] = []
        for device in names.objects.indices where sure.count < max {
            switch identity(device) {
            case .isBridge: sure.append(device)
            case .mayBeBridge(let doubt): if doubtful.count < max { doubtful.append((device, doubt)) }
            case .isOther: continue
            }
        }
        return sure.map { bridge($0, nil) }
            + doubtful.prefix(max - sure.count).map { bridge($0.device, $0.doubt) }
    }

    private func identity(_ device: Int) -> Identity {
        guard names.objects[device].kind == .device else { return .isOther }
        var doubt: AMLRefusal?
        var isNamed = false
        for name in ["_HID", "_CID"] {
            guard let possible = possible(name, of: device, .isHostBridge),
                let object = child(name, of: device), possible.isYes || possible.doubt != nil
            else { continue }
            if possible.isYes, isDeclaredBridge(object, in: device) { return .isBridge }
            isNamed = isNamed || possible.isYes
            doubt = doubt ?? possible.doubt ?? reason(object, in: device)
        }
        // What a method declares in itself is gone when Linux looks. What passes nothing on has no windows,
        // whatever it is.
        guard let doubt, !isLocal(device), isNamed || mayPassOn(device) else { return .isOther }
        return .mayBeBridge(doubt)
    }

    private func mayPassOn(_ device: Int) -> Bool {
        possible("_CRS", of: device, .passesOn).map { $0.isYes || $0.doubt != nil } ?? false
    }

    /// Whether the value that is declared says so, whatever stores to the name.
    private func isDeclaredBridge(_ object: Int, in device: Int) -> Bool {
        guard let (tree, term) = try? value(of: object, in: device, asDeclared: true) else { return false }
        return answers(tree, term, .isHostBridge).isYes
    }

    /// Why an object has more than one value.
    private func reason(_ object: Int, in device: Int) -> AMLRefusal {
        do {
            _ = try value(of: object, in: device)
            return refusal(.computed, object)
        } catch {
            return error
        }
    }

    private func bridge(_ device: Int, _ doubt: AMLRefusal?) -> AMLHostBridge {
        let declared = names.objects[device]
        return AMLHostBridge(
            path: names.path(device), table: declared.table, offset: declared.offset, doubt: doubt,
            condition: condition(device), presence: presence(device), segment: number("_SEG", of: device),
            firstBus: number("_BBN", of: device), uid: constant("_UID", of: device),
            isCoherent: coherence(device), resources: buffer("_CRS", of: device),
            inbound: inbound(device), preservesConfiguration: preservesConfiguration(device),
            hasConfigurationBase: child("_CBA", of: device) != nil)
    }

    /// Whether Linux looks at a device: it looks at nothing that is in an absent one.
    private func presence(_ device: Int) -> AMLFact<Bool> {
        var doubt: AMLRefusal?
        for at in around(device) {
            switch ownPresence(at) {
            case .known(false): return .known(false)
            case .unknown(let refusal): doubt = doubt ?? refusal
            case .known(true), .absent: continue
            }
        }
        return doubt.map(AMLFact.unknown) ?? .known(true)
    }

    /// What a device's own `_STA` says.
    private func ownPresence(_ device: Int) -> AMLFact<Bool> {
        if let known = answers.presence[device] { return known }
        var presence = AMLFact<Bool>.absent
        if let possible = possible("_STA", of: device, .isPresent), let object = child("_STA", of: device) {
            let isPresent = possible.isYes || possible.mayBeMissing
            if let doubt = possible.doubt {
                presence = .unknown(doubt)
            } else if isPresent != possible.isNo {
                presence = .known(isPresent)
            } else {
                presence = .unknown(reason(object, in: device))
            }
        }
        answers.presence[device] = presence
        return presence
    }

    /// Why the device, or one around it, may not be there.
    private func condition(_ device: Int) -> AMLRefusal? {
        for at in around(device) where names.objects[at].condition != nil {
            return refusal(.declaredUnderCondition, at)
        }
        return isLocal(device) ? refusal(.declaredUnderCondition, device) : nil
    }

    /// The device and those around it, from the inside out; the root is one too.
    private func around(_ device: Int) -> [Int] {
        Array(sequence(first: device) { $0 == AMLNamespace.root ? nil : self.names.objects[$0].parent })
    }

    /// The next one outwards, which Linux takes only beside a `_CRS` (acpi_dma_get_range).
    private func inbound(_ device: Int) -> AMLFact<[UInt8]> {
        guard let owner = around(device).first(where: { child("_DMA", of: $0) != nil }),
            child("_CRS", of: owner) != nil
        else { return .absent }
        return buffer("_DMA", of: owner)
    }

    /// What the outermost device says; those inside have no say (acpi_init_coherency).
    private func coherence(_ device: Int) -> AMLFact<Bool> {
        guard let owner = around(device).last(where: { child("_CCA", of: $0) != nil }) else { return .absent }
        return number("_CCA", of: owner).map { $0 != 0 }
    }
}
