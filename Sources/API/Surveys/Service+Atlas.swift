// GET /v1/atlas: the survey of Debian's arm64 device trees, computed by `make atlas` and built in.

import HTTP

extension Service {
    private static let atlasBytes = PackageResources.atlas_json
    private static let atlasTag = EntityTag.of(atlasBytes)

    func atlas(_ context: RequestContext) -> Response {
        let headers = HeaderFields([.init("ETag", Self.atlasTag), .init("Cache-Control", "no-cache")])
        if context.alreadyHas(Self.atlasTag) { return Response(status: 304, headers: headers) }
        var response = Response(status: 200, headers: headers, body: Self.atlasBytes)
        response.headers.set("Content-Type", MediaType.json)
        return response
    }
}
