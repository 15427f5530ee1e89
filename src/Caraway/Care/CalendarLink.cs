using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Caraway.Care.Contracts;
using Caraway.Platform.Events;
using Caraway.Platform.Hosting;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace Caraway.Care;

/// <summary>
/// <c>POST</c> and <c>DELETE /api/v1/users/{id}/calendar-link</c>: makes a person's secret calendar address, which revokes the one before,
/// and revokes it. The database keeps only its hash.
/// </summary>
internal static class CalendarLink
{
    private const int SecretBytes = 32;

    /// <param name="Url">Everybody who knows the address sees the times of the person's appointments, and nothing else about them.</param>
    public sealed record Response(string Url);

    private const string Save = $"""
        with saved as (
            insert into care.calendar_links (user_id, token_hash, created_at)
            select id, @hash, @now from identity.user_card where id = @id and role in ('patient', 'doctor') and is_active
            on conflict (user_id) do update set token_hash = excluded.token_hash, created_at = excluded.created_at
            returning user_id
        ), logged as (
            {EventSql.Insert}
            select @now, 'calendar_link.created', 'care.calendar:' || user_id, @caller, @RequestId, @Address,
                json_build_object('user_id', user_id)::text
            from saved
        )
        select user_id from saved
        """;

    private const string Remove = $"""
        with removed as (
            delete from care.calendar_links where user_id = @id returning user_id
        )
        {EventSql.Insert}
        select @now, 'calendar_link.revoked', 'care.calendar:' || user_id, @caller, @RequestId, @Address,
            json_build_object('user_id', user_id)::text
        from removed
        """;

    public static async Task<Results<Created<Response>, Refusal>> Create(
        RowId id, HttpRequest http, Caller caller, IOptions<ServerOptions> server, Database database, TimeProvider time,
        CancellationToken cancel)
    {
        if (!MayManage(id, caller))
            return NoUser;
        var secret = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(SecretBytes));
        var values = new
        {
            id = id.Value, hash = Hash(secret), now = time.GetUtcNow().UtcDateTime, caller = caller.Id, caller.RequestId, caller.Address,
        };
        if (await database.First<long?>(Save, values, cancel) is null)
            return NoUser;
        var url = PublicAddress.Of($"/api/v1/calendars/{secret}.ics", http, server);
        return TypedResults.Created((string?)null, new Response(url));
    }

    public static async Task<Results<NoContent, Refusal>> Revoke(
        RowId id, Caller caller, Database database, TimeProvider time, CancellationToken cancel)
    {
        if (!MayManage(id, caller))
            return NoUser;
        var values = new { id = id.Value, now = time.GetUtcNow().UtcDateTime, caller = caller.Id, caller.RequestId, caller.Address };
        var revoked = await database.Execute(Remove, values, cancel);
        return revoked == 1 ? TypedResults.NoContent() : Refusal.NotFound(ProblemCodes.CalendarNotFound, "There is no calendar link.");
    }

    internal static byte[] Hash(string secret) => SHA256.HashData(Encoding.UTF8.GetBytes(secret));

    private static Refusal NoUser { get; } = Refusal.NotFound(ProblemCodes.UserNotFound, "User not found");

    private static bool MayManage(RowId id, Caller caller) => caller.UserId == id.Value || caller.May(CarePermissions.WriteAll);
}
