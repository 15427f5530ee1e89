using System.Globalization;
using System.Text;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Platform.Http;

/// <summary>Bodies that are not JSON, too large, or of another type.</summary>
public sealed class HostileBodyTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>, IAsyncLifetime
{
    private const string Marker = HostileRoutes.Marker;

    private static readonly string[] NoJson =
    [
        "{", "}", "{\"full_name\"", "{\"full_name\":\"" + Marker, "{\"author\":\"x\",}", "{'author':'x'}", "{\"a\":01}", "{\"a\":NaN}",
        Marker, "{} {}", "{\"a\":\"\\x\"}", "{\"a\":\"line\nbreak\"}", "{\"a\":\"\0\"}", "\0", "{\"a\":tru", "// " + Marker, "{/**/}",
        " ", "\n",
    ];

    public static TheoryData<string> Routes => HostileRoutes.Names;

    public static TheoryData<string, int> ContentTypes => new()
    {
        { "text/plain", 415 },
        { "text/json", 415 },
        { "application/xml", 415 },
        { "application/x-www-form-urlencoded", 415 },
        { "multipart/form-data; boundary=x", 415 },
        { "application/octet-stream", 415 },
        { "rubbish", 415 },
        { "application/json; charset=rubbish", 415 },
        { "application/json; charset=utf-7", 415 },
        { "application/json; charset=\"", 415 },
        { "application/json, application/json", 415 },
        { "application/json; charset=utf-8", 201 },
        { "application/json; charset=\"utf-8\"", 201 },
        { "application/json; charset=\"UTF-8\"", 201 },
        { "APPLICATION/JSON;charset=UTF-8", 201 },
        { "application/vnd.desk+json", 201 },
    };

    public async ValueTask InitializeAsync()
    {
        if (await caraway.Database.Scalar<long>("select count(*) from advocacy.cases") == 0)
            await caraway.OpenCase();
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task A_body_that_is_not_JSON_is_400(string route)
    {
        foreach (var body in NoJson)
            IsMalformed(await HostileRoutes.Send(caraway, route, body), body);
    }

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task An_empty_body_is_400(string route) => IsMalformed(await HostileRoutes.Send(caraway, route, ""), "(empty)");

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task A_body_that_is_cut_off_anywhere_is_400(string route)
    {
        var accepted = HostileRoutes.Find(route).Accepted;
        for (var length = 1; length < accepted.Length; length += 3)
            IsMalformed(await HostileRoutes.Send(caraway, route, accepted[..length]), accepted[..length]);
    }

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task Bytes_that_are_not_UTF_8_are_400(string route)
    {
        var texts = HostileRoutes.Find(route).Texts;
        byte[][] wrong = [[0xFF], [0xC3, 0x28], [0xED, 0xA0, 0x80], [0xC0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xE2, 0x82]];
        foreach (var bytes in wrong)
        {
            var body = HostileRoutes.Find(route).With(texts[0], "\"@\"");
            byte[] whole = [.. Encoding.UTF8.GetBytes(body[..body.IndexOf('@', StringComparison.Ordinal)]), .. bytes, .. "\"}"u8];

            IsMalformed(await HostileRoutes.Send(caraway, route, whole), Convert.ToHexString(bytes));
        }
    }

    [Fact]
    public async Task Bytes_that_are_not_UTF_8_cause_no_error_anywhere_in_a_body()
    {
        byte[][] bodies =
        [
            [.. "{\"\xFF"u8[..2], 0xFF, .. "\":1,\"author\":\"a\",\"body\":\"b\"}"u8],
            [.. "{\"zq7\":\""u8, 0xFF, .. "\",\"author\":\"a\",\"body\":\"b\"}"u8],
            [.. "{\"auth"u8, 0xC3, .. "\":\"a\",\"body\":\"b\"}"u8],
            [0xFF, 0xFE, .. Encoding.Unicode.GetBytes("{\"author\":\"a\",\"body\":\"b\"}")],
        ];
        foreach (var body in bodies)
            HostileRoutes.IsNoFault(await HostileRoutes.Send(caraway, "note", body));
    }

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task A_byte_order_mark_causes_no_error(string route)
    {
        var answer = await HostileRoutes.Send(
            caraway, route, [0xEF, 0xBB, 0xBF, .. Encoding.UTF8.GetBytes(HostileRoutes.Find(route).Accepted)]);

        Assert.True(answer.Status is 200 or 201 or 400, $"It was answered {answer.Status}.");
    }

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task Arrays_nested_20_000_deep_are_refused(string route)
    {
        var deep = new string('[', 20_000) + new string(']', 20_000);
        var objects = string.Concat(Enumerable.Repeat("{\"a\":", 20_000)) + "1" + new string('}', 20_000);
        var found = HostileRoutes.Find(route);
        foreach (var body in new[] { deep, objects, found.With(found.Texts[0], deep), found.With("zq7_unknown", deep) })
        {
            var answer = await HostileRoutes.Send(caraway, route, body);

            Assert.True(answer.Status is 400 or 422, $"It was answered {answer.Status}.");
            Assert.Equal("application/problem+json", answer.Headers["Content-Type"].Split(';')[0]);
        }
    }

    [Theory]
    [MemberData(nameof(ContentTypes))]
    public async Task Another_content_type_is_415(string contentType, int status)
    {
        var answer = await HostileRoutes.Send(caraway, "note", Encoding.UTF8.GetBytes(HostileRoutes.Find("note").Accepted), contentType);

        Assert.True(answer.Status == status, $"It was answered {answer.Status}: {answer.Body}");
        Assert.True(status != 415 || answer.Code == "unsupported_media_type", answer.Body);
    }

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task A_body_without_a_content_type_is_read_as_JSON(string route)
    {
        var (line, body) = ($"{HostileRoutes.Find(route).Method} {HostileRoutes.Find(route).Path}", HostileRoutes.Find(route).Accepted);

        foreach (var header in new[] { "X-Nothing: 1", "Content-Type:", "Content-Type:  " })
        {
            var answer = await SendWithoutType(line, body, header);
            Assert.True(answer.Status is 200 or 201, $"{line} with \"{header}\" was answered {answer.Status}: {answer.Body}");
        }
    }

    [Theory]
    [InlineData("full_name=Ada&narrative=Denied")]
    [InlineData("<intake/>")]
    [InlineData(" ")]
    public async Task A_body_without_a_content_type_that_is_not_JSON_is_malformed(string body) =>
        IsMalformed(await SendWithoutType("POST /intakes", body), body);

    [Fact]
    public async Task A_request_without_body_and_content_type_is_told_that_its_body_is_empty()
    {
        var answer = await SendWithoutType("POST /intakes", "");

        Assert.Equal((400, "malformed_json", "The body is empty; a JSON object is needed."), (answer.Status, answer.Code, answer.Detail));
    }

    [Theory]
    [InlineData("""{"username":"ada@example.org","password":"nobody has this one"}""", 401, "sign_in_failed")]
    [InlineData("username=ada@example.org&password=nobody+has+this+one", 400, "malformed_json")]
    [InlineData("", 400, "malformed_json")]
    public async Task A_sign_in_without_a_content_type_is_read_as_JSON_and_not_as_a_form(string body, int status, string code)
    {
        var answer = await SendWithoutType("POST /api/v1/login", body);

        Assert.Equal((status, code), (answer.Status, answer.Code));
    }

    [Fact]
    public async Task A_route_that_takes_no_body_ignores_one_without_a_content_type()
    {
        var answer = await SendWithoutType("POST /internal/documents/0/process", "rubbish");

        Assert.Equal((404, "document_not_found"), (answer.Status, answer.Code));
    }

    [Fact]
    public async Task A_request_is_repeated_by_its_key_with_and_without_a_content_type()
    {
        const string intake = """{"full_name":"Ada","narrative":"Denied."}""";
        var first = await SendWithoutType("POST /intakes", intake, "Idempotency-Key: without-content-type");
        var second = await caraway.Post("/intakes", intake, ("Idempotency-Key", "without-content-type"));

        Assert.Equal((201, 201, first.Body, "true"), (first.Status, second.Status, second.Body, second.Headers["Idempotent-Replayed"]));
    }

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task A_body_of_2_MiB_is_413(string route)
    {
        var body = HostileRoutes.Find(route).With(HostileRoutes.Find(route).Texts[0], $"\"{Marker}{new string('x', 2 * 1024 * 1024)}\"");

        var answer = await HostileRoutes.Send(caraway, route, body);

        Assert.Equal((413, "body_too_large"), (answer.Status, answer.Code));
        HostileRoutes.IsNoFault(answer);
    }

    [Theory]
    [InlineData("")]
    [InlineData("Idempotency-Key: large")]
    public async Task A_body_of_2_MiB_that_does_not_say_its_length_is_413_too(string header)
    {
        var chunk = Encoding.ASCII.GetBytes("10000\r\n" + new string(' ', 0x10000) + "\r\n");
        var body = Enumerable.Repeat(chunk, 32).SelectMany(bytes => bytes).Concat("0\r\n\r\n"u8.ToArray()).ToArray();
        string[] headers =
        [
            $"X-API-Key: {CarawayFixture.ApiKey}", "Content-Type: application/json", "Transfer-Encoding: chunked", .. header.Length > 0
                ? [header]
                : Array.Empty<string>(),
        ];

        var answer = await RawHttp.Send(caraway.Url, "POST /intakes", headers, body);

        Assert.Equal((413, "body_too_large"), (answer.Status, answer.Code));
    }

    [Fact]
    public async Task Broken_chunks_are_400()
    {
        var answer = await RawHttp.Send(
            caraway.Url,
            "POST /intakes",
            [$"X-API-Key: {CarawayFixture.ApiKey}", "Content-Type: application/json", "Transfer-Encoding: chunked"],
            "zz\r\n{}\r\n0\r\n\r\n"u8.ToArray());

        Assert.Equal(400, answer.Status);
    }

    private Task<Answer> SendWithoutType(string requestLine, string body, params string[] headers)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        string length = string.Create(CultureInfo.InvariantCulture, $"Content-Length: {bytes.Length}");
        return RawHttp.Send(caraway.Url, requestLine, [$"X-API-Key: {CarawayFixture.ApiKey}", length, .. headers], bytes);
    }

    private static void IsMalformed(Answer answer, string body)
    {
        Assert.True(answer.Status == 400, $"{body} was answered {answer.Status}: {answer.Body}");
        Assert.Equal("malformed_json", answer.Code);
        Assert.Equal("application/problem+json", answer.Headers["Content-Type"].Split(';')[0]);
        HostileRoutes.IsNoFault(answer);
    }
}
