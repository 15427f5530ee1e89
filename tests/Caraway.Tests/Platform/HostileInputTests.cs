using System.Net.Sockets;
using System.Text;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Platform;

/// <summary>Nothing that a caller can send is answered 500, and no refusal repeats what was sent.</summary>
public sealed class HostileInputTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private const string Secret = "s3cr3t-canary";

    public static TheoryData<string, string> Routes => new()
    {
        { "POST", "/intakes" },
        { "PATCH", "/cases/1" },
        { "POST", "/cases/1/notes" },
        { "POST", "/cases/1/documents" },
    };

    public static TheoryData<string, byte[], int> Bodies => new()
    {
        { "empty", [], 400 },
        { "white space", "  \n "u8.ToArray(), 400 },
        { "truncated", """{"full_name":"s3cr3t-canary"""u8.ToArray(), 400 },
        { "no JSON", "s3cr3t-canary"u8.ToArray(), 400 },
        { "trailing comma", """{"full_name":"x",}"""u8.ToArray(), 400 },
        { "comment", """{/* s3cr3t-canary */}"""u8.ToArray(), 400 },
        { "two values", "{}{}"u8.ToArray(), 400 },
        { "not UTF-8", [.. "{\"full_name\":\""u8, 0xFF, .. "\",\"author\":\""u8, 0xFF, .. "\",\"filename\":\""u8, 0xFF, .. "\",\"assignee\":\""u8, 0xFF, .. "\"}"u8], 400 },
        { "objects 20,000 deep", Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("{\"a\":", 20_000))), 400 },
        { "an unknown field 20,000 deep", Encoding.ASCII.GetBytes("{\"z\":" + new string('[', 20_000) + new string(']', 20_000) + "}"), 400 },
        { "arrays 20,000 deep", Encoding.ASCII.GetBytes(new string('[', 20_000) + new string(']', 20_000)), 422 },
        { "null", "null"u8.ToArray(), 422 },
        { "array", "[]"u8.ToArray(), 422 },
        { "text", "\"s3cr3t-canary\""u8.ToArray(), 422 },
        { "number", "5"u8.ToArray(), 422 },
        { "NUL characters", """{"full_name":"s3cr3t-canary\u0000","narrative":"x","author":"s3cr3t-canary\u0000","body":"x","filename":"s3cr3t-canary\u0000","assignee":"s3cr3t-canary\u0000"}"""u8.ToArray(), 422 },
        { "half a surrogate pair", """{"full_name":"\ud800","narrative":"x","author":"\udc00","body":"x","filename":"\ud800x","assignee":"\ud800"}"""u8.ToArray(), 422 },
        { "numbers for texts", """{"full_name":5,"narrative":"x","author":5,"body":"x","filename":5,"assignee":5}"""u8.ToArray(), 422 },
        { "objects for texts", """{"full_name":{},"narrative":"x","author":[],"body":"x","filename":{"a":1},"assignee":[]}"""u8.ToArray(), 422 },
        { "2 MiB", Encoding.ASCII.GetBytes("{\"narrative\":\"" + new string('x', 2 * 1024 * 1024) + "\"}"), 413 },
    };

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task A_bad_body_is_the_callers_fault(string name, byte[] body, int status)
    {
        Assert.NotEqual("", name);
        await caraway.OpenCase();
        foreach (var (method, path) in Routes.Select(row => (row.Data.Item1, row.Data.Item2)))
        {
            foreach (var key in new[] { null, $"hostile {name}".Replace(' ', '-').Replace(",", "", StringComparison.Ordinal) })
            {
                using var content = new ByteArrayContent(body);
                content.Headers.ContentType = new("application/json");
                using var request = new HttpRequestMessage(new HttpMethod(method), path) { Content = content };
                if (key is not null)
                    request.Headers.Add("Idempotency-Key", key);
                using var response = await caraway.Client.SendAsync(request);
                var answer = await Answer.Read(response);

                Assert.True(answer.Status == status, $"{method} {path} answered {answer.Status}: {answer.Body}");
                answer.IsProblem(status, status switch { 400 => "malformed_json", 413 => "body_too_large", _ => "invalid" });
                Assert.DoesNotContain(Secret, answer.Body, StringComparison.Ordinal);
                if (status == 422)
                    Assert.All(answer.Pointers, pointer => Assert.StartsWith("#", pointer, StringComparison.Ordinal));
            }
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("multipart/form-data; boundary=x")]
    [InlineData("garbage")]
    public async Task A_body_of_another_content_type_is_415(string? type)
    {
        foreach (var (method, path) in Routes.Select(row => (row.Data.Item1, row.Data.Item2)))
        {
            using var content = new ByteArrayContent("{}"u8.ToArray());
            if (type is not null)
                content.Headers.TryAddWithoutValidation("Content-Type", type);
            using var response = await caraway.Client.SendAsync(new HttpRequestMessage(new HttpMethod(method), path) { Content = content });
            (await Answer.Read(response)).IsProblem(415, "unsupported_media_type");
        }
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("abc")]
    [InlineData("1.5")]
    [InlineData("9223372036854775807")]
    [InlineData("9223372036854775808")]
    [InlineData("99999999999999999999999999999999")]
    [InlineData("1%2F2")]
    [InlineData("%E2%82%AC")]
    [InlineData("%20")]
    public async Task An_id_that_no_case_has_is_404(string id)
    {
        const string note = """{"author":"a","body":"b"}""";
        foreach (var answer in new[]
        {
            await caraway.Get($"/cases/{id}"),
            await caraway.Get($"/cases/{id}/notes"),
            await caraway.Get($"/cases/{id}/documents"),
            await caraway.Patch($"/cases/{id}", "{}"),
            await caraway.Post($"/cases/{id}/notes", note),
            await caraway.Post($"/cases/{id}/documents", """{"filename":"a"}"""),
        })
        {
            Assert.Equal("Case not found", answer.IsProblem(404, "case_not_found").Detail);
        }

        Assert.Equal("Document not found", (await caraway.Send(HttpMethod.Post, $"/internal/documents/{id}/process")).IsProblem(404, "document_not_found").Detail);
    }

    [Theory]
    [InlineData("limit=abc", "#/limit")]
    [InlineData("limit=1.5", "#/limit")]
    [InlineData("limit=1&limit=2", "#/limit")]
    [InlineData("limit=-", "#/limit")]
    [InlineData("limit=%00", "#/limit")]
    [InlineData("cursor=x", "#/cursor")]
    [InlineData("cursor=1e3", "#/cursor")]
    [InlineData("cursor=%00", "#/cursor")]
    [InlineData("status=new", "#/status")]
    [InlineData("status=s3cr3t-canary", "#/status")]
    [InlineData("status=NEW%00", "#/status")]
    [InlineData("assignee=s3cr3t-canary%00", "#/assignee")]
    public async Task A_query_value_that_cannot_be_is_422(string query, string pointer)
    {
        var answer = (await caraway.Get("/cases?" + query)).IsProblem(422, "invalid");

        Assert.Equal([pointer], answer.Pointers);
        Assert.Equal("query", answer.Json.GetProperty("errors")[0].GetProperty("in").GetString());
        Assert.DoesNotContain(Secret, answer.Body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET /cases HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-API-Key: sch\u00fcssel\r\n\r\n", 401)]
    [InlineData("GET /cases HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-API-Key: test-key-0123456789\r\nX-API-Key: test-key-0123456789\r\n\r\n", 401)]
    [InlineData("GET /cases HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-API-Key:\r\n\r\n", 401)]
    [InlineData("GET /cases?assignee=%ff%fe HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-API-Key: test-key-0123456789\r\n\r\n", 200)]
    [InlineData("FOO /cases HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 405)]
    [InlineData("GET /cases/%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-API-Key: test-key-0123456789\r\n\r\n", 400)]
    [InlineData("nonsense\r\n\r\n", 400)]
    public async Task Raw_requests_that_no_client_library_sends_have_an_answer(string request, int status)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(caraway.Url.Host, caraway.Url.Port);
        await using var stream = client.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(request));
        using var reader = new StreamReader(stream);
        var line = await reader.ReadLineAsync();
        Assert.StartsWith($"HTTP/1.1 {status} ", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Huge_headers_are_431()
    {
        var answer = await caraway.Get("/cases", ("X-Big", new string('x', 40_000)));
        Assert.Equal(431, answer.Status);
    }
}
