// The store that the server's settings name: opened before anything listens, and read whole.

import API
import HTTP
import Locking
import PostgreSQLStorage
import SQLiteStorage
import Storage

enum StateStorage {
    /// nil where nothing is to be kept.
    static func opened(_ settings: Settings) throws -> (any Storage)? {
        if let conninfo = settings.store {
            do throws(StorageOpening) {
                return try PostgreSQLStorage(conninfo: conninfo)
            } catch {
                throw UnusableStore(description: "--store: \(error)")
            }
        }
        guard let folder = settings.stateDir else { return nil }
        do throws(StorageOpening) {
            return try SQLiteStorage(folder: folder, now: WallClock.monotonic())
        } catch {
            throw UnusableStore(description: "--state-dir \(folder): \(error)")
        }
    }

    /// Makes the service's copies of what is stored.
    ///
    /// - Returns: the lane for requests that wait for the store.
    static func restore(
        _ service: Service, from storage: any Storage, _ log: ServerLog
    ) throws -> HeavyLane {
        do throws(StorageFailure) {
            let state = try service.restore()
            log.say(
                "\(storage.name): \(state.platforms) platforms, \(state.agreements) agreements, \(state.sessions) sessions"
            )
            for name in state.unreadable {
                log.say("\(storage.name): \(name) cannot be read by this version and stays there")
            }
        } catch {
            throw UnusableStore(description: "\(storage.name) cannot be read: \(error.sentence)")
        }
        return HeavyLane(.waiting)
    }
}

/// Why the server does not start.
struct UnusableStore: Error, CustomStringConvertible {
    let description: String
}
