using Caraway.Identity.Contracts;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Support.Files;

/// <summary><c>GET /api/v1/imports/{id}</c>: how far an import is. Its sender and administrators see it.</summary>
internal static class GetImport
{
    public static async Task<Results<Ok<ImportReport>, Refusal>> Handle(
        RowId id, Caller caller, LinkedActors linked, Database database, CancellationToken cancel)
    {
        var scope = await SupportScope.Of(caller, linked, cancel);
        return await ImportTable.Find(id.Value, scope, database, cancel) is { } import
            ? TypedResults.Ok(import.ToReport())
            : Refusal.NotFound(ProblemCodes.ImportNotFound, "Import not found");
    }
}
