// Every interleaving of one reader and two publishers, each of whose steps is atomic: the state machine must
// never leave something published to a reader that rests.

import Testing

@testable import MicroHTTP

struct StreamStateTests {
    private enum Reader { case asking, aboutToRest, resting, done }

    /// A publisher first adds, then wakes; `steps` counts both.
    private struct World: Hashable {
        var state = StreamState()
        var reader = Reader.asking
        var published = 0
        var consumed = 0
        var steps = [0, 0]
        var cutSteps = 0
    }

    private static let eventsPerPublisher = 3

    /// The worlds that one atomic step leads to.
    private func successors(_ world: World, cutting: Bool) -> [World] {
        var next: [World] = []
        for publisher in 0..<2 where world.steps[publisher] < 2 * Self.eventsPerPublisher {
            var later = world
            later.steps[publisher] += 1
            if later.steps[publisher] % 2 == 1 {
                later.published += 1
            } else if later.state.wake() {
                #expect(later.reader == .resting, "resumed a connection that did not rest")
                later.reader = .asking
            }
            next.append(later)
        }
        if cutting, world.cutSteps == 0 {
            var later = world
            later.cutSteps = 1
            if later.state.cut() {
                #expect(later.reader == .resting, "resumed a connection that did not rest")
                later.reader = .asking
            }
            next.append(later)
        }
        var later = world
        switch world.reader {
        case .asking where world.state.isCut:
            later.state.end()
            later.reader = .done
            next.append(later)
        case .asking:
            if world.consumed < world.published {
                later.consumed = world.published
            } else {
                later.reader = .aboutToRest
            }
            next.append(later)
        case .aboutToRest:
            later.reader = later.state.rest() ? .resting : .asking
            next.append(later)
        case .resting, .done: break
        }
        return next
    }

    @Test(arguments: [false, true])
    func noWakeUpIsLost(cutting: Bool) {
        var seen: Set<World> = [World()]
        var endCount = 0
        var open = [World()]
        while let world = open.popLast() {
            let next = successors(world, cutting: cutting)
            if next.isEmpty {
                endCount += 1
                if cutting {
                    #expect(world.reader == .done, "a cut stream rests")
                } else {
                    #expect(world.reader == .resting && world.consumed == world.published)
                }
            }
            open += next.filter { seen.insert($0).inserted }
        }
        #expect(seen.count > 100 && endCount > 0)
    }

    @Test func nothingHappensAfterTheEnd() {
        var state = StreamState()
        state.end()
        #expect(!state.wake() && !state.cut() && !state.isResting)
    }
}
