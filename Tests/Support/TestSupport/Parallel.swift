// Threads for tests that need several things to happen at once.

import Glibc

/// Runs `body` on `count` threads of its own and waits for all of them.
public func inParallel(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    final class Box: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
    var threads: [pthread_t] = []
    for number in 0..<count {
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            {
                Unmanaged<Box>.fromOpaque($0!).takeRetainedValue().run()
                return nil
            }, Unmanaged.passRetained(Box { body(number) }).toOpaque())
        threads.append(thread)
    }
    for thread in threads { pthread_join(thread, nil) }
}
