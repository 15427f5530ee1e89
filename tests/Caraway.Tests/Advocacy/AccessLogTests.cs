using System.Reflection;
using System.Text;
using Caraway.Platform.Audit;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;
using Caraway.Tests.Platform;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Caraway.Tests.Advocacy;

/// <summary>Every read of cases is recorded before it is answered, and auditors read these records.</summary>
public sealed class AccessLogTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    /// <summary>Routes that show no data of patients, each with the reason. Every other GET records an access.</summary>
    private static readonly Dictionary<string, string> WithoutPatients = new(StringComparer.Ordinal)
    {
        ["/"] = "the program's name and version",
        ["/.well-known/jwks.json"] = "public keys",
        ["/api/v1/case-templates"] = "forms",
        ["/api/v1/case-templates/{id}"] = "forms",
        ["/api/v1/cases/analytics"] = "numbers without names",
        ["/api/v1/doctors/{id}/availability"] = "a doctor's hours",
        ["/api/v1/doctors/{id}/free-slots"] = "a doctor's hours",
        ["/api/v1/password-resets/{token}"] = "instructions without names",
        ["/api/v1/imports/{id}"] = "numbers without names",
        ["/api/v1/tasks/appointments/{appointment_id}"] = "states of jobs",
        ["/api/v1/tasks/{id}"] = "states of jobs",
        ["/cases/analytics"] = "numbers without names",
        ["/health"] = "whether the program works",
        ["/health/live"] = "whether the program works",
        ["/health/ready"] = "whether the program works",
        ["/metrics"] = "numbers without names",
        ["/openapi.json"] = "the shape of the API",
        ["/workflows"] = "the rules of cases",
        ["/workflows/{name}"] = "the rules of cases",
    };

    [Theory]
    [InlineData("/cases/{id}")]
    [InlineData("/cases/{id}/notes")]
    [InlineData("/cases/{id}/documents")]
    [InlineData("/cases/{id}/timeline")]
    [InlineData("/cases/{id}/access-log")]
    public async Task A_read_of_a_case_leaves_one_row(string route)
    {
        var auditor = await caraway.Person("auditor");
        var id = await caraway.OpenCase();

        var answer = await caraway.As(
            auditor,
            HttpMethod.Get,
            route.Replace("{id}", $"{id}", StringComparison.Ordinal),
            null,
            ("X-Access-Reason", " A complaint, 17 "));

        Assert.Equal(200, answer.Status);
        Shape.Is(
            $$"""
            [{"actor":"user:{{auditor.UserId}}","request_id":"{{answer.Headers["X-Request-Id"]}}","address":"127.0.0.1",
              "action":"GET {{route}}",
              "reason":"A complaint, 17","kind":"advocacy.case","ids":[{{id}}],"patient_ids":null}]
            """,
            (await caraway.Accesses(answer)).GetRawText());
    }

    [Theory]
    [InlineData("/cases/{id}")]
    [InlineData("/cases/{id}/notes")]
    [InlineData("/cases/{id}/documents")]
    [InlineData("/cases/{id}/timeline")]
    public async Task A_read_of_a_patients_case_names_the_patient(string route)
    {
        var patient = await caraway.Person();
        var id = await OpenCaseOf(patient.UserId);

        var answer = await caraway.Get(route.Replace("{id}", $"{id}", StringComparison.Ordinal));

        Shape.Is(
            $$"""
            [{"actor":"apikey:environment","request_id":"{{answer.Headers["X-Request-Id"]}}","address":"127.0.0.1","action":"GET {{route}}",
              "reason":null,"kind":"advocacy.case","ids":[{{id}}],"patient_ids":[{{patient.UserId}}]}]
            """,
            (await caraway.Accesses(answer)).GetRawText());
    }

    [Fact]
    public async Task HEAD_is_a_read_too()
    {
        var id = await caraway.OpenCase();

        var answer = await caraway.Send(HttpMethod.Head, $"/cases/{id}");

        Assert.Equal("GET /cases/{id}", (await caraway.Accesses(answer))[0].GetProperty("action").GetString());
    }

    [Fact]
    public async Task A_list_leaves_one_row_with_its_cases_and_each_patient_once()
    {
        var one = await caraway.Person();
        var other = await caraway.Person();
        long[] ids = [await OpenCaseOf(one.UserId), await OpenCaseOf(other.UserId), await caraway.OpenCase(), await OpenCaseOf(one.UserId)];
        foreach (var id in ids)
            await caraway.Patch($"/cases/{id}", """{"assignee":"access-list"}""");

        var whole = await caraway.Get("/cases?assignee=access-list");
        var page = await caraway.Get("/cases?assignee=access-list&limit=2");

        var rows = await caraway.Accesses(whole, page);
        Assert.Equal(2, rows.GetArrayLength());
        Assert.Equal("GET /cases", rows[0].GetProperty("action").GetString());
        Assert.Equal(ids.Reverse(), rows[0].GetProperty("ids").EnumerateArray().Select(id => id.GetInt64()));
        Assert.Equal([one.UserId, other.UserId], rows[0].GetProperty("patient_ids").EnumerateArray().Select(id => id.GetInt64()));
        Assert.Equal([ids[3], ids[2]], rows[1].GetProperty("ids").EnumerateArray().Select(id => id.GetInt64()));
        Assert.Equal([one.UserId], rows[1].GetProperty("patient_ids").EnumerateArray().Select(id => id.GetInt64()));
        Assert.DoesNotContain("patient", whole.Body, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task An_answer_without_a_case_leaves_no_record()
    {
        var id = await caraway.OpenCase();
        var patient = await caraway.Person();
        var caseworker = await caraway.Person("caseworker");
        var answers = new List<(int Status, Answer Answer)>();
        foreach (var suffix in new[] { "", "/notes", "/documents", "/timeline" })
        {
            answers.Add((404, await caraway.Get("/cases/999999999" + suffix)));
            answers.Add((401, await caraway.Anonymously(HttpMethod.Get, $"/cases/{id}{suffix}", null)));
            answers.Add((403, await caraway.As(patient, HttpMethod.Get, $"/cases/{id}{suffix}")));
        }

        answers.Add((403, await caraway.As(caseworker, HttpMethod.Get, $"/cases/{id}/access-log")));
        answers.Add((422, await caraway.Get("/cases?status=none")));
        answers.Add((422, await caraway.Get("/cases?limit=x")));
        answers.Add((422, await caraway.Get($"/cases/{id}/timeline?cursor=x")));
        answers.Add((422, await caraway.Get($"/cases/{id}", ("X-Access-Reason", new string('x', 501)))));
        answers.Add((200, await caraway.Get("/cases?assignee=nobody-at-all")));
        answers.Add((200, await caraway.Get("/workflows")));

        Assert.Equal(answers.Select(a => a.Status), answers.Select(a => a.Answer.Status));
        Assert.Equal(0, (await caraway.Accesses([.. answers.Select(a => a.Answer)])).GetArrayLength());
    }

    [Theory]
    [InlineData("Überweisung geprüft – 病歴 😀")]
    [InlineData("plain")]
    [InlineData("' or 1=1 --")]
    public async Task A_reason_is_kept_as_written(string reason) =>
        Assert.Equal(reason, await ReasonOf(Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(reason))));

    [Fact]
    public async Task A_reason_that_is_not_UTF8_is_read_as_Latin1() => Assert.Equal("Prüfung", await ReasonOf("Prüfung"));

    [Theory]
    [InlineData("")]
    [InlineData("   ")]
    public async Task An_empty_reason_is_not_recorded(string reason) => Assert.Null(await ReasonOf(reason));

    [Fact]
    public async Task A_reason_of_other_white_space_is_not_recorded() =>
        Assert.Null(await ReasonOf(Encoding.Latin1.GetString(Encoding.UTF8.GetBytes("\u3000"))));

    [Fact]
    public async Task A_reason_of_500_characters_is_kept() => Assert.Equal(500, (await ReasonOf(new string('x', 500)))!.Length);

    /// <summary>The length counts code points, as everywhere in the API, and not UTF-16.</summary>
    [Fact]
    public async Task A_reason_of_500_characters_of_any_kind_is_kept()
    {
        var reason = string.Concat(Enumerable.Repeat("😀", 500));

        Assert.Equal(1000, (await ReasonOf(Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(reason))))!.Length);
    }

    [Theory]
    [InlineData("a\tb")]
    [InlineData("a\u0085b")]
    [InlineData("a\u00c2\u0085b")]
    [InlineData("long")]
    public async Task A_reason_that_cannot_be_kept_is_refused_and_nothing_is_shown(string reason)
    {
        var id = await caraway.OpenCase(narrative: "A secret story.");

        var answer = await caraway.Get($"/cases/{id}", ("X-Access-Reason", reason == "long" ? new string('ä', 501) : reason));

        answer.IsProblem(422, "invalid");
        Shape.Is(
            """
            [{"pointer":"#/X-Access-Reason","in":"header",
              "detail":"The reason must have at most 500 characters and no control characters."}]
            """,
            answer.Json.GetProperty("errors").GetRawText());
        Assert.DoesNotContain("secret", answer.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_access_log_is_for_auditors_and_admins()
    {
        var path = $"/cases/{await caraway.OpenCase()}/access-log";
        var audit = await caraway.Key("audit:read");

        foreach (var role in new[] { "auditor", "admin" })
            Assert.Equal(200, (await caraway.As(await caraway.Person(role), HttpMethod.Get, path)).Status);
        Assert.Equal(200, (await caraway.Anonymously(HttpMethod.Get, path, null, audit)).Status);
        foreach (var role in new[] { "patient", "doctor", "caseworker", "adjudicator", "agent" })
            (await caraway.As(await caraway.Person(role), HttpMethod.Get, path)).IsProblem(403, "not_permitted");
        (await caraway.Get(path)).IsProblem(403, "not_permitted");
        (await caraway.Anonymously(HttpMethod.Get, path, null)).IsProblem(401, "not_signed_in");
    }

    [Theory]
    [MemberData(nameof(Records.ForeignIds), MemberType = typeof(Records))]
    public async Task An_unknown_case_has_no_access_log(string id) => (await ReadAccessLog(id)).IsProblem(404, "case_not_found");

    [Fact]
    public async Task The_access_log_lists_accesses_newest_first_in_pages()
    {
        var caseworker = await caraway.Person("caseworker", "Cäcilie Worker");
        var auditor = await caraway.Person("auditor", "Otto Ditor");
        var id = await caraway.OpenCase();
        var other = await caraway.OpenCase();
        var first = await caraway.Get($"/cases/{id}");
        var second = await caraway.As(caseworker, HttpMethod.Get, $"/cases/{id}/notes", null, ("X-Access-Reason", "my case"));
        var third = await caraway.As(auditor, HttpMethod.Get, "/cases?limit=2");
        await caraway.Get($"/cases/{other}");
        await caraway.WriteAccesses();

        var answer = await caraway.As(auditor, HttpMethod.Get, $"/cases/{id}/access-log");

        Assert.Equal(200, answer.Status);
        var items = answer.Json.GetProperty("items").EnumerateArray().ToList();
        Shape.Is(
            $$"""
            {"items":[
             {"id":{{items[0].GetProperty("id")}},"time":"(time)","actor":"user:{{auditor.UserId}}","actor_name":"Otto Ditor",
               "request_id":"{{third.Headers["X-Request-Id"]}}","address":"127.0.0.1","action":"GET /cases","reason":null},
             {"id":{{items[1].GetProperty("id")}},"time":"(time)","actor":"user:{{caseworker.UserId}}","actor_name":"Cäcilie Worker",
               "request_id":"{{second.Headers["X-Request-Id"]}}","address":"127.0.0.1","action":"GET /cases/{id}/notes","reason":"my case"},
             {"id":{{items[2].GetProperty("id")}},"time":"(time)","actor":"apikey:environment","actor_name":null,
               "request_id":"{{first.Headers["X-Request-Id"]}}","address":"127.0.0.1","action":"GET /cases/{id}","reason":null}],
             "next_cursor":null}
            """,
            answer);

        var seen = new List<long>();
        string? cursor = "";
        do
        {
            var page = await caraway.As(auditor, HttpMethod.Get, $"/cases/{id}/access-log?limit=1&cursor={cursor}");
            Assert.Equal(1, page.Json.GetProperty("items").GetArrayLength());
            seen.Add(page.Json.GetProperty("items")[0].GetProperty("id").GetInt64());
            cursor = page.Json.GetProperty("next_cursor").ToString();
        }
        while (cursor.Length > 0);
        Assert.Equal(items.Select(item => item.GetProperty("id").GetInt64()), seen.TakeLast(3));
        Assert.Equal(seen.OrderDescending(), seen);
    }

    [Fact]
    public async Task An_access_to_another_kind_with_the_same_id_is_not_an_access_to_the_case()
    {
        var id = await caraway.OpenCase();
        await caraway.Database.Execute(
            $"""
            insert into platform.access_log (id, at, actor, request_id, action, kind, ids)
            values (-{id}, now(), 'x', 'x', 'x', 'identity.user', array[{id}]);
            insert into platform.access_batches (batch, kind, ids, patient_ids)
            values (-{id} >> 16, 'identity.user', array[{id}], '{"{}"}'), (-{id} >> 16, 'advocacy.case', array[{id}], '{"{}"}')
            """);

        var answer = await ReadAccessLog($"{id}");

        Shape.Is("""{"items":[],"next_cursor":null}""", answer);
    }

    [Theory]
    [InlineData("limit=x", "limit")]
    [InlineData("limit=1.5", "limit")]
    [InlineData("cursor=abc", "cursor")]
    [InlineData("cursor=1&cursor=2", "cursor")]
    public async Task An_invalid_limit_or_cursor_is_refused(string query, string name)
    {
        var answer = await ReadAccessLog($"{await caraway.OpenCase()}", "?" + query);

        answer.IsProblem(422, "invalid");
        Assert.Equal(["#/" + name], answer.Pointers);
    }

    [Theory]
    [InlineData("limit=0")]
    [InlineData("limit=-99999999999999999999")]
    [InlineData("limit=99999999999999999999")]
    [InlineData("cursor=99999999999999999999")]
    [InlineData("cursor=-1")]
    [InlineData("limit=&cursor=")]
    public async Task Any_whole_number_is_a_valid_limit_or_cursor(string query) =>
        Assert.Equal(200, (await ReadAccessLog($"{await caraway.OpenCase()}", "?" + query)).Status);

    [Fact]
    public async Task Each_batch_raised_one_event_with_its_count_and_digest()
    {
        var patient = await caraway.Person();
        var id = await OpenCaseOf(patient.UserId);
        await Task.WhenAll(Enumerable.Range(0, 20).Select(n => caraway.Get($"/cases/{id}", ("X-Access-Reason", $"reason {n}"))));
        await caraway.Get("/cases");
        await caraway.WriteAccesses();

        var batches = await Batches();

        Assert.NotEmpty(batches);
        foreach (var (batch, records) in batches)
        {
            var payload = await caraway.Database.Scalar<string>(
                $"""
                select string_agg(payload, '|') from platform.events
                where name = 'access.recorded' and subject = 'platform.access_batch:{batch}' and actor = 'caraway'
                """);
            Shape.Is($$"""{"batch":{{batch}},"records":{{records.Count}},"digest":"{{AccessBatch.Digest(records)}}"}""", payload!);
        }

        Assert.Equal(
            batches.Count, await caraway.Database.Scalar<long>("select count(*) from platform.events where name = 'access.recorded'"));
    }

    [Fact]
    public async Task A_read_that_cannot_be_recorded_shows_nothing()
    {
        var id = await caraway.OpenCase(narrative: "A secret story.");
        var shown = new List<Answer>();
        (string, string)[] settings = [("AccessLog:Capacity", "1"), ("AccessLog:DelayMilliseconds", "10000")];
        await using (var own = await OwnCaraway.Start(caraway.Database.Address, settings))
        {
            shown.Add(await CarawayFixture.Send(own.Client, HttpMethod.Get, $"/cases/{id}", null));
            string[] paths = [$"/cases/{id}", "/cases", $"/cases/{id}/notes", $"/cases/{id}/documents", $"/cases/{id}/timeline"];
            foreach (var path in paths)
            {
                var refused = (await CarawayFixture.Send(own.Client, HttpMethod.Get, path, null)).IsProblem(503, "busy");
                Assert.InRange(int.Parse(refused.Headers["Retry-After"]), 1, 60);
                Assert.DoesNotContain("secret", refused.Body, StringComparison.Ordinal);
                Assert.DoesNotContain("ETag", refused.Headers.Keys);
                shown.Add(refused);
            }
        }

        Assert.Equal(200, shown[0].Status);
        Assert.Equal(1, (await caraway.Accesses([.. shown])).GetArrayLength());
    }

    /// <summary>
    /// Four readers fill a hundred places much faster than the records are written. They wait, and every request is answered. (Each reader
    /// waits half a second before its next try, so four readers leave the database about six seconds before a refusal.)
    /// </summary>
    [Fact]
    public async Task Readers_wait_until_their_accesses_can_be_recorded()
    {
        var id = await caraway.OpenCase();
        await using var own = await OwnCaraway.Start(
            caraway.Database.Address, ("AccessLog:Capacity", "100"), ("AccessLog:DelayMilliseconds", "300"));

        var shown = await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
        {
            var answers = new List<Answer>();
            for (var n = 0; n < 100; n++)
                answers.Add(await CarawayFixture.Send(own.Client, HttpMethod.Get, $"/cases/{id}", null));
            return answers;
        }));

        Assert.Equal(400, shown.Sum(answers => answers.Count(answer => answer.Status == 200)));
        await EventFlow.Until(async () => await Count(shown.SelectMany(answers => answers)) == 400);
    }

    [Fact]
    public async Task A_stop_writes_the_records_of_all_answers()
    {
        var id = await caraway.OpenCase();
        var shown = new List<Answer>();
        await using (var own = await OwnCaraway.Start(caraway.Database.Address, ("AccessLog:DelayMilliseconds", "10000")))
        {
            for (var i = 0; i < 10; i++)
                shown.Add(await CarawayFixture.Send(own.Client, HttpMethod.Get, $"/cases/{id}", null));
        }

        Assert.Equal(10, await Count(shown));
    }

    /// <summary>A request that waits for a lock takes all of the time that the host has for a stop.</summary>
    [Fact]
    public async Task A_stop_writes_the_records_of_all_answers_even_when_a_request_outlasts_it()
    {
        var (id, held) = (await caraway.OpenCase(), await caraway.OpenCase());
        var shown = new List<Answer>();
        using var slow = new HttpClient();
        await using var other = await caraway.Database.Source.OpenConnectionAsync();
        await using var transaction = await other.BeginTransactionAsync();
        await using var hold = new NpgsqlCommand($"select 1 from advocacy.cases where id = {held} for update", other, transaction);
        await hold.ExecuteNonQueryAsync();
        Task waiting;
        (string, string)[] settings = [("AccessLog:DelayMilliseconds", "10000"), ("Server:ShutdownTimeoutSeconds", "1")];
        await using (var own = await OwnCaraway.Start(caraway.Database.Address, settings))
        {
            (slow.BaseAddress, var key) = (own.Client.BaseAddress, own.Client.DefaultRequestHeaders.GetValues("X-API-Key").Single());
            slow.DefaultRequestHeaders.Add("X-API-Key", key);
            for (var i = 0; i < 10; i++)
                shown.Add(await CarawayFixture.Send(own.Client, HttpMethod.Get, $"/cases/{id}", null));
            waiting = CarawayFixture.Send(slow, HttpMethod.Patch, $"/cases/{held}", """{"status":"IN_REVIEW","actor":"Ada"}""");
            await EventFlow.Until(
                async () => await caraway.Database.Scalar<bool>(
                    "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')"));
        }

        Assert.Equal(10, await Count(shown));
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => waiting);
    }

    [Fact]
    public void Every_GET_records_what_it_shows_or_is_on_this_list()
    {
        var routes = caraway.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(route => route.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods.Contains("GET") != false).ToList();
        Assert.True(routes.Count >= 15);

        var unrecorded = routes
            .Where(route => route.Metadata.GetMetadata<MethodInfo>()?.GetParameters()
                .Any(parameter => parameter.ParameterType == typeof(AccessLog)) != true)
            .Select(route => "/" + route.RoutePattern.RawText!.Trim('/'));

        Assert.Equal(WithoutPatients.Keys.Order(StringComparer.Ordinal), unrecorded.Order(StringComparer.Ordinal));
    }

    private async Task<long> OpenCaseOf(long patient)
    {
        var answer = await caraway.Post("/intakes", $$"""{"full_name":"Ada Lovelace","narrative":"Denied.","patient_id":{{patient}}}""");
        Assert.Equal(201, answer.Status);
        return answer.Json.GetProperty("case_id").GetInt64();
    }

    private async Task<string?> ReasonOf(string header)
    {
        var answer = await caraway.Get($"/cases/{await caraway.OpenCase()}", ("X-Access-Reason", header));
        Assert.Equal(200, answer.Status);
        return (await caraway.Accesses(answer))[0].GetProperty("reason").GetString();
    }

    private Task<long> Count(IEnumerable<Answer> answers) => caraway.Database.Scalar<long>(
        "select count(*) from platform.access_log where request_id = any(@requests)",
        ("requests", answers.Select(answer => answer.Headers["X-Request-Id"]).ToArray()));

    /// <summary>Reads a case's access log with a key for auditors.</summary>
    private async Task<Answer> ReadAccessLog(string id, string query = "") =>
        await caraway.Anonymously(HttpMethod.Get, $"/cases/{id}/access-log{query}", null, await caraway.Key("audit:read"));

    private async Task<Dictionary<long, List<AccessRecord>>> Batches()
    {
        await using var command = caraway.Database.Source.CreateCommand(
            """
            select id >> 16, at, actor, request_id, address, action, reason, kind, ids::text, patient_ids::text
            from platform.access_log where id > 0 order by id
            """);
        await using var reader = await command.ExecuteReaderAsync();
        var batches = new Dictionary<long, List<AccessRecord>>();
        while (await reader.ReadAsync())
        {
            if (!batches.TryGetValue(reader.GetInt64(0), out var records))
                batches.Add(reader.GetInt64(0), records = []);
            records.Add(new AccessRecord(
                reader.GetDateTime(1), reader.GetString(2), reader.GetString(3), Text(4), reader.GetString(5), Text(6), reader.GetString(7),
                reader.GetString(8), Text(9)));
        }

        return batches;

        string? Text(int column) => reader.IsDBNull(column) ? null : reader.GetString(column);
    }
}
