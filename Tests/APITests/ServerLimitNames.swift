// The names of the limits that the server in front adds to ours.

import MicroHTTP

enum ServerLimitNames {
    static let all = ServerLimits().table.map(\.name)
}
