using Caraway.Tests.Identity;
using System.Globalization;
using System.Text.Json;
using Caraway.Tests.Infrastructure;
using static Caraway.Tests.Support.SupportDesk;

namespace Caraway.Tests.Support;

/// <summary>The export over HTTP: what is in it, for whom, and what happens when it cannot be completed.</summary>
public sealed class ExportCasesTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private const string Export = Cases + "/export";

    [Fact]
    public async Task An_export_has_what_the_list_has_oldest_first_and_a_case_a_line()
    {
        var anna = NewUser();
        await caraway.OpenedId(anna, """{"title":"One \u2028 line","metadata":{"n":1.50,"x":[1e400]},"tags":["a\"b","c"]}""");
        await caraway.OpenedId(anna, """{"description":"Two\nlines","session_id":"s1","metadata":{"a":1,"b":"é"}}""");
        await caraway.OpenedIn(anna, "resolved");
        var list = (await caraway.Get(anna, Cases)).Json.GetProperty("cases").EnumerateArray().Reverse().Select(item => item.GetRawText());

        var answer = await caraway.Get(anna, Export);

        Assert.Equal(200, answer.Status);
        Assert.Equal("application/json", answer.Headers["Content-Type"]);
        Assert.Matches("^attachment; filename=\"?cases-[0-9]{8}T[0-9]{6}Z\\.json\"?$", answer.Headers["Content-Disposition"]);
        var lines = answer.Body.Split('\n');
        Assert.Equal(("{\"cases\":[", "]}", ""), (lines[0], lines[^2], lines[^1]));
        Assert.Equal(list, lines[1..^2].Select(line => line.TrimEnd(',')));
        Assert.Equal(3, answer.Ids().Length);
        Assert.Equal(answer.Ids().Order(StringComparer.Ordinal), await Accessed(answer));
    }

    [Fact]
    public async Task A_csv_file_has_a_header_row_and_guards_formulas()
    {
        var anna = NewUser();
        var id = await caraway.OpenedId(anna, """
            {"title":"=1+1","description":"say \"hi\",\r\nthen go","session_id":"'s","metadata":{"a": 1.0},"tags":["x","y z"]}
            """);

        var answer = await caraway.Get(anna, Export + "?format=csv");

        Assert.Equal("text/csv; charset=utf-8; header=present", answer.Headers["Content-Type"]);
        Assert.EndsWith(".csv", answer.Headers["Content-Disposition"].TrimEnd('"'), StringComparison.Ordinal);
        var opened = (await caraway.Get(anna, $"{Cases}/{id}")).Json;
        Assert.Equal(
            "case_id,user_id,session_id,title,description,status,severity,category,metadata,tags,created_at,updated_at,resolved_at\r\n"
            + $"{id},{anna.UserId},''s,'=1+1,\"say \"\"hi\"\",\r\nthen go\",active,medium,other,"
            + "\"{\"\"a\"\": 1.0}\",\"[\"\"x\"\",\"\"y z\"\"]\","
            + $"{opened.Text("created_at")},{opened.Text("updated_at")},\r\n",
            answer.Body);
    }

    [Fact]
    public async Task An_export_of_nothing_is_a_file_without_cases()
    {
        Assert.Equal("{\"cases\":[]}\n", (await caraway.Get(NewUser(), Export)).Body);
        Assert.Single((await caraway.Get(NewUser(), Export + "?format=csv")).Body.Split("\r\n", StringSplitOptions.RemoveEmptyEntries));
    }

    [Theory]
    [InlineData("?format=xml", "#/format")]
    [InlineData("?format=CSV", "#/format")]
    [InlineData("?status=open", "#/status")]
    [InlineData("?severity=x", "#/severity")]
    public async Task A_wrong_query_is_refused(string query, string pointer) =>
        Assert.Equal([pointer], (await caraway.Get(NewUser(), Export + query)).IsProblem(422, "invalid").Pointers);

    [Fact]
    public async Task Everybody_exports_what_they_see_and_nobody_else_can()
    {
        var (anna, ben, carl) = (NewUser(), NewUser("ben"), NewUser("carl"));
        var (own, shared) = (await caraway.OpenedId(anna), await caraway.OpenedId(ben));
        await caraway.Share(ben, shared, anna);

        Assert.Equal([own, shared], (await caraway.Get(anna, Export)).Ids());
        Assert.Equal([shared], (await caraway.Get(ben, Export)).Ids());
        Assert.Empty((await caraway.Get(Gateway(carl.UserId, "admin"), Export)).Ids());
        foreach (var role in new[] { "agent", "auditor", "admin" })
        {
            var ids = (await caraway.Get(await caraway.SignedIn(role), Export)).Ids();
            Assert.Equal([own, shared], ids.Intersect([own, shared], StringComparer.Ordinal));
        }

        Assert.Empty((await caraway.Get(await caraway.SignedIn("patient"), Export)).Ids());
        Assert.Equal(204, (await caraway.Delete(ben, $"{Cases}/{shared}/shares/{anna.UserId}")).Status);
        Assert.Equal([own], (await caraway.Get(anna, Export)).Ids());
        (await caraway.Anonymously(HttpMethod.Get, Export, null)).IsProblem(401, "user_id_required");
    }

    /// <summary>Many cases have the same time, so a page ends between two of them.</summary>
    [Theory]
    [InlineData("", 2_501)]
    [InlineData("?q=rare", 3)]
    [InlineData("?tag=rare&severity=high", 3)]
    [InlineData("?status=closed", 25)]
    [InlineData("?session_id=s7", 26)]
    [InlineData("?status=closed&session_id=s7", 0)]
    public async Task A_long_export_has_each_match_once_and_records_all(string query, int count)
    {
        var (anna, agent) = (NewUser(), await caraway.SignedIn("agent"));
        await caraway.InsertCases(anna, 2_501);
        await caraway.OpenedId(NewUser("ben"), """{"tags":["rare"],"title":"rare","severity":"high","session_id":"s7"}""");

        var answer = await caraway.Get(anna, Export + query);

        Assert.Equal(count, answer.Ids().Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(count, answer.Ids().Length);
        Assert.Equal(answer.Ids().Order(StringComparer.Ordinal), await Accessed(answer));
        var all = (await caraway.Get(agent, Export + query)).Json.GetProperty("cases").EnumerateArray()
            .Where(item => item.Text("user_id") == anna.UserId).Select(item => item.Text("case_id"));
        Assert.Equal(answer.Ids(), all);
    }

    [Fact]
    public async Task Long_texts_make_short_pages()
    {
        var anna = NewUser();
        await caraway.InsertCases(anna, 300, "repeat('😀', 20000)");

        Assert.Equal(300, (await caraway.Get(anna, Export)).Ids().Length);
    }

    [Fact]
    public async Task A_slow_reader_holds_no_connection()
    {
        var anna = NewUser();
        await caraway.InsertCases(anna, 4_000, "repeat('x', 20000)");
        using var request = new HttpRequestMessage(HttpMethod.Get, Export);
        foreach (var (name, value) in anna.Headers)
            request.Headers.TryAddWithoutValidation(name, value);

        using var response = await caraway.Stranger.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);

        await EventFlow.Until(async () => await caraway.Database.Scalar<long>("""
            select count(*) from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'
            """) == 0);
        using var json = await JsonDocument.ParseAsync(await response.Content.ReadAsStreamAsync());
        Assert.Equal(4_000, json.RootElement.GetProperty("cases").GetArrayLength());
    }

    /// <summary>The last case has no JSON in its metadata, so it cannot be written.</summary>
    [Theory]
    [InlineData(3_000)]
    [InlineData(3)]
    public async Task An_export_that_breaks_does_not_look_like_a_whole_file(int count)
    {
        var anna = NewUser();
        await caraway.InsertCases(anna, count, "repeat('x', 500)");
        await caraway.Database.Execute($$"""
            update support.cases set metadata = '{', created_at = '2027-01-01Z'
            where id = (select max(id) from support.cases where owner = 'gateway:{{anna.UserId}}')
            """);

        if (count == 3)
            (await caraway.Get(anna, Export)).IsProblem(500, "internal_error");
        else
            await Assert.ThrowsAnyAsync<HttpRequestException>(() => caraway.Get(anna, Export));
        // Other tests export all cases.
        await caraway.Database.Execute($"update support.cases set metadata = '{{}}' where owner = 'gateway:{anna.UserId}'");
    }

    [Fact]
    public async Task Nothing_is_shown_before_its_access_can_be_recorded()
    {
        var anna = NewUser();
        await caraway.InsertCases(anna, 12_000, "repeat('x', 100)");
        await using var own = await OwnCaraway.Start(
            caraway.Database.Address, ("AccessLog:Capacity", "2"), ("Identity:GatewaySecret", CarawayFixture.GatewaySecret));
        await using var connection = await caraway.Database.Source.OpenConnectionAsync();
        await using var locked = await connection.BeginTransactionAsync();
        await using (var command = connection.CreateCommand())
        {
            command.CommandText = "lock table platform.access_log in exclusive mode";
            await command.ExecuteNonQueryAsync();
        }

        using var request = new HttpRequestMessage(HttpMethod.Get, Export);
        foreach (var (name, value) in anna.Headers)
            request.Headers.TryAddWithoutValidation(name, value);
        using var response = await own.Stranger.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        var lines = 0;
        var rest = Count();
        await Task.Delay(1_500);
        Assert.False(rest.IsCompleted);
        Assert.InRange(Volatile.Read(ref lines), 1, 8_000);

        await locked.RollbackAsync();
        await rest;

        Assert.Equal(12_000 + 2, lines);
        await EventFlow.Until(async () => (await Accessed(response.Headers.GetValues("X-Request-Id").Single())).Length == 12_000);

        async Task Count()
        {
            while (await reader.ReadLineAsync() is not null)
                Interlocked.Increment(ref lines);
        }
    }

    private async Task<string[]> Accessed(Answer answer)
    {
        var request = answer.Headers["X-Request-Id"];
        await EventFlow.Until(async () => (await Accessed(request)).Length >= answer.Ids().Length);
        return await Accessed(request);
    }

    private async Task<string[]> Accessed(string request) =>
        [.. (await caraway.Database.Scalar<long[]>(
            "select coalesce(array_agg(i), '{}') from platform.access_log a, unnest(a.ids) i where a.request_id = @request",
            ("request", request)))!
            .Select(id => "case_" + id.ToString("x12", CultureInfo.InvariantCulture)).Order(StringComparer.Ordinal)];
}
