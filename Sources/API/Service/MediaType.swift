// The media types that the API speaks.

/// Names of media types, in lower case and without parameters.
public enum MediaType {
    public static let json = "application/json"
    /// One JSON document a line.
    public static let ndjson = "application/x-ndjson"
    public static let problem = "application/problem+json"
    public static let deviceTree = "application/vnd.devicetree.blob"
    /// One ACPI table, several in a row, or the text of acpidump.
    public static let acpiTable = "application/vnd.acpi.table"
    public static let multipart = "multipart/form-data"
    public static let octetStream = "application/octet-stream"
    public static let plain = "text/plain"
    public static let eventStream = "text/event-stream"
    public static let html = "text/html"
    public static let yaml = "application/yaml"
}
