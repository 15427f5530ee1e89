using System.Text;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Platform.Http;

/// <summary>JSON values that must be refused in every text of every writing route.</summary>
public sealed class HostileInputTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>, IAsyncLifetime
{
    private const string Marker = HostileRoutes.Marker;

    private static readonly (string What, string Value)[] NoText =
    [
        ("NUL", $"\"{Marker}\\u0000\""),
        ("high surrogate", $"\"{Marker}\\ud800\""),
        ("low surrogate", $"\"\\udc00{Marker}\""),
        ("surrogates in the wrong order", $"\"\\udc00\\ud800{Marker}\""),
        ("number", "5"),
        ("huge number", "1e400000"),
        ("boolean", "true"),
        ("array", $"[\"{Marker}\"]"),
        ("object", $"{{\"{Marker}\":1}}"),
    ];

    private static readonly (string What, string Value)[] OddMembers =
    [
        ("a NUL", "\"zq7_unknown\":\"\\u0000\""),
        ("a half surrogate", "\"zq7_unknown\":\"\\ud800\""),
        ("an absurd number", "\"zq7_unknown\":1e400000"),
        ("an absurd negative exponent", "\"zq7_unknown\":-1e-400000"),
        ("a name with a NUL", "\"zq7\\u0000\":1"),
        ("an empty name", "\"\":1"),
        ("a type discriminator", "\"$type\":\"System.Object\""),
        ("a prototype", "\"__proto__\":{\"x\":1}"),
    ];

    public static TheoryData<string, string> Texts => HostileRoutes.Texts;

    public static TheoryData<string> Routes => HostileRoutes.Names;

    public async ValueTask InitializeAsync()
    {
        if (await caraway.Database.Scalar<long>("select count(*) from advocacy.cases") == 0)
            await caraway.OpenCase();
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task The_bodies_that_these_tests_change_are_accepted(string route) =>
        Assert.InRange((await HostileRoutes.Send(caraway, route, HostileRoutes.Find(route).Accepted)).Status, 200, 201);

    [Theory]
    [MemberData(nameof(Texts))]
    public async Task A_value_that_is_not_text_is_refused_by_its_field(string route, string field)
    {
        foreach (var (what, value) in NoText)
        {
            var answer = await HostileRoutes.Send(caraway, route, HostileRoutes.Find(route).With(field, value));

            Assert.True(answer.Status == 422, $"{what} in {field} was answered {answer.Status}.");
            HostileRoutes.IsNoFault(answer);
            Assert.Equal([$"#/{field}"], answer.Pointers);
            Assert.Equal("invalid", answer.Code);
        }
    }

    [Theory]
    [MemberData(nameof(Texts))]
    public async Task A_text_of_20_001_characters_is_too_long(string route, string field)
    {
        var answer = await HostileRoutes.Send(
            caraway, route, HostileRoutes.Find(route).With(field, $"\"{Marker}{new string('é', 20_001 - Marker.Length)}\""));

        answer.IsProblem(422, "invalid");
        Assert.Equal($"#/{field}", Assert.Single(answer.Pointers.Distinct(StringComparer.Ordinal)));
        HostileRoutes.IsNoFault(answer);
    }

    [Theory]
    [InlineData("intake", "narrative", 20_000)]
    [InlineData("intake", "full_name", 200)]
    [InlineData("note", "body", 10_000)]
    [InlineData("document", "uri", 500)]
    public async Task Characters_are_counted_as_people_and_PostgreSQL_count_them(string route, string field, int most)
    {
        var longest = string.Concat(Enumerable.Repeat("🌿", most));

        Assert.Equal(201, (await HostileRoutes.Send(caraway, route, HostileRoutes.Find(route).With(field, $"\"{longest}\""))).Status);
        (await HostileRoutes.Send(caraway, route, HostileRoutes.Find(route).With(field, $"\"{longest}x\""))).IsProblem(422, "invalid");
    }

    [Theory]
    [InlineData("\"5\"")]
    [InlineData("1.5")]
    [InlineData("9223372036854775808")]
    [InlineData("-9223372036854775809")]
    [InlineData("1e400000")]
    [InlineData("5")]
    [InlineData("-1")]
    [InlineData("true")]
    [InlineData("[5]")]
    public async Task An_invalid_patient_id_is_refused_by_name(string value)
    {
        var answer = await HostileRoutes.Send(caraway, "intake", HostileRoutes.Find("intake").With("patient_id", value));

        Assert.Equal(422, answer.Status);
        Assert.Equal(["#/patient_id"], answer.Pointers);
    }

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task An_unknown_member_is_ignored_whatever_it_holds(string route)
    {
        foreach (var (what, member) in OddMembers)
        {
            var body = HostileRoutes.Find(route).Accepted.Replace("{", "{" + member + ",", StringComparison.Ordinal);
            var answer = await HostileRoutes.Send(caraway, route, body);

            Assert.True(answer.Status is 200 or 201, $"{what} was answered {answer.Status}: {answer.Body}");
        }
    }

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task A_member_name_with_half_a_surrogate_causes_no_error(string route)
    {
        var answer = await HostileRoutes.Send(
            caraway, route, HostileRoutes.Find(route).Accepted.Replace("{", "{\"\\ud800\":1,", StringComparison.Ordinal));

        Assert.True(answer.Status is 200 or 201 or 422, $"It was answered {answer.Status}: {answer.Body}");
    }

    [Theory]
    [MemberData(nameof(Texts))]
    public async Task A_repeated_member_does_not_bypass_a_rule(string route, string field)
    {
        var twice = HostileRoutes.Find(route).With(field, "\"x\"")[..^1] + $",\"{field}\":\"{Marker}\\u0000\"}}";
        var hidden = "{" + $"\"{field}\":\"{Marker}\\u0000\"," + HostileRoutes.Find(route).With(field, "\"x\"")[1..];

        (await HostileRoutes.Send(caraway, route, twice)).IsProblem(422, "invalid");
        HostileRoutes.IsNoFault(await HostileRoutes.Send(caraway, route, hidden));
    }

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task A_JSON_body_that_is_not_an_object_is_422(string route)
    {
        foreach (var body in new[] { "null", "[]", $"\"{Marker}\"", "5", "true", "[{}]", "-0", " null " })
        {
            var answer = await HostileRoutes.Send(caraway, route, body);

            Assert.True(answer.Status == 422, $"{body} was answered {answer.Status}: {answer.Body}");
            Assert.Equal("invalid", answer.Code);
            HostileRoutes.IsNoFault(answer);
        }
    }

    [Theory]
    [InlineData("'; drop table advocacy.cases; --")]
    [InlineData("${jndi:ldap://x}")]
    [InlineData("<script>alert(1)</script>")]
    [InlineData("../../../etc/passwd%00")]
    [InlineData("@Author {0} %s %n")]
    [InlineData("\u202Eabc\uFEFF\u200D")]
    [InlineData("line\nline\r\n\ttab\u0001\u007F")]
    public async Task Odd_text_comes_back_unchanged(string text)
    {
        var added = await caraway.Post("/cases/1/notes", $$"""{"author":"Ada","body":{{CarawayFixture.Quote(text)}}}""");
        var notes = (await caraway.Get("/cases/1/notes")).Json.GetProperty("items");

        Assert.Equal(201, added.Status);
        Assert.Equal(text, notes[0].GetProperty("body").GetString());
    }

    [Fact]
    public async Task A_body_for_a_route_that_takes_none_is_ignored()
    {
        foreach (var body in new[] { "", "null", "{", "\0", new string('[', 20_000), $"{{\"{Marker}\":\"\\ud800\"}}" })
        {
            var answer = await RawHttp.SendJson(
                caraway.Url, "POST /internal/documents/9223372036854775807/process", Encoding.UTF8.GetBytes(body));

            Assert.Equal((404, "document_not_found"), (answer.Status, answer.Code));
        }
    }
}
