// The memory of bodies and answers in flight: bounds, shares, and random holds against a plain sum.

import TestSupport
import Testing

@testable import HTTP

@Suite struct FlightBudgetTests {
    private func budget(_ most: Int, _ share: Int, light: Int = 9) -> FlightBudget {
        var bounds = FlightBudget.Bounds()
        (bounds.bytesMax, bounds.bytesPerClientMax, bounds.lightBytesMax) = (most, share, light)
        return FlightBudget(bounds)
    }

    @Test func oneClientLeavesRoomForOthers() {
        let budget = budget(100, 50)
        let (a, b, c) = (
            FlightBudget.Hold(budget, client: "a"), FlightBudget.Hold(budget, client: "a"),
            FlightBudget.Hold(budget, client: "c")
        )
        #expect(a.take(.body, bytes: 30) && !b.take(.body, bytes: 21) && b.take(.body, bytes: 20))
        #expect(c.take(.answer, bytes: 50))
        let d = FlightBudget.Hold(budget, client: "d")
        #expect(!d.take(.answer, bytes: 10), "everybody's bytes")
        #expect(d.take(.answer, bytes: 9), "light bytes are not counted")
        var expected = FlightBudget.Gauges()
        (expected.bodyBytes, expected.answerBytes, expected.peakBytes) = (50, 50, 100)
        (expected.refusedBodies, expected.refusedAnswers) = (1, 1)
        #expect(budget.gauges == expected)
        a.release()
        #expect(d.take(.answer, bytes: 10) && budget.gauges.answerBytes == 60)
    }

    /// A body gives way to its answer, which finds no room only where it is the larger.
    @Test func answersTakeTheirBodysPlace() {
        let budget = budget(100, 100)
        let (one, other) = (FlightBudget.Hold(budget, client: "a"), FlightBudget.Hold(budget, client: "b"))
        #expect(one.take(.body, bytes: 60) && other.take(.body, bytes: 40))
        #expect(one.findsRoom() && one.take(.answer, bytes: 60) && !one.take(.answer, bytes: 61))
        #expect(budget.gauges.bodyBytes == 40 && budget.gauges.answerBytes == 60)
        one.mustTake(.answer, bytes: 150)
        #expect(!other.findsRoom() && one.findsRoom() && budget.gauges.peakBytes == 190)
        // What gets smaller always may.
        #expect(other.take(.answer, bytes: 30) && one.take(.answer, bytes: 120))
        one.release()
        #expect(other.findsRoom() && budget.gauges.answerBytes == 30)
    }

    @Test func nothingIsLeftOfHoldsThatWent() {
        let budget = budget(1_000, 400)
        var generator = SeededGenerator.forTest("nothingIsLeftOfHoldsThatWent", fallback: 0xb0d9e7)
        var holds: [(client: String, hold: FlightBudget.Hold, bytes: Int)] = []
        for _ in 0..<5_000 {
            if holds.isEmpty || Bool.random(using: &generator) {
                let client = ["a", "b", "c"].randomElement(using: &generator)!
                holds.append((client, FlightBudget.Hold(budget, client: client), 0))
            }
            let place = Int.random(in: holds.indices, using: &generator)
            if Int.random(in: 0..<4, using: &generator) == 0 {
                holds.remove(at: place)
            } else {
                let wanted = Int.random(in: 10...300, using: &generator)
                let kind: FlightBudget.Kind = Bool.random(using: &generator) ? .body : .answer
                let others = holds.reduce(0) { $0 + $1.bytes } - holds[place].bytes
                let client = holds[place].client
                let mine =
                    holds.filter { $0.client == client }.reduce(0) { $0 + $1.bytes } - holds[place].bytes
                let fits = wanted <= holds[place].bytes || (others + wanted <= 1_000 && mine + wanted <= 400)
                #expect(holds[place].hold.take(kind, bytes: wanted) == fits, "seed \(generator.seed)")
                if fits { holds[place].bytes = wanted }
            }
            let gauges = budget.gauges
            #expect(gauges.bodyBytes + gauges.answerBytes == holds.reduce(0) { $0 + $1.bytes })
            #expect(gauges.peakBytes <= 1_000)
        }
        holds = []
        #expect(budget.gauges.bodyBytes == 0 && budget.gauges.answerBytes == 0)
    }
}
