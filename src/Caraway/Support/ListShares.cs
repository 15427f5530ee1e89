using Caraway.Identity.Contracts;
using Caraway.Platform.Audit;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Dapper;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Caraway.Support;

/// <summary>
/// <c>GET /api/v1/cases/{case_id}/shares</c> and <c>…/shares/{user_id}</c>. The owner and callers who see every case see all shares of a
/// case; a reader sees only the own share.
/// </summary>
internal static class ListShares
{
    public sealed record Response(IReadOnlyList<CaseShare.Response> Items);

    internal const string Select = $"""
        select {CaseShare.Columns} from support.shares s join support.cases c on c.id = s.case_id
        where s.case_id = @id and (@All or {SupportScope.IsOwner} or s.reader = any(@Me))
        order by s.shared_at, s.reader
        """;

    internal static Refusal NotFound { get; } = Refusal.NotFound(ProblemCodes.ShareNotFound, "Share not found");

    public static async Task<Results<Ok<Response>, Refusal>> Handle(
        [FromRoute(Name = "case_id")] CaseId caseId, Caller caller, LinkedActors linked, AccessLog accesses, Database database,
        CancellationToken cancel)
    {
        var (row, shares) = await Read(caseId, caller, linked, database, cancel);
        if (row is null)
            return SupportCase.NotFound(caseId);
        return accesses.Add(caller, SupportScope.Accessed([row])) is { } unrecorded
            ? unrecorded
            : TypedResults.Ok(new Response(shares.ConvertAll(share => share.ToResponse())));
    }

    public static async Task<Results<Ok<CaseShare.Response>, Refusal>> HandleOne(
        [FromRoute(Name = "case_id")] CaseId caseId, [FromRoute(Name = "user_id")] PathText userId, Caller caller, LinkedActors linked,
        AccessLog accesses, Database database, CancellationToken cancel)
    {
        var (row, shares) = await Read(caseId, caller, linked, database, cancel);
        if (row is null)
            return SupportCase.NotFound(caseId);
        if (shares.Find(share => SupportUser.IdOf(share.Reader) == userId.Value) is not { } share)
            return NotFound;
        return accesses.Add(caller, SupportScope.Accessed([row])) is { } unrecorded ? unrecorded : TypedResults.Ok(share.ToResponse());
    }

    /// <summary>A case has at most a hundred shares, so that one of them is read with all.</summary>
    private static async Task<(SupportCase.Row? Row, List<CaseShare.Row> Shares)> Read(
        CaseId caseId, Caller caller, LinkedActors linked, Database database, CancellationToken cancel)
    {
        var scope = await SupportScope.Of(caller, linked, cancel);
        return await database.Many(
            $"{GetCase.Select};{Select}",
            new { id = caseId.Value, scope.All, scope.Me, scope.Owns },
            async grid => (await grid.ReadFirstOrDefaultAsync<SupportCase.Row>(), (await grid.ReadAsync<CaseShare.Row>()).AsList()),
            cancel);
    }
}
