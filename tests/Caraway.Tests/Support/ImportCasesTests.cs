using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Caraway.Platform.Jobs;
using Caraway.Support.Files;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;
using Microsoft.Extensions.DependencyInjection;
using static Caraway.Tests.Support.SupportDesk;

namespace Caraway.Tests.Support;

/// <summary>The import over HTTP: whose cases it makes, what it refuses, and how often it does its work.</summary>
public sealed class ImportCasesTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private const string Import = Cases + "/import";
    private const string Json = FileFormat.JsonType;
    private const string Csv = FileFormat.CsvType;
    private const string Lines = FileFormat.LinesType;

    [Fact]
    public async Task An_administrator_keeps_ids_owners_and_times()
    {
        var (admin, anna) = (await caraway.SignedIn("admin"), NewUser());
        var id = NewId();

        var answer = await Send(admin, Json, $$"""
            {"cases":[
            {"case_id":"{{id}}","user_id":"{{anna.UserId}}","session_id":"s1","title":" Old ","description":"Text","status":"closed",
             "severity":"high","category":"error","metadata":{"n": 1.50},"tags":["a","b\"c"],"created_at":"2026-01-02T03:04:05.678901Z",
             "updated_at":"2026-01-04T00:00:00Z","resolved_at":"2026-01-03T02:00:00+02:00"}
            ]}
            """);

        Assert.Equal((200, "succeeded", 1, 1, 0), Counts(answer));
        Assert.Equal("support_cases", answer.Json.Text("kind"));
        Assert.Equal("[]", answer.Json.GetProperty("errors").GetRawText());
        Assert.Equal(
            $$"""
            {"case_id":"{{id}}","user_id":"{{anna.UserId}}","session_id":"s1","title":"Old","description":"Text","status":"closed",
            "severity":"high","category":"error","metadata":{"n":1.50},"tags":["a","b\"c"],
            "created_at":"2026-01-02T03:04:05.678901Z","updated_at":"2026-01-04T00:00:00.000000Z",
            "resolved_at":"2026-01-03T00:00:00.000000Z"}
            """.ReplaceLineEndings(""),
            (await caraway.Get(anna, $"{Cases}/{id}")).Body);
        Assert.Equal("support_case.imported", await caraway.EventsOf(id));
        var history = (await caraway.Get(anna, $"{Cases}/{id}/history")).Json.GetProperty("items")[0];
        Assert.Equal((admin.UserId, "closed", "high"), (
            history.Text("actor"), history.GetProperty("payload").Text("to_status"), history.GetProperty("payload").Text("severity")));
        Assert.Equal(JsonValueKind.Null, history.GetProperty("payload").GetProperty("from_status").ValueKind);
        Assert.Equal("2026-01-03", await caraway.Database.Scalar<string>(
            $"select ended_at::date::text from support.cases where owner = 'gateway:{anna.UserId}'"));
    }

    [Theory]
    [InlineData("patient")]
    [InlineData("agent")]
    [InlineData("gateway")]
    public async Task Other_callers_get_cases_of_their_own_made_now(string role)
    {
        var (who, other) = (role == "gateway" ? NewUser() : await caraway.SignedIn(role), NewUser("other"));
        var id = NewId();

        var answer = await Send(who, Csv, $"""
            case_id,user_id,title,status,created_at,updated_at,resolved_at
            {id},{other.UserId},One,resolved,2020-01-01,2020-01-01,2020-01-01
            {id},{other.UserId},,active,nonsense,,2020-01-01
            """);

        Assert.Equal((200, "succeeded", 2, 2, 0), Counts(answer));
        (await caraway.Get(who, $"{Cases}/{id}")).IsProblem(404, "case_not_found");
        Assert.Empty((await caraway.Get(other, Cases)).Ids());
        var cases = (await caraway.Get(who, Cases)).Json.GetProperty("cases").EnumerateArray()
            .Where(item => item.Text("user_id") == who.UserId).ToDictionary(item => item.Text("status"));
        var (active, resolved) = (cases["active"], cases["resolved"]);
        Assert.Equal(("One", resolved.Text("created_at")), (resolved.Text("title"), resolved.Text("resolved_at")));
        Assert.StartsWith(Now.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), active.Text("created_at"), StringComparison.Ordinal);
        Assert.Equal($"Case-{Today}-2", active.Text("title"));
    }

    /// <summary>The year 1 is .NET's value of a time that was never set. PostgreSQL's -infinity is no time to compute with.</summary>
    [Fact]
    public async Task A_time_that_was_never_set_is_a_fault()
    {
        var (admin, anna) = (await caraway.SignedIn("admin"), NewUser());

        var answer = await Send(admin, Lines, $$"""{"user_id":"{{anna.UserId}}","created_at":"0001-01-01T00:00:00.000000Z"}""");

        Assert.Equal(["#/created_at"], answer.IsProblem(422, "invalid").Pointers);
    }

    [Fact]
    public async Task Nobody_imports_without_the_permission()
    {
        (await Send(await caraway.SignedIn("auditor"), Json, "[]")).IsProblem(403, "not_permitted");
        (await caraway.Anonymously(HttpMethod.Post, Import, "[]")).IsProblem(401, "user_id_required");
    }

    [Fact]
    public async Task A_case_that_exists_is_skipped_and_takes_no_number()
    {
        var (admin, anna) = (await caraway.SignedIn("admin"), NewUser());
        var id = await caraway.OpenedId(anna, """{"title":"Mine"}""");

        var answer = await Send(admin, Lines, $$"""
            {"case_id":"{{id}}","user_id":"{{anna.UserId}}","title":"Theirs"}
            {"case_id":"{{NewId()}}","user_id":"{{anna.UserId}}"}
            """);

        Assert.Equal((200, "succeeded", 2, 1, 1), Counts(answer));
        Assert.Equal("Mine", (await caraway.Get(anna, $"{Cases}/{id}")).Json.Text("title"));
        Assert.Equal([$"Case-{Today}-2", "Mine"], await Titles(anna));
    }

    [Fact]
    public async Task A_second_run_of_the_same_file_doubles_nothing()
    {
        var (admin, anna, ben) = (await caraway.SignedIn("admin"), NewUser(), NewUser("ben"));
        var row = $$"""{"user_id":"{{anna.UserId}}"}""";
        var file = $$"""[{"case_id":"{{NewId()}}","user_id":"{{anna.UserId}}"},{{row}},{{row}}]""";

        Assert.Equal((200, "succeeded", 3, 3, 0), Counts(await Send(admin, Json, file)));
        var first = (await caraway.Get(anna, Cases)).Ids();
        Assert.Equal((200, "succeeded", 3, 0, 3), Counts(await Send(admin, Json, file)));
        Assert.Equal(first, (await caraway.Get(anna, Cases)).Ids());
        Assert.Equal((200, "succeeded", 3, 3, 0), Counts(await Send(ben, Json, file)));
        Assert.Equal((200, "succeeded", 3, 0, 3), Counts(await Send(ben, Json, file)));
        Assert.Equal((200, "succeeded", 3, 3, 0), Counts(await Send(ben, Json, file + "\n")));
        Assert.Equal(6, (await caraway.Get(ben, Cases)).Ids().Length);
    }

    [Fact]
    public async Task Simultaneous_imports_of_one_file_do_the_work_of_one()
    {
        var anna = NewUser();
        var file = "[" + string.Join(',', Enumerable.Range(0, 6_000).Select(n => $$"""{"title":"{{n}}"}""")) + "]";

        var answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Send(anna, Json, file)));

        Assert.All(answers, answer => Assert.Equal((200, "succeeded"), (answer.Status, answer.Json.Text("state"))));
        Assert.Equal(6_000, await CountOf(anna));
        Assert.Equal(6_000, await caraway.Database.Scalar<long>($"""
            select count(distinct subject) from platform.events
            where name = 'support_case.imported' and actor = 'gateway:{anna.UserId}'
            """));
    }

    [Fact]
    public async Task Numbers_are_given_once_beside_callers_who_open_cases()
    {
        var anna = NewUser();
        var file = "[" + string.Join(',', Enumerable.Repeat("{}", 3_000)) + "]";

        var import = Send(anna, Json, file);
        var opened = await Task.WhenAll(Enumerable.Range(0, 60).Select(_ => caraway.Opened(anna)));
        Assert.Equal((200, "succeeded", 3_000, 3_000, 0), Counts(await import));

        Assert.Equal(60, opened.Length);
        Assert.Equal("3060 3060 3060", await caraway.Database.Scalar<string>($"""
            select count(*) || ' ' || count(distinct title) || ' ' || max(substr(title, 11)::int)
            from support.cases where owner = 'gateway:{anna.UserId}'
            """));
        Assert.Equal($"Case-{Today}-3061", (await caraway.Opened(anna)).Text("title"));
    }

    [Fact]
    public async Task Numbers_belong_to_the_owners_days_and_titles_of_the_form_keep_theirs()
    {
        var (admin, anna, ben) = (await caraway.SignedIn("admin"), NewUser(), NewUser("ben"));
        string Row(Person who, string day, string title) =>
            $$"""{"user_id":"{{who.UserId}}","created_at":"2026-{{day}}T23:59:59Z","title":"{{title}}"}""";

        var answer = await Send(admin, Lines, string.Join('\n',
            Row(anna, "02-03", ""), Row(ben, "02-03", ""), Row(anna, "02-04", "x"), Row(anna, "02-04", ""),
            Row(anna, "02-03", "Case-0203-5"), Row(anna, "02-03", ""), Row(anna, "02-04", "Case-0203-900")));

        Assert.Equal((200, "succeeded", 7, 7, 0), Counts(answer));
        Assert.Equal(
            ["Case-0203-5", "Case-0203-6", "Case-0203-7", "Case-0203-900", "Case-0204-3", "x"],
            (await Titles(anna)).Order(StringComparer.Ordinal));
        Assert.Equal(["Case-0203-1"], await Titles(ben));
        Assert.Equal((200, "succeeded", 1, 1, 0), Counts(await Send(admin, Lines, Row(anna, "02-03", ""))));
        Assert.Contains("Case-0203-8", await Titles(anna));
    }

    [Fact]
    public async Task A_wrong_row_refuses_the_whole_file_and_names_its_line()
    {
        var anna = NewUser();

        const string file = "title,severity,tags\nOne,low,[]\n\"Two\nlines\",urgent,[]\nThree,low,x\n";

        var answer = await caraway.WritesNothing(() => Send(anna, Csv, file));

        answer.IsProblem(422, "invalid");
        Assert.Equal(2, answer.Json.GetProperty("error_count").GetInt64());
        Assert.Equal(
            """[{"pointer":"#/severity","detail":"The severity must be one of low, medium, high, critical.","line":3},"""
            + """{"pointer":"#/tags","detail":"This must be a list of texts.","line":5}]""",
            answer.Json.GetProperty("errors").GetRawText());
        Assert.Equal(0, await CountOf(anna));
        Assert.Equal(0, await ImportsOf(anna));
    }

    [Fact]
    public async Task The_first_thousand_faults_are_listed_and_all_are_counted()
    {
        var answer = await Send(NewUser(), Lines, string.Join('\n', Enumerable.Repeat("{\"title\":7}", 1_234)));

        answer.IsProblem(422, "invalid");
        var errors = answer.Json.GetProperty("errors");
        Assert.Equal((1_234, 1_000), (answer.Json.GetProperty("error_count").GetInt32(), errors.GetArrayLength()));
        Assert.Equal(1_000, errors[999].GetProperty("line").GetInt32());
    }

    [Fact]
    public async Task A_dry_run_reports_and_writes_nothing()
    {
        var anna = NewUser();

        var good = await caraway.WritesNothing(() => Send(anna, Json, "[{},{}]", "?dry_run=true"));
        Assert.Equal((200, "succeeded", 2, 0, 0), Counts(good));
        Assert.Equal(JsonValueKind.Null, good.Json.GetProperty("id").ValueKind);
        var bad = await caraway.WritesNothing(() => Send(anna, Json, "[{},\n{\"title\":7}]", "?dry_run=true"));
        Assert.Equal((200, "failed", 2, 0, 0), Counts(bad));
        Assert.Equal(2, bad.Json.GetProperty("errors")[0].GetProperty("line").GetInt32());
        var large = await caraway.WritesNothing(() => Send(anna, Json, Large(3), "?dry_run=true"));
        Assert.Equal((200, "succeeded", 3, 0, 0), Counts(large));
        Assert.Equal(["#/dry_run"], (await Send(anna, Json, "[]", "?dry_run=1")).IsProblem(422, "invalid").Pointers);
        Assert.Equal(0, await CountOf(anna));
    }

    [Fact]
    public async Task The_content_type_tells_the_format()
    {
        var anna = NewUser();
        (await Send(anna, "text/plain", "title\nx")).IsProblem(415, "unsupported_media_type");
        (await Send(anna, "text/csv; charset=iso-8859-1", "title\nx")).IsProblem(415, "unsupported_media_type");
        Assert.Equal(200, (await Send(anna, "text/csv; charset=utf-8; header=present", "title\nx")).Status);
        Assert.Equal(200, (await Send(anna, Lines, "{}\n")).Status);
        Assert.Equal(200, (await Send(anna, "", "{\"cases\":[]}")).Status);
        (await Send(anna, Csv, "{\"cases\":[]}")).IsProblem(422, "invalid");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_body_over_64_MiB_is_too_large(bool isChunked)
    {
        var anna = NewUser();
        var bytes = new byte[ImportCases.LongestBody + 1];
        Array.Fill(bytes, (byte)' ');
        using var request = Request(anna, new ByteArrayContent(bytes), Json, "");
        request.Headers.TransferEncodingChunked = isChunked;
        request.Headers.ExpectContinue = true;

        using var response = await caraway.Stranger.SendAsync(request);

        (await Answer.Read(response)).IsProblem(413, "body_too_large");
        Assert.Equal(0, await ImportsOf(anna));
    }

    [Fact]
    public async Task The_same_key_gets_the_first_answer_and_another_body_is_refused()
    {
        var (admin, anna) = (await caraway.SignedIn("admin"), NewUser());
        var file = $$"""[{"user_id":"{{anna.UserId}}"},{"user_id":"{{anna.UserId}}"}]""";
        var key = ("Idempotency-Key", "k-" + NewId());

        var first = await Send(admin, Json, file, "", key);
        var again = await Send(admin, Json, file, "", key);

        Assert.Equal((200, "succeeded", 2, 2, 0), Counts(first));
        Assert.Equal((first.Body, "true"), (again.Body, again.Headers["Idempotent-Replayed"]));
        (await Send(admin, Json, file + " ", "", key)).IsProblem(422, "idempotency_key_reused");
        (await Send(admin, Json, file, "", ("Idempotency-Key", new string('k', 256)))).IsProblem(422, "invalid");
        (await Send(admin, Json, "[7]", "", ("Idempotency-Key", "other"))).IsProblem(422, "invalid");
        Assert.Equal(200, (await Send(admin, Json, "[]", "", ("Idempotency-Key", "other"))).Status);
        Assert.Equal(2, await CountOf(anna));
    }

    [Fact]
    public async Task A_file_over_1_MiB_is_a_job_that_its_sender_and_administrators_see()
    {
        var (anna, ben, admin) = (NewUser(), NewUser("ben"), await caraway.SignedIn("admin"));
        var key = ("Idempotency-Key", "large-" + NewId());

        var accepted = await Send(anna, Json, Large(12_000), "", key);

        Assert.Equal((202, "queued", 12_000, 0, 0), Counts(accepted));
        var location = accepted.Headers["Location"];
        Assert.Equal($"/api/v1/imports/{accepted.Json.GetProperty("id").GetInt64()}", location);
        Assert.Equal(accepted.Body, (await caraway.Get(anna, location)).Body);
        Assert.Equal(12_000, await Staged(accepted));
        (await caraway.Get(ben, location)).IsProblem(404, "import_not_found");
        (await caraway.Get(await caraway.SignedIn("auditor"), location)).IsProblem(404, "import_not_found");
        (await caraway.Get(anna, "/api/v1/imports/x")).IsProblem(404, "import_not_found");
        Assert.Equal(200, (await caraway.Get(admin, location)).Status);
        var joined = await Send(anna, Json, Large(12_000));
        Assert.Equal((202, location), (joined.Status, joined.Headers["Location"]));
        Assert.Equal(location, (await Send(anna, Json, Large(12_000), "", key)).Headers["Location"]);

        Assert.Equal(1, await Worker().RunOnce(default));
        Assert.Equal((200, "running", 12_000, 5_000, 0), Counts(await caraway.Get(anna, location)));
        Assert.Equal(7_000, await Staged(accepted));
        await Work();

        Assert.Equal((200, "succeeded", 12_000, 12_000, 0), Counts(await caraway.Get(anna, location)));
        Assert.Equal(0, await Staged(accepted));
        Assert.Equal(12_000, await CountOf(anna));
        Assert.Equal(12_000, await caraway.Database.Scalar<long>(
            $"select count(distinct title) from support.cases where owner = 'gateway:{anna.UserId}'"));
        Assert.Equal(1, await caraway.Database.Scalar<long>($"""
            select count(*) from platform.events where name = 'case_import.started' and subject = 'support.import:{location.Split('/')[^1]}'
            """));
        var again = await Send(anna, Json, Large(12_000));
        await Work();
        Assert.Equal((200, "succeeded", 12_000, 0, 12_000), Counts(await caraway.Get(anna, again.Headers["Location"])));
    }

    [Fact]
    public async Task A_long_file_with_faults_is_a_failed_import_with_its_errors()
    {
        var anna = NewUser();
        var rows = string.Join('\n', Enumerable.Range(1, 1_100).Select(n => n % 500 == 0 ? "{\"title\":7}" : "{\"title\":\"x\"}"));

        var blankLines = string.Concat(Enumerable.Repeat('\n' + new string(' ', 1023), 1024));

        var accepted = await Send(anna, Lines, rows + blankLines);

        Assert.Equal((202, "failed", 1_100, 0, 0), Counts(accepted));
        var import = await caraway.Get(anna, accepted.Headers["Location"]);
        Assert.Equal(accepted.Body, import.Body);
        Assert.Equal([500, 1_000], import.Json.GetProperty("errors").EnumerateArray().Select(e => e.GetProperty("line").GetInt32()));
        Assert.Equal(2, import.Json.GetProperty("error_count").GetInt64());
        Assert.Equal((0, 0), (await Staged(accepted), await CountOf(anna)));
    }

    [Fact]
    public async Task A_request_that_breaks_leaves_nothing_staged()
    {
        var anna = NewUser();
        using var patience = new CancellationTokenSource();
        using var body = new BrokenContent(Encoding.UTF8.GetBytes(Large(12_000)), patience);
        using var request = Request(anna, body, Json, "");

        await Assert.ThrowsAnyAsync<Exception>(() => caraway.Stranger.SendAsync(request, patience.Token));

        await EventFlow.Until(async () => await ImportsOf(anna) == 0);
        Assert.Equal(0, await CountOf(anna));
    }

    [Fact]
    public async Task What_a_lost_process_was_receiving_is_removed_later()
    {
        await caraway.Database.Execute("""
            with i as (
                insert into support.imports (sender, state, created_at, updated_at)
                select 'gateway:lost', state, now() - age, now() - age from (values
                    ('receiving', interval '3 hours'), ('receiving', interval '1 hour'), ('succeeded', interval '31 days'),
                    ('failed', interval '29 days'), ('queued', interval '40 days')) v (state, age)
                returning id
            )
            insert into support.import_rows (import_id, place, content) select id, 1, '{}' from i
            """);

        await caraway.Services.GetRequiredService<ImportCleanup>().RunOnce(default);

        Assert.Equal("failed queued receiving", await caraway.Database.Scalar<string>(
            "select string_agg(state, ' ' order by state) from support.imports where sender = 'gateway:lost'"));
        await caraway.Database.Execute("delete from support.imports where sender = 'gateway:lost'");
    }

    [Fact]
    public async Task A_job_that_fails_for_good_says_so_and_empties_its_rows()
    {
        var anna = NewUser();
        var accepted = await Send(anna, Json, Large(6_000));
        Assert.Equal(1, await Worker().RunOnce(default));
        await caraway.Database.Execute($$"""
            update support.import_rows set content = '{' where import_id = {{accepted.Json.GetProperty("id").GetInt64()}} and place = 5500
            """);
        await caraway.Database.Execute("update platform.jobs set attempt = 7 where queue = 'imports' and state = 'queued'");

        Assert.Equal(1, await Worker().RunOnce(default));

        var import = await caraway.Get(anna, accepted.Headers["Location"]);
        Assert.Equal((200, "failed", 6_000, 5_000, 0), Counts(import));
        Assert.StartsWith("Processing failed", import.Json.GetProperty("errors")[0].Text("detail"), StringComparison.Ordinal);
        Assert.Equal((0, 5_000), (await Staged(accepted), await CountOf(anna)));
        var again = await Send(anna, Json, Large(6_000));
        await Work();
        Assert.Equal((200, "succeeded", 6_000, 1_000, 5_000), Counts(await caraway.Get(anna, again.Headers["Location"])));
    }

    private static DateTime Now => TimeProvider.System.GetUtcNow().UtcDateTime;

    private static string Today => Now.ToString("MMdd", CultureInfo.InvariantCulture);

    private static string NewId() => Caraway.Support.CaseId.Create().Text;

    /// <summary>A file of over 1 MiB.</summary>
    private static string Large(int rows)
    {
        var lines = Enumerable.Range(0, rows).Select(n => $$"""{"description":"{{n}}"}""");
        return "[" + string.Join(",\n", lines) + "]" + new string(' ', 1024 * 1024);
    }

    private static (int, string, long, long, long) Counts(Answer answer)
    {
        Assert.True(answer.Status < 300, answer.Body);
        long Number(string name) => answer.Json.GetProperty(name).GetInt64();
        return (answer.Status, answer.Json.Text("state"), Number("rows"), Number("imported"), Number("skipped"));
    }

    private async Task<Answer> Send(Person who, string type, string text, string query = "", params (string, string)[] headers)
    {
        using var request = Request(who, new ByteArrayContent(Encoding.UTF8.GetBytes(text)), type, query, headers);
        using var response = await caraway.Stranger.SendAsync(request);
        return await Answer.Read(response);
    }

    private static HttpRequestMessage Request(
        Person who, HttpContent content, string type, string query, params (string, string)[] headers)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, Import + query) { Content = content };
        content.Headers.ContentType = type.Length == 0 ? null : MediaTypeHeaderValue.Parse(type);
        foreach (var (name, value) in who.Headers.Concat(headers))
            request.Headers.TryAddWithoutValidation(name, value);
        return request;
    }

    private async Task<List<string>> Titles(Person who) =>
        [.. (await caraway.Get(who, Cases)).Json.GetProperty("cases").EnumerateArray().Select(item => item.Text("title"))];

    private Task<long> CountOf(Person who) =>
        caraway.Database.Scalar<long>($"select count(*) from support.cases where owner = 'gateway:{who.UserId}'");

    private Task<long> ImportsOf(Person who) =>
        caraway.Database.Scalar<long>($"select count(*) from support.imports where sender = 'gateway:{who.UserId}'");

    private Task<long> Staged(Answer answer) => caraway.Database.Scalar<long>(
        $"select count(*) from support.import_rows where import_id = {answer.Json.GetProperty("id").GetInt64()}");

    private JobWorker Worker() => caraway.Services.GetRequiredService<JobWorkers>().Worker(ImportJob.Queue);

    private async Task Work()
    {
        while (await Worker().RunOnce(default) > 0)
        {
        }
    }

    /// <summary>Sends most of a body and then ends the request.</summary>
    private sealed class BrokenContent(byte[] bytes, CancellationTokenSource patience) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, System.Net.TransportContext? context)
        {
            await stream.WriteAsync(bytes.AsMemory(0, bytes.Length - 1));
            await stream.FlushAsync();
            await Task.Delay(300);
            await patience.CancelAsync();
            await Task.Delay(-1, patience.Token);
        }

        protected override bool TryComputeLength(out long length) => (length = bytes.Length) > 0;
    }
}
