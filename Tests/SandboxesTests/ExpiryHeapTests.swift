// The heap of deadlines against a plain dictionary.

import Sandboxes
import TestSupport
import Testing

@Suite struct ExpiryHeapTests {
    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func agreesWithADictionary(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var heap = ExpiryHeap()
        var model: [Int: UInt64] = [:]
        for step in 0..<5_000 {
            let slot = Int(random.next() % 200)
            switch random.next() % 4 {
            case 0, 1:
                let deadline = random.next() % 1_000
                heap.set(slot, deadline: deadline)
                model[slot] = deadline
            case 2:
                heap.remove(slot)
                model[slot] = nil
            default:
                guard let first = heap.first else { break }
                #expect(model[first.slot] == first.deadline, "seed \(seed), step \(step)")
                heap.remove(first.slot)
                model[first.slot] = nil
            }
            #expect(heap.count == model.count)
            #expect(heap.first?.deadline == model.values.min(), "seed \(seed), step \(step)")
        }
        var last: UInt64 = 0
        while let first = heap.first {
            #expect(first.deadline >= last)
            last = first.deadline
            heap.remove(first.slot)
        }
    }
}
