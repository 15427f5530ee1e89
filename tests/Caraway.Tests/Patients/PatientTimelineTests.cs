using Caraway.Tests.Identity;
using System.Text.Json;
using Caraway.Tests.Advocacy;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Patients;

/// <summary>What happened to all that is a patient's, and who looked at it.</summary>
public sealed class PatientTimelineTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task Staff_see_all_that_happened_newest_first()
    {
        var (patient, caseworker, id) = await Story();

        foreach (var role in new[] { "caseworker", "auditor", "admin" })
        {
            var answer = await caraway.As(
                role == "caseworker" ? caseworker : await caraway.Person(role), HttpMethod.Get, Path(patient.UserId));

            Assert.Equal(200, answer.Status);
            var items = Items(answer);
            var document = items[0].GetProperty("payload").GetProperty("document_id");
            var note = items[1].GetProperty("payload").GetProperty("note_id");
            var at = (int n) => $$"""
                "id":{{items[n].GetProperty("id")}},"time":"(time)",
                "subject":"advocacy.case:{{id}}","actor":"user:{{caseworker.UserId}}","on_behalf_of":null
                """;
            var opened = items[4].GetProperty("payload");
            var applicant = opened.GetProperty("applicant_id");
            Shape.Is(
                $$$"""
                {"items":[
                 { {{{at(0)}}},"event_name":"case.document_added",
                   "payload":{"case_id":{{{id}}},"document_id":{{{document}}},"filename":"letter.pdf"}},
                 { {{{at(1)}}},"event_name":"case.note_added",
                   "payload":{"case_id":{{{id}}},"note_id":{{{note}}},"author":"Case Worker"}},
                 { {{{at(2)}}},"event_name":"case.assigned",
                   "payload":{"case_id":{{{id}}},"from_assignee":null,"to_assignee":"desk 3","reason":"a secret reason"}},
                 { {{{at(3)}}},"event_name":"case.moved",
                   "payload":{"case_id":{{{id}}},"from_status":"NEW","to_status":"IN_REVIEW","reason":"a secret reason"}},
                 { {{{at(4)}}},"event_name":"case.opened",
                   "payload":{"case_id":{{{id}}},"applicant_id":{{{applicant}}},"external_reference":null,
                    "patient_id":{{{patient.UserId}}}}}],
                 "next_cursor":null}
                """,
                answer);
            Assert.DoesNotContain("a body", answer.Body, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_patient_sees_his_own_without_notes_assignments_and_reasons()
    {
        var (patient, _, id) = await Story();

        var answer = await caraway.As(patient, HttpMethod.Get, Path(patient.UserId));

        var items = Items(answer);
        Assert.Equal(["case.document_added", "case.moved", "case.opened"], Names(answer));
        Shape.Is(
            $$"""{"case_id":{{id}},"document_id":{{items[0].GetProperty("payload").GetProperty("document_id")}},"filename":"letter.pdf"}""",
            items[0].GetProperty("payload").GetRawText());
        Shape.Is($$"""{"case_id":{{id}},"from_status":"NEW","to_status":"IN_REVIEW"}""", items[1].GetProperty("payload").GetRawText());
        Shape.Is($$"""{"case_id":{{id}}}""", items[2].GetProperty("payload").GetRawText());
        Assert.DoesNotContain("secret", answer.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("desk 3", answer.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pages_go_on_where_the_last_one_ended()
    {
        var (patient, caseworker, _) = await Story();
        var whole = Items(await caraway.As(caseworker, HttpMethod.Get, Path(patient.UserId)))
            .Select(item => item.GetProperty("id").GetInt64());

        Assert.Equal(whole, await Walk(caseworker, Path(patient.UserId), 2));
        Assert.Equal(3, (await Walk(patient, Path(patient.UserId), 1)).Count);
    }

    [Fact]
    public async Task Another_patients_timeline_is_not_there()
    {
        var (patient, _, _) = await Story();
        var other = await caraway.Person();

        (await caraway.As(other, HttpMethod.Get, Path(patient.UserId))).IsProblem(404, "user_not_found");
        Assert.Empty(Items(await caraway.As(other, HttpMethod.Get, Path(other.UserId))));
    }

    [Fact]
    public async Task Who_may_not_read_cases_sees_nothing_of_them()
    {
        var (patient, _, _) = await Story();

        foreach (var role in new[] { "doctor", "adjudicator", "agent" })
            Shape.Is(
                """{"items":[],"next_cursor":null}""", await caraway.As(await caraway.Person(role), HttpMethod.Get, Path(patient.UserId)));
        Assert.Empty(Items(await caraway.Anonymously(HttpMethod.Get, Path(patient.UserId), null, await caraway.Key("users:read"))));
        var key = await caraway.Key("users:read", "advocacy:read");
        Assert.Equal(5, Items(await caraway.Anonymously(HttpMethod.Get, Path(patient.UserId), null, key)).Count);
    }

    [Theory]
    [InlineData("timeline")]
    [InlineData("access-log")]
    public async Task Only_patients_have_one(string what)
    {
        var auditor = await caraway.Person("auditor");
        var doctor = await caraway.Person("doctor");

        foreach (var id in Records.ForeignIds.Select(row => row.Data).Append($"{doctor.UserId}").Append($"{auditor.UserId}"))
            (await caraway.As(auditor, HttpMethod.Get, $"/api/v1/patients/{id}/{what}")).IsProblem(404, "user_not_found");
        (await caraway.As(doctor, HttpMethod.Get, $"/api/v1/patients/{doctor.UserId}/{what}")).IsProblem(404, "user_not_found");
    }

    [Theory]
    [InlineData("timeline")]
    [InlineData("access-log")]
    public async Task Strangers_and_the_environments_key_are_refused(string what)
    {
        var patient = await caraway.Person();

        (await caraway.Anonymously(HttpMethod.Get, $"/api/v1/patients/{patient.UserId}/{what}", null)).IsProblem(401, "not_signed_in");
        (await caraway.Get($"/api/v1/patients/{patient.UserId}/{what}")).IsProblem(403, "not_permitted");
    }

    [Theory]
    [InlineData("timeline", "limit=x", "limit")]
    [InlineData("timeline", "cursor=x", "cursor")]
    [InlineData("access-log", "limit=x", "limit")]
    [InlineData("access-log", "cursor=x", "cursor")]
    public async Task A_page_that_is_none_is_refused(string what, string query, string name)
    {
        var patient = await caraway.Person();

        var answer = await caraway.As(patient, HttpMethod.Get, $"/api/v1/patients/{patient.UserId}/{what}?{query}");

        Assert.Equal(["#/" + name], answer.IsProblem(422, "invalid").Pointers);
    }

    [Fact]
    public async Task A_replay_from_the_beginning_changes_nothing()
    {
        await Story();
        const string All = """
            select (select string_agg(t::text, ' ' order by t.event_id) from patients.timeline t)
                || (select string_agg(s::text, ' ' order by s.subject) from patients.subjects s)
            """;
        var before = await caraway.Database.Scalar<string>(All);

        await caraway.Database.Execute("update platform.event_cursors set position = 0 where handler = 'patient-timelines'");
        await caraway.Dispatch();

        Assert.NotNull(before);
        Assert.Equal(before, await caraway.Database.Scalar<string>(All));
        Assert.Equal(
            await caraway.Database.Scalar<long>("select position from platform.sequencer"),
            await caraway.Database.Scalar<long>("select position from platform.event_cursors where handler = 'patient-timelines'"));
    }

    [Fact]
    public async Task Events_of_all_his_cases_are_his_and_those_of_a_case_without_a_patient_are_nobodys()
    {
        var (patient, caseworker, _) = await Story();
        var second = await OpenCase(caseworker, patient.UserId);
        var nobodys = await caraway.OpenCase();
        await caraway.Dispatch();
        // In a later batch than the one that said whose it is.
        await caraway.Transition(second, "IN_REVIEW");
        await caraway.Transition(nobodys, "IN_REVIEW");
        await caraway.Dispatch();

        var items = Items(await caraway.As(caseworker, HttpMethod.Get, Path(patient.UserId)));

        Assert.Equal(7, items.Count);
        Assert.Equal(
            [("case.moved", $"advocacy.case:{second}"), ("case.opened", $"advocacy.case:{second}")],
            items.Take(2).Select(item => (item.GetProperty("event_name").GetString()!, item.GetProperty("subject").GetString()!)));
        Assert.Equal(
            0, await caraway.Database.Scalar<long>($"select count(*) from patients.subjects where subject = 'advocacy.case:{nobodys}'"));
    }

    [Fact]
    public async Task An_erased_event_stays_without_its_payload()
    {
        var (patient, caseworker, id) = await Story();
        await caraway.Database.Execute(
            $"update platform.events set payload = null, salt = null where subject = 'advocacy.case:{id}' and name = 'case.moved'");

        foreach (var who in new[] { patient, caseworker })
        {
            var moved = Items(await caraway.As(who, HttpMethod.Get, Path(patient.UserId)))
                .Find(item => item.GetProperty("event_name").GetString() == "case.moved");
            Assert.Equal(JsonValueKind.Null, moved.GetProperty("payload").ValueKind);
        }
    }

    [Fact]
    public async Task A_look_at_a_timeline_is_recorded()
    {
        var patient = await caraway.Person();

        var answer = await caraway.As(patient, HttpMethod.Get, Path(patient.UserId), null, ("X-Access-Reason", "mine"));

        Shape.Is(
            $$"""
            [{"actor":"user:{{patient.UserId}}","request_id":"{{answer.Headers["X-Request-Id"]}}","address":"127.0.0.1",
              "action":"GET /api/v1/patients/{id}/timeline",
              "reason":"mine","kind":"identity.user","ids":[{{patient.UserId}}],"patient_ids":[{{patient.UserId}}]}]
            """,
            (await caraway.Accesses(answer)).GetRawText());
    }

    [Fact]
    public async Task A_patient_sees_who_saw_what_is_his_when_and_why()
    {
        var patient = await caraway.Person("patient", "Pat Ient");
        var caseworker = await caraway.Person("caseworker", "Case Worker");
        var auditor = await caraway.Person("auditor", "Audi Tor");
        var admin = await caraway.Person("admin", "Ada Min");
        var id = await OpenCase(caseworker, patient.UserId);
        await caraway.As(caseworker, HttpMethod.Get, $"/cases/{id}", null, ("X-Access-Reason", "his call"));
        await caraway.Get("/cases?limit=1");
        await caraway.As(caseworker, HttpMethod.Get, $"/api/v1/users/{patient.UserId}");
        await caraway.As(admin, HttpMethod.Get, "/api/v1/users?q=" + patient.Email);
        await caraway.As(patient, HttpMethod.Get, $"/api/v1/users/{patient.UserId}");
        await caraway.As(auditor, HttpMethod.Get, $"/api/v1/users/{caseworker.UserId}");
        await caraway.As(auditor, HttpMethod.Get, $"/api/v1/patients/{patient.UserId}/timeline");
        await caraway.WriteAccesses();

        foreach (var who in new[] { patient, auditor, admin })
        {
            var answer = await caraway.As(who, HttpMethod.Get, $"/api/v1/patients/{patient.UserId}/access-log?limit=100");
            await caraway.WriteAccesses();

            Assert.Equal(200, answer.Status);
            var items = Items(answer);
            Assert.Equal(
                [
                    "Audi Tor: GET /api/v1/patients/{id}/timeline ", "Pat Ient: GET /api/v1/users/{id} ", "Ada Min: GET /api/v1/users ",
                    "Case Worker: GET /api/v1/users/{id} ",
                    ": GET /cases ", "Case Worker: GET /cases/{id} his call",
                ],
                items.Where(item => !item.GetProperty("action").GetString()!.EndsWith("/access-log", StringComparison.Ordinal))
                    .Select(item => $"{item.GetProperty("actor_name")}: {item.GetProperty("action")} {item.GetProperty("reason")}"));
            Assert.Equal(
                items.Select(item => item.GetProperty("id").GetInt64()).OrderDescending(),
                items.Select(item => item.GetProperty("id").GetInt64()));
        }

        // The logs' own readers are in it, too.
        var looks = Items(await caraway.As(auditor, HttpMethod.Get, $"/api/v1/patients/{patient.UserId}/access-log"))
            .Count(item => item.GetProperty("action").GetString() == "GET /api/v1/patients/{id}/access-log");
        Assert.Equal(3, looks);
        foreach (var role in new[] { "patient", "doctor", "caseworker", "adjudicator", "agent" })
            (await caraway.As(await caraway.Person(role), HttpMethod.Get, $"/api/v1/patients/{patient.UserId}/access-log"))
                .IsProblem(404, "user_not_found");
        var path = $"/api/v1/patients/{patient.UserId}/access-log";
        Assert.Equal(200, (await caraway.Anonymously(HttpMethod.Get, path, null, await caraway.Key("audit:read"))).Status);
        (await caraway.Anonymously(HttpMethod.Get, $"/api/v1/patients/{patient.UserId}/access-log", null, await caraway.Key("users:read")))
            .IsProblem(403, "not_permitted");
    }

    [Fact]
    public async Task Accounts_that_are_no_patients_are_looked_at_without_a_record()
    {
        var admin = await caraway.Person("admin");
        var doctor = await caraway.Person("doctor");
        var patient = await caraway.Person();

        var one = await caraway.As(admin, HttpMethod.Get, $"/api/v1/users/{doctor.UserId}");
        var none = await caraway.As(patient, HttpMethod.Get, $"/api/v1/users/{doctor.UserId}");
        var list = await caraway.As(admin, HttpMethod.Get, "/api/v1/users?role=doctor");
        var patients = await caraway.As(admin, HttpMethod.Get, "/api/v1/users?role=patient&limit=1");

        Assert.Equal([200, 404, 200, 200], new[] { one, none, list, patients }.Select(answer => answer.Status));
        var row = Assert.Single((await caraway.Accesses(one, none, list, patients)).EnumerateArray());
        Shape.Is($"[{patient.UserId}]", row.GetProperty("ids").GetRawText());
        Shape.Is($"[{patient.UserId}]", row.GetProperty("patient_ids").GetRawText());
    }

    private static string Path(long patient) => $"/api/v1/patients/{patient}/timeline";

    private static List<JsonElement> Items(Answer answer)
    {
        Assert.Equal(200, answer.Status);
        return [.. answer.Json.GetProperty("items").EnumerateArray()];
    }

    private static IEnumerable<string> Names(Answer answer) => Items(answer).Select(item => item.GetProperty("event_name").GetString()!);

    private async Task<List<long>> Walk(Accounts.SignedIn who, string path, int limit)
    {
        var seen = new List<long>();
        var cursor = "";
        do
        {
            var page = await caraway.As(who, HttpMethod.Get, $"{path}?limit={limit}&cursor={cursor}");
            Assert.InRange(Items(page).Count, 1, limit);
            seen.AddRange(Items(page).Select(item => item.GetProperty("id").GetInt64()));
            cursor = page.Json.GetProperty("next_cursor").ToString();
        }
        while (cursor.Length > 0);
        return seen;
    }

    private async Task<long> OpenCase(Accounts.SignedIn caseworker, long patient)
    {
        var answer = await caraway.As(
            caseworker, HttpMethod.Post, "/intakes", $$"""{"full_name":"Pat Ient","narrative":"Denied.","patient_id":{{patient}}}""");
        Assert.Equal(201, answer.Status);
        return answer.Json.GetProperty("case_id").GetInt64();
    }

    /// <summary>A patient's case that was opened, moved, assigned, noted and documented.</summary>
    private async Task<(Accounts.SignedIn Patient, Accounts.SignedIn Caseworker, long CaseId)> Story()
    {
        var patient = await caraway.Person("patient", "Pat Ient");
        var caseworker = await caraway.Person("caseworker", "Case Worker");
        var id = await OpenCase(caseworker, patient.UserId);
        foreach (var (method, path, json) in new[]
        {
            (HttpMethod.Patch, "", """{"status":"IN_REVIEW","reason":"a secret reason"}"""),
            (HttpMethod.Patch, "", """{"assignee":"desk 3","reason":"a secret reason"}"""),
            (HttpMethod.Post, "/notes", """{"author":"x","body":"a body"}"""),
            (HttpMethod.Post, "/documents", """{"filename":"letter.pdf"}"""),
        })
            Assert.InRange((await caraway.As(caseworker, method, $"/cases/{id}{path}", json)).Status, 200, 201);
        await caraway.Dispatch();
        return (patient, caseworker, id);
    }
}
