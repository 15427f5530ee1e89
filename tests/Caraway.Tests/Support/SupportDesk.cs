using System.Security.Cryptography;
using System.Text.Json;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Support;

/// <summary>Requests that the tests of Support share.</summary>
internal static class SupportDesk
{
    public const string Cases = "/api/v1/cases";

    /// <summary>A caller: a user of the gateway, or a signed-in user.</summary>
    internal sealed record Person(string UserId, (string, string)[] Headers);

    /// <summary>A user of the gateway whom no other test knows.</summary>
    public static Person NewUser(string name = "anna") => Gateway($"{name}-{RandomNumberGenerator.GetHexString(10, lowercase: true)}");

    public static Person Gateway(string id, string roles = "") =>
        new(id, [("X-User-ID", id), ("X-Gateway-Secret", CarawayFixture.GatewaySecret), ("X-User-Roles", roles)]);

    public static async Task<Person> SignedIn(this CarawayFixture caraway, string role, string name = "Pat Doe")
    {
        var person = await caraway.Person(role, name);
        return new Person($"user:{person.UserId}", [person.Header]);
    }

    public static Task<Answer> Ask(
        this CarawayFixture caraway, Person who, HttpMethod method, string path, string? json = null, params (string, string)[] headers) =>
        CarawayFixture.Send(caraway.Stranger, method, path, json, [.. who.Headers, .. headers]);

    public static Task<Answer> Get(this CarawayFixture caraway, Person who, string path) => caraway.Ask(who, HttpMethod.Get, path);

    public static Task<Answer> Put(
        this CarawayFixture caraway, Person who, string path, string json, params (string, string)[] headers) =>
        caraway.Ask(who, HttpMethod.Put, path, json, headers);

    public static Task<Answer> Delete(this CarawayFixture caraway, Person who, string path, params (string, string)[] headers) =>
        caraway.Ask(who, HttpMethod.Delete, path, null, headers);

    public static Task<Answer> Post(this CarawayFixture caraway, Person who, string path, string json) =>
        caraway.Ask(who, HttpMethod.Post, path, json);

    public static Task<Answer> Move(this CarawayFixture caraway, Person who, string id, string status) =>
        caraway.Post(who, $"{Cases}/{id}/status", $$"""{"status":"{{status}}"}""");

    /// <summary>Opens a case, which must succeed.</summary>
    public static async Task<JsonElement> Opened(this CarawayFixture caraway, Person who, string json = "{}")
    {
        var answer = await caraway.Post(who, Cases, json);
        Assert.True(answer.Status == 201, answer.Body);
        return answer.Json;
    }

    public static async Task<string> OpenedId(this CarawayFixture caraway, Person who, string json = "{}") =>
        (await caraway.Opened(who, json)).Text("case_id");

    /// <summary>Takes a new case to this status by the shortest way.</summary>
    public static async Task<string> OpenedIn(this CarawayFixture caraway, Person who, string status)
    {
        var id = await caraway.OpenedId(who);
        if (status != "active")
            Assert.Equal(200, (await caraway.Move(who, id, status)).Status);
        return id;
    }

    public static Task<Answer> Share(this CarawayFixture caraway, Person who, string id, Person reader, string access = "view") =>
        caraway.Put(who, $"{Cases}/{id}/shares/{reader.UserId}", $$"""{"access":"{{access}}"}""");

    /// <summary>
    /// Inserts cases of a user, in pairs of one time. Every hundredth is closed, every hundredth is of session s7, and every thousandth is
    /// rare: by a tag, a word of the title and its severity.
    /// </summary>
    /// <param name="description">An SQL expression.</param>
    public static Task InsertCases(this CarawayFixture caraway, Person owner, int count, string description = "'x'") =>
        caraway.Database.Execute($$"""
            insert into support.cases (
                id, owner, readers, session_id, title, description, status, severity, category, metadata, tags, created_at, updated_at,
                resolved_at, ended_at)
            select ('x' || substr(md5('{{owner.UserId}}' || n), 1, 12))::bit(48)::bigint, o, array[o],
                case when n % 100 = 1 then 's7' end, case when n % 1000 = 1 then 'A rare case' else 'Case ' || n end, {{description}},
                case when n % 100 = 2 then 'closed' else 'active' end, case when n % 1000 = 1 then 'high' else 'low' end, 'other', '{}',
                case when n % 1000 = 1 then '{rare}' else '{}' end::text[], t, t, case when n % 100 = 2 then t end,
                case when n % 100 = 2 then t end
            from generate_series(1, {{count}}) n, concat('gateway:', '{{owner.UserId}}') o,
                lateral (select timestamptz '2026-01-01Z' + interval '1 second' * (n / 2)) c (t)
            """);

    public static string Text(this JsonElement json, string name) => json.GetProperty(name).GetString()!;

    public static string[] Ids(this Answer answer) =>
        [.. answer.Json.GetProperty("cases").EnumerateArray().Select(item => item.Text("case_id"))];

    /// <summary>The names of a case's events, oldest first.</summary>
    public static async Task<string> EventsOf(this CarawayFixture caraway, string caseId) =>
        await caraway.Database.Scalar<string>($"""
            select string_agg(name, ' ' order by id) from platform.events where subject = 'support.case:{caseId}'
            """) ?? "";
}
