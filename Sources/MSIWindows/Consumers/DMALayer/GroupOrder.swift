// A DMA domain has the reservations of the device that comes first. On kernels that add devices to a group as
// their drivers bind, a device tree does not say which that is: the answer tells where it matters. It changes
// no decision.

import AddressSpaces
import LinuxReleases
import Machines

enum GroupOrder {
    /// Devices of one group that are tried as the first, beginning with the first that was given.
    static let triedMax = 16

    /// Warns where another first device gives other addresses.
    static func warn(about question: Question, _ decision: inout Decision) {
        guard question.conditions.defaultDomain == .translated else { return }
        let orders = orders(of: question)
        // Nearly always: deciding once more takes as long as deciding.
        guard orders.count > 1 else { return }
        let results = orders.map { order in
            (first: order.prepared.first.device.id, place: place(of: order))
        }
        guard Set(results.map(\.place)).count > 1 else { return }
        decision.warn(
            .groupOrder,
            "\(question.conditions.kernel.doer(of: .groupOrder, startsSentence: true)) gives the domain the "
                + "reservations of the device that joins its group first, with a device tree the one whose driver binds first: "
                + results.map { "with \($0.first) first, MSIs go to \($0.place)" }.joined(separator: "; ")
                + ".")
    }

    /// The question with each device of the group first that may be; as it is where that is settled.
    static func orders(of question: Question) -> [Question] {
        let count = question.prepared.devices.count
        guard question.conditions.kernel.ordersGroupsByBinding, !question.findsDevicesInBusOrder, count > 1
        else {
            return [question]
        }
        return (0..<min(count, triedMax)).map { question.with(first: $0) }
    }

    /// Where the doorbells are reached, or one page is put.
    private static func place(of question: Question) -> String {
        var ignored = NoRecorder()
        var decision = Decision()
        DMALayer.decideInOrder(question, &decision, &ignored)
        let addresses = decision.doorbells.map(\.iova.hex)
        if !addresses.isEmpty { return addresses.joined(separator: ", ") }
        if decision.outcome == .hardware { return "a hardware MSI region" }
        return decision.window.map { HexLiteral.text($0.start.value) } ?? "no address"
    }
}

extension Question {
    /// The same question with another device of the group first.
    fileprivate func with(first index: Int) -> Question {
        var moved = prepared.devices
        moved.insert(moved.remove(at: index), at: 0)
        func place(_ member: Int) -> Int { member == index ? 0 : member < index ? member + 1 : member }
        var question = Question(
            group: PreparedGroup(moved, subject: place(prepared.subject)), consumer: consumer, source: source,
            conditions: conditions, doorbells: doorbells)
        question.findsDevicesInBusOrder = findsDevicesInBusOrder
        question.dmaMask = dmaMask
        question.history = history.map { operation in
            guard case .map(let bytes, let mask, let member) = operation else { return operation }
            return .map(bytes: bytes, mask: mask, member: place(member))
        }
        return question
    }
}
