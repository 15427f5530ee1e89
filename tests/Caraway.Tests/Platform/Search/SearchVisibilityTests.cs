using System.Text.Json;
using Caraway.Identity.Contracts;
using Caraway.Platform.Postgres;
using Caraway.Platform.Search;
using Caraway.Platform.Security;
using Caraway.Tests.Care;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;
using Caraway.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace Caraway.Tests.Platform.Search;

/// <summary>A search shows nothing of what only others may see: not in its items, not in its suggestions, not in its cursor.</summary>
public sealed class SearchVisibilityTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task A_stranger_and_a_key_without_a_desk_do_not_search()
    {
        (await caraway.Anonymously(HttpMethod.Get, "/api/v1/search?q=x", null)).IsProblem(401, "not_signed_in");
        Assert.Equal(200, (await caraway.Get("/api/v1/search?q=x")).Status);
    }

    [Fact]
    public async Task Each_role_finds_the_kinds_that_it_may_see()
    {
        var admin = await caraway.Person("admin");
        var patient = await caraway.Person("patient", "Ada Quetzal");
        await caraway.Booked(admin, patient.UserId, null, Clinic.NewTime());
        await caraway.OpenCase("Quetzal", "x");
        await caraway.OpenedId(SupportDesk.NewUser(), """{"title":"Quetzal"}""");
        await caraway.Dispatch();

        var expected = new Dictionary<string, string>
        {
            ["admin"] = "appointment case person support_case", ["caseworker"] = "appointment case person",
            ["auditor"] = "appointment case person support_case", ["agent"] = "support_case", ["adjudicator"] = "", ["doctor"] = "",
            ["patient"] = "",
        };
        foreach (var (role, kinds) in expected)
            Assert.Equal((role, kinds), (role, Kinds(await Ask(await caraway.Person(role), "quetzal"))));
        Assert.Equal("appointment", Kinds(await Ask(patient, "quetzal")));
        Assert.Equal("case", Kinds(await caraway.Get("/api/v1/search?q=quetzal")));
        Assert.Equal("", Kinds(await caraway.Get(SupportDesk.NewUser(), "/api/v1/search?q=quetzal")));
        Assert.Equal("", Kinds(await caraway.Get(SupportDesk.Gateway("agent-smith", "admin"), "/api/v1/search?q=quetzal")));
    }

    [Fact]
    public async Task Support_cases_are_found_by_their_owner_and_by_whom_they_are_shared_with()
    {
        var (owner, reader, stranger) = (SupportDesk.NewUser(), SupportDesk.NewUser(), SupportDesk.NewUser());
        var id = await caraway.OpenedId(owner, """{"title":"A kakapo","description":"It has the secret word kakapo.","tags":["kakapo"]}""");

        Assert.Equal([id], await Find(owner));
        Assert.Empty(await Find(reader));
        Assert.Equal(200, (await caraway.Share(owner, id, reader)).Status);
        Assert.Equal([id], await Find(reader));
        Assert.Empty(await Find(stranger));
        Assert.Equal(204, (await caraway.Delete(owner, $"{SupportDesk.Cases}/{id}/shares/{reader.UserId}")).Status);
        Assert.Empty(await Find(reader));
        Assert.Equal([id], await Find(await caraway.SignedIn("agent")));

        async Task<string[]> Find(SupportDesk.Person who) =>
            [.. Items(await caraway.Get(who, "/api/v1/search?q=kakapo")).Select(item => item.Text("id"))];
    }

    /// <summary>A word of others is not offered, is in no count, and makes no next page.</summary>
    [Fact]
    public async Task Words_of_others_do_not_leak()
    {
        var (owner, other) = (SupportDesk.NewUser(), SupportDesk.NewUser());
        for (var i = 0; i < 3; i++)
            await caraway.OpenedId(owner, """{"title":"The thylacine report","description":"Thylacine again.","tags":["thylacine"]}""");
        var own = await caraway.OpenedId(other, """{"title":"The thylacoid report"}""");
        await caraway.Dispatch();
        Assert.Equal(1, await caraway.Database.Scalar<long>("select count(*) from platform.search_words where word = 'thylacine'"));

        // Nearer to the word of the owner, which the other must not see.
        foreach (var q in new[] { "thylacine", "thylacin", "thylacne", "thylacime report" })
        {
            var answer = await caraway.Get(other, "/api/v1/search?limit=1&q=" + Uri.EscapeDataString(q));
            Assert.Empty(Items(answer));
            Assert.Equal("null", answer.Json.GetProperty("next_cursor").GetRawText());
            Assert.DoesNotContain("thylacine", answer.Json.GetProperty("did_you_mean").GetString() ?? "", StringComparison.Ordinal);
        }

        var page = await caraway.Get(other, "/api/v1/search?limit=1&q=report");
        Assert.Equal([own], Items(page).Select(item => item.Text("id")));
        Assert.Equal("null", page.Json.GetProperty("next_cursor").GetRawText());
        Assert.Equal("thylacoid", (await caraway.Get(other, "/api/v1/search?q=thylacoit")).Json.GetProperty("did_you_mean").GetString());
        Assert.Equal("thylacine", (await caraway.Get(owner, "/api/v1/search?q=thylacne")).Json.GetProperty("did_you_mean").GetString());

        var list = await caraway.Get(other, SupportDesk.Cases + "?q=thylacine");
        Assert.Equal((0, 0), (list.Json.GetProperty("total").GetInt32(), list.Ids().Length));
        Assert.Empty((await caraway.Get(other, SupportDesk.Cases + "?cursor=&q=thylacine")).Ids());
    }

    /// <summary>The words to compare with come from the caller's own texts, so not even their number depends on others.</summary>
    [Theory]
    [InlineData("patient")]
    [InlineData("doctor")]
    public async Task Suggestions_of_a_caller_who_sees_a_part_are_made_of_that_part(string role)
    {
        var admin = await caraway.Person("admin");
        var patient = await caraway.Person("patient", "Numbatina Secretova");
        await caraway.Booked(admin, patient.UserId, null, Clinic.NewTime());
        await caraway.OpenCase("Numbatina Secretova", "Numbatina.");
        await caraway.OpenedId(SupportDesk.NewUser(), """{"title":"Numbatina"}""");
        await caraway.Dispatch();
        var person = await caraway.Person(role);
        var caller = new Caller
        {
            Id = $"user:{person.UserId}", UserId = person.UserId, Permissions = Roles.Permissions(role), RequestId = "r", Address = null,
            Action = "GET /api/v1/search",
        };
        await using var scope = caraway.Services.CreateAsyncScope();
        var database = scope.ServiceProvider.GetRequiredService<Database>();

        var sources = caraway.Services.GetServices<ISearchSource>().Where(source => source.MayUse(caller)).ToList();
        Assert.Equal(["appointment", "person", "support_case"], sources.Select(source => source.Kind).Order(StringComparer.Ordinal));
        foreach (var source in sources)
            Assert.Empty(await source.FindSimilar(["numbatina", "secretova"], caller, database, default));
    }

    [Fact]
    public async Task Doctors_find_their_own_patients()
    {
        var admin = await caraway.Person("admin");
        var (doctor, other) = (await caraway.Person("doctor"), await caraway.Person("doctor"));
        var patient = await caraway.Person("patient", "Isabella Echidna");
        var taken = await caraway.Person("patient", "Victor Echidna");
        var appointment = await caraway.Booked(admin, patient.UserId, doctor.UserId, Clinic.NewTime());
        // Booked by the doctor: this makes nobody the doctor's patient.
        await caraway.Booked(doctor, taken.UserId, doctor.UserId, Clinic.NewTime());
        await caraway.Dispatch();

        Assert.Equal([$"{patient.UserId}"], await Persons(doctor));
        Assert.Empty(await Persons(other));
        Assert.Empty(await Persons(patient));
        Assert.Empty(await Persons(await caraway.Person("adjudicator")));
        Assert.Empty(await Persons(await caraway.Person("agent")));
        Assert.Equal("isabella", (await Ask(doctor, "isabela", "&kinds=person")).Json.GetProperty("did_you_mean").GetString());
        Assert.Null((await Ask(other, "isabela", "&kinds=person")).Json.GetProperty("did_you_mean").GetString());

        Assert.Equal(200, (await caraway.Change(admin, appointment, """{"status":"cancelled"}""")).Status);
        Assert.Empty(await Persons(doctor));
        await caraway.Booked(admin, patient.UserId, doctor.UserId, Clinic.NewTime());
        Assert.Equal([$"{patient.UserId}"], await Persons(doctor));
        await caraway.Database.Execute($"update identity.users set role = 'patient' where id = {doctor.UserId}");
        Assert.Empty(await Persons(doctor));

        async Task<string[]> Persons(Accounts.SignedIn who) =>
            [.. Items(await Ask(who, "echidna", "&kinds=person")).Select(item => item.Text("id"))];
    }

    [Fact]
    public async Task Appointments_are_found_by_those_who_may_see_them()
    {
        var admin = await caraway.Person("admin");
        var (doctor, other) = (await caraway.Person("doctor", "Doctor Wallaby"), await caraway.Person("doctor"));
        var (patient, stranger) = (await caraway.Person("patient", "Ada Wallaby"), await caraway.Person("patient"));
        var id = await caraway.Booked(admin, patient.UserId, doctor.UserId, Clinic.NewTime());
        await caraway.Dispatch();

        foreach (var who in new[] { admin, doctor, patient, await caraway.Person("caseworker") })
            Assert.Equal([$"{id}"], await Appointments(who, "wallaby check"));
        foreach (var who in new[] { other, stranger, await caraway.Person("agent") })
            Assert.Empty(await Appointments(who, "wallaby"));

        // The words are a moment behind, the right is not.
        Assert.Equal(200, (await caraway.Change(admin, id, Clinic.Reassign(other))).Status);
        Assert.Empty(await Appointments(doctor, "wallaby"));
        await caraway.Dispatch();
        Assert.Equal([$"{id}"], await Appointments(other, "wallaby"));
        Assert.Empty(await Appointments(doctor, "wallaby"));
        Assert.Empty(await Appointments(other, "\"doctor wallaby\""));

        await caraway.As(patient, HttpMethod.Patch, $"/api/v1/users/{patient.UserId}", """{"full_name":"Ada Wombat"}""");
        await caraway.Dispatch();
        Assert.Equal([$"{id}"], await Appointments(other, "ada wombat"));
        Assert.Empty(await Appointments(other, "wallaby"));

        async Task<string[]> Appointments(Accounts.SignedIn who, string q) =>
            [.. Items(await Ask(who, q, "&kinds=appointment")).Select(item => item.Text("id"))];
    }

    private Task<Answer> Ask(Accounts.SignedIn who, string q, string more = "") =>
        caraway.As(who, HttpMethod.Get, $"/api/v1/search?q={Uri.EscapeDataString(q)}{more}");

    private static List<JsonElement> Items(Answer answer)
    {
        Assert.True(answer.Status == 200, answer.Body);
        return [.. answer.Json.GetProperty("items").EnumerateArray()];
    }

    private static string Kinds(Answer answer) =>
        string.Join(' ', Items(answer).Select(item => item.Text("kind")).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
}
