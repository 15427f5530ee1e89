using Caraway.Identity.Contracts;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace Caraway.Identity.Keys;

/// <summary>
/// <c>PUT /api/v1/users/{id}/gateway-id</c>: says that a gateway's user and this user are one person (<see cref="LinkedActors"/>). Another
/// id replaces the one before.
/// </summary>
internal static class LinkGateway
{
    public sealed record Request
    {
        /// <summary>The <c>X-User-ID</c> that the gateway sends.</summary>
        [Needed, GatewayId]
        public string? GatewayId { get; init; }
    }

    public sealed record Response(long UserId, string GatewayId, DateTime LinkedAt);

    /// <summary>Simultaneous changes of a user's link wait for each other.</summary>
    internal const string Lock = "select id from identity.users where id = @id for no key update";

    /// <summary>Returns no row for an unknown user. An id that is linked to somebody else violates a unique constraint.</summary>
    internal const string Link = $"""
        with known as (
            select u.id, l.gateway_id, l.linked_at
            from identity.users u left join identity.gateway_links l on l.user_id = u.id
            where u.id = @id
        ), linked as (
            insert into identity.gateway_links (user_id, gateway_id, linked_at)
            select id, @GatewayId::text, @now from known where gateway_id is distinct from @GatewayId::text
            on conflict (user_id) do update set gateway_id = excluded.gateway_id, linked_at = excluded.linked_at
            returning user_id, gateway_id, linked_at
        ), logged as (
            {EventSql.Insert}
            select @now, e.name, 'identity.user:' || l.user_id, @caller, @RequestId, @Address,
                json_build_object('user_id', l.user_id, 'gateway_id', e.gateway_id)::text
            from linked l join known k on k.id = l.user_id, lateral (values
                ('user.gateway_unlinked', k.gateway_id),
                ('user.gateway_linked', l.gateway_id)
            ) e (name, gateway_id)
            where e.gateway_id is not null
        )
        select k.id as user_id, coalesce(l.gateway_id, k.gateway_id) as gateway_id, coalesce(l.linked_at, k.linked_at) as linked_at
        from known k left join linked l on l.user_id = k.id
        """;

    public static async Task<Results<Ok<Response>, Refusal>> Handle(
        RowId id, Request request, Caller caller, Database database, TimeProvider time, CancellationToken cancel)
    {
        try
        {
            var link = await database.FirstLocked<Response>(
                Lock,
                Link,
                new
                {
                    id = id.Value, request.GatewayId, now = time.GetUtcNow().UtcDateTime,
                    caller = caller.Id, caller.RequestId, caller.Address,
                },
                cancel);
            return link is null ? Refusal.NotFound(ProblemCodes.UserNotFound, "User not found") : TypedResults.Ok(link);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            return Refusal.Conflict(ProblemCodes.GatewayIdLinked, "This gateway id is linked to another user. End that link first.");
        }
    }
}
