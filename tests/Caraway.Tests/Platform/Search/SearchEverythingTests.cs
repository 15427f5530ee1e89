using System.Diagnostics;
using System.Text.Json;
using Caraway.Tests.Care;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;
using Caraway.Tests.Support;

namespace Caraway.Tests.Platform.Search;

/// <summary><c>GET /api/v1/search</c>: what it finds, in which order, in which form.</summary>
public sealed class SearchEverythingTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task An_administrator_finds_every_kind()
    {
        var admin = await caraway.Person("admin");
        var patient = await caraway.Person("patient", "Ottoline Pangolin");
        var doctor = await caraway.Person("doctor", "Doctor Pangolin");
        var appointment = await caraway.Booked(admin, patient.UserId, doctor.UserId, Clinic.NewTime());
        var advocacy = await caraway.OpenCase("José Pangolin", "The plan denied a knee.");
        var support = await caraway.OpenedId(
            SupportDesk.NewUser(), """{"title":"Pangolin upload","description":"It stops. <b>Pangolin</b> & co."}""");
        await caraway.Dispatch();

        var answer = await Ask(admin, "pangolin");

        Assert.Equal(
            $"appointment {appointment}, case {advocacy}, person {patient.UserId}, person {doctor.UserId}, support_case {support}",
            string.Join(", ", Items(answer)
                .OrderBy(item => item.Text("kind"), StringComparer.Ordinal).ThenBy(item => item.Text("id"), StringComparer.Ordinal)
                .Select(item => $"{item.Text("kind")} {item.Text("id")}")));
        Shape.Is(
            $$"""
            {"kind":"support_case","id":"{{support}}","title":"Pangolin upload","fragment":"It stops.  Pangolin  & co.",
             "marks":[{"start":11,"length":8}],"status":"active","updated_at":"(time)"}
            """,
            Items(answer).Single(item => item.Text("kind") == "support_case").GetRawText());
        Shape.Is(
            $$"""
            {"kind":"person","id":"{{patient.UserId}}","title":"Ottoline Pangolin","fragment":"{{patient.Email}}","marks":[],
             "status":"active","updated_at":"(time)"}
            """,
            Items(answer).Single(item => item.Text("title") == "Ottoline Pangolin").GetRawText());
        Assert.Equal("null", answer.Json.GetProperty("next_cursor").GetRawText());
        Assert.Equal("null", answer.Json.GetProperty("did_you_mean").GetRawText());
    }

    [Fact]
    public async Task The_marks_are_the_words_of_the_query()
    {
        await caraway.OpenCase(narrative: "😀 The Aardvarks asked:\nis an aardvark <script>alert('aardvark')</script> covered?");
        await caraway.Dispatch();

        var item = Assert.Single(Items(await Ask(null, "aardvark")));

        var fragment = item.Text("fragment");
        Assert.All(
            item.GetProperty("marks").EnumerateArray(),
            mark => Assert.StartsWith(
                "aardvark",
                fragment.Substring(mark.GetProperty("start").GetInt32(), mark.GetProperty("length").GetInt32()),
                StringComparison.OrdinalIgnoreCase));
        Assert.InRange(item.GetProperty("marks").GetArrayLength(), 2, 3);
        Assert.DoesNotContain('\u0002', fragment);
        Assert.DoesNotContain('\n', fragment);
    }

    [Fact]
    public async Task A_text_has_no_marks_of_its_own()
    {
        await caraway.OpenedId(SupportDesk.NewUser(), """{"description":"a \u0002b\u0003 c\u0003","tags":["unmarked"]}""");

        var item = Assert.Single(Items(await Ask(await caraway.Person("admin"), "tag:unmarked")));

        Assert.Equal(("a b c", "[]"), (item.Text("fragment"), item.GetProperty("marks").GetRawText()));
    }

    /// <summary>PostgreSQL's own way to find the place of a phrase takes seconds for such a text, and minutes for such a query.</summary>
    [Theory]
    [InlineData("\"ab ab ab ab ab ab\"")]
    [InlineData("\"ab ab\" \"ab ab\" \"ab ab\" \"ab ab\" \"ab ab\" \"ab ab\" \"ab ab\" \"ab ab\"")]
    [InlineData("ab zz -yy")]
    public async Task A_text_that_repeats_a_word_is_shown_in_time(string q)
    {
        var anna = SupportDesk.NewUser();
        for (var n = 0; n < 5; n++)
            await caraway.OpenedId(anna, $$"""{"description":"{{string.Concat(Enumerable.Repeat("ab ", 6_600))}}zz"}""");
        var watch = Stopwatch.StartNew();

        var items = Items(await caraway.Get(anna, "/api/v1/search?q=" + Uri.EscapeDataString(q)));

        Assert.Equal(5, items.Count);
        Assert.All(items, item => Assert.InRange(item.GetProperty("marks").GetArrayLength(), 10, 30));
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(2));
    }

    [Fact]
    public async Task A_long_text_is_shown_around_its_match()
    {
        await caraway.OpenCase(
            narrative: string.Concat(Enumerable.Repeat("Nothing of note happened. ", 200)) + "Then an okapi came. The end.");
        await caraway.Dispatch();

        var fragment = Assert.Single(Items(await Ask(null, "okapi"))).Text("fragment");

        Assert.Contains("okapi", fragment, StringComparison.Ordinal);
        Assert.InRange(fragment.Length, 20, 400);
    }

    [Fact]
    public async Task Relevance_and_newness_decide_the_order()
    {
        var mentioned = await caraway.OpenCase("Ada Lovelace", "A tapir is mentioned among many other things that this text tells.");
        var named = await caraway.OpenCase("Tapir Tapir", "Nothing.");
        var old = await caraway.OpenCase("Ada Lovelace", "A tapir is mentioned among many other things that this text tells.");
        await caraway.Database.Execute($"update advocacy.cases set created_at = now() - interval '2 years' where id = {old}");
        await caraway.Dispatch();

        Assert.Equal([named, mentioned, old], Items(await Ask(null, "tapir")).Select(item => long.Parse(item.Text("id"))));
    }

    [Fact]
    public async Task Pages_follow_each_other_over_all_kinds()
    {
        var admin = await caraway.Person("admin");
        for (var i = 0; i < 5; i++)
        {
            await caraway.OpenCase("Ada Lovelace", "The same serval text.");
            await caraway.OpenedId(SupportDesk.NewUser(), """{"title":"x","description":"The same serval text."}""");
            await caraway.Person("patient", "Serval Serval");
        }

        await caraway.Dispatch();
        // Scores fall with time, and a cursor holds the time of its first page: one first page, so that all compare by the same time.
        var first = await Ask(admin, "serval", "&limit=1");
        var start = first.Json.Text("next_cursor");
        var whole = Items(await Ask(admin, "serval", $"&limit=100&cursor={Uri.EscapeDataString(start)}"))
            .Select(item => item.GetRawText()).ToList();

        foreach (var size in new[] { 1, 2, 7, 14 })
        {
            var (pages, cursor) = (new List<string>(), start);
            do
            {
                var page = await Ask(admin, "serval", $"&limit={size}&cursor={Uri.EscapeDataString(cursor)}");
                Assert.InRange(Items(page).Count, 1, size);
                pages.AddRange(Items(page).Select(item => item.GetRawText()));
                cursor = page.Json.GetProperty("next_cursor").GetString() ?? "";
            }
            while (cursor.Length > 0);

            Assert.Equal(whole, pages);
        }

        Assert.DoesNotContain(Assert.Single(Items(first)).GetRawText(), whole);
        Assert.Equal(14, whole.Distinct().Count());
        Assert.Equal("null", (await Ask(admin, "serval", "&limit=15")).Json.GetProperty("next_cursor").GetRawText());
    }

    [Fact]
    public async Task Kinds_limit_the_search()
    {
        var admin = await caraway.Person("admin");
        await caraway.OpenCase("Dugong Dugong", "x");
        await caraway.Person("patient", "Dugong Dugong");
        await caraway.Dispatch();

        Assert.Equal(["case"], Kinds(await Ask(admin, "dugong", "&kinds=case")));
        Assert.Equal(["case", "person"], Kinds(await Ask(admin, "dugong", "&kinds=person,case,appointment")));
        Assert.Equal(["case", "person"], Kinds(await Ask(admin, "dugong", "&kinds=")));
        var refused = (await Ask(admin, "dugong", "&kinds=case,doctors")).IsProblem(422, "invalid");
        Assert.Equal(["#/kinds"], refused.Pointers);
        Assert.Equal("The kinds must be a list, with commas, of person, case, appointment, support_case.", refused.Detail);
    }

    [Fact]
    public async Task A_field_finds_the_kinds_that_have_it()
    {
        var admin = await caraway.Person("admin");
        await caraway.OpenCase("Ada Lovelace", "A gharial.");
        await caraway.Person("patient", "Gharial Gharial");
        var support = await caraway.OpenedId(
            SupportDesk.NewUser(), """{"title":"Gharial","severity":"high","category":"error","tags":["Fish","x"]}""");
        await caraway.Dispatch();

        Assert.Equal(["case", "person", "support_case"], Kinds(await Ask(admin, "gharial")));
        foreach (var field in new[] { "severity:high", "severity:HIGH", "category:error", "tag:Fish", "status:active" })
            Assert.Equal(["support_case"], Kinds(await Ask(admin, "gharial " + field)));
        Assert.Equal(["case"], Kinds(await Ask(admin, "gharial status:new")));
        await caraway.Database.Execute("update support.cases set status = 'closed' where title = 'Gharial'");
        await caraway.Database.Execute("update advocacy.cases set current_status = 'CLOSED' where narrative = 'A gharial.'");
        foreach (var status in new[] { "closed", "CLOSED" })
            Assert.Equal(["case", "support_case"], Kinds(await Ask(admin, "gharial status:" + status)));
        Assert.Equal(["case", "support_case"], Kinds(await Ask(admin, "gharial after:2020-01-01")));
        Assert.Empty(Kinds(await Ask(admin, "gharial before:2020-01-01")));
        Assert.Empty(Kinds(await Ask(admin, "gharial severity:low")));
        Assert.Empty(Kinds(await Ask(admin, "gharial tag:fish")));
        Assert.Empty(Kinds(await Ask(admin, "gharial assignee:nobody")));
        Assert.Contains(support, Items(await Ask(admin, "tag:Fish severity:high")).Select(item => item.Text("id")));
        Assert.Equal(
            "The value of status: must be one of NEW, IN_REVIEW, NEEDS_INFO, SUBMITTED, APPROVED, DENIED, CLOSED, pending, confirmed, "
            + "completed, cancelled, active, investigating, resolved, closed, archived.",
            (await Ask(admin, "status:open")).IsProblem(422, "invalid").Detail);
    }

    [Theory]
    [InlineData("", "#/q")]
    [InlineData("?q=", "#/q")]
    [InlineData("?q=%20%20", "#/q")]
    [InlineData("?q=a%00b", "#/q")]
    [InlineData("?q=before:soon", "#/q")]
    [InlineData("?q=a&limit=x", "#/limit")]
    [InlineData("?q=a&cursor=x", "#/cursor")]
    [InlineData("?q=a&cursor=1.2.case", "#/cursor")]
    [InlineData("?q=a&kinds=,", "#/kinds")]
    public async Task A_mistake_is_refused(string query, string pointer) =>
        Assert.Equal([pointer], (await caraway.Get("/api/v1/search" + query)).IsProblem(422, "invalid").Pointers);

    [Fact]
    public async Task A_misspelt_word_is_offered_only_when_it_finds_something()
    {
        var admin = await caraway.Person("admin");
        await caraway.OpenCase("Wilhelmina Binturong", "The plan denied the zookeeper.");
        await caraway.Person("patient", "Xanthippe Binturong");
        await caraway.Dispatch();

        Assert.Equal("zookeeper", await Meant("zookepeer"));
        Assert.Equal("denied zookeeper status:NEW", await Meant("denied zookepeer status:NEW"));
        Assert.Equal("wilhelmina binturong", await Meant("wilhelmnia bintorung"));
        Assert.Equal("xanthippe", await Meant("Xantippe"));
        Assert.Null(await Meant("zookeeper"));
        Assert.Null(await Meant("\"zookepeer\""));
        Assert.Null(await Meant("qqqqqqqqq"));
        // The word is there, but no case has both.
        Assert.Null(await Meant("zookepeer xanthippe"));

        async Task<string?> Meant(string q) => (await Ask(admin, q)).Json.GetProperty("did_you_mean").GetString();
    }

    [Fact]
    public async Task Everything_that_a_search_shows_is_recorded()
    {
        var admin = await caraway.Person("admin");
        var patient = await caraway.Person("patient", "Ada Fossa");
        var doctor = await caraway.Person("doctor", "Doctor Fossa");
        var appointment = await caraway.Booked(admin, patient.UserId, doctor.UserId, Clinic.NewTime());
        var answer = await caraway.Post(
            "/intakes", $$"""{"full_name":"Fossa","narrative":"x","patient_id":{{patient.UserId}}}""");
        var advocacy = answer.Json.GetProperty("case_id").GetInt64();
        var owner = await caraway.SignedIn("patient");
        var support = await caraway.OpenedId(owner, """{"title":"Fossa"}""");
        await caraway.Dispatch();

        var found = await Ask(admin, "fossa");
        var nothing = await Ask(admin, "nofossa");

        var records = (await caraway.Accesses(found, nothing)).EnumerateArray()
            .Select(record => $"{record.Text("kind")} {record.GetProperty("ids")} {record.GetProperty("patient_ids")}")
            .Order(StringComparer.Ordinal);
        Assert.Equal(
            [
                $"advocacy.case [{advocacy}] [{patient.UserId}]", $"care.appointment [{appointment}] [{patient.UserId}]",
                $"identity.user [{patient.UserId}] [{patient.UserId}]",
                $"support.case [{Convert.ToInt64(support[5..], 16)}] [{owner.UserId[5..]}]",
            ],
            records);
        Assert.All((await caraway.Accesses(found)).EnumerateArray(), record => Assert.Equal("GET /api/v1/search", record.Text("action")));
    }

    private Task<Answer> Ask(Accounts.SignedIn? who, string q, string more = "")
    {
        var path = $"/api/v1/search?q={Uri.EscapeDataString(q)}{more}";
        return who is null ? caraway.Get(path) : caraway.As(who, HttpMethod.Get, path);
    }

    private static List<JsonElement> Items(Answer answer)
    {
        Assert.True(answer.Status == 200, answer.Body);
        return [.. answer.Json.GetProperty("items").EnumerateArray()];
    }

    private static string[] Kinds(Answer answer) =>
        [.. Items(answer).Select(item => item.Text("kind")).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
}
