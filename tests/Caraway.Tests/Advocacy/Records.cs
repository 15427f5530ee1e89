using System.Text.Json;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Advocacy;

/// <summary>Compares the rows in the database with the answers of the API.</summary>
internal static class Records
{
    /// <summary>Texts in a path that are not the id of any case or document.</summary>
    public static TheoryData<string> ForeignIds =>
        ["0", "-1", "999999999", "9223372036854775807", "99999999999999999999999", "abc", "1.5", "1e3", "%20", "0x1", "١"];

    /// <summary>Checks the one event that this request wrote: its envelope, payload and digest.</summary>
    public static Task WroteEvent(
        this CarawayFixture caraway, Answer answer, long caseId, string name, string payload, string? onBehalfOf = null) =>
        caraway.WroteEvents(answer, caseId, onBehalfOf, (name, payload));

    /// <summary>Checks the events that this request wrote, in their order.</summary>
    public static async Task WroteEvents(
        this CarawayFixture caraway, Answer answer, long caseId, string? onBehalfOf, params (string Name, string Payload)[] expected)
    {
        var events = Parse(await caraway.Database.Scalar<string>(
            """
            select coalesce(json_agg(json_build_object(
                'name', name, 'subject', subject, 'actor', actor, 'on_behalf_of', on_behalf_of, 'address', address, 'payload',
                  payload::json,
                'digest_fits', length(salt) >= 16 and digest = sha256(salt || convert_to(payload, 'UTF8')),
                'is_fresh', at between now() - interval '1 minute' and now() + interval '1 minute') order by id), '[]')::text
            from platform.events where request_id = @request
            """,
            ("request", answer.Headers["X-Request-Id"])));
        var wanted = expected.Select(e => $$"""
            {"name":"{{e.Name}}","subject":"advocacy.case:{{caseId}}","actor":"apikey:environment",
             "on_behalf_of":{{(onBehalfOf is null ? "null" : CarawayFixture.Quote(onBehalfOf))}},"address":"127.0.0.1",
             "payload":{{e.Payload}},"digest_fits":true,"is_fresh":true}
            """);
        Shape.Is($"[{string.Join(',', wanted)}]", events.GetRawText());
    }

    /// <summary>A case's transitions, oldest first.</summary>
    public static async Task<(string? From, string To)[]> Transitions(this CarawayFixture caraway, long caseId) =>
        [.. Parse(await caraway.Database.Scalar<string>(
            """
            select json_agg(json_build_array(from_status, to_status) order by id)::text
            from advocacy.status_events where case_id = @caseId
            """,
            ("caseId", caseId)))
            .EnumerateArray().Select(pair => (pair[0].GetString(), pair[1].GetString()!))];

    public static Task<long> Version(this CarawayFixture caraway, long caseId) =>
        caraway.Database.Scalar<long>("select version from advocacy.cases where id = @caseId", ("caseId", caseId));

    public static JsonElement Parse(string? json) => JsonDocument.Parse(json!).RootElement;
}
