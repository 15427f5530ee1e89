using System.Text;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Platform.Http;

/// <summary>Routes that take a JSON body, each with a body that it accepts.</summary>
internal static class HostileRoutes
{
    /// <summary>Part of every submitted value, so that a test finds it in an answer.</summary>
    public const string Marker = "zq7marker";

    public sealed record Route(HttpMethod Method, string Path, string Accepted, params string[] Texts)
    {
        /// <summary>The accepted body with one member replaced or added; the value is raw JSON.</summary>
        public string With(string member, string value)
        {
            var members = Members().Where(m => m.Name != member).Append((member, value));
            return "{" + string.Join(',', members.Select(m => $"\"{m.Item1}\":{m.Item2}")) + "}";
        }

        private IEnumerable<(string Name, string Value)> Members()
        {
            using var document = System.Text.Json.JsonDocument.Parse(Accepted);
            return document.RootElement.EnumerateObject().Select(m => (m.Name, m.Value.GetRawText())).ToList();
        }
    }

    private static readonly Dictionary<string, Route> All = new(StringComparer.Ordinal)
    {
        ["intake"] = new(
            HttpMethod.Post,
            "/intakes",
            """{"full_name":"Ada","narrative":"Denied."}""",
            "full_name",
            "email",
            "phone",
            "narrative",
            "external_reference"),
        ["update"] = new(HttpMethod.Patch, "/cases/1", """{"status":"NEW"}""", "status", "assignee", "actor", "reason"),
        ["applicant"] = new(HttpMethod.Patch, "/cases/1/applicant", """{"full_name":"Ada"}""", "full_name", "email", "phone"),
        ["note"] = new(HttpMethod.Post, "/cases/1/notes", """{"author":"Ada","body":"Called."}""", "author", "body"),
        ["document"] = new(HttpMethod.Post, "/cases/1/documents", """{"filename":"letter.pdf"}""", "filename", "content_type", "uri"),
    };

    public static TheoryData<string> Names => new(All.Keys);

    /// <summary>Each text field of each route.</summary>
    public static TheoryData<string, string> Texts => new(All.SelectMany(route => route.Value.Texts.Select(text => (route.Key, text))));

    public static Route Find(string name) => All[name];

    public static Task<Answer> Send(CarawayFixture caraway, string route, string body) =>
        Send(caraway, route, Encoding.UTF8.GetBytes(body));

    /// <summary>Sends the bytes unchanged over a socket.</summary>
    public static Task<Answer> Send(CarawayFixture caraway, string route, byte[] body, string contentType = "application/json") =>
        RawHttp.SendJson(caraway.Url, $"{Find(route).Method} {Find(route).Path}", body, contentType);

    /// <summary>Checks that the server did not fail and that the answer repeats no submitted value.</summary>
    public static void IsNoFault(Answer answer)
    {
        Assert.InRange(answer.Status, 200, 499);
        Assert.DoesNotContain(Marker, answer.Body, StringComparison.OrdinalIgnoreCase);
    }
}
