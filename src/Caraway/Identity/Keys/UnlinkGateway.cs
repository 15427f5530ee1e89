using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Identity.Keys;

/// <summary><c>DELETE /api/v1/users/{id}/gateway-id</c>: ends the link. It has no effect after a second on every process.</summary>
internal static class UnlinkGateway
{
    /// <summary>Two statements, as in <see cref="LinkGateway"/>.</summary>
    private const string Unlink = $"""
        {LinkGateway.Lock};
        with removed as (
            delete from identity.gateway_links where user_id = @id returning user_id, gateway_id
        )
        {EventSql.Insert}
        select @now, 'user.gateway_unlinked', 'identity.user:' || user_id, @caller, @RequestId, @Address,
            json_build_object('user_id', user_id, 'gateway_id', gateway_id)::text
        from removed
        """;

    public static async Task<Results<NoContent, Refusal>> Handle(
        RowId id, Caller caller, Database database, TimeProvider time, CancellationToken cancel)
    {
        var values = new { id = id.Value, now = time.GetUtcNow().UtcDateTime, caller = caller.Id, caller.RequestId, caller.Address };
        return await database.Execute(Unlink, values, cancel) == 1
            ? TypedResults.NoContent()
            : Refusal.NotFound(ProblemCodes.GatewayLinkNotFound, "The user is not linked to a gateway id.");
    }
}
