// The names of the limits that the server in front adds to ours.

import HTTP
import MicroHTTP

enum ServerLimitNames {
    static let all =
        (ServerLimits().table + HeavyLane.Bounds().table + FlightBudget.Bounds().table).map(\.name)
}
