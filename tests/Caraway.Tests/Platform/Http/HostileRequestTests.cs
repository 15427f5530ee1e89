using System.Text;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Platform.Http;

/// <summary>Odd ids, keys, queries, methods and headers.</summary>
public sealed class HostileRequestTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private const string Marker = HostileRoutes.Marker;

    private static readonly string[] NoIds =
    [
        "9223372036854775808", "99999999999999999999999999", "9223372036854775807", "-1", "-9223372036854775809", "0", "-0", "abc",
        Marker, "1.5", "1e3", "0x1", "+1", "%201", "1%20", "%20", "1,2", "%D9%A3", "%EF%BC%91", "NaN", "null", "1%0A", "%2F", "1%2F2",
        "..%2f1", "%FF", "%ED%A0%80", "1%3Bdrop",
    ];

    public static TheoryData<string, string, string> IdRoutes => new()
    {
        { "GET", "/cases/@", "case_not_found" },
        { "GET", "/cases/@/notes", "case_not_found" },
        { "GET", "/cases/@/documents", "case_not_found" },
        { "PATCH", "/cases/@", "case_not_found" },
        { "POST", "/cases/@/notes", "case_not_found" },
        { "POST", "/cases/@/documents", "case_not_found" },
        { "POST", "/internal/documents/@/process", "document_not_found" },
    };

    public static TheoryData<string> WrongKeys => new(
        "", " ", "x", "zq7marker", CarawayFixture.ApiKey + "x", CarawayFixture.ApiKey[..^1], CarawayFixture.ApiKey.ToUpperInvariant(),
        "é", "\u00FF\u00FE", "\u0080",
        "Bearer " + CarawayFixture.ApiKey, CarawayFixture.ApiKey + "\u00A0", new string('k', 1_025), new string('k', 20_000),
        CarawayFixture.ApiKey + "," + CarawayFixture.ApiKey, CarawayFixture.ApiKey + "\r\nX-API-Key: " + CarawayFixture.ApiKey,
        "x\r\nX-API-Key: " + CarawayFixture.ApiKey);

    [Theory]
    [MemberData(nameof(IdRoutes))]
    public async Task An_id_that_no_row_has_is_not_found(string method, string path, string code)
    {
        var body = Encoding.UTF8.GetBytes("""{"status":"CLOSED","author":"a","body":"b","filename":"c"}""");
        foreach (var id in NoIds)
        {
            var line = $"{method} {path.Replace("@", id, StringComparison.Ordinal)}";
            var answer = method == "GET"
                ? await RawHttp.Send(caraway.Url, line, $"X-API-Key: {CarawayFixture.ApiKey}")
                : await RawHttp.SendJson(caraway.Url, line, body);

            Assert.True(answer.Status == 404, $"{line} was answered {answer.Status}: {answer.Body}");
            Assert.True(
                answer.Code == code || id.Contains("%2", StringComparison.OrdinalIgnoreCase), $"{line} was answered {answer.Code}.");
            HostileRoutes.IsNoFault(answer);
        }
    }

    [Theory]
    [InlineData("GET", "/cases//notes")]
    [InlineData("POST", "/cases//documents")]
    [InlineData("POST", "/internal/documents//process")]
    [InlineData("GET", "//cases/1")]
    [InlineData("GET", "/cases/1/../../secret")]
    [InlineData("GET", "/.env")]
    [InlineData("GET", "/%2e%2e/appsettings.json")]
    [InlineData("GET", "/docs/..%2f..%2fappsettings.json")]
    public async Task A_path_with_a_part_missing_or_too_many_is_not_found(string method, string path)
    {
        var answer = await RawHttp.Send(caraway.Url, $"{method} {path}", $"X-API-Key: {CarawayFixture.ApiKey}", "Content-Length: 0");

        Assert.Equal(404, answer.Status);
        Assert.Equal("application/problem+json", answer.Headers["Content-Type"].Split(';')[0]);
    }

    [Theory]
    [InlineData("/cases/%00")]
    [InlineData("/cases/1%00/notes")]
    [InlineData("/cas\u00E9s")]
    [InlineData("/cases/%")]
    [InlineData("/cases/%zz")]
    public async Task An_invalid_path_never_reaches_the_program(string path) =>
        Assert.InRange((await RawHttp.Send(caraway.Url, $"GET {path}", $"X-API-Key: {CarawayFixture.ApiKey}")).Status, 400, 404);

    [Theory]
    [MemberData(nameof(WrongKeys))]
    public async Task A_wrong_key_is_401_whatever_it_is(string key)
    {
        var answer = await RawHttp.Send(caraway.Url, "GET /cases", $"X-API-Key: {key}");

        answer.IsProblem(401, "api_key_required");
        Assert.Equal("Invalid or missing API key", answer.Detail);
        Assert.Equal("Bearer realm=\"caraway\", ApiKey realm=\"caraway\"", answer.Headers["WWW-Authenticate"]);
        HostileRoutes.IsNoFault(answer);
    }

    [Fact]
    public async Task A_stranger_learns_nothing_of_a_body_or_an_id()
    {
        (string Line, string Body)[] requests =
        [
            ("POST /intakes", "{"),
            ("PATCH /cases/abc", "{}"),
            ("POST /cases/1/notes", new string('x', 2 * 1024 * 1024)),
            ("POST /internal/documents/0/process", ""),
        ];
        foreach (var (line, body) in requests)
        {
            var answer = await RawHttp.Send(
                caraway.Url, line, ["Content-Type: application/json", $"Content-Length: {body.Length}"], Encoding.UTF8.GetBytes(body));

            answer.IsProblem(401, "api_key_required");
        }
    }

    [Theory]
    [InlineData("limit=x", "#/limit")]
    [InlineData("limit=%00", "#/limit")]
    [InlineData("limit=1.5", "#/limit")]
    [InlineData("limit=1&limit=2", "#/limit")]
    [InlineData("limit=%FF", "#/limit")]
    [InlineData("cursor=zq7marker", "#/cursor")]
    [InlineData("cursor=%00", "#/cursor")]
    [InlineData("cursor=1&cursor=2", "#/cursor")]
    [InlineData("cursor=MTIz", "#/cursor")]
    [InlineData("cursor=%D9%A3", "#/cursor")]
    [InlineData("status=zq7marker", "#/status")]
    [InlineData("status=new", "#/status")]
    [InlineData("status=NEW&status=CLOSED", "#/status")]
    [InlineData("status=%00", "#/status")]
    [InlineData("status=NEW%00", "#/status")]
    [InlineData("status=%ED%A0%80", "#/status")]
    [InlineData("assignee=%00", "#/assignee")]
    [InlineData("assignee=zq7marker%00", "#/assignee")]
    public async Task A_query_value_that_is_not_valid_is_422_by_name(string query, string pointer)
    {
        var answer = (await Ask($"GET /cases?{query}")).IsProblem(422, "invalid");

        Assert.Equal([pointer], answer.Pointers);
        Assert.Equal("query", answer.Json.GetProperty("errors")[0].GetProperty("in").GetString());
        HostileRoutes.IsNoFault(answer);
    }

    [Theory]
    [InlineData("limit=99999999999999999999&cursor=99999999999999999999")]
    [InlineData("limit=-1&cursor=-99999999999999999999")]
    [InlineData("limit=&cursor=&status=&assignee=")]
    [InlineData("limit&cursor&status&assignee")]
    [InlineData("assignee=%ED%A0%80")]
    [InlineData("assignee=%FF%FE")]
    [InlineData("assignee=a&assignee=b")]
    [InlineData("assignee=%27%3B--")]
    [InlineData("unknown=%00&=&&==")]
    [InlineData("%00=1")]
    [InlineData("limit=%2B5")]
    public async Task Any_other_query_is_answered(string query) => Assert.Equal(200, (await Ask($"GET /cases?{query}")).Status);

    [Theory]
    [InlineData("DELETE", "/cases", "GET")]
    [InlineData("BREW", "/cases", "GET")]
    [InlineData("TRACE", "/cases/1", "GET, PATCH")]
    [InlineData("get", "/intakes", "POST")]
    [InlineData("PUT", "/cases/1/notes", "GET, POST")]
    [InlineData("PATCH", "/internal/documents/1/process", "POST")]
    [InlineData("PROPFIND", "/workflows", "GET")]
    public async Task An_odd_method_is_405_with_the_allowed_ones(string method, string path, string allowed)
    {
        var answer = (await Ask($"{method} {path}", "Content-Length: 0")).IsProblem(405, "method_not_allowed");

        Assert.Equal(allowed.Split(", "), answer.Headers["Allow"].Split(", ").Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("If-Match", "rubbish", 404)]
    [InlineData("If-Match", "\u00FF\"", 404)]
    [InlineData("If-None-Match", "\"", 404)]
    [InlineData("Accept", "\u00FF", 404)]
    [InlineData("Accept", "no/such;q=zz", 404)]
    [InlineData("Accept-Encoding", "\u00E9", 404)]
    [InlineData("Cookie", "\u00E9=\u00FF", 404)]
    [InlineData("Origin", "\u00E9", 404)]
    [InlineData("X-Access-Reason", "\u00E9\u00FF", 404)]
    [InlineData("Idempotency-Key", "\u00E9", 404)]
    [InlineData("Range", "bytes=rubbish", 404)]
    [InlineData("If-Modified-Since", "yesterday", 404)]
    [InlineData("X-Forwarded-For", "\u00E9", 404)]
    [InlineData("Authorization", "\u00E9", 404)]
    public async Task An_odd_header_causes_no_error(string name, string value, int status) =>
        Assert.Equal(status, (await Ask("GET /cases/9223372036854775807", $"{name}: {value}")).Status);

    [Fact]
    public async Task Headers_of_64_KiB_are_431() =>
        Assert.Equal(431, (await Ask("GET /cases", "X-Long: " + new string('x', 64 * 1024))).Status);

    [Fact]
    public async Task Too_many_headers_are_431() =>
        Assert.Equal(
            431, (await RawHttp.Send(caraway.Url, "GET /cases", [.. Enumerable.Range(0, 300).Select(i => $"X-{i}: x")], [])).Status);

    [Fact]
    public async Task A_very_long_address_is_414() =>
        Assert.Equal(414, (await Ask("GET /cases?assignee=" + new string('x', 20_001))).Status);

    [Fact]
    public async Task A_NUL_in_a_header_is_400_before_the_program() => Assert.Equal(400, (await Ask("GET /cases", "X-Odd: a\0b")).Status);

    private Task<Answer> Ask(string requestLine, params string[] headers) =>
        RawHttp.Send(caraway.Url, requestLine, [$"X-API-Key: {CarawayFixture.ApiKey}", .. headers]);
}
