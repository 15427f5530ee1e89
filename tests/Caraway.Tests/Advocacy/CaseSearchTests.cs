using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Advocacy;

/// <summary><c>GET /cases?q=</c>.</summary>
public sealed class CaseSearchTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task Cases_are_found_by_narrative_note_and_name_newest_first()
    {
        var told = await caraway.OpenCase("Ada Lovelace", "The quokka treatment was denied.");
        var named = await caraway.OpenCase("José Quokka", "Something else.");
        var noted = await caraway.OpenCase("Grace Hopper", "Something else, too.");
        await caraway.Post($"/cases/{noted}/notes", """{"author":"Ines","body":"Asked about quokkas."}""");
        await caraway.Dispatch();

        Assert.Equal([noted, named, told], await Find("quokka"));
        Assert.Equal([noted, named, told], await Find("QUOKKAS"));
        Assert.Equal([noted, named, told], await Find("quokk"));
        Assert.Equal([named], await Find("jose quok"));
        Assert.Equal([told], await Find("\"quokka treatment\""));
        Assert.Equal([noted, named], await Find("quokka -treatment"));
        Assert.Equal([told], await Find("quokka treatment denied"));
        Assert.Equal([noted, told], await Find("denied quokka or asked quokka"));
        Assert.Empty(await Find("treatment asked quokka"));
    }

    [Fact]
    public async Task A_search_is_paged_and_filtered_like_the_list()
    {
        var cases = new List<long>();
        for (var i = 0; i < 5; i++)
            cases.Insert(0, await caraway.OpenCase(narrative: "The wombat appeal."));
        foreach (var id in cases.Take(3))
            await caraway.Patch($"/cases/{id}", """{"assignee":"Wombat Desk","status":"IN_REVIEW"}""");
        await caraway.Dispatch();

        var first = await caraway.Get("/cases?q=wombat&limit=2");
        var next = first.Json.GetProperty("next_cursor").GetInt64();
        Assert.Equal(cases[1], next);
        Assert.Equal(cases[..2], Ids(first));
        Assert.Equal(cases[2..4], Ids(await caraway.Get($"/cases?q=wombat&limit=2&cursor={next}")));
        var last = await caraway.Get($"/cases?q=wombat&limit=2&cursor={cases[3]}");
        Assert.Equal(cases[4..], Ids(last));
        Assert.Equal("null", last.Json.GetProperty("next_cursor").GetRawText());
        Assert.Empty(Ids(await caraway.Get($"/cases?q=wombat&cursor={cases[4]}")));

        Assert.Equal(cases[..3], await Find("wombat&status=IN_REVIEW"));
        Assert.Equal(cases[3..], await Find("wombat&status=NEW"));
        Assert.Equal(cases[..3], await Find("wombat&assignee=Wombat%20Desk"));
        Assert.Empty(await Find("wombat&assignee=Wombat"));
        Assert.Equal(cases[..3], await Find("wombat status:in_review assignee:wombat"));
        Assert.Equal(cases[..3], await Find("status:IN_REVIEW assignee:\"wombat desk\""));
        Assert.Empty(await Find("wombat status:NEW&status=IN_REVIEW"));
        Assert.Empty(await Find("wombat assignee:desk&assignee=Somebody"));
        Assert.Equal(cases, await Find("wombat after:2020-01-01 before:2999-01-01"));
        Assert.Empty(await Find("wombat before:2020-01-01"));
        Assert.Empty(await Find("wombat after:2999-01-01"));
    }

    [Fact]
    public async Task A_misspelt_name_finds_applicants_with_a_similar_one()
    {
        var right = await caraway.OpenCase("Wilhelmina Featherstone");
        var other = await caraway.OpenCase("Wilhelm Stone", "Featherstone is not the applicant here.");
        await caraway.Dispatch();

        Assert.Equal([right], await Find("wilhelmina fetherstone"));
        Assert.Equal([right], await Find("Wilhelmnia Faetherstone"));
        Assert.Equal([other, right], await Find("featherstone"));
        Assert.Equal([right], Ids(await caraway.Get($"/cases?q=fetherstone&cursor={other}")));
        Assert.Empty(Ids(await caraway.Get($"/cases?q=featherstone&cursor={right}")));
        Assert.Empty(await Find("xyzzyplugh"));
        Assert.Empty(await Find("fetherstone -stone"));
    }

    [Fact]
    public async Task A_name_can_be_a_stop_word()
    {
        var will = await caraway.OpenCase("Will An", "It will do.");
        await caraway.Dispatch();

        Assert.Equal([will], await Find("will an"));
        Assert.Empty(await Find("will it"));
    }

    [Theory]
    [InlineData("'")]
    [InlineData("''")]
    [InlineData("\\")]
    [InlineData("\\'")]
    [InlineData("' or 1=1 --")]
    [InlineData("'; drop table advocacy.cases; --")]
    [InlineData("\"")]
    [InlineData("\"\"")]
    [InlineData("-")]
    [InlineData("a -\"")]
    [InlineData(":*")]
    [InlineData("a:*")]
    [InlineData("a & b")]
    [InlineData("!a | (b <-> c)")]
    [InlineData("<2>")]
    [InlineData("$1 @Before {0}")]
    [InlineData("%")]
    [InlineData("_")]
    [InlineData("the")]
    [InlineData("the -and")]
    [InlineData("or")]
    [InlineData("or or or")]
    [InlineData("😀")]
    [InlineData("ﬁ ﬂ İ ß")]
    [InlineData("👩‍👩‍👧 \u200b \ufeff")]
    [InlineData("ㅤ ﾠ")]
    [InlineData("http://example.org/?q=1&b=2")]
    [InlineData("assignee:%")]
    [InlineData("assignee:'\\")]
    [InlineData("\u0002x\u0003")]
    public async Task Any_text_is_searched_and_nothing_in_it_is_SQL(string q)
    {
        var answer = await caraway.Get("/cases?q=" + Uri.EscapeDataString(q));

        Assert.Equal(200, answer.Status);
        Assert.Empty(Ids(answer));
        Assert.Equal(200, (await caraway.Get("/api/v1/search?q=" + Uri.EscapeDataString(q))).Status);
        Assert.True(await caraway.Database.Scalar<bool>("select to_regclass('advocacy.cases') is not null"));
    }

    /// <summary>A server may have this setting of old.</summary>
    [Fact]
    public async Task Quotes_and_backslashes_are_text_whatever_the_server_makes_of_strings()
    {
        await using var own = await OwnCaraway.Start(caraway.Database.Address + ";Options=-c standard_conforming_strings=off");

        foreach (var q in new[] { "\\", "\\'", "' or true --", "\\' or true --", "assignee:\\'" })
        {
            var answer = await CarawayFixture.Send(own.Client, HttpMethod.Get, "/cases?q=" + Uri.EscapeDataString(q), null);
            Assert.Equal(200, answer.Status);
            Assert.Empty(Ids(answer));
        }
    }

    [Fact]
    public async Task Words_are_found_exactly_even_with_signs_in_them()
    {
        var id = await caraway.OpenCase("Conor O'Brien", "He wrote to a.b@example.org about C:\\temp\\x.log and 100% of 3.5 mg.");
        await caraway.Dispatch();

        foreach (var q in new[] { "o'brien", "a.b@example.org", "3.5", "\"100% of\"", "temp", "O'Brien 3.5 x.log" })
            Assert.Contains(id, await Find(q));
    }

    [Fact]
    public async Task A_blank_query_is_no_filter()
    {
        var plain = await caraway.Get("/cases");

        Assert.Equal(plain.Body, (await caraway.Get("/cases?q=")).Body);
        Assert.Equal(plain.Body, (await caraway.Get("/cases?q=%20%20")).Body);
    }

    [Theory]
    [InlineData("severity:high")]
    [InlineData("status:open")]
    [InlineData("-x")]
    [InlineData("before:soon")]
    [InlineData("a\0b")]
    public async Task A_query_that_is_wrong_is_refused(string q)
    {
        var answer = await caraway.Get("/cases?q=" + Uri.EscapeDataString(q));

        answer.IsProblem(422, "invalid");
        Assert.Equal(["#/q"], answer.Pointers);
        Assert.Equal("query", answer.Json.GetProperty("errors")[0].GetProperty("in").GetString());
    }

    [Fact]
    public async Task The_cases_that_a_search_shows_are_recorded()
    {
        var id = await caraway.OpenCase(narrative: "The numbat appeal.");
        await caraway.Dispatch();

        var found = await caraway.Get("/cases?q=numbat");
        var nothing = await caraway.Get("/cases?q=nonumbat");

        var record = Assert.Single((await caraway.Accesses(found, nothing)).EnumerateArray());
        Assert.Equal($"[{id}]", record.GetProperty("ids").GetRawText());
    }

    [Fact]
    public async Task A_replay_writes_the_same_words_again_and_an_erased_event_keeps_its_notes_words()
    {
        var id = await caraway.OpenCase(narrative: "The bilby appeal.");
        await caraway.Post($"/cases/{id}/notes", """{"author":"Ines","body":"The bandicoot came back."}""");
        await caraway.Database.Execute(
            $"update platform.events set payload = null, salt = null where subject = 'advocacy.case:{id}' and name = 'case.note_added'");
        await caraway.Dispatch();
        await caraway.Database.Execute("update platform.event_cursors set position = 0 where handler = 'advocacy-words'");
        await caraway.Dispatch();

        Assert.Equal([id], await Find("bilby"));
        Assert.Equal([id], await Find("bandicoot"));
        Assert.Equal(2, await caraway.Database.Scalar<long>($"select count(*) from advocacy.case_words where case_id = {id}"));
    }

    private async Task<long[]> Find(string q)
    {
        var parts = q.Split('&', 2);
        var answer = await caraway.Get("/cases?limit=100&q=" + Uri.EscapeDataString(parts[0]) + (parts.Length > 1 ? "&" + parts[1] : ""));
        Assert.True(answer.Status == 200, answer.Body);
        return Ids(answer);
    }

    private static long[] Ids(Answer answer) =>
        [.. answer.Json.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("case_id").GetInt64())];
}
