using Caraway.Platform.Http;
using Caraway.Platform.Security;

namespace Caraway.Platform.Audit;

/// <summary>The routes of the audit trail.</summary>
internal static class AuditEndpoints
{
    public static void MapAudit(this IEndpointRouteBuilder app) =>
        app.MapGet("/api/v1/audit-logs", ListAuditLogs.Handle)
            .Needs(Permission.AuditRead)
            .Refuses(401, 403, 422)
            .WithTags("Audit")
            .WithSummary("List events of all modules, newest first");
}
