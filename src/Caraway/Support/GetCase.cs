using Caraway.Identity.Contracts;
using Caraway.Platform.Audit;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Support;

/// <summary><c>GET /api/v1/cases/{case_id}</c>: a case that the caller may see.</summary>
internal static class GetCase
{
    internal const string Select = $"select {SupportCase.Columns} from support.cases c where c.id = @id and {SupportScope.Sees}";

    public static async Task<Results<Tagged<SupportCase.Response>, Refusal>> Handle(
        [Microsoft.AspNetCore.Mvc.FromRoute(Name = "case_id")] CaseId caseId, Caller caller, LinkedActors linked, AccessLog accesses,
        Database database, CancellationToken cancel)
    {
        var scope = await SupportScope.Of(caller, linked, cancel);
        var row = await database.First<SupportCase.Row>(Select, new { id = caseId.Value, scope.All, scope.Me }, cancel);
        if (row is null)
            return SupportCase.NotFound(caseId);
        return accesses.Add(caller, SupportScope.Accessed([row])) is { } unrecorded ? unrecorded : row.ToAnswer();
    }
}
