using System.Text.Json;
using Caraway.Tests.Advocacy;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Platform.Audit;

/// <summary>GET /api/v1/audit-logs: permissions, filters and pages.</summary>
public sealed class AuditLogsTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private const string Path = "/api/v1/audit-logs";

    [Fact]
    public async Task Only_auditors_admins_and_keys_with_the_scope_may_read()
    {
        foreach (var role in new[] { "auditor", "admin" })
            Assert.Equal(200, (await caraway.As(await caraway.Person(role), HttpMethod.Get, Path)).Status);
        Assert.Equal(200, (await caraway.Anonymously(HttpMethod.Get, Path, null, await caraway.Key("audit:read"))).Status);
        foreach (var role in new[] { "patient", "doctor", "caseworker", "adjudicator", "agent" })
            (await caraway.As(await caraway.Person(role), HttpMethod.Get, Path)).IsProblem(403, "not_permitted");
        (await caraway.Get(Path)).IsProblem(403, "not_permitted");
        var other = await caraway.Key("advocacy:*", "users:read", "metrics:read");
        (await caraway.Anonymously(HttpMethod.Get, Path, null, other)).IsProblem(403, "not_permitted");
        (await caraway.Anonymously(HttpMethod.Get, Path, null)).IsProblem(401, "not_signed_in");
    }

    [Fact]
    public async Task An_event_has_no_position_until_it_is_in_the_chain()
    {
        var id = await caraway.OpenCase();
        var path = $"?subject=advocacy.case:{id}";

        var before = await Ask(path);
        await caraway.Sequence();
        var after = await Ask(path);

        var item = Items(before)[0];
        Assert.Equal(JsonValueKind.Null, item.GetProperty("position").ValueKind);
        var eventId = item.GetProperty("id");
        var applicant = item.GetProperty("payload").GetProperty("applicant_id");
        var position = await caraway.Database.Scalar<long>($"select position from platform.chain where event_id = {eventId}");
        Shape.Is(
            $$$"""
            {"items":[{"id":{{{eventId}}},"position":{{{position}}},"time":"(time)","event_name":"case.opened",
              "subject":"advocacy.case:{{{id}}}","actor":"apikey:environment","on_behalf_of":null,
              "request_id":{{{item.GetProperty("request_id").GetRawText()}}},"address":"127.0.0.1",
              "payload":{"case_id":{{{id}}},"applicant_id":{{{applicant}}},"external_reference":null,"patient_id":null}}],
             "next_cursor":null}
            """,
            after);
    }

    [Fact]
    public async Task An_erased_event_stays_without_its_payload()
    {
        var id = await caraway.OpenCase();
        await caraway.Database.Execute($"update platform.events set payload = null, salt = null where subject = 'advocacy.case:{id}'");

        Assert.Equal(JsonValueKind.Null, Assert.Single(Items(await Ask($"?subject=advocacy.case:{id}"))).GetProperty("payload").ValueKind);
    }

    [Fact]
    public async Task Filters_work_alone_and_together()
    {
        var one = await caraway.Person("caseworker");
        var other = await caraway.Person("caseworker");
        var first = await caraway.OpenCase();
        var second = await caraway.OpenCase();
        await caraway.As(one, HttpMethod.Patch, $"/cases/{first}", """{"status":"IN_REVIEW"}""");
        await caraway.As(other, HttpMethod.Patch, $"/cases/{first}", """{"assignee":"x"}""");
        await caraway.As(one, HttpMethod.Patch, $"/cases/{second}", """{"status":"IN_REVIEW"}""");
        var (subject, actor) = ($"subject=advocacy.case:{first}", $"actor=user:{one.UserId}");

        Assert.Equal(["case.assigned", "case.moved", "case.opened"], Names(await Ask("?" + subject)));
        Assert.Equal(["case.moved", "case.moved", "user.signed_in"], Names(await Ask("?" + actor)).Take(3));
        Assert.All(Items(await Ask("?name=case.moved")), item => Assert.Equal("case.moved", item.GetProperty("event_name").GetString()));
        Assert.Equal(["case.moved"], Names(await Ask($"?{subject}&{actor}")));
        Assert.Equal(["case.opened"], Names(await Ask($"?{subject}&name=case.opened")));
        var subjects = Items(await Ask($"?{actor}&name=case.moved")).Select(item => item.GetProperty("subject").GetString());
        Assert.Equal([$"advocacy.case:{second}", $"advocacy.case:{first}"], subjects);
        const string rest = "name=case.moved&from=2020-01-01&to=9000-01-01&cursor=9223372036854775807&limit=5";
        Assert.Equal(["case.moved"], Names(await Ask($"?{subject}&{actor}&{rest}")));
        Assert.Empty(Items(await Ask($"?{subject}&{actor}&name=case.assigned")));
        Assert.Empty(Items(await Ask($"?{subject}&to=2020-01-01")));
        Assert.Empty(Items(await Ask($"?{subject}&from=9000-01-01")));
        Assert.Equal(3, Items(await Ask($"?{subject}&actor=&name=&from=&to=&limit=&cursor=")).Count);
    }

    [Theory]
    [InlineData("subject=advocacy.case:")]
    [InlineData("subject=advocacy.case:%25")]
    [InlineData("actor=%25")]
    [InlineData("actor=USER:1")]
    [InlineData("name=case")]
    [InlineData("name=CASE.OPENED")]
    [InlineData("name='%20or%201=1--")]
    [InlineData("name=case.opened'%3Bdrop%20table%20platform.events--")]
    [InlineData("subject=%F0%9F%98%80")]
    [InlineData("name=case.opened&name=case.moved")]
    public async Task Filters_match_exactly(string query)
    {
        await caraway.OpenCase();

        Assert.Empty(Items(await Ask("?" + query)));
    }

    [Fact]
    public async Task A_long_filter_finds_nothing() => Assert.Empty(Items(await Ask("?actor=" + new string('x', 4_000))));

    [Theory]
    [InlineData("subject")]
    [InlineData("actor")]
    [InlineData("name")]
    [InlineData("from")]
    [InlineData("to")]
    [InlineData("limit")]
    [InlineData("cursor")]
    public async Task A_filter_with_U0000_is_refused(string filter) =>
        Assert.Equal(["#/" + filter], (await Ask($"?{filter}=2026%00")).IsProblem(422, "invalid").Pointers);

    [Theory]
    [InlineData("cursor=99999999999999999999999", true)]
    [InlineData("cursor=-5", false)]
    [InlineData("cursor=-99999999999999999999999", false)]
    [InlineData("cursor=0", false)]
    [InlineData("limit=99999999999999999999999", true)]
    [InlineData("limit=-1", true)]
    public async Task Any_whole_number_makes_a_page(string query, bool isFull)
    {
        await caraway.OpenCase();

        var answer = await Ask("?" + query);

        Assert.Equal((200, isFull), (answer.Status, Items(answer).Count > 0));
    }

    [Theory]
    [InlineData("limit=x", "limit")]
    [InlineData("limit=1.5", "limit")]
    [InlineData("cursor=1e3", "cursor")]
    [InlineData("cursor=%20", "cursor")]
    public async Task A_bad_page_parameter_is_refused(string query, string name) =>
        Assert.Equal(["#/" + name], (await Ask("?" + query)).IsProblem(422, "invalid").Pointers);

    [Fact]
    public async Task Pages_go_on_where_the_last_one_ended()
    {
        var id = await caraway.OpenCase();
        for (var i = 0; i < 24; i++)
            await caraway.Post($"/cases/{id}/notes", """{"author":"Bert","body":"a note"}""");
        var path = $"?subject=advocacy.case:{id}";
        var whole = Ids(await Ask(path + "&limit=100"));
        Assert.Equal(25, whole.Length);
        Assert.Equal(whole.OrderDescending(), whole);
        Assert.Equal(20, Ids(await Ask(path)).Length);

        foreach (var limit in new[] { 1, 6, 24, 25 })
        {
            var seen = new List<long>();
            var cursor = "";
            do
            {
                var page = await Ask($"{path}&limit={limit}&cursor={cursor}");
                Assert.InRange(Ids(page).Length, 1, limit);
                seen.AddRange(Ids(page));
                cursor = page.Json.GetProperty("next_cursor").ToString();
            }
            while (cursor.Length > 0);
            Assert.Equal(whole, seen);
        }
    }

    [Fact]
    public async Task A_read_is_recorded_with_its_events()
    {
        var id = await caraway.OpenCase();

        var shown = await Ask($"?subject=advocacy.case:{id}");
        var none = await Ask("?subject=nothing");

        var row = Assert.Single((await caraway.Accesses(shown, none)).EnumerateArray());
        Assert.Equal("platform.event", row.GetProperty("kind").GetString());
        Assert.Equal("GET /api/v1/audit-logs", row.GetProperty("action").GetString());
        Assert.Equal(Ids(shown), row.GetProperty("ids").EnumerateArray().Select(shownId => shownId.GetInt64()));
    }

    private static List<JsonElement> Items(Answer answer)
    {
        Assert.Equal(200, answer.Status);
        return [.. answer.Json.GetProperty("items").EnumerateArray()];
    }

    private static IEnumerable<string> Names(Answer answer) => Items(answer).Select(item => item.GetProperty("event_name").GetString()!);

    private static long[] Ids(Answer answer) => [.. Items(answer).Select(item => item.GetProperty("id").GetInt64())];

    private async Task<Answer> Ask(string query) =>
        await caraway.Anonymously(HttpMethod.Get, Path + query, null, ("Authorization", "Bearer " + await caraway.Token("auditor")));
}

/// <summary>The bounds in time, over events of 2020 whose times are in the order of their ids.</summary>
public sealed class AuditLogTimesTests(EventsOf2020 events, CarawayFixture caraway)
    : IClassFixture<EventsOf2020>, IClassFixture<CarawayFixture>
{
    [Theory]
    [InlineData("from=2020-01-10T10:00:00Z", "c d e f g h")]
    [InlineData("from=2020-01-10T10:00:00.000001Z", "d e f g h")]
    [InlineData("from=2020-01-10T09:59:59.999999Z", "b c d e f g h")]
    [InlineData("to=2020-01-10T10:00:00Z", "a b")]
    [InlineData("to=2020-01-10T10:00:00.000001Z", "a b c")]
    [InlineData("to=2020-01-10T10:00:00.000002Z", "a b c d")]
    [InlineData("from=2020-01-10T10:00:00Z&to=2020-01-10T10:00:00.000001Z", "c")]
    [InlineData("from=2020-01-10T10:00:00Z&to=2020-01-10T10:00:00Z", "")]
    [InlineData("from=2020-01-11&to=2020-01-10", "")]
    [InlineData("from=2020-01-10T12:00:00%2B02:00&to=2020-01-10T05:00:00.000001-05:00", "c")]
    [InlineData("from=2020-01-10T12:00:00+02:00&to=2020-01-10T12:00:00.000001+02:00", "c")]
    [InlineData("from=2020-01-10T10:00:00&to=2020-01-10T10:00:00.000001", "c")]
    [InlineData("from=2020-01-10T10:00&to=2020-01-10T10:01", "c d")]
    [InlineData("from=2020-01-11&to=2020-01-12", "f")]
    [InlineData("from=2020-01-10&to=2020-01-11", "a b c d e")]
    [InlineData("from=1900-01-01&to=9998-12-31", "a b c d e f g h")]
    [InlineData("from=2020-01-10T10:00:00Z&name=test.c", "c")]
    [InlineData("from=2020-01-10T10:00:00Z&subject=test:even", "d f h")]
    [InlineData("to=2020-01-11&actor=odd", "a c e")]
    [InlineData("from=2020-01-10T10:00:00Z&to=2020-01-11&actor=odd&subject=test:odd&name=test.e", "e")]
    public async Task From_is_inclusive_and_to_is_exclusive(string query, string expected)
    {
        await events.Seed(caraway);

        var answer = await Ask(query);

        Assert.Equal(200, answer.Status);
        Assert.Equal(
            expected.Split(' ', StringSplitOptions.RemoveEmptyEntries).Reverse().Select(letter => "test." + letter),
            Names(answer).Where(name => name.StartsWith("test.", StringComparison.Ordinal)));
    }

    /// <summary>A space can also be an unescaped plus sign.</summary>
    [Theory]
    [InlineData("from=2020-01-10%2010:00&to=2020-01-10%2010:01", "c d")]
    [InlineData("from=2020-01-10%2010:00:00&to=2020-01-10%2010:00:00.000001", "c")]
    public async Task A_time_with_a_space_is_read_as_written_or_refused(string query, string expected)
    {
        await events.Seed(caraway);

        var answer = await Ask(query);

        if (answer.Status != 422)
            Assert.Equal(expected.Split(' ').Reverse().Select(letter => "test." + letter), Names(answer));
    }

    [Theory]
    [InlineData("yesterday")]
    [InlineData("now()")]
    [InlineData("2020")]
    [InlineData("2020-01")]
    [InlineData("2020-13-01")]
    [InlineData("2020-02-30")]
    [InlineData("2020-01-10T25:00:00Z")]
    [InlineData("2020-01-10T10:00:00%2B25:00")]
    [InlineData("1578650400")]
    [InlineData("1578650400000")]
    [InlineData("0001-01-01T00:00:00%2B14:00")]
    [InlineData("0000-01-01")]
    [InlineData("9999-12-31T23:59:59.9999999-14:00")]
    [InlineData("99999-01-01")]
    [InlineData("-infinity")]
    [InlineData("infinity")]
    [InlineData("-2020-01-10")]
    [InlineData("%D9%A2%D9%A0%D9%A2%D9%A0-01-10")]
    [InlineData("2020-01-10';--")]
    [InlineData("2020-01-10%00")]
    [InlineData("%20")]
    [InlineData("10:15:30.00")]
    [InlineData("10:15:30.0000000Z")]
    [InlineData("01/02/2020")]
    [InlineData("1/2/2020 10:00")]
    [InlineData("10+January+2020")]
    public async Task A_text_that_is_not_a_time_is_refused(string text)
    {
        foreach (var bound in new[] { "from", "to" })
        {
            var answer = (await Ask($"{bound}={text}")).IsProblem(422, "invalid");
            Assert.Equal(["#/" + bound], answer.Pointers);
        }
    }

    private static IEnumerable<string> Names(Answer answer) =>
        answer.Json.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("event_name").GetString()!);

    private async Task<Answer> Ask(string query)
    {
        var token = ("Authorization", "Bearer " + await caraway.Token("auditor"));
        return await caraway.Anonymously(HttpMethod.Get, $"/api/v1/audit-logs?limit=100&{query}", null, token);
    }
}

/// <summary>Eight events around ten o'clock of the 10th of January 2020, written once.</summary>
public sealed class EventsOf2020
{
    private bool isSeeded;

    public async Task Seed(CarawayFixture caraway)
    {
        if (isSeeded)
            return;
        isSeeded = true;
        // An event of a first start would have a lower id and a later time, which does not happen with real clocks.
        await caraway.Database.Execute("delete from platform.events");
        string[] times =
        [
            "2020-01-10 00:00", "2020-01-10 09:59:59.999999", "2020-01-10 10:00", "2020-01-10 10:00:00.000001",
            "2020-01-10 23:59:59.999999", "2020-01-11 00:00", "2020-01-12 00:00", "2020-02-01 00:00",
        ];
        for (var i = 0; i < times.Length; i++)
        {
            var parity = i % 2 == 0 ? "odd" : "even";
            await caraway.Database.Execute(
                $$"""
                insert into platform.events (at, name, subject, actor, payload)
                values ('{{times[i]}}+00', 'test.{{(char)('a' + i)}}', 'test:{{parity}}', '{{parity}}', '{}')
                """);
        }
    }
}
