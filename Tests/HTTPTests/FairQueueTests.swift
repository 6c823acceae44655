// The queue in front of the heavy lane: turns, bounds, and every order of calls against a plain model.

import TestSupport
import Testing

@testable import HTTP

@Suite struct FairQueueTests {
    final class Item {
        let name: String
        init(_ name: String) { self.name = name }
    }

    private func bounds(_ change: (inout HeavyLane.Bounds) -> Void = { _ in }) -> HeavyLane.Bounds {
        var bounds = HeavyLane.Bounds()
        change(&bounds)
        return bounds
    }

    private func add(_ queue: inout FairQueue<Item>, _ item: Item, of client: String, bytes: Int) -> Bool {
        queue.add(item, of: client, bytes: bytes)
    }

    private func drained(_ queue: inout FairQueue<Item>) -> [String] {
        var names: [String] = []
        while let item = queue.next() { names.append(item.name) }
        return names
    }

    @Test func clientsTakeTurns() {
        var queue = FairQueue<Item>(bounds())
        for name in ["a1", "a2", "a3", "a4"] { #expect(add(&queue, Item(name), of: "a", bytes: 1)) }
        #expect(add(&queue, Item("b1"), of: "b", bytes: 1))
        let first = queue.next()?.name
        #expect(first == "a1")
        #expect(add(&queue, Item("c1"), of: "c", bytes: 1))
        #expect(drained(&queue) == ["b1", "a2", "c1", "a3", "a4"])
        #expect(queue.count == 0 && queue.bytes == 0)
    }

    @Test func eachBoundRefuses() {
        var queue = FairQueue<Item>(bounds { ($0.requestsMax, $0.requestsPerClientMax) = (3, 2) })
        #expect(add(&queue, Item("a1"), of: "a", bytes: 0) && add(&queue, Item("a2"), of: "a", bytes: 0))
        #expect(!add(&queue, Item("a3"), of: "a", bytes: 0), "one client's count")
        #expect(add(&queue, Item("b1"), of: "b", bytes: 0))
        #expect(!add(&queue, Item("c1"), of: "c", bytes: 0), "everybody's count")
        queue = FairQueue(bounds { ($0.bytesMax, $0.bytesPerClientMax) = (30, 20) })
        #expect(add(&queue, Item("a1"), of: "a", bytes: 20))
        #expect(!add(&queue, Item("a2"), of: "a", bytes: 1), "one client's bytes")
        #expect(add(&queue, Item("b1"), of: "b", bytes: 10))
        #expect(!add(&queue, Item("c1"), of: "c", bytes: 1), "everybody's bytes")
        #expect(drained(&queue) == ["a1", "b1"])
        #expect(add(&queue, Item("large"), of: "a", bytes: 1_000), "alone it may be larger than the bound")
    }

    /// Random calls against lists that are searched from the start.
    @Test func agreesWithAModel() {
        var generator = SeededGenerator.forTest("agreesWithAModel", fallback: 0xfa15)
        let seed = generator.seed
        for _ in 0..<300 {
            let limits = bounds {
                $0.requestsMax = .random(in: 1...9, using: &generator)
                $0.requestsPerClientMax = .random(in: 1...5, using: &generator)
                $0.bytesMax = .random(in: 1...60, using: &generator)
                $0.bytesPerClientMax = .random(in: 1...40, using: &generator)
            }
            var queue = FairQueue<Item>(limits)
            var model = Model(limits: limits)
            for step in 0..<60 {
                let client = ["a", "b", "c"].randomElement(using: &generator)!
                switch Int.random(in: 0...4, using: &generator) {
                case 0, 1, 2:
                    let item = Item("\(client)\(step)")
                    let bytes = Int.random(in: 0...20, using: &generator)
                    let (ours, theirs) = (
                        queue.add(item, of: client, bytes: bytes), model.add(item, client, bytes)
                    )
                    #expect(ours == theirs, "seed \(seed)")
                case 3:
                    let (ours, theirs) = (queue.next(), model.next())
                    #expect(ours === theirs, "seed \(seed)")
                default:
                    let item = model.all.randomElement(using: &generator) ?? Item("none")
                    let (ours, theirs) = (queue.remove(item, of: client), model.remove(item, client))
                    #expect(ours == theirs, "seed \(seed)")
                }
                #expect(queue.count == model.all.count && queue.bytes == model.bytes, "seed \(seed)")
            }
        }
    }

    private struct Model {
        let limits: HeavyLane.Bounds
        var turns: [String] = []
        var waiting: [(item: Item, client: String, bytes: Int)] = []

        var all: [Item] { waiting.map(\.item) }
        var bytes: Int { waiting.reduce(0) { $0 + $1.bytes } }

        mutating func add(_ item: Item, _ client: String, _ added: Int) -> Bool {
            let own = waiting.filter { $0.client == client }
            guard waiting.count < limits.requestsMax, own.count < limits.requestsPerClientMax,
                waiting.isEmpty || bytes + added <= limits.bytesMax,
                own.isEmpty || own.reduce(0, { $0 + $1.bytes }) + added <= limits.bytesPerClientMax
            else { return false }
            if own.isEmpty { turns.append(client) }
            waiting.append((item, client, added))
            return true
        }

        mutating func next() -> Item? {
            guard let client = turns.first, let item = waiting.first(where: { $0.client == client })?.item
            else { return nil }
            turns.removeFirst()
            waiting.removeAll { $0.item === item }
            if waiting.contains(where: { $0.client == client }) { turns.append(client) }
            return item
        }

        mutating func remove(_ item: Item, _ client: String) -> Bool {
            guard let place = waiting.firstIndex(where: { $0.item === item && $0.client == client }) else {
                return false
            }
            waiting.remove(at: place)
            if !waiting.contains(where: { $0.client == client }) { turns.removeAll { $0 == client } }
            return true
        }
    }
}
